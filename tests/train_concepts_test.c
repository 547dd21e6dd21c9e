/* Training with concepts, styles and captions without photos, on drawn photos: with an encoder that learns, and
 * with a frozen one and a detector of others, where their weights are at hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "captioner/net/lstm_settings.h"
#include "captioner/train/train_named.h"
#include "captioner/train/train_photoless.h"
#include "tests/drawn.h"
#include "tests/training.h"

enum { CAPTIONS = 9, BATCH = 27 };

static const char lite[] = TEST_SHARED_DIR "/data/weights/efficientnet_lite2.safetensors",
                  yolox[] = TEST_SHARED_DIR "/data/weights/yolox_nano.safetensors";

/* ---- the data ---- */

static void write_captions(const char *path, int count)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("{\"images\": [", f);
    for (int i = 0; i < count; i++)
        fprintf(f, "%s{\"id\": %d, \"file_name\": \"%d.jpg\"}", i ? ", " : "", i + 1, i);
    fputs("], \"annotations\": [", f);
    for (int i = 0; i < count * CAPTIONS; i++)
        fprintf(f, "%s{\"image_id\": %d, \"caption\": \"a %s %s on white\"}", i ? ", " : "", i / CAPTIONS + 1,
                drawn_colours[i / CAPTIONS / 4].name, drawn_shapes[i / CAPTIONS % 4]);
    fputs("]}", f);
    assert_int_equal(fclose(f), 0);
}

static void write_photoless(const char *path)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    for (int i = 0; i < 40; i++)
        for (int k = 0; k <= i % 4; k++)
            fprintf(f, "%d\t%s\tthe %s %s and a %s thing number%d\n", i, i % 3 ? "dog,person" : "?",
                    drawn_colours[i % 3].name, drawn_shapes[i % 4], drawn_colours[k % 3].name, k);
    assert_int_equal(fclose(f), 0);
}

static int make_data(void **state)
{
    if (folder_make(state)) return -1;
    assert_int_equal(io_make_dirs(in("photos"), NULL), ERR_OK);
    for (int i = 0; i < DRAWN; i++) {
        char name[40];
        snprintf(name, sizeof name, "photos/%d.jpg", i);
        draw_photo(in(name), i);
    }
    write_captions(in("train.json"), DRAWN);
    write_captions(in("val.json"), 4);
    write_photoless(in("more.tsv"));
    return 0;
}

typedef struct task {
    cap_train_settings s;
    char captions[200], images[200], val[200], more[200], out[200], cache[200];
} task;

static void tiny(task *t, const char *out)
{
    t->s = cap_train_defaults();
    snprintf(t->captions, sizeof t->captions, "%s", in("train.json"));
    snprintf(t->images, sizeof t->images, "%s", in("photos"));
    snprintf(t->val, sizeof t->val, "%s", in("val.json"));
    snprintf(t->more, sizeof t->more, "%s", in("more.tsv"));
    snprintf(t->out, sizeof t->out, "%s", in(out));
    snprintf(t->cache, sizeof t->cache, "%s", in("cache"));
    t->s.photos[0] = (cap_photo_set){.captions = t->captions, .images = t->images, .style = "drawn"};
    t->s.val[0].captions = t->val;
    t->s.run.out = t->out;
    t->s.cache = t->cache;
    tiny_settings(&t->s);
    cap_lstm_settings_of(&t->s.decoder)->glance = 8;
    t->s.run.epochs = 2;
    t->s.run.batch = BATCH;
    t->s.per_image = 3;
    t->s.concept.namers[CAP_NAMER_WORDS] = true;
    t->s.concept.captions_only = t->more;
    t->s.concept.only_style = "told";
    t->s.concept.groups = 5;
}

