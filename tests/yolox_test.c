/* YOLOX-nano with COCO's weights against PyTorch's raw outputs: with norms, folded, and packed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "tests/golden_maps.h"

static const char *const weights = TEST_SHARED_DIR "/data/weights/yolox_nano.safetensors";
static const char *const golden = TEST_SHARED_DIR "/data/weights/yolox_nano_golden.safetensors";

enum { SIDE = 416, PIXELS = SIDE * SIDE, REGIONS = 3549, NUMBERS = 85 };

static const char *const photos[] = {"astronaut", "chelsea", "coffee"};

/* The file has blue first, the network reads red first. */
static void read_photo(const golden_net *g, const char *photo, real *pixels)
{
    char name[64];
    snprintf(name, sizeof name, "%s.input", photo);
    const io_tensor *t = io_tensors_find(g->golden, name);
    assert_true(t && t->bytes == (size_t)PIXELS * 3);
    uint8_t *rgb = malloc(PIXELS * 3);
    assert_non_null(rgb);
    for (size_t i = 0; i < PIXELS; i++)
        for (size_t c = 0; c < 3; c++) rgb[3 * i + c] = ((const uint8_t *)t->data)[3 * i + 2 - c];
    cnn_normalise(&g->pre, rgb, PIXELS, pixels);
    free(rgb);
}

/* Logarithms and places lie between -10 and 40, probabilities between 0 and 1: the tolerances are some ten
 * times what sums in another order make of them. */
static void check(golden_net *g, const char *how)
{
    arena mem = {0};
    nn_tape t = {.mem = &mem};
    real *pixels = malloc(sizeof(real) * PIXELS * 3);
    assert_non_null(pixels);
    for (int k = 0; k < 3; k++) {
        char name[64];
        snprintf(name, sizeof name, "%s.output", photos[k]);
        float *want = golden_read(g->golden, name, 2, (int64_t[]){REGIONS, NUMBERS});
        read_photo(g, photos[k], pixels);
        nn_begin(&t);
        nn_var *y = cnn_net_forward(g->net, &t, nn_input(&t, pixels, 4, (int[]){1, SIDE, SIDE, 3}));
        assert_non_null(y);
        assert_memory_equal(y->dim, ((int[]){1, REGIONS, 1, NUMBERS}), sizeof y->dim);
        double worst[2] = {0, 0};
        for (int i = 0; i < REGIONS * NUMBERS; i++) {
            double *w = &worst[i % NUMBERS >= 4];
            double off = fabs((double)y->data[i] - (double)want[i]);
            if (!(off <= *w)) *w = off;
        }
        if (!(worst[0] < 1e-3 && worst[1] < 1e-4))
            fail_msg("%s, %s: boxes are off by %.3g, probabilities by %.3g", photos[k], how, worst[0],
                     worst[1]);
        free(want);
    }
    free(pixels);
    arena_release(&mem);
}

static void test_agrees_with_pytorch(void **state)
{
    (void)state;
    error err = {0};
    golden_net g;
    golden_open(&g, weights, golden);
    assert_int_equal(cnn_net_row(g.net)->classes, 80);
    check(&g, "with norms");
    assert_int_equal(cnn_net_fold(g.net, &err), ERR_OK);
    check(&g, "folded");
    assert_int_equal(nn_params_pack(&g.params, "", PACKED_F32, PACKED_F32, &err), ERR_OK);
    check(&g, "packed");
    golden_close(&g);
}

/* A detector is no encoder; sides must be multiples of its coarsest stride. */
static void test_what_it_is(void **state)
{
    (void)state;
    error err = {0};
    nn_params params = {0};
    cnn_net *net;
    int h, w, d;
    assert_null(cnn_backbone_find("yolox_nano"));
    assert_int_equal(cnn_net_create("yolox_nano", "", &params, &net, &err), ERR_OK);
    cnn_net_map_size(net, SIDE, &h, &w, &d);
    assert_true(h == REGIONS && w == 1 && d == NUMBERS);
    cnn_net_map_size(net, SIDE + 16, &h, &w, &d);
    assert_true(h == 0 && w == 0);
    cnn_net_free(&net);
    nn_params_release(&params);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_agrees_with_pytorch),
                                       cmocka_unit_test(test_what_it_is)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
