/* Namers: what they see and which of it they name; in a model, its file and packed; the detector through its
 * namer against the values of another program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "cnn/import.h"
#include "tests/folder.h"
#include "tests/golden_maps.h"
#include "tests/random_model.h"

/* ---- which sightings become concepts ---- */

enum { DOG = DS_SPECIALS, CAT, LIGHT, TRAFFIC, TELEVISION, DRYER, HAIR };

static ds_vocab *vocabulary(void)
{
    static const char *const words[] = {"dog", "cat", "light", "traffic", "television", "dryer", "hair"};
    ds_counter *counter = ds_counter_create();
    ds_vocab *v = NULL;
    for (int i = 0; i < 7; i++) assert_int_equal(ds_counter_add(counter, words[i], 100 - i, NULL), ERR_OK);
    assert_int_equal(ds_vocab_build(counter, &(ds_vocab_settings){0}, &v, NULL), ERR_OK);
    ds_counter_free(&counter);
    return v;
}

static void declare(cap_namer *n, cap_namer_config c, int width, nn_params *params)
{
    error err = {0};
    ds_vocab *v = vocabulary();
    if (cap_namer_declare(n, &c, width, v, params, &err)) fail_msg("%s", err.text);
    ds_vocab_free(&v);
}

static int class_of(const cap_namer *n, const char *name)
{
    int class = cap_names_find(&n->config.names, name);
    assert_true(class >= 0);
    return class;
}

static void classes_have_words_of_captions(void **state)
{
    (void)state;
    static const struct {
        const char *class;
        int32_t word[2];
    } cases[] = {
        {"dog", {DOG, DOG}},
        {"traffic light", {TRAFFIC, LIGHT}},
        {"tv", {TELEVISION, TELEVISION}}, /* the vocabulary lacks tv */
        {"hair drier", {HAIR, DRYER}},    /* what captions call it */
        {"hot dog", {DS_UNK, DS_UNK}},    /* no dog */
        {"zebra", {DS_UNK, DS_UNK}},
    };
    nn_params params = {0};
    cap_namer n;
    declare(&n, cap_objects_config(NULL), 4, &params);
    assert_int_equal(n.config.names.count, 80);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_memory_equal(n.word[class_of(&n, cases[i].class)], cases[i].word, sizeof cases[i].word);
    cap_namer_release(&n);
    nn_params_release(&params);
}

static void the_surest_are_named(void **state)
{
    (void)state;
    nn_params params = {0};
    cap_namer n;
    const cap_objects_settings s = {.naming = {0.4, 5}, .size = 64, .net = "yolox_nano"};
    declare(&n, cap_objects_config(&s), 4, &params);
    int dog = class_of(&n, "dog"), cat = class_of(&n, "cat"), zebra = class_of(&n, "zebra");
    const cap_sighting seen[] = {{dog, 0.9F, {0, 0, 0.5F, 0.5F}},
                                 {zebra, 0.9F, {0}},
                                 {dog, 0.8F, {0}},
                                 {dog, 0.7F, {0}},
                                 {dog, 0.6F, {0}},
                                 {cat, 0.5F, {0}},
                                 {cat, 0.39F, {0}}};
    cap_concept got[5];
    assert_int_equal(cap_namer_choose(&n, seen, 7, got), 4); /* three dogs, one cat */
    assert_true(got[0].first == DOG && got[2].first == DOG && got[3].first == CAT);
    assert_true(got[0].namer == CAP_NAMER_OBJECTS && got[0].confidence == 0.9F && got[0].box[2] == 0.5F);
    assert_true(got[3].confidence == 0.5F);
    ((cap_objects_settings *)(void *)n.config.settings.bytes)->naming.most = 2;
    assert_int_equal(cap_namer_choose(&n, seen, 7, got), 2);
    cap_namer_release(&n);
    nn_params_release(&params);
}