static void stops_and_goes_on(task *t, const char *other, int stop_at)
{
    task parts;
    heard h = {0};
    error err;
    tiny(&parts, other);
    cap_train_settings s = t->s;
    s.run.out = parts.out;
    s.run.threads = 1;
    h = (heard){.stop_at = stop_at};
    assert_int_equal(go(&s, &h, &err), ERR_INTERRUPTED);
    s.run.resume = true;
    h = (heard){0};
    go_well(&s, &h);
    assert_same_file(t->out, parts.out, "");
    assert_same_file(t->out, parts.out, ".state");
}

/* ---- tests ---- */

static void an_encoder_that_learns(void **state)
{
    (void)state;
    task t;
    heard h = {0};
    cap_model *m;
    error err = {0};
    tiny(&t, "learns");
    go_well(&t.s, &h);
    assert_int_equal(h.epochs, 2);
    assert_true(h.validated);
    assert_non_null(strstr(h.said, "mean average precision"));
    if (cap_model_open(t.out, &m, &err)) fail_msg("%s", err.text);
    assert_ptr_equal(m->namers[CAP_NAMER_OBJECTS].config.row, NULL);
    const cap_names *words = &m->namers[CAP_NAMER_WORDS].config.names;
    assert_true(cap_names_find(words, "red") >= 0 && cap_names_find(words, "disc") >= 0);
    assert_int_equal(cap_names_find(words, "thing"), -1); /* photos have no such caption */
    assert_int_equal(cap_names_find(&m->styles, "drawn"), 0);
    assert_int_equal(cap_names_find(&m->styles, "told"), 1);
    assert_true(ds_vocab_id(m->vocab, "thing") != DS_UNK);
    cap_model_close(&m);
    int answers = h.asked; /* the last but three: after a step of the second epoch */
    stops_and_goes_on(&t, "learns_in_parts", answers - 3);
    t.s.run.resume = true;
    t.s.run.epochs = 3;
    t.s.concept.hide_style = 0.5;
    expect_refusal(&t.s, ERR_MISMATCH, "'hide-style' was");
    t.s.concept.hide_style = 0.35;
    t.s.concept.captions_only = NULL;
    t.s.concept.only_style = NULL;
    expect_refusal(&t.s, ERR_MISMATCH, "");
}

static void a_model_goes_on_with_its_namers(void **state)
{
    (void)state;
    task t, first;
    heard h = {0};
    cap_model *m;
    error err = {0};
    tiny(&first, "learns");
    tiny(&t, "goes_on");
    t.s.init = first.out;
    assert_int_equal(cap_train_take_sizes(&t.s, NULL), ERR_OK);
    t.s.run.epochs = 1;
    t.s.photos[0].style = "told";
    go_well(&t.s, &h);
    if (cap_model_open(t.out, &m, &err)) fail_msg("%s", err.text);
    assert_non_null(m->namers[CAP_NAMER_WORDS].config.row);
    assert_int_equal(m->styles.count, 2);
    cap_model_close(&m);
    t.s.run.force = true;
    t.s.photos[0].style = "new";
    expect_refusal(&t.s, ERR_ARGUMENT, "has no style 'new'");
}

/* Self-critical training has sentences of photos and of groups, each worth what their captions say. */
static void own_sentences_without_photos(void **state)
{
    (void)state;
    task t, first;
    heard h = {0};
    char log[300], line[4000] = "";
    tiny(&first, "learns");
    tiny(&t, "critical");
    t.s.init = first.out;
    assert_int_equal(cap_train_take_sizes(&t.s, NULL), ERR_OK);
    cap_train_make_self_critical(&t.s);
    t.s.run.epochs = 1;
    go_well(&t.s, &h);
    snprintf(log, sizeof log, "%s.log.jsonl", t.out);
    FILE *f = fopen(log, "r");
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof line, f));
    fclose(f);
    assert_non_null(strstr(line, "\"reward\""));
    assert_non_null(strstr(line, "\"reward_without_photos\""));
}

static void frozen_encoder(task *t, const char *out)
{
    if (access(lite, R_OK) || access(yolox, R_OK)) {
        print_message("skipped: '%s' or '%s' is not there\n", lite, yolox);
        skip();
    }
    tiny(t, out);
    t->s.encoder = lite;
    t->s.concept.namers[CAP_NAMER_OBJECTS] = true;
    t->s.concept.detector = yolox;
}

