/* Logistic regression by hand (captioner/score/logistic.h), and what a calibrated model knows of itself
 * (captioner/net/confidence.h, captioner/calibrate.h). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "captioner/calibrate.h"
#include "captioner/made_pictures.h"
#include "captioner/score/logistic.h"
#include "src/base/rng.h"
#include "src/io/file.h"
#include "tests/random_model.h"

static char folder[] = "/tmp/confidence_XXXXXX", plain[64], calibrated[64];

static void near(double got, double want, double by)
{
    if (!(fabs(got - want) <= by)) fail_msg("got %.9g, wanted %.9g", got, want);
}

/* ---- regression ---- */

/* 30 of 40 and 10 of 40: the logits of two shares. */
static void shares_are_fitted_exactly(void **state)
{
    (void)state;
    double x[80], weight, bias;
    bool yes[80];
    for (int i = 0; i < 80; i++) {
        x[i] = i < 40 ? 5 : 1;
        yes[i] = i < 40 ? i < 30 : i < 50;
    }
    assert_int_equal(cap_logistic_fit(&(cap_examples){x, yes, NULL, 80, 1}, 1e-9, &weight, &bias, NULL),
                     ERR_OK);
    near(bias + 5 * weight, log(3), 1e-6);
    near(bias + weight, -log(3), 1e-6);
}

static void weights_are_found_again(void **state)
{
    (void)state;
    enum { N = 20000 };
    static double x[N][3];
    static bool yes[N];
    static const double true_weight[3] = {1.5, -0.02, 0}, true_bias = 0.5;
    double weight[3], bias;
    rng r = {7, 1, 0};
    for (int i = 0; i < N; i++) {
        x[i][0] = rng_normal(&r);
        x[i][1] = 50 * rng_normal(&r) + 20;
        x[i][2] = 3; /* says nothing */
        double z = true_bias + true_weight[0] * x[i][0] + true_weight[1] * x[i][1];
        yes[i] = rng_uniform(&r) < 1 / (1 + exp(-z));
    }
    const cap_examples e = {&x[0][0], yes, NULL, N, 3};
    assert_int_equal(cap_logistic_fit(&e, 1e-6, weight, &bias, NULL), ERR_OK);
    near(weight[0], 1.5, 0.08);
    near(weight[1], -0.02, 0.002);
    near(weight[2], 0, 0);
    near(bias, 0.5, 0.08);
}

static void importance_is_repetition(void **state)
{
    (void)state;
    static const double x[] = {0, 1, 2, 3, 4, 1}, twice[] = {0, 1, 2, 3, 4, 1, 1, 3},
                        counts[] = {1, 2, 1, 2, 1, 1};
    static const bool yes[] = {0, 0, 1, 0, 1, 1}, twice_yes[] = {0, 0, 1, 0, 1, 1, 0, 0};
    double a, b, a_bias, b_bias;
    assert_int_equal(cap_logistic_fit(&(cap_examples){x, yes, counts, 6, 1}, 0.01, &a, &a_bias, NULL),
                     ERR_OK);
    assert_int_equal(cap_logistic_fit(&(cap_examples){twice, twice_yes, NULL, 8, 1}, 0.01, &b, &b_bias, NULL),
                     ERR_OK);
    near(a, b, 1e-7);
    near(a_bias, b_bias, 1e-7);
}

/* Kinds that can be told apart perfectly, and one kind alone, have finite weights. */
static void certainty_stays_finite(void **state)
{
    (void)state;
    static const double x[] = {0, 1, 2, 3};
    static const bool yes[] = {0, 0, 1, 1}, all[] = {1, 1, 1, 1};
    double weight, bias;
    error err = {0};
    assert_int_equal(cap_logistic_fit(&(cap_examples){x, yes, NULL, 4, 1}, 1e-3, &weight, &bias, NULL),
                     ERR_OK);
    assert_true(weight > 1 && weight < 100);
    near(-bias / weight, 1.5, 1e-6);
    assert_int_equal(cap_logistic_fit(&(cap_examples){x, all, NULL, 4, 1}, 1e-3, &weight, &bias, NULL),
                     ERR_OK);
    assert_true(isfinite(bias) && bias > 3);
    assert_int_equal(cap_logistic_fit(&(cap_examples){x, all, NULL, 0, 1}, 1e-3, &weight, &bias, &err),
                     ERR_ARGUMENT);
}

