/* Inverted residuals band by band against the same convolutions one after the other: the same bits, or nearly
 * so where the inner maps are bf16; the same bits in any case however many photos and threads there are. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cnn/blocks.h"
#include "src/base/rng.h"
#include "src/math/packed.h"

typedef struct shape {
    int images, h, w, in, expand, out, stride;
} shape;

static const shape shapes[] = {
    {1, 112, 112, 16, 6, 24, 2}, {2, 30, 31, 24, 6, 24, 1}, {1, 28, 28, 32, 6, 64, 2},
    {3, 14, 14, 64, 6, 64, 1},   {1, 7, 7, 160, 6, 320, 1}, {1, 40, 40, 32, 1, 16, 1},
    {2, 9, 70, 24, 1, 40, 2},    {5, 2, 3, 8, 6, 8, 1},     {1, 1, 1, 8, 6, 16, 2},
    {1, 61, 5, 40, 3, 40, 1},
};

static nn_var *draw(nn_tape *t, rng *r, int rank, const int *dim, double range)
{
    nn_var *v = nn_result(t, rank, dim, false);
    assert_non_null(v);
    for (size_t i = 0; i < nn_count(v); i++) v->data[i] = (real)((rng_uniform(r) * 2 - 1) * range);
    return v;
}

static cnn_unit make_unit(nn_tape *t, rng *r, int in, int out, int kernel, int stride, nn_act act)
{
    cnn_unit u = {.win = {kernel, stride, kernel / 2}, .act = act, .depthwise = kernel > 1};
    if (u.depthwise)
        u.weight = draw(t, r, 3, (int[]){kernel, kernel, out}, 0.5);
    else
        u.weight = draw(t, r, 4, (int[]){1, 1, in, out}, 0.3);
    u.norm.beta = draw(t, r, 1, &out, 1);
    return u;
}

static void pack_unit(cnn_unit *u, packed_type type)
{
    if (u->depthwise) return;
    int n = nn_last(u->weight);
    u->weight->packed = packed_create(type, GEMM_N, nn_rows(u->weight), n, u->weight->data, n, NULL);
    assert_non_null(u->weight->packed);
}

static cnn_block make_block(nn_tape *t, rng *r, const shape *s, packed_type type)
{
    int inner = s->in * s->expand;
    cnn_block b = {.residual = s->stride == 1 && s->in == s->out};
    if (s->expand > 1) b.path[b.length++] = make_unit(t, r, s->in, inner, 1, 1, NN_RELU6);
    b.path[b.length++] = make_unit(t, r, inner, inner, 3, s->stride, NN_RELU6);
    b.path[b.length++] = make_unit(t, r, inner, s->out, 1, 1, NN_LINEAR);
    for (int i = 0; i < b.length; i++) pack_unit(&b.path[i], type);
    return b;
}

static const nn_var *one_by_one(nn_tape *t, nn_var *x, const cnn_block *b)
{
    nn_var *y = x;
    for (int i = 0; i < b->length; i++) {
        const cnn_unit *u = &b->path[i];
        y = (u->depthwise ? cnn_depthwise : cnn_conv2d)(t, y, u->weight, u->norm.beta, u->win, u->act);
    }
    assert_non_null(y);
    if (b->residual) nn_add_into(t, y->data, x->data, nn_count(y));
    return y;
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
    cnn_block b = make_block(&t, &r, s, type);
    assert_true(cnn_bands_suit(&t, &b));
    const nn_var *expected = one_by_one(&t, x, &b), *y = cnn_forward_by_bands(&t, x, &b);
    assert_non_null(y);
    assert_memory_equal(y->dim, expected->dim, sizeof y->dim);
    if (type == PACKED_BF16 && gemm_on_tiles(GEMM_BF16))
        assert_near(y, expected);
    else
        assert_same(y, expected, 0);
    for (int threads = 2; threads <= 3; threads++) {
        t.threads = pool_create(threads);
        const nn_var *shared = cnn_forward_by_bands(&t, x, &b);
        assert_non_null(shared);
        assert_same(shared, y, 0);
        pool_free(&t.threads);
    }
    nn_var last = *x;
    last.dim[0] = 1;
    last.data += nn_count(x) - nn_count(&last);
    const nn_var *alone = cnn_forward_by_bands(&t, &last, &b);
    assert_non_null(alone);
    assert_same(alone, y, nn_count(y) - nn_count(alone));
    for (int i = 0; i < b.length; i++) packed_free(&b.path[i].weight->packed);
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

static void other_blocks_do_not_suit(void **state)
{
    (void)state;
    arena mem = {0};
    rng r = {.seed = 3};
    nn_tape t = {.mem = &mem};
    nn_begin(&t);
    cnn_block b = make_block(&t, &r, &shapes[1], PACKED_F32);
    assert_true(cnn_bands_suit(&t, &b));
    t.recording = true;
    assert_false(cnn_bands_suit(&t, &b));
    t.recording = false;
    packed_free(&b.path[2].weight->packed);
    assert_false(cnn_bands_suit(&t, &b));
    b.length = 1;
    assert_false(cnn_bands_suit(&t, &b));
    packed_free(&b.path[0].weight->packed);
    arena_release(&mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_f32),
        cmocka_unit_test(in_bf16),
        cmocka_unit_test(other_blocks_do_not_suit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