/* The square of another side, in a new model and in one that goes on. */
static void the_detector_looks_at_another_size(void **state)
{
    (void)state;
    task t, next;
    heard h = {0};
    error err = {0};
    frozen_encoder(&t, "small_square");
    t.s.concept.detector_size = 96;
    go_well(&t.s, &h);
    tiny(&next, "smaller_square");
    next.s.init = t.out;
    if (cap_train_take_sizes(&next.s, &err)) fail_msg("%s", err.text);
    next.s.concept.detector_size = 64;
    go_well(&next.s, &h);
    const struct {
        const char *out;
        int size;
    } rows[] = {{t.out, 96}, {next.out, 64}};
    for (int i = 0; i < 2; i++) {
        cap_model *m;
        if (cap_model_open(rows[i].out, &m, &err)) fail_msg("%s", err.text);
        const cap_namer_config *c = &m->namers[CAP_NAMER_OBJECTS].config;
        assert_int_equal(*io_field_int(io_fields_find(c->row->fields, "size"), c->settings.bytes),
                         rows[i].size);
        cap_model_close(&m);
    }
    t.s.run.force = true;
    t.s.concept.detector_size = 100;
    expect_refusal(&t.s, ERR_ARGUMENT, "multiple of 32");
}

static void a_frozen_encoder_and_a_detector(void **state)
{
    (void)state;
    task t;
    heard h = {0};
    cap_model *m;
    error err = {0};
    frozen_encoder(&t, "frozen");
    go_well(&t.s, &h);
    assert_true(h.encoded > 0);
    assert_non_null(strstr(h.said, "in val.json") ? h.said : strstr(h.said, "val.json: "));
    if (cap_model_open(t.out, &m, &err)) fail_msg("%s", err.text);
    assert_non_null(m->namers[CAP_NAMER_OBJECTS].config.row);
    assert_true(cap_lstm_settings_of(&m->decoder.config)->concepts);
    cap_model_close(&m);
    h = (heard){0};
    t.s.run.force = true;
    go_well(&t.s, &h); /* nothing is encoded any more */
    assert_int_equal(h.encoded, 0);
    t.s.run.force = false;
    stops_and_goes_on(&t, "frozen_in_parts", h.asked - 3);
}

/* Captions without photos alone, as told by a detector: the photos are measured and teach nothing, so that a
 * word that only they have is not learnt. */
static void alone(task *t, const char *out)
{
    frozen_encoder(t, out);
    t->s.encoder = "none";
    t->s.size = 0;
    t->s.concept.namers[CAP_NAMER_WORDS] = false;
    t->s.concept.only_style = t->s.photos[0].style = NULL;
    t->s.photos[0].times = CAP_ONLY_MEASURED;
}

static void captions_without_photos_alone(void **state)
{
    (void)state;
    task t, next;
    heard h = {0};
    cap_model *m;
    error err = {0};
    alone(&t, "alone");
    go_well(&t.s, &h);
    assert_int_equal(h.encoded, 0);
    assert_true(h.validated && h.loss[1] < h.loss[0]);
    if (cap_model_open(t.out, &m, &err)) fail_msg("%s", err.text);
    assert_false(cap_model_has_states(m));
    assert_int_equal(m->decoder.config.features, 0);
    assert_int_equal(ds_vocab_id(m->vocab, "white"), DS_UNK);
    assert_true(ds_vocab_id(m->vocab, "thing") != DS_UNK);
    const json_t *training = json_object_get(m->record, "training"),
                 *set = json_array_get(json_object_get(training, "sets"), 0);
    assert_int_equal(json_integer_value(json_object_get(training, "photos")), 0);
    assert_int_equal(json_integer_value(json_object_get(set, "photos")), DRAWN);
    assert_int_equal(json_integer_value(json_object_get(set, "times")), 0);
    cap_model_close(&m);
    int answers = h.asked;
    stops_and_goes_on(&t, "alone_in_parts", answers - 3);
    alone(&next, "alone_critical");
    next.s.init = t.out;
    next.s.concept.detector = NULL;
    next.s.concept.namers[CAP_NAMER_OBJECTS] = false;
    if (cap_train_take_sizes(&next.s, &err)) fail_msg("%s", err.text);
    assert_string_equal(next.s.encoder, "none");
    cap_train_make_self_critical(&next.s);
    next.s.run.epochs = 1;
    h = (heard){0};
    go_well(&next.s, &h);
    assert_true(h.reward[0] > 0);
}

