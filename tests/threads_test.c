/* One model, many threads: each with a session and requests of its own gets what a thread alone gets, bit for
 * bit. Under ThreadSanitizer (preset threads) the test also says that nothing in a model is written once it is
 * open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>

#include "tests/folder.h"
#include "tests/model_file.h"
#include "tests/opened.h"
#include "tests/random_text.h"

enum { THREADS = 4, ROUNDS = 3, PHOTOS = 3, WISHES = 3, LINES = 3, WORDS = 20 };

static const char *const photo[PHOTOS] = {TEST_SOURCE_DIR "/photos/coffee.jpg",
                                          TEST_SOURCE_DIR "/photos/chelsea.jpg",
                                          TEST_SOURCE_DIR "/images/exif_6.jpg"};
static const char *const line[LINES] = {"one two three", "seven eight nine ten!", "six"};

/* What is kept of an answer. */
typedef struct answer {
    char sentence[300];
    double log_probability, score;
    float attention; /* of the last word in the last region */
    int concepts;
    float confidence; /* of all of them */
} answer;

/* A thread's own. Threads assert nothing: cmocka's way out of a test leads out of the main thread alone. */
typedef struct job {
    const cap_model *model;
    int number;
    answer *out;
    cap_error err;
} job;

static void keep(const cap_alternative *best, const float *attention, int regions, answer *out)
{
    *out = (answer){.log_probability = best->log_probability, .score = best->score};
    snprintf(out->sentence, sizeof out->sentence, "%s", best->sentence);
    if (attention) out->attention = attention[best->words * regions - 1];
}

/* Requests that differ in everything that a model is asked for. */
static cap_request wish(int number, bool named)
{
    static const char *const must[] = {"snow", NULL}, *const avoid[] = {"dog", "cat", NULL};
    cap_request r = cap_request_defaults(CAP_PHOTOS);
    r.attention = number != 1;
    if (number == 1) r.must = must;
    if (number == 1) r.avoid = avoid;
    if (number == 2) r.strategy = CAP_SAMPLE;
    if (number == 2) r.n_best = 2;
    if (named && number == 0) r.style = "fancy";
    return r;
}

static cap_code describe(cap_session *s, int photo_number, int wish_number, bool named, answer *out,
                         cap_error *err)
{
    cap_description d;
    cap_request r = wish(wish_number, named);
    cap_code code = cap_describe_file(s, &r, photo[photo_number], &d, err);
    if (code) return code;
    keep(&d.best, d.attention, d.grid_h * d.grid_w, out);
    out->concepts = d.concepts;
    for (int i = 0; i < d.concepts; i++) out->confidence += d.concept[i].confidence;
    cap_description_release(&d);
    return CAP_OK;
}

/* Every thread begins elsewhere, so that they do not do the same at the same time. */
static cap_code describe_all(job *j, cap_session *s)
{
    cap_info info;
    cap_get_info(j->model, &info);
    for (int i = 0; i < PHOTOS * WISHES; i++) {
        int at = (i + 2 * j->number) % (PHOTOS * WISHES);
        cap_code code = describe(s, at / WISHES, at % WISHES, info.styles > 0, &j->out[at], &j->err);
        if (code) return code;
        cap_get_info(j->model, &info);
    }
    return CAP_OK;
}

static cap_code translate_all(job *j, cap_session *s)
{
    cap_translation t[LINES];
    cap_error reason[LINES];
    cap_request r = cap_request_defaults(CAP_LINES);
    r.max_words = WORDS;
    r.attention = true;
    cap_code code = cap_translate(s, &r, line, LINES, t, reason, &j->err);
    for (int i = 0; i < LINES && !code; i++) {
        keep(&t[i].best, t[i].attention, t[i].sources, &j->out[i]);
        cap_translation_release(&t[i]);
    }
    return code;
}

/* Sessions come and go, and differ in how many threads they have. */
static void *run(void *ctx)
{
    job *j = ctx;
    cap_info info;
    cap_get_info(j->model, &info);
    for (int round = 0; round < ROUNDS && !j->err.code; round++) {
        cap_session *s;
        if (cap_session_open(j->model, 1 + (j->number + round) % 2, &s, &j->err)) break;
        cap_code code = info.reads == CAP_PHOTOS ? describe_all(j, s) : translate_all(j, s);
        cap_session_close(&s);
        if (code) break;
    }
    return NULL;
}

static void expect_all_same(const cap_model *m, int answers)
{
    static answer alone[PHOTOS * WISHES], out[THREADS][PHOTOS * WISHES];
    job first = {.model = m, .out = alone}, jobs[THREADS];
    pthread_t thread[THREADS];
    run(&first);
    if (first.err.code) fail_msg("%s", first.err.text);
    for (int i = 0; i < THREADS; i++) {
        jobs[i] = (job){.model = m, .number = i, .out = out[i]};
        assert_int_equal(pthread_create(&thread[i], NULL, run, &jobs[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_join(thread[i], NULL), 0);
    for (int i = 0; i < THREADS; i++) {
        if (jobs[i].err.code) fail_msg("thread %d: %s", i, jobs[i].err.text);
        assert_memory_equal(out[i], alone, answers * sizeof *alone);
    }
    assert_true(strlen(alone[0].sentence) > 0);
}

static void photos_of(const char *path, const cap_open_options *options)
{
    cap_model *m;
    cap_error err = {0};
    if (cap_open(path, options, &m, &err)) fail_msg("%s", err.text);
    expect_all_same(m, PHOTOS * WISHES);
    cap_close(&m);
}

static void photos(const cap_open_options *options)
{
    photos_of(model, options);
}

static void photos_as_stored(void **state)
{
    (void)state;
    photos(&(cap_open_options){.precision = CAP_F32});
}

static void photos_in_few_bits(void **state)
{
    (void)state;
    photos(NULL);
    photos(&(cap_open_options){.precision = CAP_INT8});
}

/* Detectors run in the sessions' own memory. */
static void photos_with_concepts(void **state)
{
    (void)state;
    const char *path = in("namers.safetensors");
    assert_int_equal(random_model_write(path, NN_MATCH_SIGMOID, true, NULL), ERR_OK);
    photos_of(path, NULL);
    unlink(path);
}

static void lines_of_text(void **state)
{
    (void)state;
    const ds_codec_settings pieces = {DS_BPE, 8, 1};
    cap_model *made, *m;
    cap_error err = {0};
    const char *path = in("text.safetensors");
    assert_int_equal(random_text_model(&pieces, NN_MATCH_ADDITIVE, &made, NULL), ERR_OK);
    assert_int_equal(cap_model_save(made, path, IO_F32, NULL), ERR_OK);
    cap_model_close(&made);
    if (cap_open(path, NULL, &m, &err)) fail_msg("%s", err.text);
    unlink(path);
    expect_all_same(m, LINES);
    cap_close(&m);
}

static int make(void **state)
{
    return model_file_make(state) || folder_make(state);
}

static int remove_all(void **state)
{
    return model_file_remove(state) | folder_remove(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(photos_as_stored),
        cmocka_unit_test(photos_in_few_bits),
        cmocka_unit_test(photos_with_concepts),
        cmocka_unit_test(lines_of_text),
    };
    return cmocka_run_group_tests(tests, make, remove_all);
}
