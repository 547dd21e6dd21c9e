/* The model file: what was saved comes back, f16 says what f32 says, and a file that lies is refused with a
 * sentence that names it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "captioner/search/search.h"
#include "src/io/file.h"
#include "src/io/json.h"
#include "tests/folder.h"
#include "tests/random_model.h"
#include "tests/random_text.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char good[64], text_good[64], named_good[64], lie[64]; /* files in it */
static const char *from = good;                               /* which of the good ones lies are made of */

static int make_files(void **state)
{
    if (folder_make(state)) return -1;
    snprintf(good, sizeof good, "%s", in("good"));
    snprintf(text_good, sizeof text_good, "%s", in("text_good"));
    snprintf(named_good, sizeof named_good, "%s", in("named_good"));
    snprintf(lie, sizeof lie, "%s", in("lie"));
    err_code code = random_model_save(good, NN_MATCH_SIGMOID, NULL);
    if (!code) code = random_model_write(named_good, NN_MATCH_SIGMOID, true, NULL);
    return code ? code : random_text_save(text_good, NN_MATCH_SIGMOID, NULL);
}

/* ---- files that lie ---- */

static void expect_refused(err_code code, const char *part)
{
    cap_model *m = NULL;
    error err = {0};
    assert_int_equal(cap_model_open(lie, &m, &err), code);
    assert_null(m);
    if (!strstr(err.text, part) || !strstr(err.text, lie))
        fail_msg("'%s' lacks '%s' or the name", err.text, part);
    assert_null(strchr(err.text, '\n'));
    err_code again = cap_model_open_unfolded(lie, &m, NULL);
    assert_int_equal(again, code);
}

/* Copies a good file's tensors to `lie` with another text in the metadata; without those named `skip`. */
static void save_lie(const char *metadata, const char *skip)
{
    io_tensors *t = io_tensors_open(from, NULL);
    assert_non_null(t);
    size_t count = io_tensors_count(t), kept = 0;
    io_tensor_entry *entry = calloc(count, sizeof *entry);
    assert_non_null(entry);
    for (size_t i = 0; i < count; i++) {
        const io_tensor *s = io_tensors_at(t, i);
        if (skip && !strcmp(s->name, skip)) continue;
        entry[kept++] = (io_tensor_entry){s->name, s->dtype, s->rank, s->shape, NULL, s->data};
    }
    io_metadata pair = {"caption", metadata};
    assert_int_equal(io_tensors_save(lie, entry, kept, &pair, metadata ? 1 : 0, NULL), ERR_OK);
    free(entry);
    io_tensors_close(&t);
}

static json_t *description(void)
{
    io_tensors *t = io_tensors_open(from, NULL);
    assert_non_null(t);
    json_t *o = json_loads(io_tensors_metadata(t, "caption"), 0, NULL);
    assert_non_null(o);
    io_tensors_close(&t);
    return o;
}

/* The description with `value` (stolen) at `key`, or at `key` of the object `inside`. */
static void save_changed(const char *inside, const char *key, json_t *value)
{
    json_t *o = description(), *at = inside ? json_object_get(o, inside) : o;
    if (value)
        json_object_set_new(at, key, value);
    else
        json_object_del(at, key);
    char *metadata = json_dumps(o, JSON_COMPACT);
    save_lie(metadata, NULL);
    free(metadata);
    json_decref(o);
}

static void copies_are_accepted(void **unused)
{
    (void)unused;
    cap_model *m;
    error err = {0};
    save_changed(NULL, "kind", json_string("captioner"));
    if (cap_model_open(lie, &m, &err)) fail_msg("%s", err.text);
    cap_model_close(&m);
}

static void shorten(const char *path)
{
    uint8_t *bytes;
    size_t size;
    assert_int_equal(io_read_file(path, 1 << 28, &bytes, &size, NULL), ERR_OK);
    for (size_t n = 0; n < size; n += n < 32 ? 1 : size / 50) {
        cap_model *m;
        error err = {0};
        uint8_t *part = malloc(n ? n : 1); /* its own block, so that a read beyond the end is seen */
        assert_non_null(part);
        memcpy(part, bytes, n);
        assert_int_not_equal(cap_model_open_memory(part, n, "short.model", &m, &err), ERR_OK);
        assert_non_null(strstr(err.text, "short.model"));
        free(part);
    }
    free(bytes);
}

