/* MobileNetV2 with ImageNet's weights against PyTorch (golden/mobilenet_v2.py), with norms and folded. */
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

#include "cnn/backbone.h"
#include "cnn/import.h"
#include "src/io/json.h"

static const char *const weights = TEST_SHARED_DIR "/data/weights/mobilenet_v2.safetensors";

typedef struct model {
    nn_params params;
    cnn_net *net;
    cnn_preprocess pre;
} model;

static int set_up(void **state)
{
    error err = {0};
    model *m = calloc(1, sizeof *m);
    *state = m;
    if (!m || access(weights, R_OK)) return 0;
    io_tensors *file = io_tensors_open(weights, &err);
    if (!file || cnn_net_create("mobilenet_v2", "encoder.", &m->params, &m->net, &err) ||
        nn_params_finish(&m->params, 1, &err) || cnn_import(file, m->net, &m->pre, &err))
        print_error("%s\n", err.text);
    io_tensors_close(&file);
    return err.code ? -1 : 0;
}

static int tear_down(void **state)
{
    model *m = *state;
    cnn_net_free(&m->net);
    nn_params_release(&m->params);
    free(m);
    return 0;
}

static void skip_without_weights(void **state)
{
    if (((model *)*state)->net) return;
    print_message("%s is not here: nothing to compare\n", weights);
    skip();
}

static real *pattern(const cnn_preprocess *pre, int size)
{
    size_t pixels = (size_t)size * size;
    uint8_t *rgb = malloc(pixels * 3);
    real *out = malloc(pixels * 3 * sizeof *out);
    assert_true(rgb && out);
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++)
            for (int c = 0; c < 3; c++)
                rgb[(y * size + x) * 3 + c] = (uint8_t)(7 * y + 13 * x + 50 * c + x * y);
    cnn_normalise(pre, rgb, pixels, out);
    free(rgb);
    return out;
}

/* Relative to the value, and to 1 (of activations between 0 and 6) below that. */
static void close_to(double got, double want, double scale)
{
    if (!(fabs(got - want) <= 1e-4 * fmax(fabs(want), scale))) fail_msg("%.8g instead of %.8g", got, want);
}

static void compare(const json_t *golden, const nn_var *y)
{
    const json_t *at = json_object_get(golden, "index"), *value = json_object_get(golden, "value");
    const json_t *map = json_object_get(golden, "map"), *sums = json_object_get(golden, "group_sums");
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(y->dim[i + 1], json_integer_value(json_array_get(map, i)));
    assert_int_equal(json_array_size(at), 200);
    for (size_t i = 0; i < 200; i++)
        close_to((double)y->data[json_integer_value(json_array_get(at, i))],
                 json_number_value(json_array_get(value, i)), 1);
    assert_int_equal(json_array_size(sums), 40);
    for (int g = 0; g < 40; g++) {
        double sum = 0;
        for (int r = 0; r < y->dim[1] * y->dim[2]; r++)
            for (int c = 0; c < 32; c++) sum += (double)y->data[r * 1280 + g * 32 + c];
        close_to(sum, json_number_value(json_array_get(sums, g)), 32);
    }
}

static void compare_all(model *m)
{
    json_t *root = NULL;
    error err = {0};
    if (io_json_load(TEST_SOURCE_DIR "/golden/mobilenet_v2.json", IO_JSON_MAX, &root, &err))
        fail_msg("%s", err.text);
    const json_t *cases = json_object_get(root, "cases");
    assert_int_equal(json_array_size(cases), 2);
    for (size_t i = 0; i < 2; i++) {
        const json_t *golden = json_array_get(cases, i);
        int size = (int)json_integer_value(json_object_get(golden, "size"));
        arena mem = {0};
        nn_tape t = {.mem = &mem};
        real *pixels = pattern(&m->pre, size);
        nn_var *y = cnn_net_forward(m->net, &t, nn_input(&t, pixels, 4, (int[]){1, size, size, 3}));
        assert_non_null(y);
        compare(golden, y);
        free(pixels);
        arena_release(&mem);
    }
    json_decref(root);
}

static void test_agrees_with_pytorch(void **state)
{
    skip_without_weights(state);
    model *m = *state;
    assert_int_equal(m->pre.size, 224);
    assert_true(fabsf(m->pre.mean[2] - 0.406F) < 1e-6F && fabsf(m->pre.std[0] - 0.229F) < 1e-6F);
    compare_all(m);
}