static void order_is_measured(void **state)
{
    (void)state;
    static const double score[] = {0.1, 0.4, 0.35, 0.8, 0.4};
    static const bool yes[] = {0, 0, 1, 1, 1};
    double value[] = {3, 1, 2, 10}, one[] = {7};
    near(cap_auc(score, yes, 5), (1 + 2 + 1.5) / 6, 1e-12);
    near(cap_auc(score, yes, 2), 0.5, 0); /* one kind */
    near(cap_auc(score, yes, 0), 0.5, 0);
    near(cap_median(value, 4), 2.5, 0);
    near(cap_median(one, 1), 7, 0);
    near(cap_median(one, 0), 0, 0);
}

/* ---- signs ---- */

static void signs_say_what_is_unusual(void **state)
{
    (void)state;
    float centre[] = {1, 2}, spread[] = {0.5f, 2}, mean[2], variance[2];
    static const float regions[] = {1, 2, 3, 6}; /* two regions */
    static const cap_concept named[] = {{.first = 5, .last = 6, .confidence = 0.5f},
                                        {.first = 7, .last = 7, .confidence = 0.25f},
                                        {.first = 9, .last = 9, .confidence = 0.25f}};
    static const int32_t word[] = {4, 6, 7, 8};
    static const bool namable[] = {false, true, true, true};
    static const float p[] = {0.5f, 0.5f, 0.2f, 0.9f};
    cap_confidence c = {.word_scale = 1, .features = 2, .centre = centre, .spread = spread};
    cap_signs s = {0};
    cap_confidence_pool(regions, 2, 2, mean, variance);
    near((double)mean[1], 4, 0);
    near((double)variance[0], 1, 0);
    near((double)variance[1], 4, 0);
    double distance = cap_confidence_distance(&c, mean), variety = cap_confidence_variety(&c, variance);
    near(distance, log((4 + 1) / 2.0), 1e-5);
    near(variety, log((4 + 1) / 2.0), 1e-5);
    c.usual_distance = 0.5;
    c.usual_variety = 1.5;
    cap_confidence_look(&c, mean, variance, named, 3, &s);
    near(s.of[CAP_SIGN_FAR], distance - 0.5, 1e-9);
    near(s.of[CAP_SIGN_FLAT], 1.5 - variety, 1e-9);
    near(s.of[CAP_SIGN_NAMED], 1, 1e-9);
    cap_confidence_read(&c, p, 4, &s);
    cap_confidence_compare(word, namable, 4, named, 3, &s);
    near(s.of[CAP_SIGN_MEAN_WORD], log(0.5 * 0.5 * 0.2 * 0.9) / 4, 1e-6);
    near(s.of[CAP_SIGN_LEAST_WORD], log(0.2), 1e-6);
    near(s.of[CAP_SIGN_SAID], 0.5, 0);
    near(s.of[CAP_SIGN_EVIDENCE], (0.5 + 0.25) / 3, 1e-9);
    near(s.of[CAP_SIGN_TOLD], 0.75, 1e-9);
    c.usual_distance = 2; /* most photos are neither far nor flat */
    c.usual_variety = -1;
    cap_confidence_look(&c, mean, variance, NULL, 0, &s);
    near(s.of[CAP_SIGN_FAR], 0, 0);
    near(s.of[CAP_SIGN_FLAT], 0, 0);
}

/* ---- in a file, and in use ---- */

static void save_with(const cap_confidence *c)
{
    error err = {0};
    json_t *record = json_pack("{s:i}", "photos", 3);
    io_tensors *t = io_tensors_open(plain, &err);
    if (!t || cap_confidence_save(c, NULL, t, record, calibrated, &err)) fail_msg("%s", err.text);
    io_tensors_close(&t);
    json_decref(record);
}

/* bias decides: what the random model says of a photo says nothing. */
static cap_confidence some_confidence(double bias, float spread)
{
    cap_model *m;
    cap_info info;
    assert_int_equal(cap_open(plain, NULL, &m, NULL), CAP_OK);
    cap_get_info(m, &info);
    assert_false(info.calibrated);
    cap_confidence c = {
        .word_scale = 1, .word_shift = 0.5, .threshold = 0.4, .bias = bias, .features = info.features};
    c.centre = calloc((size_t)info.features, sizeof *c.centre);
    c.spread = calloc((size_t)info.features, sizeof *c.spread);
    for (int i = 0; i < info.features; i++) c.spread[i] = spread;
    cap_close(&m);
    return c;
}

