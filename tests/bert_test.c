/* Readers: their file, weights of BERT by others, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "captioner/net/bert.h"
#include "src/io/file.h"
#include "tests/altered.h"

#define TINY TEST_SOURCE_DIR "/golden/tiny_bert/"

static const char *const label_list[] = {"bad", "good", "so-so"};

/* ---- a line through the net ---- */

typedef struct seen {
    arena memory;
    nn_tape t;
    ds_source_batch line;
    nn_var *states;
} seen;

static void see(seen *s, const cap_bert *b, const char *line)
{
    *s = (seen){0};
    s->t = (nn_tape){.mem = &s->memory};
    s->line.rows = 1;
    s->line.length = &s->line.max_len;
    assert_int_equal(
        ds_wordpiece_encode(b->pieces, line, &s->memory, &s->line.tokens, &s->line.max_len, NULL), ERR_OK);
    s->states = cap_bert_states(&s->t, &b->net, &s->line, NULL);
    assert_non_null(s->states);
}

static void forget(seen *s)
{
    arena_release(&s->memory);
}

static double digest(const real *x, int d)
{
    double sum = 0;
    for (int i = 0; i < d; i++) sum += (double)x[i] * cos(0.3 * i + 1);
    return sum;
}

static void near_to(const char *what, double mine, const json_t *theirs)
{
    double value = json_real_value(theirs);
    if (!(fabs(mine - value) < 1e-4 * (1 + fabs(value))))
        fail_msg("%s: %.8g, theirs is %.8g", what, mine, value);
}

/* ---- files of others ---- */

static cap_bert *import_tiny(bool labels)
{
    cap_bert_form form;
    io_tensors *file;
    cap_bert *b = NULL;
    error err = {0};
    if (cap_bert_form_open(TINY "model.safetensors", &form, &file, &err)) fail_msg("%s", err.text);
    if (labels) assert_true(cap_names_copy(&form.labels, label_list, 3));
    if (cap_bert_create(&form, file, 7, &b, &err)) fail_msg("%s", err.text);
    io_tensors_close(&file);
    return b;
}

static void compare_line(const cap_bert *b, const json_t *wanted)
{
    const char *line = json_string_value(json_object_get(wanted, "line"));
    seen s;
    see(&s, b, line);
    int d = nn_last(s.states);
    const json_t *pieces = json_object_get(wanted, "pieces");
    assert_int_equal(s.line.max_len, json_array_size(pieces));
    int32_t *place = arena_array(&s.memory, (size_t)s.line.max_len, sizeof *place);
    for (int i = 0; i < s.line.max_len; i++) {
        place[i] = i;
        assert_int_equal(s.line.tokens[i], json_integer_value(json_array_get(pieces, (size_t)i)));
        near_to(line, digest(s.states->data + i * d, d),
                json_array_get(json_object_get(wanted, "states"), (size_t)i));
    }
    near_to(line, digest(cap_bert_pooled(&s.t, &b->net, s.states, s.line.length)->data, d),
            json_object_get(wanted, "pooled"));
    nn_var *words = cap_bert_words(&s.t, &b->net, s.states, place, s.line.max_len);
    for (int i = 0; i < s.line.max_len; i++) {
        const real *row = words->data + i * nn_last(words);
        int best = 0;
        for (int v = 1; v < nn_last(words); v++) best = row[v] > row[best] ? v : best;
        const json_t *likeliest = json_object_get(wanted, "likeliest");
        assert_int_equal(best, json_integer_value(json_array_get(likeliest, (size_t)i)));
    }
    forget(&s);
}

static void a_file_of_transformers_gives_its_states(void **state)
{
    (void)state;
    json_error_t wrong;
    json_t *golden = json_load_file(TINY "states.json", 0, &wrong), *wanted;
    if (!golden) fail_msg("%s", wrong.text);
    cap_bert *b = import_tiny(true);
    assert_int_equal(b->net.set.body.layers, 2);
    assert_int_equal(b->net.set.body.heads, 2);
    size_t i;
    assert_int_equal(json_array_size(golden), 6);
    json_array_foreach(golden, i, wanted) compare_line(b, wanted);
    cap_bert_close(&b);
    json_decref(golden);
}