static void every_shortened_file_is_refused(void **unused)
{
    (void)unused;
    shorten(good);
    shorten(text_good);
}

static void the_description_must_be_right(void **unused)
{
    (void)unused;
    save_lie(NULL, NULL);
    expect_refused(ERR_MISMATCH, "no model of this program");
    save_lie("{\"kind\": \"captioner\", ", NULL);
    expect_refused(ERR_FORMAT, "line 1");
    save_lie("[1, 2]", NULL);
    expect_refused(ERR_FORMAT, "metadata");
    save_changed(NULL, "kind", json_string("encoder"));
    expect_refused(ERR_MISMATCH, "'encoder'");
    save_changed(NULL, "kind", NULL);
    expect_refused(ERR_FORMAT, "kind");
    save_changed(NULL, "encoder", json_string("vgg"));
    expect_refused(ERR_UNSUPPORTED, "'vgg'");
    save_changed(NULL, "format", json_integer(2));
    expect_refused(ERR_UNSUPPORTED, "format 2");
    save_changed("decoder", "match", json_string("guess"));
    expect_refused(ERR_FORMAT, "match");
    save_changed("decoder", "dropout", json_integer(2));
    expect_refused(ERR_FORMAT, "dropout");
}

static void preprocessing_must_be_possible(void **unused)
{
    (void)unused;
    static const int sizes[] = {0, -1, 15, 5000, 1 << 30};
    for (int i = 0; i < 5; i++) {
        save_changed("preprocess", "size", json_integer(sizes[i]));
        expect_refused(ERR_FORMAT, "size");
    }
    save_changed("preprocess", "fit", json_string("squeeze"));
    expect_refused(ERR_FORMAT, "squeeze");
    save_changed("preprocess", "std", json_pack("[i,i,i]", 1, 0, 1));
    expect_refused(ERR_FORMAT, "std");
    save_changed("preprocess", "mean", json_pack("[i,i]", 1, 0));
    expect_refused(ERR_FORMAT, "mean");
}

static void the_vocabulary_must_be_one(void **unused)
{
    (void)unused;
    json_t *o = description(), *words = json_incref(json_object_get(o, "vocabulary"));
    json_decref(o);
    json_t *twice = json_deep_copy(words), *short_one = json_deep_copy(words), *holed = json_deep_copy(words);
    json_array_set_new(twice, 6, json_string("dog"));
    json_array_set_new(twice, 7, json_string("dog"));
    save_changed(NULL, "vocabulary", twice);
    expect_refused(ERR_FORMAT, "repeats");
    json_array_remove(short_one, 10);
    save_changed(NULL, "vocabulary", short_one);
    expect_refused(ERR_MISMATCH, "decoder.");
    json_array_set_new(holed, 5, json_integer(3));
    save_changed(NULL, "vocabulary", holed);
    expect_refused(ERR_FORMAT, "entry 5");
    save_changed(NULL, "vocabulary", json_array());
    expect_refused(ERR_FORMAT, "vocabulary");
    json_decref(words);
}

/* Sizes of many GiB must be found out before memory is taken for them. */
static void sizes_must_fit_the_tensors(void **unused)
{
    (void)unused;
    static const char *const keys[] = {"embedding", "hidden", "attention", "projection"};
    for (int i = 0; i < 4; i++) {
        save_changed("decoder", keys[i], json_integer(-1));
        expect_refused(ERR_FORMAT, keys[i]);
        save_changed("decoder", keys[i], json_integer(17));
        expect_refused(ERR_MISMATCH, "decoder.");
        save_changed("decoder", keys[i], json_integer(1 << 14));
        expect_refused(ERR_MISMATCH, "decoder.");
    }
    json_t *o = description();
    char *metadata = json_dumps(o, JSON_COMPACT);
    save_lie(metadata, "decoder.embedding");
    expect_refused(ERR_MISMATCH, "decoder.embedding");
    free(metadata);
    json_decref(o);
}

/* ---- files with namers that lie ---- */

