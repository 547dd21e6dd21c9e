/* Networks as lists of nodes: a toy network with every op goes through every executor, and what cannot be run
 * is refused when the network is built. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cnn/nodes.h"
#include "src/base/rng.h"
#include "src/nn/loss.h"

enum { SIDE = 24, PHOTOS = 6, REGIONS = 12 * 12 + 6 * 6, CHANNELS = 12 };

static int conv(cnn_net *net, const char *name, int x, int channels, int kernel, int stride, nn_act act)
{
    return cnn_node_conv(
        net, cnn_named("%s", name), x,
        (cnn_conv_shape){.channels = channels, .kernel = kernel, .stride = stride, .act = act});
}

static int deep(cnn_net *net, const char *name, int x, int kernel, int stride, nn_act act)
{
    return cnn_node_depthwise(net, cnn_named("%s", name), x,
                              (cnn_conv_shape){.kernel = kernel, .stride = stride, .act = act});
}

/* Two inverted residuals, one with squeeze and excitation between its parts; a cross stage block; a pyramid
 * of two maps. */
static void build_toy(cnn_net *net)
{
    int x = conv(net, "stem", cnn_node_space_to_depth(net, 0), 8, 3, 1, NN_SILU);
    int y = deep(net, "a.depthwise", conv(net, "a.expand", x, 16, 1, 1, NN_RELU6), 5, 1, NN_RELU6);
    x = cnn_node_conv(net, cnn_named("a.project"), y,
                      (cnn_conv_shape){.channels = 8, .kernel = 1, .stride = 1, .plus = x});
    y = deep(net, "b.depthwise", conv(net, "b.expand", x, 16, 1, 1, NN_HARD_SWISH), 3, 2, NN_HARD_SWISH);
    int squeeze = cnn_node_conv(
        net, cnn_named("b.squeeze"), cnn_node_mean(net, y),
        (cnn_conv_shape){.channels = 16, .kernel = 1, .stride = 1, .act = NN_SIGMOID, .biased = true});
    int small = conv(net, "b.project", cnn_node_scale(net, y, squeeze), 12, 1, 1, NN_LINEAR);
    int pooled = cnn_node_max_pool(net, small, 5, 1);
    int both = cnn_node_concat(net, (int[]){small, pooled}, 2);
    small =
        cnn_node_activate(net, cnn_node_add(net, conv(net, "c", both, 12, 1, 1, NN_SILU), small), NN_RELU);
    int wide = cnn_node_concat(net, (int[]){cnn_node_upsample(net, small), x}, 2);
    wide = conv(net, "d", wide, CHANNELS, 3, 1, NN_RELU);
    cnn_node_stack(net, (int[]){wide, small}, 2);
}

static const cnn_backbone_row toy = {.name = "toy",
                                     .about = "every op",
                                     .size = SIDE,
                                     .stride = 2,
                                     .channels = CHANNELS,
                                     .epsilon = 1e-4,
                                     .same = true,
                                     .build = build_toy};

typedef struct model {
    nn_params params;
    cnn_net *net;
    arena mem;
    nn_tape tape;
    real *pixels;
} model;

static void make(model *m)
{
    error err = {0};
    rng r = {.seed = 3};
    *m = (model){.tape.mem = &m->mem};
    if (cnn_net_create_from(&toy, "toy.", &m->params, &m->net, &err) || nn_params_finish(&m->params, 7, &err))
        fail_msg("%s", err.text);
    for (int i = 0; i < m->params.count; i++) {
        nn_param *p = m->params.list[i];
        bool shift = strstr(p->name, ".mean") || strstr(p->name, ".beta") || strstr(p->name, ".bias");
        for (int k = 0; p->var.rank == 1 && k < p->var.dim[0]; k++)
            p->var.data[k] = (real)(shift ? 0.3 * rng_normal(&r) : 0.5 + rng_uniform(&r));
    }
    m->pixels = malloc(sizeof(real) * PHOTOS * SIDE * SIDE * 3);
    assert_non_null(m->pixels);
    for (int i = 0; i < PHOTOS * SIDE * SIDE * 3; i++) m->pixels[i] = (real)rng_normal(&r);
}

static void drop(model *m)
{
    pool_free(&m->tape.threads);
    cnn_net_free(&m->net);
    nn_params_release(&m->params);
    arena_release(&m->mem);
    free(m->pixels);
}

static nn_var *run(model *m, int photos)
{
    nn_begin(&m->tape);
    nn_var *y =
        cnn_net_forward(m->net, &m->tape, nn_input(&m->tape, m->pixels, 4, (int[]){photos, SIDE, SIDE, 3}));
    assert_non_null(y);
    assert_memory_equal(y->dim, ((int[]){photos, REGIONS, 1, CHANNELS}), sizeof y->dim);
    return y;
}

