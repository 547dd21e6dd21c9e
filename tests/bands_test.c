/* Inverted residuals band by band against the same convolutions one after the other: the same bits, or nearly
 * so where the inner maps are bf16; the same bits in any case however many photos and threads there are. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cnn/nodes.h"
#include "src/base/rng.h"
#include "src/math/packed.h"

typedef struct shape {
    int images, h, w, in, expand, out, stride, kernel;
    bool same;
} shape;

static const shape shapes[] = {
    {1, 112, 112, 16, 6, 24, 2, 3, false}, {2, 30, 31, 24, 6, 24, 1, 3, false},
    {1, 28, 28, 32, 6, 64, 2, 3, false},   {3, 14, 14, 64, 6, 64, 1, 3, false},
    {1, 7, 7, 160, 6, 320, 1, 3, false},   {1, 40, 40, 32, 1, 16, 1, 3, false},
    {2, 9, 70, 24, 1, 40, 2, 3, false},    {5, 2, 3, 8, 6, 8, 1, 3, false},
    {1, 1, 1, 8, 6, 16, 2, 3, false},      {1, 61, 5, 40, 3, 40, 1, 3, false},
    {2, 30, 31, 24, 6, 24, 1, 5, false},   {1, 28, 29, 32, 6, 64, 2, 5, true},
    {1, 28, 28, 32, 6, 64, 2, 3, true},    {1, 29, 29, 32, 6, 64, 2, 3, true},
    {2, 9, 9, 24, 6, 24, 1, 3, true},      {1, 3, 4, 8, 6, 8, 1, 5, true},
};

/* Node 1 makes the map that goes into the block. */
enum { FIRST = 2 };

static const shape *building;

static void build(cnn_net *net)
{
    const shape *s = building;
    int x = cnn_node_conv(net, cnn_named("in"), 0,
                          (cnn_conv_shape){.channels = s->in, .kernel = 3, .stride = 1}),
        y = x;
    if (s->expand > 1)
        y = cnn_node_conv(
            net, cnn_named("expand"), y,
            (cnn_conv_shape){.channels = s->in * s->expand, .kernel = 1, .stride = 1, .act = NN_RELU6});
    y = cnn_node_depthwise(net, cnn_named("depthwise"), y,
                           (cnn_conv_shape){.kernel = s->kernel, .stride = s->stride, .act = NN_RELU6});
    cnn_node_conv(
        net, cnn_named("project"), y,
        (cnn_conv_shape){
            .channels = s->out, .kernel = 1, .stride = 1, .plus = s->stride == 1 && s->in == s->out ? x : 0});
}

typedef struct model {
    nn_params params;
    cnn_net *net;
    int count; /* nodes of the block */
    bool bare[CNN_MAX_NODES];
} model;

static cnn_backbone_row row = {.name = "toy", .epsilon = 1e-5, .build = build};

/* Random weights and biases; norms are the identity. */
static void make(model *m, const shape *s, packed_type type)
{
    error err = {0};
    rng r = {.seed = 3};
    building = s;
    row.same = s->same;
    *m = (model){.count = s->expand > 1 ? 3 : 2};
    assert_int_equal(cnn_net_create_from(&row, "", &m->params, &m->net, &err), ERR_OK);
    assert_int_equal(nn_params_finish(&m->params, 3, &err), ERR_OK);
    for (int i = 1; i < m->net->count; i++) {
        nn_var *beta = m->net->node[i].norm.beta;
        for (size_t k = 0; k < nn_count(beta); k++) beta->data[k] = (real)(rng_uniform(&r) * 2 - 1);
        m->bare[i] = true;
    }
    assert_int_equal(nn_params_pack(&m->params, "", PACKED_F32, type, &err), ERR_OK);
}

static void drop(model *m)
{
    cnn_net_free(&m->net);
    nn_params_release(&m->params);
}

static nn_var *draw(nn_tape *t, rng *r, int rank, const int *dim, double range)
{
    nn_var *v = nn_result(t, rank, dim, false);
    assert_non_null(v);
    for (size_t i = 0; i < nn_count(v); i++) v->data[i] = (real)((rng_uniform(r) * 2 - 1) * range);
    return v;
}

/* Relative to the largest number and to the root of the mean square. */
static void assert_near(const nn_var *y, const nn_var *expected)
{
    double most = 0, farthest = 0, squares = 0, differences = 0;
    for (size_t i = 0; i < nn_count(y); i++) {
        double want = (double)expected->data[i], difference = fabs((double)y->data[i] - want);
        assert_true(isfinite(difference));
        most = fmax(most, fabs(want));
        farthest = fmax(farthest, difference);
        squares += want * want;
        differences += difference * difference;
    }
    assert_true(farthest <= 0.02 * most);
    assert_true(differences <= 0.005 * 0.005 * squares);
}