static void test_agrees_folded(void **state)
{
    skip_without_weights(state);
    model *m = *state;
    error err = {0};
    assert_int_equal(cnn_net_fold(m->net, &err), ERR_OK);
    compare_all(m);
}

/* The import into another model, and of a file without the tensors, says what is wrong. */
static void test_refuses_others(void **state)
{
    skip_without_weights(state);
    error err = {0};
    nn_params p = {0};
    cnn_net *net = NULL;
    assert_int_equal(cnn_net_create("small", "encoder.", &p, &net, &err), ERR_OK);
    assert_int_equal(nn_params_finish(&p, 1, &err), ERR_OK);
    io_tensors *file = io_tensors_open(weights, &err);
    assert_non_null(file);
    assert_int_equal(cnn_import(file, net, NULL, &err), ERR_MISMATCH);
    assert_non_null(strstr(err.text, "has weights of the network 'mobilenet_v2', not of 'small'"));
    io_tensors_close(&file);
    cnn_net_free(&net);
    nn_params_release(&p);
}

/* A file of the tensor that says what it is, zeros, and what else the header names. */
static void import_bytes(model *m, const char *metadata, const char *tensor, err_code want, const char *text)
{
    enum { MARK = 1280 * 320 * 4, MORE = 8 };
    error err = {0};
    char header[512];
    int n = snprintf(header, sizeof header,
                     "{\"__metadata__\":{%s},\"features.18.0.weight\":{\"dtype\":\"F32\",\"shape\":"
                     "[1280,320,1,1],\"data_offsets\":[0,%d]}%s}",
                     metadata, MARK, tensor);
    size_t size = 8 + (size_t)n + MARK + (tensor[0] ? MORE : 0);
    uint8_t *bytes = calloc(size, 1);
    assert_non_null(bytes);
    for (int i = 0; i < 4; i++) bytes[i] = (uint8_t)((unsigned)n >> 8 * i);
    memcpy(bytes + 8, header, n);
    io_tensors *file = io_tensors_open_memory(bytes, size, "a.st", &err);
    if (!file) fail_msg("%s", err.text);
    assert_ptr_equal(cnn_import_find(file, &err), cnn_backbone_find("mobilenet_v2"));
    cnn_preprocess pre;
    assert_int_equal(cnn_import(file, m->net, &pre, &err), want);
    if (!strstr(err.text, text)) fail_msg("'%s' does not say '%s'", err.text, text);
    io_tensors_close(&file);
    free(bytes);
}

static void test_refuses_damaged(void **state)
{
    (void)state;
    error err = {0};
    model own = {0};
    assert_int_equal(cnn_net_create("mobilenet_v2", "encoder.", &own.params, &own.net, &err), ERR_OK);
    assert_int_equal(nn_params_finish(&own.params, 1, &err), ERR_OK);
    import_bytes(&own, "\"mean\":\"[0.4,0.4,0.4]\"", "", ERR_MISMATCH, "features.0.0.weight");
    import_bytes(&own, "\"mean\":\"[0.4,0.4]\"", "", ERR_FORMAT, "metadata 'mean'");
    import_bytes(&own, "\"std\":\"[0.4,0,0.4]\"", "", ERR_FORMAT, "metadata 'std'");
    import_bytes(&own, "",
                 ",\"features.0.0.weight\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":"
                 "[1638400,1638408]}",
                 ERR_MISMATCH, "features.0.0.weight");
    cnn_net_free(&own.net);
    nn_params_release(&own.params);
}

/* A file says by its tensors what it is. */
static void test_unknown_file(void **state)
{
    (void)state;
    error err = {0};
    const char header[] = "{\"weight\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[0,8]}}";
    uint8_t bytes[8 + sizeof header - 1 + 8] = {sizeof header - 1};
    memcpy(bytes + 8, header, sizeof header - 1);
    io_tensors *file = io_tensors_open_memory(bytes, sizeof bytes, "a.st", &err);
    assert_non_null(file);
    assert_null(cnn_import_find(file, &err));
    assert_int_equal(err.code, ERR_MISMATCH);
    assert_non_null(strstr(err.text, "'a.st' has weights of no network that is known (mobilenet_v2, "));
    io_tensors_close(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agrees_with_pytorch), cmocka_unit_test(test_agrees_folded),
        cmocka_unit_test(test_refuses_others), cmocka_unit_test(test_refuses_damaged),
        cmocka_unit_test(test_unknown_file)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