/* Photos teach a decoder that sees what is named in them alone, beside captions without photos. */
static void photos_without_regions(void **state)
{
    (void)state;
    task t;
    heard h = {0};
    alone(&t, "no_regions");
    t.s.photos[0].times = 2;
    go_well(&t.s, &h);
    assert_int_equal(h.encoded, 0);
    assert_true(h.validated && h.loss[1] < h.loss[0]);
}

/* The same objects from the detector and from the file that it left. */
static void objects_are_kept(void **state)
{
    (void)state;
    task t;
    heard h = {0};
    cap_model *m;
    error err = {0};
    frozen_encoder(&t, "kept");
    t.s.run.epochs = 1;
    go_well(&t.s, &h);
    assert_null(strstr(h.label, "finding"));
    if (cap_model_open_unfolded(t.out, &m, &err)) fail_msg("%s", err.text);
    cap_split s;
    cap_split_named a = {0}, b = {0}, c = {0};
    cap_split_source from = {.set = t.s.photos, .sets = 1, .verb = "trains on"};
    cap_train_events events = {.ctx = &h, .progress = progress};
    assert_int_equal(cap_split_open(&s, &from, &events, NULL), ERR_OK);
    h = (heard){0};
    if (cap_split_find_objects(&s, m, in("objects"), NULL, &a, &err)) fail_msg("%s", err.text);
    assert_non_null(strstr(h.label, "finding"));
    h = (heard){0};
    if (cap_split_find_objects(&s, m, in("objects"), NULL, &b, &err)) fail_msg("%s", err.text);
    assert_string_equal(h.label, "");
    assert_int_equal(a.named.photos, DRAWN);
    assert_memory_equal(a.first, b.first, (DRAWN + 1) * sizeof *a.first);
    assert_memory_equal(a.found, b.found, (size_t)a.first[DRAWN] * sizeof *a.found);
    assert_int_equal(io_write_file(s.items[0].name, "no jpeg", 7, NULL),
                     ERR_OK); /* another photo: made anew */
    h = (heard){0};
    if (cap_split_find_objects(&s, m, in("objects"), NULL, &c, &err)) fail_msg("%s", err.text);
    assert_non_null(strstr(h.label, "finding"));
    assert_int_equal(c.first[1], 0);
    draw_photo(s.items[0].name, 0);
    cap_split_named_release(&a);
    cap_split_named_release(&b);
    cap_split_named_release(&c);
    cap_split_close(&s);
    cap_model_close(&m);
}

