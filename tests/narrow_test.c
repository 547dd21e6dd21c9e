/* Networks in 8 bits (cnn/bytes.h) against the same in f32, of every op that runs in bytes; and the same bits
 * whatever the threads and the photos beside. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cnn/bytes.h"
#include "src/base/rng.h"

enum { PHOTOS = 9 };

static int conv(cnn_net *net, const char *name, int x, int channels, int kernel, int stride, nn_act act,
                int plus)
{
    return cnn_node_conv(
        net, cnn_named("%s", name), x,
        (cnn_conv_shape){.channels = channels, .kernel = kernel, .stride = stride, .act = act, .plus = plus});
}

static int deep(cnn_net *net, const char *name, int x, int kernel, int stride, nn_act act)
{
    return cnn_node_depthwise(net, cnn_named("%s", name), x,
                              (cnn_conv_shape){.kernel = kernel, .stride = stride, .act = act});
}

/* What encoders are made of: 17, 9 and 5 pixels wide. */
static void inverted(cnn_net *net)
{
    int x = conv(net, "stem", 0, 12, 3, 2, NN_RELU6, 0), y;
    y = deep(net, "a.depthwise", conv(net, "a.expand", x, 40, 1, 1, NN_RELU6, 0), 3, 1, NN_RELU6);
    x = conv(net, "a.project", y, 12, 1, 1, NN_LINEAR, x);
    y = deep(net, "b.depthwise", conv(net, "b.expand", x, 70, 1, 1, NN_RELU6, 0), 5, 2, NN_RELU6);
    x = conv(net, "b.project", y, 20, 1, 1, NN_LINEAR, 0);
    conv(net, "head", conv(net, "dense", x, 20, 3, 1, NN_RELU, x), 33, 1, 1, NN_RELU6, 0);
}

/* What detectors are made of. */
static void pyramid(cnn_net *net)
{
    int x = conv(net, "stem", cnn_node_space_to_depth(net, 0), 12, 3, 1, NN_SILU, 0);
    int y = deep(net, "a.depthwise", x, 3, 2, NN_SILU);
    int z = conv(net, "b", conv(net, "a", y, 12, 1, 1, NN_SILU, 0), 12, 1, 1, NN_SILU, 0);
    z = cnn_node_add(net, z, y);
    z = cnn_node_concat(net, (int[]){z, cnn_node_max_pool(net, z, 5, 1), cnn_node_max_pool(net, y, 3, 1)}, 3);
    x = cnn_node_concat(net, (int[]){cnn_node_upsample(net, conv(net, "c", z, 9, 1, 1, NN_SILU, 0)), x}, 2);
    int parts[2] = {conv(net, "d", x, 6, 1, 1, NN_SIGMOID, 0), conv(net, "e", z, 6, 1, 1, NN_LINEAR, 0)};
    cnn_node_stack(net, parts, 2);
}

/* The mean is read in numbers and the sum in bytes: there is no such plan. */
static void mixed(cnn_net *net)
{
    int x = conv(net, "stem", 0, 12, 3, 2, NN_RELU6, 0);
    int y = cnn_node_scale(net, x, cnn_node_mean(net, x));
    conv(net, "head", y, 8, 1, 1, NN_RELU6, 0);
}

typedef struct model {
    cnn_net *net;
    nn_params params;
    cnn_range *range;
} model;

/* All photos, or `count` from the first on. */
static nn_var *run(const model *m, nn_tape *t, const real *pixels, int side, int count)
{
    nn_begin(t);
    nn_var *y = cnn_net_forward(m->net, t, nn_input(t, pixels, 4, (int[]){count, side, side, 3}));
    assert_non_null(y);
    return y;
}

static void draw_params(model *m)
{
    rng r = {.seed = 5};
    for (int i = 1; i < m->net->count; i++) {
        const cnn_node *n = &m->net->node[i];
        for (int c = 0; n->weight && c < n->channels; c++) {
            n->norm.beta->data[c] = (real)(rng_uniform(&r) - 0.3);
            n->norm.gamma->data[c] = (real)(0.2 + 2 * rng_uniform(&r) * rng_uniform(&r));
        }
    }
}

static cnn_backbone_row row = {.name = "toy", .epsilon = 1e-5};

static void make(model *m, void (*build)(cnn_net *net))
{
    error err = {0};
    row.same = build == inverted;
    row.build = build;
    *m = (model){0};
    assert_int_equal(cnn_net_create_from(&row, "", &m->params, &m->net, &err), ERR_OK);
    assert_int_equal(nn_params_finish(&m->params, 3, &err), ERR_OK);
    draw_params(m);
    assert_int_equal(cnn_net_fold(m->net, &err), ERR_OK);
    m->range = calloc((size_t)cnn_net_ranges(m->net), sizeof *m->range);
    assert_non_null(m->range);
}

static void drop(model *m)
{
    cnn_net_free(&m->net);
    nn_params_release(&m->params);
    free(m->range);
}