static int take_named(void **unused)
{
    (void)unused;
    from = named_good;
    return 0;
}

/* The description with `value` (stolen) at `key` of the namer `inside`. */
static void save_namer(const char *inside, const char *key, json_t *value)
{
    json_t *o = description(), *namers = json_incref(json_object_get(o, "namers"));
    json_object_set_new(json_object_get(namers, inside), key, value);
    save_changed(NULL, "namers", namers);
    json_decref(o);
}

static void namers_must_be_possible(void **unused)
{
    (void)unused;
    save_changed("namers", "labels", json_object());
    expect_refused(ERR_UNSUPPORTED, "no namer 'labels'");
    save_changed("namers", "words", json_integer(3));
    expect_refused(ERR_FORMAT, "'words'");
    save_changed(NULL, "namers", json_array());
    expect_refused(ERR_FORMAT, "'namers'");
    save_namer("objects", "net", json_string("small"));
    expect_refused(ERR_UNSUPPORTED, "'small'");
    save_namer("objects", "size", json_integer(65));
    expect_refused(ERR_FORMAT, "multiple of 32");
    save_namer("objects", "size", json_integer(1 << 20));
    expect_refused(ERR_FORMAT, "'size'");
    save_namer("objects", "most", json_integer(0));
    expect_refused(ERR_FORMAT, "'most'");
    save_namer("words", "least", json_real(1.5));
    expect_refused(ERR_FORMAT, "'least'");
    save_namer("words", "most", json_string("all"));
    expect_refused(ERR_FORMAT, "'most'");
    save_namer("words", "depth", json_integer(2));
    expect_refused(ERR_FORMAT, "'depth'");
    save_namer("words", "words", json_array());
    expect_refused(ERR_FORMAT, "'words'");
    save_namer("words", "words", json_pack("[s,s,s]", "snow", "man", "snow"));
    expect_refused(ERR_FORMAT, "'snow' is there twice");
    save_namer("words", "words", json_pack("[s,i,s]", "snow", 7, "man"));
    expect_refused(ERR_FORMAT, "item 2");
}

static void sizes_of_namers_must_fit_the_tensors(void **unused)
{
    (void)unused;
    save_namer("words", "hidden", json_integer(1 << 14));
    expect_refused(ERR_MISMATCH, "words.hidden");
    save_namer("words", "words", json_pack("[s,s]", "snow", "man"));
    expect_refused(ERR_MISMATCH, "words.out");
    json_t *o = description();
    json_object_del(json_object_get(o, "namers"), "words");
    char *metadata = json_dumps(o, JSON_COMPACT);
    save_lie(metadata, NULL);
    expect_refused(ERR_MISMATCH, "words.");
    free(metadata);
    json_decref(o);
}

static void styles_must_be_those_of_the_decoder(void **unused)
{
    (void)unused;
    save_changed(NULL, "styles", json_pack("[s]", "plain"));
    expect_refused(ERR_MISMATCH, "1 names of styles, there are 2");
    save_changed(NULL, "styles", json_pack("[s,s]", "plain", "plain"));
    expect_refused(ERR_FORMAT, "'styles'");
    save_changed(NULL, "styles", json_string("plain"));
    expect_refused(ERR_FORMAT, "'styles'");
}

/* ---- files of translators that lie ---- */

static int take_text(void **unused)
{
    (void)unused;
    from = text_good;
    return 0;
}

static int take_image(void **unused)
{
    (void)unused;
    from = good;
    return 0;
}