static void what_does_not_go_together_is_refused(void **state)
{
    (void)state;
    task t;
    tiny(&t, "refused");
    t.s.concept.namers[CAP_NAMER_OBJECTS] = true;
    expect_refusal(&t.s, ERR_ARGUMENT, "--detector");
    t.s.concept.namers[CAP_NAMER_OBJECTS] = t.s.concept.namers[CAP_NAMER_WORDS] = false;
    expect_refusal(&t.s, ERR_ARGUMENT, "--namers");
    t.s.concept.captions_only = NULL;
    expect_refusal(&t.s, ERR_ARGUMENT, "without them");
    t.s.concept.only_style = NULL;
    t.s.concept.namers[CAP_NAMER_WORDS] = true;
    t.s.decoder = cap_decoder_defaults_of(cap_decoder_find("transformer"), false);
    expect_refusal(&t.s, ERR_ARGUMENT, "concepts");
    tiny(&t, "refused");
    t.s.concept.drop.all = 2;
    expect_refusal(&t.s, ERR_ARGUMENT, "'drop_concepts'");
    tiny(&t, "refused");
    t.s.photos[0].times = CAP_ONLY_MEASURED;
    expect_refusal(&t.s, ERR_ARGUMENT, "--encoder none");
    t.s.encoder = "none";
    expect_refusal(&t.s, ERR_ARGUMENT, "a namer of words looks at the regions");
    t.s.concept.namers[CAP_NAMER_WORDS] = false;
    t.s.concept.captions_only = t.s.concept.only_style = NULL;
    expect_refusal(&t.s, ERR_ARGUMENT, "nothing is learnt from photos");
    t.s.photos[0].times = 1;
    expect_refusal(&t.s, ERR_ARGUMENT, "it would see nothing");
}

/* ---- the order of captions without photos ---- */

static void a_pass_has_every_group_once(void **state)
{
    (void)state;
    cap_photoless p;
    ds_counter *counter = ds_counter_create();
    ds_vocab *vocab = NULL;
    const cap_photoless_settings s = {.groups = 8, .captions = 3, .seed = 4};
    arena memory = {0};
    ds_batch b, again;
    error err = {0};
    int seen[40] = {0};
    if (cap_photoless_open(&p, in("more.tsv"), &(cap_names){0}, &err)) fail_msg("%s", err.text);
    assert_int_equal(ds_count_captions(&p.only.captions, counter, NULL), ERR_OK);
    assert_int_equal(ds_vocab_build(counter, &(ds_vocab_settings){0}, &vocab, NULL), ERR_OK);
    assert_int_equal(cap_photoless_encode(&p, vocab, NULL), ERR_OK);
    assert_int_equal(p.groups, 40);
    for (int step = 0; step < 10; step++) {
        assert_int_equal(cap_photoless_batch(&p, &s, step, &memory, &b, NULL), ERR_OK);
        assert_int_equal(b.rows, 24);
        for (int i = 0; i < b.images; i++) seen[b.image[i]]++;
        for (int i = 0; i < b.rows; i++) /* none twice where the group has enough */
            for (int k = 0; k < i; k++)
                if (p.only.captions.image[b.image[b.row_image[i]]].count >= 3)
                    assert_int_not_equal(b.caption[i], b.caption[k]);
    }
    for (int i = 0; i < 40; i++) assert_int_equal(seen[i], 2);
    assert_int_equal(cap_photoless_batch(&p, &s, 3, &memory, &again, NULL), ERR_OK);
    cap_photoless_close(&p);
    assert_int_equal(cap_photoless_open(&p, in("more.tsv"), &(cap_names){0}, NULL), ERR_OK);
    assert_int_equal(cap_photoless_encode(&p, vocab, NULL), ERR_OK);
    assert_int_equal(cap_photoless_batch(&p, &s, 3, &memory, &b, NULL), ERR_OK);
    assert_memory_equal(b.caption, again.caption, 24 * sizeof *b.caption);
    cap_photoless_close(&p);
    ds_vocab_free(&vocab);
    ds_counter_free(&counter);
    arena_release(&memory);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pass_has_every_group_once),
        cmocka_unit_test(what_does_not_go_together_is_refused),
        cmocka_unit_test(an_encoder_that_learns),
        cmocka_unit_test(a_model_goes_on_with_its_namers),
        cmocka_unit_test(own_sentences_without_photos),
        cmocka_unit_test(a_frozen_encoder_and_a_detector),
        cmocka_unit_test(the_detector_looks_at_another_size),
        cmocka_unit_test(captions_without_photos_alone),
        cmocka_unit_test(photos_without_regions),
        cmocka_unit_test(objects_are_kept),
    };
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, make_data, folder_remove);
}