/* As a model's file does it. */
static void narrow(model *m)
{
    error err = {0};
    assert_int_equal(cnn_net_scale(m->net, m->range, &err), ERR_OK);
    assert_false(cnn_net_is_narrow(m->net));
    for (int i = 0; i < m->params.count; i++) {
        nn_param *n = m->params.list[i];
        int channels = 0;
        const float *factors = cnn_net_row_factors(m->net, &n->var, &channels);
        for (size_t k = 0; factors && k < nn_count(&n->var); k++)
            n->var.data[k] *= (real)factors[k / (size_t)nn_last(&n->var) % (size_t)channels];
    }
    assert_int_equal(nn_params_pack(&m->params, "", PACKED_F32, PACKED_I8, &err), ERR_OK);
    if (cnn_net_narrow(m->net, &err)) fail_msg("%s", err.text);
}

/* Relative to the root of the mean square. */
static double distance(const real *y, const real *want, size_t n)
{
    double squares = 0, differences = 0;
    for (size_t i = 0; i < n; i++) {
        squares += (double)want[i] * (double)want[i];
        differences += pow((double)y[i] - (double)want[i], 2);
    }
    return sqrt(differences / squares);
}

static real *draw_pixels(int side)
{
    rng r = {.seed = 7};
    size_t n = (size_t)(PHOTOS * side * side * 3);
    real *pixels = malloc(n * sizeof *pixels);
    assert_non_null(pixels);
    for (size_t i = 0; i < n; i++) pixels[i] = (real)(rng_uniform(&r) * 2 - 1);
    return pixels;
}

static void check(void (*build)(cnn_net *net), int side)
{
    model m;
    arena mem = {0};
    nn_tape t = {.mem = &mem};
    make(&m, build);
    real *pixels = draw_pixels(side);
    nn_begin(&t);
    assert_true(cnn_net_watch(m.net, &t, nn_input(&t, pixels, 4, (int[]){PHOTOS, side, side, 3}), m.range));
    for (int c = 0; c < 3; c++) m.range[c] = (cnn_range){-1, 1};
    const nn_var *y = run(&m, &t, pixels, side, PHOTOS);
    size_t n = nn_count(y), one = n / PHOTOS;
    real *want = malloc(n * sizeof *want), *got = malloc(n * sizeof *got);
    assert_non_null(want);
    assert_non_null(got);
    memcpy(want, y->data, n * sizeof *want);
    narrow(&m);
    assert_true(cnn_net_is_narrow(m.net));
    memcpy(got, run(&m, &t, pixels, side, PHOTOS)->data, n * sizeof *got);
    double far = distance(got, want, n);
    if (!(far > 1e-4 && far < 0.05))
        fail_msg("%g away from the net in f32", far); /* the same were no bytes */
    assert_memory_equal(run(&m, &t, pixels, side, 1)->data, got, one * sizeof *got);
    t.threads = pool_create(3);
    assert_memory_equal(run(&m, &t, pixels, side, PHOTOS)->data, got, n * sizeof *got);
    assert_memory_equal(run(&m, &t, pixels, side, 1)->data, got, one * sizeof *got);
    pool_free(&t.threads);
    free(pixels);
    free(want);
    free(got);
    arena_release(&mem);
    drop(&m);
}

static void test_inverted(void **state)
{
    (void)state;
    check(inverted, 33);
    check(inverted, 64);
}

static void test_pyramid(void **state)
{
    (void)state;
    check(pyramid, 32);
    check(pyramid, 44);
}

static void test_no_plan(void **state)
{
    (void)state;
    error err = {0};
    model m;
    make(&m, mixed);
    int channels;
    assert_int_equal(cnn_net_scale(m.net, m.range, &err), ERR_OK);
    assert_null(cnn_net_row_factors(m.net, m.net->node[1].weight, &channels));
    assert_int_equal(cnn_net_narrow(m.net, &err), ERR_OK);
    assert_false(cnn_net_is_narrow(m.net));
    drop(&m);
}

/* Weights that are not packed in 8 bits, or no numbers. */
static void test_wrong_weights(void **state)
{
    (void)state;
    for (int odd = 0; odd < 3; odd++) {
        error err = {0};
        model m;
        make(&m, inverted);
        if (odd) m.net->node[1 + odd].weight->data[3] = NAN; /* of a dense convolution, of a depthwise one */
        assert_int_equal(cnn_net_scale(m.net, m.range, &err), ERR_OK);
        assert_int_equal(nn_params_pack(&m.params, "", PACKED_F32, odd ? PACKED_I8 : PACKED_F32, &err),
                         ERR_OK);
        assert_int_equal(cnn_net_narrow(m.net, &err), ERR_FORMAT);
        assert_string_equal(err.text, "the network 'toy' cannot run in 8 bits");
        assert_false(cnn_net_is_narrow(m.net));
        drop(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inverted),
        cmocka_unit_test(test_pyramid),
        cmocka_unit_test(test_no_plan),
        cmocka_unit_test(test_wrong_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