static void each_kind_knows_what_it_does(void **unused)
{
    (void)unused;
    cap_model *m;
    error err = {0};
    if (cap_model_open(text_good, &m, &err)) fail_msg("%s", err.text);
    assert_int_equal(m->kind, CAP_TEXT);
    assert_int_equal(cap_model_need(m, CAP_TEXT, "m", &err), ERR_OK);
    assert_int_equal(cap_model_need(m, CAP_IMAGE, "m", &err), ERR_MISMATCH);
    assert_string_equal(err.text, "'m' translates text; it does not describe images");
    assert_ptr_equal(cap_model_vocab(m), ds_codec_vocab(m->target));
    assert_int_equal(cap_model_save(m, lie, IO_F32, NULL), ERR_OK); /* and back to the same bytes */
    cap_model_close(&m);
    uint8_t *a, *b;
    size_t size_a, size_b;
    assert_int_equal(io_read_file(text_good, 1 << 28, &a, &size_a, NULL), ERR_OK);
    assert_int_equal(io_read_file(lie, 1 << 28, &b, &size_b, NULL), ERR_OK);
    assert_int_equal(size_a, size_b);
    assert_memory_equal(a, b, size_a);
    free(a);
    free(b);
    assert_int_equal(cap_model_open(good, &m, &err), ERR_OK);
    assert_int_equal(cap_model_need(m, CAP_TEXT, "m", &err), ERR_MISMATCH);
    assert_string_equal(err.text, "'m' describes images; it does not translate");
    cap_model_close(&m);
}

static void the_description_of_a_translator_must_be_right(void **unused)
{
    (void)unused;
    save_changed(NULL, "kind", json_string("captioner"));
    expect_refused(ERR_FORMAT, "encoder");
    save_changed(NULL, "source", NULL);
    expect_refused(ERR_FORMAT, "source");
    save_changed(NULL, "target", json_string("words"));
    expect_refused(ERR_FORMAT, "target");
    save_changed("target", "level", json_string("syllables"));
    expect_refused(ERR_FORMAT, "target");
    save_changed("source", "vocabulary", json_array());
    expect_refused(ERR_FORMAT, "source");
    save_changed(NULL, "encoder", json_string("small"));
    expect_refused(ERR_FORMAT, "encoder");
    save_changed("decoder", "start", json_string("finish"));
    expect_refused(ERR_FORMAT, "start");
    save_changed("decoder", "attend", json_integer(1));
    expect_refused(ERR_FORMAT, "attend");
    json_t *o = description(),
           *words = json_incref(json_object_get(json_object_get(o, "source"), "vocabulary"));
    json_decref(o);
    json_array_remove(words, json_array_size(words) - 1);
    save_changed("source", "vocabulary", words);
    expect_refused(ERR_MISMATCH, "encoder.embedding");
}

static void sizes_of_a_translator_must_fit_the_tensors(void **unused)
{
    (void)unused;
    static const char *const keys[] = {"embedding", "hidden", "layers"};
    for (int i = 0; i < 3; i++) {
        save_changed("encoder", keys[i], json_integer(0));
        expect_refused(ERR_FORMAT, keys[i]);
        save_changed("encoder", keys[i], json_integer(1 << 30));
        expect_refused(ERR_FORMAT, keys[i]);
        save_changed("encoder", keys[i], json_integer(i < 2 ? 1 << 14 : 3));
        expect_refused(ERR_MISMATCH, "encoder.");
    }
    save_changed("encoder", "bidirectional", json_false());
    expect_refused(ERR_MISMATCH, "coder.");
    save_changed("decoder", "layers", json_integer(8));
    expect_refused(ERR_MISMATCH, "decoder.");
    save_changed("decoder", "projection", json_integer(1 << 14));
    expect_refused(ERR_MISMATCH, "decoder.");
}

/* ---- what is saved ---- */

typedef struct said {
    int words;
    int32_t word[20];
    double log_probability;
} said;

static said describe(const cap_model *m, int photo)
{
    int size = m->preprocess.size;
    uint8_t *pixels = malloc((size_t)size * size * 3);
    assert_non_null(pixels);
    for (int i = 0; i < size * size * 3; i++) pixels[i] = (uint8_t)((i * (photo + 3)) >> (photo % 4));
    arena memory = {0}, results = {0};
    nn_tape t = {.mem = &memory};
    cap_search_options o = cap_search_defaults();
    cap_hypothesis best;
    error err = {0};
    nn_begin(&t);
    cap_memory seen =
        cap_decoder_remember(&t, &m->decoder, &(cap_encoded){.states = cap_model_encode(&t, m, pixels, 1)});
    if (cap_search(&t, &m->decoder, &seen, &o, &results, &best, &err)) fail_msg("%s", err.text);
    said s = {.words = best.words, .log_probability = best.log_probability};
    assert_in_range(best.words, 1, 20);
    memcpy(s.word, best.word, best.words * sizeof *s.word);
    arena_release(&memory);
    arena_release(&results);
    free(pixels);
    return s;
}