static void assert_same(const nn_var *y, const nn_var *expected, size_t from)
{
    assert_memory_equal(y->data, expected->data + from, nn_count(y) * sizeof *y->data);
}

static void check(const shape *s, packed_type type)
{
    arena mem = {0};
    rng r = {.seed = 3};
    nn_tape t = {.mem = &mem, .precision = type == PACKED_F32 ? GEMM_F32 : GEMM_BF16};
    nn_begin(&t);
    nn_var *x = draw(&t, &r, 4, (int[]){s->images, s->h, s->w, s->in}, 2);
    model m;
    make(&m, s, type);
    assert_int_equal(cnn_bands_take(m.net, &t, FIRST, m.bare), m.count);
    const nn_var *expected = cnn_forward_by_nodes(m.net, &t, x, FIRST, m.bare),
                 *y = cnn_forward_by_bands(m.net, &t, x, FIRST, m.count);
    assert_non_null(y);
    assert_memory_equal(y->dim, expected->dim, sizeof y->dim);
    if (type == PACKED_BF16 && gemm_rounds(GEMM_BF16))
        assert_near(y, expected);
    else
        assert_same(y, expected, 0);
    for (int threads = 2; threads <= 3; threads++) {
        t.threads = pool_create(threads);
        const nn_var *shared = cnn_forward_by_bands(m.net, &t, x, FIRST, m.count);
        assert_non_null(shared);
        assert_same(shared, y, 0);
        pool_free(&t.threads);
    }
    nn_var last = *x;
    last.dim[0] = 1;
    last.data += nn_count(x) - nn_count(&last);
    const nn_var *alone = cnn_forward_by_bands(m.net, &t, &last, FIRST, m.count);
    assert_non_null(alone);
    assert_same(alone, y, nn_count(y) - nn_count(alone));
    drop(&m);
    arena_release(&mem);
}

static void in_f32(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) check(&shapes[i], PACKED_F32);
}

static void in_bf16(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) check(&shapes[i], PACKED_BF16);
}

/* Bands decline what they cannot do: a record, a norm that does something, weights that are not packed,
 * another activation, a result inside that others read, and what does not lie between two convolutions. */
static void other_nodes_do_not_suit(void **state)
{
    (void)state;
    arena mem = {0};
    nn_tape t = {.mem = &mem};
    nn_begin(&t);
    model m;
    make(&m, &shapes[1], PACKED_F32);
    cnn_node *expand = &m.net->node[FIRST], *deep = expand + 1, *project = deep + 1;
    assert_int_equal(cnn_bands_take(m.net, &t, FIRST, m.bare), 3);
    t.recording = true;
    assert_int_equal(cnn_bands_take(m.net, &t, FIRST, m.bare), 0);
    t.recording = false;
    for (int i = FIRST; i <= FIRST + 2; i++) {
        m.bare[i] = false;
        assert_int_equal(cnn_bands_take(m.net, &t, FIRST, m.bare), 0);
        m.bare[i] = true;
    }
    expand->act = NN_SILU;
    assert_int_equal(cnn_bands_take(m.net, &t, FIRST, m.bare), 0);
    expand->act = NN_RELU;
    deep->act = NN_HARD_SWISH;
    assert_int_equal(cnn_bands_take(m.net, &t, FIRST, m.bare), 0);
    deep->act = NN_LINEAR;
    project->act = NN_RELU;
    assert_int_equal(cnn_bands_take(m.net, &t, FIRST, m.bare), 0);
    project->act = NN_LINEAR;
    deep->readers++;
    assert_int_equal(cnn_bands_take(m.net, &t, FIRST, m.bare), 0);
    deep->readers--;
    deep->op = CNN_SCALE;
    assert_int_equal(cnn_bands_take(m.net, &t, FIRST, m.bare), 0);
    deep->op = CNN_DEPTHWISE;
    assert_int_equal(cnn_bands_take(m.net, &t, FIRST, m.bare), 3);
    packed_free(&project->weight->packed);
    assert_int_equal(cnn_bands_take(m.net, &t, FIRST, m.bare), 0);
    drop(&m);
    arena_release(&mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_f32),
        cmocka_unit_test(in_bf16),
        cmocka_unit_test(other_nodes_do_not_suit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