/* With the norms beside the convolutions. */
static nn_var *run_one_by_one(model *m)
{
    static const bool bare[CNN_MAX_NODES] = {false};
    nn_begin(&m->tape);
    nn_var *x = nn_input(&m->tape, m->pixels, 4, (int[]){PHOTOS, SIDE, SIDE, 3}),
           *y = cnn_forward_by_nodes(m->net, &m->tape, x, 1, bare);
    assert_non_null(y);
    return y;
}

static real *copy(const nn_var *v)
{
    real *c = malloc(nn_count(v) * sizeof *c);
    assert_non_null(c);
    return memcpy(c, v->data, nn_count(v) * sizeof *c);
}

static void close_to(const char *what, const real *got, const real *want, size_t n)
{
    double most = 0;
    for (size_t i = 0; i < n; i++) most = fmax(most, fabs((double)want[i]));
    assert_true(most > 0 && isfinite(most));
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)got[i] - (double)want[i]) <= 2e-5 * most))
            fail_msg("%s: element %zu is %.8g, not %.8g", what, i, (double)got[i], (double)want[i]);
}

/* One by one with the norms beside the convolutions; then in slices, one and many photos at a time, one and
 * three threads, folded, and packed, so that bands take a block. */
static void test_inference(void **state)
{
    (void)state;
    error err = {0};
    model m;
    make(&m);
    m.tape.recording = true;
    const nn_var *y = run_one_by_one(&m);
    size_t n = nn_count(y), one = n / PHOTOS;
    real *want = copy(y);
    close_to("in groups", run(&m, PHOTOS)->data, want, n);
    m.tape.recording = false;
    for (int threads = 1; threads <= 3; threads += 2) {
        if (threads > 1) m.tape.threads = pool_create(threads);
        close_to("in slices", run(&m, PHOTOS)->data, want, n);
        close_to("a photo", run(&m, 1)->data, want, one);
    }
    assert_int_equal(cnn_net_fold(m.net, &err), ERR_OK);
    close_to("folded", run(&m, PHOTOS)->data, want, n);
    assert_int_equal(nn_params_pack(&m.params, "", PACKED_F32, PACKED_F32, &err), ERR_OK);
    close_to("packed", run(&m, PHOTOS)->data, want, n);
    close_to("a packed photo", run(&m, 1)->data, want, one);
    bool bare[CNN_MAX_NODES];
    int taken = 0;
    for (int i = 0; i < CNN_MAX_NODES; i++) bare[i] = true;
    for (int i = 1; i < m.net->count; i++) {
        int count = cnn_bands_take(m.net, &m.tape, i, bare);
        taken += count == 3;
        if (count && strcmp(m.net->node[i].name, "a.expand") && strcmp(m.net->node[i].name, "a.depthwise"))
            fail_msg("bands take %s", m.net->node[i].name);
    }
    assert_int_equal(taken, 1);
    free(want);
    drop(&m);
}

static real loss_of(model *m)
{
    nn_var *y = run(m, PHOTOS);
    real *target = nn_alloc(&m->tape, nn_count(y) * sizeof *target);
    assert_non_null(target);
    nn_var *loss = nn_mean_squared(&m->tape, y, target);
    nn_params_zero_grad(&m->params, NULL);
    nn_backward(&m->tape, loss);
    assert_false(m->tape.failed);
    return loss->data[0];
}

static void walk_downhill(model *m, double rate)
{
    for (size_t i = 0; i < m->params.size; i++) m->params.data[i] -= (real)rate * m->params.grad[i];
}

/* With the norms of a batch nodes are recorded one by one; with constant ones in groups. Steps along the
 * gradient make the loss smaller; and where the statistics happen to be those that are constant, both have
 * the same gradients. */
static void test_training(void **state)
{
    (void)state;
    for (int frozen = 0; frozen < 2; frozen++) {
        model m;
        make(&m);
        m.tape.recording = m.tape.training = true;
        cnn_net_freeze_norm(m.net, frozen);
        real first = loss_of(&m), last = first;
        for (int i = 0; i < 10; i++) {
            walk_downhill(&m, 0.1);
            last = loss_of(&m);
        }
        if (!(last < first * (real)0.9)) fail_msg("the loss went from %g to %g", (double)first, (double)last);
        drop(&m);
    }
}

/* Gradients of the nodes recorded one by one, running statistics in use, against those in groups. */
static void test_gradients_of_groups(void **state)
{
    (void)state;
    model m;
    make(&m);
    m.tape.recording = true;
    loss_of(&m);
    real *groups = malloc(m.params.size * sizeof *groups);
    assert_non_null(groups);
    memcpy(groups, m.params.grad, m.params.size * sizeof *groups);
    nn_var *y = run_one_by_one(&m);
    real *target = nn_alloc(&m.tape, nn_count(y) * sizeof *target);
    nn_params_zero_grad(&m.params, NULL);
    nn_backward(&m.tape, nn_mean_squared(&m.tape, y, target));
    close_to("gradients", groups, m.params.grad, m.params.size);
    free(groups);
    drop(&m);
}