/* ---- a file of ours ---- */

static double logit(const cap_bert *b, const char *line)
{
    seen s;
    see(&s, b, line);
    double value = (double)cap_bert_classes(&s.t, &b->net, s.states, s.line.length)->data[1];
    forget(&s);
    return value;
}

static void make_folder(char folder[32])
{
    snprintf(folder, 32, "/tmp/bert_XXXXXX");
    assert_non_null(mkdtemp(folder));
}

static void what_is_saved_comes_back(void **state)
{
    (void)state;
    char folder[32], path[64];
    error err = {0};
    make_folder(folder);
    snprintf(path, sizeof path, "%s/reader.safetensors", folder);
    cap_bert *b = import_tiny(true), *back = NULL;
    if (cap_bert_save(b, path, IO_F32, &err)) fail_msg("%s", err.text);
    const cap_packing packing = {PACKED_F32, PACKED_F32};
    for (int use = 0; use < 2; use++) {
        if (cap_bert_open(path, use ? &packing : NULL, &back, &err)) fail_msg("%s", err.text);
        assert_int_equal(back->labels.count, 3);
        assert_string_equal(back->labels.list[2], "so-so");
        assert_true(fabs(logit(back, "not very funny") - logit(b, "not very funny")) < 1e-5);
        cap_bert_close(&back);
    }
    cap_bert_close(&b);
    unlink(path);
    rmdir(folder);
}

/* Other labels: the head is drawn anew, the encoder stays. */
static void classes_go_on_where_labels_are_the_same(void **state)
{
    (void)state;
    char folder[32], path[64];
    make_folder(folder);
    snprintf(path, sizeof path, "%s/reader.safetensors", folder);
    cap_bert *b = import_tiny(true), *next = NULL;
    assert_int_equal(cap_bert_save(b, path, IO_F32, NULL), ERR_OK);
    for (int other = 0; other < 2; other++) {
        cap_bert_form form;
        io_tensors *file;
        error err = {0};
        if (cap_bert_form_open(path, &form, &file, &err)) fail_msg("%s", err.text);
        if (other) {
            cap_names_release(&form.labels);
            assert_true(cap_names_copy(&form.labels, (const char *const[]){"bad", "good"}, 2));
        }
        if (cap_bert_create(&form, file, 99, &next, &err)) fail_msg("%s", err.text);
        assert_int_equal(fabs(logit(next, "a film") - logit(b, "a film")) < 1e-6, !other);
        cap_bert_close(&next);
        io_tensors_close(&file);
    }
    cap_bert_close(&b);
    unlink(path);
    rmdir(folder);
}

/* ---- what is refused ---- */

static void copy_file(const char *name, const char *folder, size_t cut)
{
    char from[400], to[400];
    uint8_t *bytes;
    size_t size;
    error err = {0};
    snprintf(from, sizeof from, TINY "%s", name);
    snprintf(to, sizeof to, "%s/%s", folder, name);
    if (io_read_file(from, 1 << 20, &bytes, &size, &err)) fail_msg("%s", err.text);
    if (io_write_file(to, bytes, size - cut, &err)) fail_msg("%s", err.text);
    free(bytes);
}

static void remove_file(const char *name, const char *folder)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    unlink(path);
}