static cap_description describe_with(double min_confidence)
{
    cap_model *m;
    cap_session *s;
    cap_info info;
    cap_description d = {0};
    cap_error err = {0};
    cap_request r = cap_request_defaults(CAP_PHOTOS);
    r.min_confidence = min_confidence;
    if (cap_open(calibrated, NULL, &m, &err) || cap_session_open(m, 1, &s, &err) ||
        cap_describe_file(s, &r, TEST_SOURCE_DIR "/photos/coffee.jpg", &d, &err))
        fail_msg("%s", err.text);
    cap_get_info(m, &info);
    assert_true(info.calibrated);
    near(info.threshold, 0.4, 0);
    assert_non_null(strstr(info.record, "\"confidence\":{\"photos\":3}"));
    cap_session_close(&s);
    cap_close(&m);
    return d;
}

static void models_know_when_they_are_unsure(void **state)
{
    (void)state;
    static const double bias[] = {1, -1};
    for (int i = 0; i < 2; i++) {
        cap_confidence c = some_confidence(bias[i], 1);
        save_with(&c);
        cap_description d = describe_with(0), strict = describe_with(0.9);
        near(d.confidence, 1 / (1 + exp(-bias[i])), 1e-9);
        assert_int_equal(d.unsure, i);
        assert_true(strict.unsure);
        for (int j = 0; j < d.best.words; j++)
            near((double)d.best.trust[j], cap_confidence_word(&c, (double)d.best.probability[j]), 1e-6);
        cap_description_release(&d);
        cap_description_release(&strict);
        cap_confidence_release(&c);
    }
}

/* All else in the file stays as it was, and a second calibration takes the place of the first. */
static void only_the_confidence_changes(void **state)
{
    (void)state;
    error err = {0};
    cap_confidence c = some_confidence(1, 1);
    save_with(&c);
    io_tensors *before = io_tensors_open(plain, &err), *after = io_tensors_open(calibrated, &err);
    assert_int_equal(io_tensors_count(after), io_tensors_count(before) + 2);
    for (size_t i = 0; i < io_tensors_count(before); i++) {
        const io_tensor *a = io_tensors_at(before, i), *b = io_tensors_find(after, a->name);
        assert_int_equal(a->dtype, b->dtype);
        assert_int_equal(a->bytes, b->bytes);
        assert_memory_equal(a->data, b->data, a->bytes);
    }
    json_t *record = json_object();
    char again[96];
    snprintf(again, sizeof again, "%s.2", calibrated);
    c.bias = -2;
    assert_int_equal(cap_confidence_save(&c, NULL, after, record, again, &err), ERR_OK);
    cap_model *m;
    assert_int_equal(cap_model_open(again, &m, &err), ERR_OK);
    near(m->confidence.bias, -2, 0);
    cap_model_close(&m);
    unlink(again);
    json_decref(record);
    io_tensors_close(&before);
    io_tensors_close(&after);
    cap_confidence_release(&c);
}

static void damaged_ones_are_refused(void **state)
{
    (void)state;
    cap_model *m;
    error err = {0};
    cap_confidence c = some_confidence(1, 0);
    save_with(&c);
    assert_int_equal(cap_open(calibrated, NULL, &m, &err), CAP_ERROR_FORMAT);
    assert_non_null(strstr(err.text, "a spread is not above 0"));
    c.features--;
    for (int i = 0; i < c.features; i++) c.spread[i] = 1;
    save_with(&c);
    assert_int_equal(cap_open(calibrated, NULL, &m, &err), CAP_ERROR_MISMATCH);
    c.features++;
    c.threshold = 1.5;
    save_with(&c);
    assert_int_equal(cap_open(calibrated, NULL, &m, &err), CAP_ERROR_FORMAT);
    assert_non_null(strstr(err.text, "'threshold'"));
    cap_confidence_release(&c);
}

static void others_are_never_unsure(void **state)
{
    (void)state;
    cap_model *m;
    cap_session *s;
    cap_description d;
    cap_error err = {0};
    cap_request r = cap_request_defaults(CAP_PHOTOS);
    assert_int_equal(cap_open(plain, NULL, &m, NULL), CAP_OK);
    assert_int_equal(cap_session_open(m, 1, &s, NULL), CAP_OK);
    assert_int_equal(cap_describe_file(s, &r, TEST_SOURCE_DIR "/photos/coffee.jpg", &d, &err), CAP_OK);
    assert_false(d.unsure);
    assert_null(d.best.trust);
    near(d.confidence, d.best.confidence, 0);
    cap_description_release(&d);
    r.min_confidence = 0.5;
    assert_int_equal(cap_request_check(m, &r, &err), CAP_ERROR_ARGUMENT);
    assert_non_null(strstr(err.text, "never calibrated"));
    r.min_confidence = 1.5;
    assert_int_equal(cap_request_check(m, &r, &err), CAP_ERROR_ARGUMENT);
    cap_session_close(&s);
    cap_close(&m);
}