/* Means of two photos' regions or the regions themselves; sightings by falling confidence; the sigmoid of
 * logits; what is dropped is dropped in training only. */
static void words_are_scored(void **state)
{
    (void)state;
    enum { D = 3, WORDS = 4 };
    static const char *const list[WORDS] = {"dog", "zebra", "cat", "light"};
    static const real regions[2][2][D] = {{{1, 0, 2}, {3, 2, -2}}, {{-1, 0, 0}, {0, 1, 5}}};
    static const real means[2][D] = {{2, 1, 0}, {(real)-0.5, (real)0.5, (real)2.5}};
    error err = {0};
    nn_params params = {0};
    cap_namer n;
    cap_names names;
    assert_true(cap_names_copy(&names, list, WORDS));
    declare(&n, cap_words_config(&(cap_words_settings){{0.1, 2}, 16}, &names), D, &params);
    assert_int_equal(nn_params_finish(&params, 3, NULL), ERR_OK);
    arena mem = {0};
    nn_tape t = {.mem = &mem};
    nn_begin(&t);
    nn_var *x = nn_input(&t, regions[0][0], 3, (int[]){2, 2, D});
    nn_var *mean = nn_input(&t, means[0], 2, (int[]){2, D});
    nn_var *z = cap_words_logits(&t, &n, x, &(cap_words_dropout){0.5, 0.5});
    const nn_var *same = cap_words_logits(&t, &n, mean, NULL), *score = cap_words_scores(&t, &n, x);
    assert_true(z && same && score && z->rank == 2 && z->dim[0] == 2 && z->dim[1] == WORDS);
    for (int i = 0; i < 2 * WORDS; i++) {
        assert_true(fabs((double)z->data[i] - (double)same->data[i]) < 1e-6);
        assert_true(fabs((double)score->data[i] - 1 / (1 + exp(-(double)z->data[i]))) < 1e-6);
    }
    cap_sightings seen;
    const cap_look look = {.photos = 2, .regions = x};
    if (cap_namer_see(&t, &n, &look, 0, &seen, &err)) fail_msg("%s", err.text);
    for (int m = 0; m < 2; m++) {
        assert_int_equal(seen.count[m], WORDS);
        for (int i = 0; i < WORDS; i++) {
            const cap_sighting *s = &seen.list[m * seen.most + i];
            assert_true(s->confidence == (float)score->data[m * WORDS + s->name]);
            assert_true(!i || s[-1].confidence >= s->confidence);
        }
    }
    cap_words_bias(&n)->data[1] = NAN;
    assert_int_equal(cap_namer_see(&t, &n, &look, 0, &seen, &err), ERR_FORMAT);
    arena_release(&mem);
    cap_namer_release(&n);
    nn_params_release(&params);
}

/* ---- in a model ---- */

enum { PHOTOS = 5, SIDE = 64, LIST = PHOTOS * 9 };

/* What the namers of a model name in made photos. */
typedef struct named {
    cap_concept list[LIST];
    int32_t count[PHOTOS];
    int most;
} named;

static void name_with(const cap_model *m, int photos, int threads, named *out)
{
    error err = {0};
    static uint8_t squares[PHOTOS][SIDE][SIDE][3], pixels[PHOTOS][96][96][3];
    cnn_letter letters[PHOTOS];
    for (size_t i = 0; i < sizeof squares; i++) ((uint8_t *)squares)[i] = (uint8_t)(i * 7 + i / 999);
    for (size_t i = 0; i < sizeof pixels; i++) ((uint8_t *)pixels)[i] = (uint8_t)(i * 5 + i / 777);
    for (int i = 0; i < PHOTOS; i++) letters[i] = (cnn_letter){SIDE, 2 * SIDE, SIDE + i, 0.5};
    arena mem = {0};
    workspace space = {0};
    pool *p = pool_create(threads);
    nn_tape t = {.mem = &mem, .threads = p, .space = threads > 1 ? &space : NULL};
    nn_begin(&t);
    assert_int_equal(cap_namers_square(m->namers), SIDE);
    nn_var *regions = cap_model_encode(&t, m, pixels[0][0][0], photos);
    const cap_look look = {
        .photos = photos, .regions = regions, .squares = squares[0][0][0], .letters = letters};
    cap_concepts c;
    if (cap_namers_name(&t, m->namers, &look, &c, &err)) fail_msg("%s", err.text);
    assert_true(c.memories == photos && c.most == 9);
    memset(out, 0, sizeof *out);
    out->most = c.most;
    memcpy(out->list, c.list, (size_t)photos * 9 * sizeof *c.list);
    memcpy(out->count, c.count, (size_t)photos * sizeof *c.count);
    arena_release(&mem);
    workspace_release(&space);
    pool_free(&p);
}