static void expect_refusal(const char *folder, const char *name, const char *problem)
{
    char path[400];
    cap_bert *b = NULL;
    error err = {0};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_true(cap_bert_open(path, NULL, &b, &err) != ERR_OK);
    assert_null(b);
    if (!strstr(err.text, problem)) fail_msg("'%s' does not say '%s'", err.text, problem);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    char folder[32], path[64];
    make_folder(folder);
    copy_file("model.safetensors", folder, 0);
    expect_refusal(folder, "model.safetensors", "config.json");
    copy_file("config.json", folder, 0);
    expect_refusal(folder, "model.safetensors", "vocab.txt");
    copy_file("vocab.txt", folder, 2);
    expect_refusal(folder, "model.safetensors", "has 49 pieces, its weights are for 50");
    snprintf(path, sizeof path, "%s/config.json", folder);
    assert_int_equal(io_write_file(path, "{\"num_attention_heads\": 3}", 26, NULL), ERR_OK);
    copy_file("vocab.txt", folder, 0);
    expect_refusal(folder, "model.safetensors", "cannot be shared out among 3 heads");
    expect_refusal(folder, "none.safetensors", "none.safetensors");
    remove_file("model.safetensors", folder);
    remove_file("config.json", folder);
    remove_file("vocab.txt", folder);
    rmdir(folder);
}

/* ---- damaged files of ours ---- */

typedef struct damage {
    const io_tensors *file;
    char path[80];
} damage;

static void expect_damage(void *ctx, const char *metadata, const char *what)
{
    const damage *d = ctx;
    cap_bert *b = NULL;
    error err = {0};
    const io_metadata pair = {"caption", metadata};
    write_altered(d->file, d->path, &pair, NULL, NULL);
    if (!cap_bert_open(d->path, NULL, &b, &err)) fail_msg("opened with %s", what);
    assert_null(b);
    assert_true(err.text[0] != 0);
}

/* One member of `o` at a time. Dropouts may be any share, epsilon any number, pooling has a default. */
static void try_sizes(const alteration *a, json_t *o)
{
    static const char *const sizes[] = {"vocabulary",   "hidden",    "heads", "layers",
                                        "feed_forward", "positions", "types"};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        json_int_t value = json_integer_value(json_object_get(o, sizes[i]));
        try_member(a, o, sizes[i], NULL, "missing");
        try_member(a, o, sizes[i], json_string("7"), "of another type");
        try_member(a, o, sizes[i], json_integer(-3), "negative");
        try_member(a, o, sizes[i], json_integer(INT64_MAX), "huge");
        if (strcmp(sizes[i], "heads") != 0) try_member(a, o, sizes[i], json_integer(value + 2), "larger");
    }
}

static void damaged_files_are_refused(void **state)
{
    (void)state;
    char folder[32], path[64];
    error err = {0};
    json_t *root = NULL;
    damage d;
    make_folder(folder);
    snprintf(path, sizeof path, "%s/reader.safetensors", folder);
    snprintf(d.path, sizeof d.path, "%s/damaged.safetensors", folder);
    cap_bert *b = import_tiny(true);
    assert_int_equal(cap_bert_save(b, path, IO_F32, NULL), ERR_OK);
    io_tensors *file = io_tensors_open(path, &err);
    const char *metadata = io_tensors_metadata(file, "caption");
    assert_int_equal(io_json_parse(metadata, strlen(metadata), "metadata", &root, NULL), ERR_OK);
    d.file = file;
    alteration a = {root, expect_damage, &d};
    for (const char *const *key = (const char *const[]){"format", "kind", "encoder", "pieces", NULL}; *key;
         key++) {
        try_member(&a, root, *key, NULL, "missing");
        try_member(&a, root, *key, json_integer(7), "of another type");
    }
    try_member(&a, root, "labels", json_pack("[s,s,s]", "a", "b", "a"), "with a twin");
    try_member(&a, root, "labels", json_pack("[s,s]", "a", "b"), "too few");
    try_sizes(&a, json_object_get(root, "encoder"));
    const io_metadata pair = {"caption", metadata};
    write_altered(file, d.path, &pair, "classes.out.weight", NULL);
    expect_refusal(folder, "damaged.safetensors", "'classes.out.weight' here is missing there");
    json_decref(root);
    io_tensors_close(&file);
    cap_bert_close(&b);
    unlink(path);
    unlink(d.path);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_of_transformers_gives_its_states),
        cmocka_unit_test(what_is_saved_comes_back),
        cmocka_unit_test(classes_go_on_where_labels_are_the_same),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(damaged_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