/* ---- fitting a model ---- */

static const char four_photos[] =
    "{\"images\": [{\"id\": 1, \"file_name\": \"coffee.jpg\"}, {\"id\": 2, \"file_name\": \"chelsea.jpg\"},"
    "{\"id\": 3, \"file_name\": \"rocket.jpg\"}, {\"id\": 4, \"file_name\": \"astronaut.jpg\"}],"
    "\"annotations\": [{\"image_id\": 1, \"caption\": \"the man in the snow\"}, {\"image_id\": 2, "
    "\"caption\": \"a cat\"},"
    "{\"image_id\": 3, \"caption\": \"a dog runs on the snow\"}, {\"image_id\": 4, \"caption\": \"a man\"}]}";

static bool stop(void *ctx, int done, int total)
{
    assert_int_equal(total, 4);
    *(int *)ctx = done;
    return false;
}

static void a_model_is_calibrated(void **state)
{
    (void)state;
    char captions[96];
    cap_model *m;
    cap_session *s;
    error err = {0};
    json_t *report;
    cap_confidence fit;
    int told = 0;
    snprintf(captions, sizeof captions, "%s/four.json", folder);
    assert_int_equal(io_write_file(captions, four_photos, sizeof four_photos - 1, NULL), ERR_OK);
    const cap_calibration_set set = {captions, TEST_SOURCE_DIR "/photos"};
    cap_calibrate_request q = {.set = &set, .sets = 1};
    assert_int_equal(cap_open(plain, NULL, &m, NULL), CAP_OK);
    assert_int_equal(cap_session_open(m, 1, &s, NULL), CAP_OK);
    if (cap_calibrate(s, &q, &fit, &report, &err)) fail_msg("%s", err.text);
    assert_true(fit.fitted && fit.threshold > 0 && fit.threshold < 1 && fit.word_scale < 100);
    assert_int_equal(json_integer_value(json_object_get(report, "pictures")), CAP_MADE_PICTURES);
    const json_t *of_set = json_array_get(json_object_get(report, "sets"), 0);
    assert_int_equal(json_integer_value(json_object_get(of_set, "photos")), 4);
    assert_string_equal(json_string_value(json_object_get(of_set, "captions")), "four.json");
    json_decref(report);
    cap_confidence_release(&fit);
    q.tell = stop;
    q.ctx = &told;
    assert_int_equal(cap_calibrate(s, &q, &fit, &report, &err), ERR_INTERRUPTED);
    assert_int_equal(told, 4);
    assert_null(report);
    q.sets = 0;
    assert_int_equal(cap_calibrate(s, &q, &fit, &report, &err), ERR_ARGUMENT);
    assert_null(s->noted);
    cap_session_close(&s);
    cap_close(&m);
    unlink(captions);
}

static void pictures_repeat(void **state)
{
    (void)state;
    enum { SIDE = 32 };
    uint8_t a[3 * SIDE * SIDE], b[3 * SIDE * SIDE];
    for (int i = 0; i < CAP_MADE_PICTURES; i++) {
        cap_made_picture(i, SIDE, a);
        cap_made_picture(i, SIDE, b);
        assert_memory_equal(a, b, sizeof a);
        cap_made_picture((i + 1) % CAP_MADE_PICTURES, SIDE, b);
        assert_memory_not_equal(a, b, sizeof a);
    }
}

static int make_folder(void **state)
{
    (void)state;
    error err = {0};
    if (!mkdtemp(folder)) return 1;
    snprintf(plain, sizeof plain, "%s/plain", folder);
    snprintf(calibrated, sizeof calibrated, "%s/calibrated", folder);
    return random_model_save(plain, NN_MATCH_SIGMOID, &err);
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(plain);
    unlink(calibrated);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_are_fitted_exactly),
        cmocka_unit_test(weights_are_found_again),
        cmocka_unit_test(importance_is_repetition),
        cmocka_unit_test(certainty_stays_finite),
        cmocka_unit_test(order_is_measured),
        cmocka_unit_test(signs_say_what_is_unusual),
        cmocka_unit_test(models_know_when_they_are_unsure),
        cmocka_unit_test(only_the_confidence_changes),
        cmocka_unit_test(damaged_ones_are_refused),
        cmocka_unit_test(others_are_never_unsure),
        cmocka_unit_test(a_model_is_calibrated),
        cmocka_unit_test(pictures_repeat),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