/* f16 keeps 11 bits: weights move by 2^-12 of themselves, log-probabilities of a sentence by little more. */
static void f16_says_what_f32_says(void **unused)
{
    (void)unused;
    cap_model *m, *wide, *narrow;
    assert_int_equal(cap_model_open_unfolded(good, &m, NULL), ERR_OK);
    for (int i = 0; i < m->params.count; i++) { /* numbers that f16 does not hold */
        nn_param *n = m->params.list[i];
        for (size_t j = 0; j < nn_count(&n->var); j++) n->var.data[j] *= 1 + 0.3e-3f * (float)(j % 7);
    }
    assert_int_equal(cap_model_save(m, lie, IO_F32, NULL), ERR_OK);
    assert_int_equal(cap_model_open(lie, &wide, NULL), ERR_OK);
    assert_int_equal(cap_model_save(m, lie, IO_F16, NULL), ERR_OK);
    assert_int_equal(cap_model_open(lie, &narrow, NULL), ERR_OK);
    assert_true(narrow->file_bytes < 0.6 * (double)wide->file_bytes);
    assert_true(json_equal(wide->record, narrow->record));
    for (int photo = 0; photo < 6; photo++) {
        said a = describe(wide, photo), b = describe(narrow, photo);
        assert_int_equal(a.words, b.words);
        assert_memory_equal(a.word, b.word, a.words * sizeof *a.word);
        assert_true(fabs(a.log_probability - b.log_probability) < 2e-2);
    }
    cap_model_close(&m);
    cap_model_close(&wide);
    cap_model_close(&narrow);
}

/* In a child of its own: files may grow to half of what is needed, as on a disk with little left. */
static int save_on_a_full_disk(const cap_model *m)
{
    error err = {0};
    signal(SIGXFSZ, SIG_IGN);
    rlim_t half = (rlim_t)m->file_bytes / 2;
    if (setrlimit(RLIMIT_FSIZE, &(struct rlimit){half, half})) return 2;
    return cap_model_save(m, lie, IO_F16, &err) == ERR_IO && strstr(err.text, lie) ? 0 : 1;
}

static void a_full_disk_leaves_the_old_file(void **unused)
{
    (void)unused;
    cap_model *m;
    int status;
    struct stat before, after;
    assert_int_equal(cap_model_open_unfolded(good, &m, NULL), ERR_OK);
    assert_int_equal(cap_model_save(m, lie, IO_F16, NULL), ERR_OK);
    assert_int_equal(stat(lie, &before), 0);
    pid_t child = fork();
    if (!child) _exit(save_on_a_full_disk(m));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    cap_model_close(&m);
    assert_int_equal(stat(lie, &after), 0);
    assert_true(before.st_ino == after.st_ino && before.st_size == after.st_size);
    assert_int_equal(cap_model_open(lie, &m, NULL), ERR_OK);
    cap_model_close(&m);
    assert_int_equal(stat(folder, &after), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_are_accepted),
        cmocka_unit_test(every_shortened_file_is_refused),
        cmocka_unit_test(the_description_must_be_right),
        cmocka_unit_test(preprocessing_must_be_possible),
        cmocka_unit_test(the_vocabulary_must_be_one),
        cmocka_unit_test(sizes_must_fit_the_tensors),
        cmocka_unit_test_setup_teardown(namers_must_be_possible, take_named, take_image),
        cmocka_unit_test_setup_teardown(sizes_of_namers_must_fit_the_tensors, take_named, take_image),
        cmocka_unit_test_setup_teardown(styles_must_be_those_of_the_decoder, take_named, take_image),
        cmocka_unit_test(each_kind_knows_what_it_does),
        cmocka_unit_test_setup_teardown(the_description_of_a_translator_must_be_right, take_text, take_image),
        cmocka_unit_test_setup_teardown(sizes_of_a_translator_must_fit_the_tensors, take_text, take_image),
        cmocka_unit_test(f16_says_what_f32_says),
        cmocka_unit_test(a_full_disk_leaves_the_old_file),
    };
    return cmocka_run_group_tests(tests, make_files, folder_remove);
}