/* ---- what is refused ---- */

static void unknown_activation(cnn_net *net)
{
    conv(net, "stem", 0, 8, 3, 1, NN_ACTS);
}

static void too_large_a_kernel(cnn_net *net)
{
    cnn_node_max_pool(net, 0, CNN_MAX_KERNEL + 2, 1);
}

static void no_stride(cnn_net *net)
{
    conv(net, "stem", 0, 8, 3, 0, NN_RELU);
}

static void sum_of_different_widths(cnn_net *net)
{
    cnn_node_add(net, conv(net, "a", 0, 8, 3, 1, NN_RELU), conv(net, "b", 0, 9, 3, 1, NN_RELU));
}

static void shortcut_of_another_width(cnn_net *net)
{
    int x = conv(net, "a", 0, 8, 3, 1, NN_RELU);
    cnn_node_conv(net, cnn_named("b"), x,
                  (cnn_conv_shape){.channels = 9, .kernel = 1, .stride = 1, .plus = x});
}

static void node_from_nowhere(cnn_net *net)
{
    conv(net, "stem", 7, 8, 3, 1, NN_RELU);
}

static void nothing_to_do(cnn_net *net)
{
    cnn_node_activate(net, 0, NN_LINEAR);
}

static void too_many_parts(cnn_net *net)
{
    cnn_node_concat(net, (int[]){0, 0, 0, 0, 0}, 5);
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        void (*build)(cnn_net *net);
        const char *says;
    } rows[] = {
        {unknown_activation, "node 1 (convolution stem) has an unknown activation"},
        {too_large_a_kernel, "node 1 (max pool) has a kernel of a size out of range"},
        {no_stride, "node 1 (convolution stem) has a stride out of range"},
        {sum_of_different_widths, "node 3 (sum) joins maps of different widths"},
        {shortcut_of_another_width, "node 2 (convolution b) joins maps of different widths"},
        {node_from_nowhere, "node 1 (convolution stem) reads a node that is not there"},
        {nothing_to_do, "node 1 (activation) does nothing"},
        {too_many_parts, "node 1 (concatenation) has too many inputs"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        error err = {0};
        nn_params params = {0};
        cnn_net *net;
        const cnn_backbone_row bad = {.name = "bad", .epsilon = 1e-5, .build = rows[i].build};
        assert_int_equal(cnn_net_create_from(&bad, "", &params, &net, &err), ERR_UNSUPPORTED);
        assert_null(net);
        if (!strstr(err.text, rows[i].says)) fail_msg("'%s' does not say '%s'", err.text, rows[i].says);
        nn_params_release(&params);
    }
}

/* A size at which maps do not fit together is a failure, not a wrong result. */
static void test_sizes(void **state)
{
    (void)state;
    model m;
    int gh, gw, d;
    make(&m);
    cnn_net_map_size(m.net, SIDE, &gh, &gw, &d);
    assert_true(gh == REGIONS && gw == 1 && d == CHANNELS);
    for (int side = SIDE - 1; side >= SIDE - 2; side--) { /* odd; even, but half of it is odd */
        cnn_net_map_size(m.net, side, &gh, &gw, &d);
        assert_true(gh == 0 && gw == 0);
        nn_begin(&m.tape);
        assert_null(
            cnn_net_forward(m.net, &m.tape, nn_input(&m.tape, m.pixels, 4, (int[]){1, side, side, 3})));
        assert_true(m.tape.failed);
    }
    drop(&m);
}

/* Allocation number 1, 2, 3, ... of the tape fails until none does: no result, no crash, nothing left behind.
 */
static void test_out_of_memory(void **state)
{
    (void)state;
    for (int way = 0; way < 4; way++) { /* not recorded; recorded one by one, in groups; with gradients */
        model m;
        make(&m);
        m.tape.recording = way > 0;
        m.tape.training = way == 1;
        long fail = 1;
        for (bool failed = true; failed; fail++) {
            nn_begin(&m.tape);
            m.mem.fail_in = fail;
            nn_var *y =
                cnn_net_forward(m.net, &m.tape, nn_input(&m.tape, m.pixels, 4, (int[]){2, SIDE, SIDE, 3}));
            if (way == 3 && y) {
                real *grad = nn_alloc(&m.tape, nn_count(y) * sizeof *grad);
                if (grad) y->grad = grad;
                if (grad) nn_backward_from_grads(&m.tape);
            }
            failed = m.tape.failed;
            if (way < 3) assert_true(failed == !y);
            m.mem.fail_in = 0;
        }
        assert_true(fail > 4);
        drop(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inference),
        cmocka_unit_test(test_training),
        cmocka_unit_test(test_gradients_of_groups),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
