/* Ranges of a captioner's networks (captioner/net/ranges.h): found on photos, kept in the file, used by
 * models that are packed in 8 bits. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "captioner/net/ranges.h"
#include "captioner/ranges_find.h"
#include "src/io/file.h"
#include "tests/random_model.h"

static char folder[] = "/tmp/ranges_XXXXXX", plain[64], ranged[64], captions[64];

static const cap_packing exact = {PACKED_F32, PACKED_F32}, bytes = {PACKED_F32, PACKED_I8};

static const char photos[] =
    "{\"images\": [{\"id\": 1, \"file_name\": \"coffee.jpg\"}, {\"id\": 2, \"file_name\": \"chelsea.jpg\"}],"
    "\"annotations\": [{\"image_id\": 1, \"caption\": \"snow\"}, {\"image_id\": 2, \"caption\": \"a cat\"}]}";

static err_code find(cap_ranges *out, const char *images, error *err)
{
    cap_model *m;
    cap_session *s;
    const cap_open_options o = {.precision = CAP_F32};
    const cap_calibration_set set = {captions, images};
    assert_int_equal(cap_open(plain, &o, &m, NULL), CAP_OK);
    assert_int_equal(cap_session_open(m, 2, &s, NULL), CAP_OK);
    err_code code = cap_ranges_find(s, &set, 1, out, err);
    cap_session_close(&s);
    cap_close(&m);
    return code;
}

static void save(const cap_ranges *r, const char *from, const char *to)
{
    error err = {0};
    json_t *record = json_object();
    enum { FEATURES = 256 };
    static float centre[FEATURES], spread[FEATURES];
    for (int i = 0; i < FEATURES; i++) spread[i] = 1;
    const cap_confidence c = {
        .word_scale = 1, .threshold = 0.1, .features = FEATURES, .centre = centre, .spread = spread};
    io_tensors *t = io_tensors_open(from, &err);
    if (!t || cap_confidence_save(&c, r, t, record, to, &err)) fail_msg("%s", err.text);
    io_tensors_close(&t);
    json_decref(record);
}

/* What the networks make of grey stripes: [values] in *out, the caller's. */
static size_t compute(const cap_model *m, int which, real **out)
{
    enum { SIDE = 64, PIXELS = SIDE * SIDE * 3 };
    static real pixels[PIXELS];
    arena mem = {0};
    nn_tape t = {.mem = &mem};
    nn_begin(&t);
    for (int i = 0; i < PIXELS; i++) pixels[i] = (real)(which ? i / 3 % 200 : i / 3 % 20 / 10.0 - 1);
    nn_var *y =
        cnn_net_forward(cap_ranged_net(m, which), &t, nn_input(&t, pixels, 4, (int[]){1, SIDE, SIDE, 3}));
    assert_non_null(y);
    size_t n = nn_count(y);
    *out = malloc(n * sizeof **out);
    assert_non_null(*out);
    memcpy(*out, y->data, n * sizeof **out);
    arena_release(&mem);
    return n;
}

static double distance(const cap_model *a, const cap_model *b, int which)
{
    real *x, *y;
    double squares = 0, differences = 0;
    size_t n = compute(a, which, &x);
    assert_int_equal(compute(b, which, &y), n);
    for (size_t i = 0; i < n; i++) {
        squares += (double)x[i] * (double)x[i];
        differences += pow((double)x[i] - (double)y[i], 2);
    }
    free(x);
    free(y);
    return sqrt(differences / squares);
}

static void ranges_are_kept_and_used(void **state)
{
    (void)state;
    error err = {0};
    cap_ranges r;
    cap_model *want, *got;
    if (find(&r, TEST_SOURCE_DIR "/photos", &err)) fail_msg("%s", err.text);
    save(&r, plain, ranged);
    if (cap_model_open_packed(ranged, &exact, &want, &err)) fail_msg("%s", err.text);
    assert_int_equal(cap_model_open_packed(ranged, &bytes, &got, &err), ERR_OK);
    for (int i = 0; i < CAP_RANGED; i++) {
        assert_int_equal(r.count[i], cnn_net_ranges(cap_ranged_net(want, i)));
        assert_false(cnn_net_is_narrow(cap_ranged_net(want, i)));
        assert_true(cnn_net_is_narrow(cap_ranged_net(got, i)));
        double far = distance(want, got, i);
        if (!(far > 0 && far < 0.2)) fail_msg("network %d is %g away", i, far);
    }
    cap_model_close(&want);
    cap_model_close(&got);
    cap_ranges_release(&r);
}

static void models_without_them_compute_in_f32(void **state)
{
    (void)state;
    error err = {0};
    cap_model *want, *got;
    assert_int_equal(cap_model_open_packed(plain, &exact, &want, &err), ERR_OK);
    assert_int_equal(cap_model_open_packed(plain, &bytes, &got, &err), ERR_OK);
    for (int i = 0; i < CAP_RANGED; i++) {
        assert_false(cnn_net_is_narrow(cap_ranged_net(got, i)));
        assert_true(distance(want, got, i) == 0);
    }
    cap_model_close(&want);
    cap_model_close(&got);
}

static void wrong_ones_are_refused(void **state)
{
    (void)state;
    error err = {0};
    cap_ranges r;
    cap_model *m;
    if (find(&r, TEST_SOURCE_DIR "/photos", &err)) fail_msg("%s", err.text);
    r.count[1] -= 7;
    save(&r, ranged, ranged); /* in place of those that are there */
    assert_int_equal(cap_model_open_packed(ranged, &bytes, &m, &err), ERR_MISMATCH);
    assert_non_null(strstr(err.text, "ranges.objects"));
    assert_int_equal(cap_model_open_packed(ranged, &exact, &m, &err), ERR_OK);
    cap_model_close(&m);
    cap_ranges_release(&r);
    assert_int_equal(find(&r, "/nowhere", &err), ERR_ARGUMENT);
    assert_string_equal(err.text, "none of the photos can be read");
}

static int make_folder(void **state)
{
    (void)state;
    error err = {0};
    if (!mkdtemp(folder)) return 1;
    snprintf(plain, sizeof plain, "%s/plain", folder);
    snprintf(ranged, sizeof ranged, "%s/ranged", folder);
    snprintf(captions, sizeof captions, "%s/two.json", folder);
    if (io_write_file(captions, photos, sizeof photos - 1, &err)) return 1;
    return random_model_write(plain, NN_MATCH_SIGMOID, true, &err);
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(plain);
    unlink(ranged);
    unlink(captions);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_are_kept_and_used),
        cmocka_unit_test(models_without_them_compute_in_f32),
        cmocka_unit_test(wrong_ones_are_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