static void expect_sense(const cap_model *m, const named *n)
{
    int boxes = 0, words = 0;
    for (int p = 0; p < PHOTOS; p++)
        for (int i = 0; i < n->count[p]; i++) {
            const cap_concept *c = &n->list[p * n->most + i], *before = c - 1;
            bool object = c->namer == CAP_NAMER_OBJECTS;
            assert_true(c->first >= DS_SPECIALS && c->last < ds_vocab_size(m->vocab));
            assert_true(!i || before->namer < c->namer || before->confidence >= c->confidence);
            assert_true(object == (c->box[2] > c->box[0]) && c->box[2] <= 1 && c->box[3] <= 1);
            boxes += object;
            words += !object;
        }
    assert_true(boxes >= PHOTOS && words >= 1);
}

static void threads_and_neighbours_change_nothing(void **state)
{
    (void)state;
    cap_model *m;
    named alone, many, one;
    assert_int_equal(random_model_create(NN_MATCH_SIGMOID, true, &m, NULL), ERR_OK);
    name_with(m, PHOTOS, 1, &alone);
    expect_sense(m, &alone);
    for (int threads = 2; threads < 5; threads++) {
        name_with(m, PHOTOS, threads, &many);
        assert_memory_equal(&many, &alone, sizeof many);
    }
    name_with(m, 1, 1, &one);
    name_with(m, 1, 2, &many);
    assert_memory_equal(&many, &one, sizeof many);
    assert_memory_equal(one.list, alone.list, (size_t)one.count[0] * sizeof *one.list);
    cap_model_close(&m);
}

/* In f32 a file gives back what was in it; folded and packed it names the same, within what sums in another
 * order change. */
static void files_keep_namers(void **state)
{
    (void)state;
    error err = {0};
    cap_model *made, *m;
    named want, got;
    const char *path = in("namers.safetensors");
    assert_int_equal(random_model_create(NN_MATCH_SIGMOID, true, &made, NULL), ERR_OK);
    assert_int_equal(cap_model_save(made, path, IO_F32, NULL), ERR_OK);
    name_with(made, PHOTOS, 1, &want);
    cap_model_close(&made);
    if (cap_model_open_unfolded(path, &m, &err)) fail_msg("%s", err.text);
    name_with(m, PHOTOS, 1, &got);
    assert_memory_equal(&got, &want, sizeof got);
    assert_string_equal(m->namers[CAP_NAMER_WORDS].config.names.list[2], "grass");
    cap_model_close(&m);
    for (int for_use = 0; for_use < 2; for_use++) {
        const cap_packing packing = {PACKED_F32, PACKED_F32};
        if (for_use ? cap_model_open_packed(path, &packing, &m, &err) : cap_model_open(path, &m, &err))
            fail_msg("%s", err.text);
        name_with(m, PHOTOS, 2, &got);
        assert_memory_equal(got.count, want.count, sizeof got.count);
        for (int i = 0; i < LIST; i++)
            if (fabs((double)got.list[i].confidence - (double)want.list[i].confidence) > 1e-4)
                fail_msg("concept %d: %g, not %g", i, (double)got.list[i].confidence,
                         (double)want.list[i].confidence);
        cap_model_close(&m);
    }
    unlink(path);
}

