/* EfficientNet-Lite2 with ImageNet's weights against PyTorch's values: with norms, folded, and packed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "cnn/nodes.h"
#include "tests/golden_maps.h"

static const char *const weights = TEST_SHARED_DIR "/data/weights/efficientnet_lite2.safetensors";
static const char *const golden = TEST_SHARED_DIR "/data/weights/efficientnet_lite2_golden.safetensors";

enum { SIDE = 260, PHOTOS = 2, CLASSES = 1000 };

/* [N,C,S,S] as NHWC. */
static real *channels_last(const float *from, int channels, int side)
{
    size_t pixels = (size_t)side * side;
    real *to = malloc(PHOTOS * pixels * channels * sizeof *to);
    assert_non_null(to);
    for (size_t n = 0; n < PHOTOS; n++)
        for (size_t c = 0; c < (size_t)channels; c++)
            for (size_t p = 0; p < pixels; p++)
                to[(n * pixels + p) * channels + c] = from[(n * channels + c) * pixels + p];
    return to;
}

static void check_map(const golden_net *g, const char *name, const nn_var *y, double tolerance)
{
    int channels = y->dim[3], side = y->dim[1];
    float *want = golden_read(g->golden, name, 4, (int64_t[]){PHOTOS, channels, side, side});
    real *here = channels_last(want, channels, side);
    double worst = 0;
    for (size_t i = 0; i < nn_count(y); i++) worst = fmax(worst, fabs((double)y->data[i] - (double)here[i]));
    if (!(worst < tolerance)) fail_msg("%s is off by %.3g", name, worst);
    free(want);
    free(here);
}

/* Mean over the map, then the file's linear classifier. */
static void check_logits(const golden_net *g, const nn_var *y)
{
    int d = y->dim[3], regions = y->dim[1] * y->dim[2];
    float *w = golden_read(g->weights, "_fc.weight", 2, (int64_t[]){CLASSES, d}),
          *b = golden_read(g->weights, "_fc.bias", 1, (int64_t[]){CLASSES}),
          *want = golden_read(g->golden, "logits", 2, (int64_t[]){PHOTOS, CLASSES});
    for (int n = 0; n < PHOTOS; n++)
        for (int k = 0; k < CLASSES; k++) {
            double logit = (double)b[k];
            for (int c = 0; c < d; c++) {
                double mean = 0;
                for (int r = 0; k % 50 == 0 && r < regions; r++)
                    mean += (double)y->data[(n * regions + r) * d + c];
                logit += (double)w[k * d + c] * mean / regions;
            }
            if (k % 50 == 0 && !(fabs(logit - (double)want[n * CLASSES + k]) < 1e-4))
                fail_msg("logit %d is %.6f, not %.6f", k, logit, (double)want[n * CLASSES + k]);
        }
    free(w);
    free(b);
    free(want);
}

static nn_var *features(golden_net *g, nn_tape *t, const real *pixels)
{
    nn_begin(t);
    nn_var *y = cnn_net_forward(g->net, t, nn_input(t, pixels, 4, (int[]){PHOTOS, SIDE, SIDE, 3}));
    assert_non_null(y);
    assert_memory_equal(y->dim, ((int[]){PHOTOS, 9, 9, 1280}), sizeof y->dim);
    return y;
}

/* The results of blocks 6 and 14, counted from 0, on the way. */
static void check_blocks(golden_net *g, nn_tape *t, real *pixels)
{
    nn_var *result[CNN_MAX_NODES], *in[CNN_MAX_INPUTS];
    nn_begin(t);
    result[0] = nn_input(t, pixels, 4, (int[]){PHOTOS, SIDE, SIDE, 3});
    for (int i = 1; i < g->net->count; i++) {
        const cnn_node *n = &g->net->node[i];
        cnn_inputs_of(n, result, in);
        result[i] = cnn_node_forward(t, n, in, false);
        assert_non_null(result[i]);
        if (!strcmp(n->name, "block7.project")) check_map(g, "block_out_6", result[i], 1e-3);
        if (!strcmp(n->name, "block15.project")) check_map(g, "block_out_14", result[i], 1e-3);
    }
}

static void test_agrees_with_pytorch(void **state)
{
    (void)state;
    error err = {0};
    golden_net g;
    golden_open(&g, weights, golden);
    assert_int_equal(g.pre.size, SIDE);
    float *input = golden_read(g.golden, "input", 4, (int64_t[]){PHOTOS, 3, SIDE, SIDE});
    real *pixels = channels_last(input, 3, SIDE);
    arena mem = {0};
    nn_tape t = {.mem = &mem};
    check_blocks(&g, &t, pixels);
    check_map(&g, "features", features(&g, &t, pixels), 2e-4);
    check_logits(&g, features(&g, &t, pixels));
    assert_int_equal(cnn_net_fold(g.net, &err), ERR_OK);
    check_map(&g, "features", features(&g, &t, pixels), 2e-4);
    assert_int_equal(nn_params_pack(&g.params, "", PACKED_F32, PACKED_F32, &err), ERR_OK);
    check_map(&g, "features", features(&g, &t, pixels), 2e-4);
    free(input);
    free(pixels);
    arena_release(&mem);
    golden_close(&g);
}

/* (x - 127) / 128. */
static void test_normalises(void **state)
{
    (void)state;
    golden_net g;
    golden_open(&g, weights, golden);
    real out[3];
    cnn_normalise(&g.pre, (const uint8_t[]){0, 127, 255}, 1, out);
    assert_true(fabs((double)out[0] + 127.0 / 128) < 1e-5 && fabs((double)out[1]) < 1e-5 &&
                fabs((double)out[2] - 1) < 1e-5);
    golden_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_agrees_with_pytorch),
                                       cmocka_unit_test(test_normalises)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