static void few_bits_name_too(void **state)
{
    (void)state;
    error err = {0};
    cap_model *m;
    named got;
    const char *path = in("namers.safetensors");
    assert_int_equal(random_model_write(path, NN_MATCH_SIGMOID, true, NULL), ERR_OK);
    for (cap_precision p = CAP_AUTO; p < CAP_PRECISIONS; p++) {
        const cap_packing packing = cap_packing_of(p);
        if (cap_model_open_packed(path, &packing, &m, &err)) fail_msg("%s", err.text);
        name_with(m, PHOTOS, 2, &got);
        expect_sense(m, &got);
        cap_model_close(&m);
    }
    unlink(path);
}

/* ---- the golden detector ---- */

/* As numbers of another program's output give boxes, so does the namer, from the same pixels. */
static void agrees_with_golden(void **state)
{
    (void)state;
    enum { SIZE = 416, PIXELS = SIZE * SIZE, REGIONS = 3549, NUMBERS = 85, MOST = 100 };
    error err = {0};
    golden_net g;
    golden_open(&g, TEST_SHARED_DIR "/data/weights/yolox_nano.safetensors",
                TEST_SHARED_DIR "/data/weights/yolox_nano_golden.safetensors");
    nn_params params = {0};
    cap_namer n;
    declare(&n, cap_objects_config(NULL), 4, &params);
    assert_int_equal(nn_params_finish(&params, 1, NULL), ERR_OK);
    if (cap_objects_import(&n, g.weights, &err) || cap_namer_prepare(&n, &err)) fail_msg("%s", err.text);
    const io_tensor *input = io_tensors_find(g.golden, "chelsea.input");
    assert_true(input && input->bytes == (size_t)PIXELS * 3);
    uint8_t *rgb = malloc(PIXELS * 3);
    assert_non_null(rgb);
    for (size_t i = 0; i < PIXELS * 3; i++) rgb[i] = ((const uint8_t *)input->data)[i / 3 * 3 + 2 - i % 3];
    float *output = golden_read(g.golden, "chelsea.output", 2, (int64_t[]){REGIONS, NUMBERS});
    const cnn_letter letter = {SIZE, SIZE, SIZE, 1};
    const cnn_detect_settings s = {.least_score = 0.1, .most_overlap = cnn_detect_defaults().most_overlap};
    cnn_detection want[MOST];
    int count;
    assert_int_equal(cnn_detect(&s, &letter, output, 80, MOST, want, &count, NULL), ERR_OK);
    arena mem = {0};
    nn_tape t = {.mem = &mem};
    nn_begin(&t);
    cap_sightings seen;
    const cap_look look = {.photos = 1, .squares = rgb, .letters = &letter};
    if (cap_namer_see(&t, &n, &look, s.least_score, &seen, &err)) fail_msg("%s", err.text);
    assert_true(count > 0 && seen.count[0] == count);
    for (int i = 0; i < count; i++) {
        assert_int_equal(seen.list[i].name, want[i].class);
        assert_true(fabs((double)seen.list[i].confidence - want[i].score) < 1e-4);
        assert_true(fabs((double)seen.list[i].box[0] - want[i].x0 / SIZE) < 1e-3);
        assert_true(fabs((double)seen.list[i].box[3] - want[i].y1 / SIZE) < 1e-3);
    }
    free(rgb);
    free(output);
    arena_release(&mem);
    cap_namer_release(&n);
    nn_params_release(&params);
    golden_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_have_words_of_captions),
        cmocka_unit_test(the_surest_are_named),
        cmocka_unit_test(words_are_scored),
        cmocka_unit_test(threads_and_neighbours_change_nothing),
        cmocka_unit_test(files_keep_namers),
        cmocka_unit_test(few_bits_name_too),
        cmocka_unit_test(agrees_with_golden),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
