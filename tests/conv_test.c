/* Convolutions in bf16 against f32: on small whole numbers, which bf16 holds exactly, every way of computing
 * them gives the same bits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cnn/conv2d.h"
#include "src/base/rng.h"
#include "tests/small.h"

typedef struct shape {
    int images, h, w, in, out;
    cnn_window win;
    bool twice; /* x feeds two convolutions, so the second gradient is added to the first */
} shape;

static const shape shapes[] = {
    {4, 9, 7, 32, 64, {3, 1, 1}, false},       {5, 10, 10, 64, 32, {3, 2, 1}, false},
    {4, 11, 6, 32, 32, {3, 2, 1}, true},       {4, 8, 13, 32, 32, {5, 1, 2}, true},
    {4, 13, 12, 32, 32, {7, 2, 3}, false},     {4, 9, 9, 64, 64, {1, 2, 0}, false},
    {6, 40, 40, 32, 32, {3, 1, 1}, true},      {4, 7, 9, 32, 32, {3, 1, 0}, false},
    {4, 3, 3, 32, 96, {3, 1, 2}, false},       {3, 6, 6, 32, 32, {3, 1, 1}, false},
    {4, 6, 6, 33, 32, {3, 1, 1}, false},       {4, 1, 1, 32, 32, {3, 2, 1}, true},
    {4, 8, 8, 32, 32, {3, 2, CNN_SAME}, true}, {4, 7, 9, 32, 64, {5, 2, CNN_SAME}, false},
    {4, 8, 7, 32, 32, {3, 2, CNN_SAME}, true}, {4, 9, 8, 64, 32, {3, 1, CNN_SAME}, true},
};

typedef struct result {
    size_t y_count, x_count, w_count;
    real *y, *dx, *dw;
} result;

static real *copy(const real *from, size_t count)
{
    real *to = malloc(count * sizeof *to);
    assert_non_null(to);
    memcpy(to, from, count * sizeof *to);
    return to;
}

/* Whole numbers in -2..2. */
static nn_var *draw(nn_tape *t, rng *r, int rank, const int *dim)
{
    nn_var *v = nn_result(t, rank, dim, true);
    assert_non_null(v);
    for (size_t i = 0; i < nn_count(v); i++) v->data[i] = (real)((int)rng_below(r, 5) - 2);
    return v;
}

static result run(const shape *s, gemm_precision precision, int threads)
{
    arena mem = {0};
    pool *p = pool_create(threads);
    nn_tape t = {.mem = &mem, .threads = p, .recording = true, .training = true, .precision = precision};
    rng r = {.seed = 4};
    nn_begin(&t);
    nn_var *x = draw(&t, &r, 4, (int[]){s->images, s->h, s->w, s->in});
    nn_var *w = draw(&t, &r, 4, (int[]){s->win.kernel, s->win.kernel, s->in, s->out});
    nn_var *b = draw(&t, &r, 1, (int[]){s->out});
    nn_var *y = cnn_conv2d(&t, x, w, b, s->win, NN_RELU);
    nn_var *last = s->twice ? nn_add(&t, y, cnn_conv2d(&t, x, w, NULL, s->win, NN_LINEAR)) : y;
    assert_non_null(last);
    last->grad = nn_scratch(&t, nn_count(last) * sizeof(real));
    for (size_t i = 0; i < nn_count(last); i++) last->grad[i] = (real)((int)rng_below(&r, 5) - 2);
    nn_backward(&t, last);
    assert_false(t.failed);
    result out = {.y_count = nn_count(last), .x_count = nn_count(x), .w_count = nn_count(w)};
    out.y = copy(last->data, out.y_count);
    out.dx = copy(x->grad, out.x_count);
    out.dw = copy(w->grad, out.w_count);
    pool_free(&p);
    arena_release(&mem);
    return out;
}

static void drop(result *r)
{
    free(r->y);
    free(r->dx);
    free(r->dw);
}

static void same(const char *what, int shape_index, const real *a, const real *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (a[i] != b[i])
            fail_msg("shape %d: %s[%zu] is %g, not %g", shape_index, what, i, (double)b[i], (double)a[i]);
}

static void test_bf16_is_exact_on_whole_numbers(void **state)
{
    (void)state;
    for (int i = 0; i < (int)(sizeof shapes / sizeof shapes[0]); i++)
        for (int threads = test_size(1, 3); threads <= 3; threads += 2) {
            if (shapes[i].h > test_size(40, 13)) continue;
            result a = run(&shapes[i], GEMM_F32, 1), b = run(&shapes[i], GEMM_BF16, threads);
            same("y", i, a.y, b.y, a.y_count);
            same("dx", i, a.dx, b.dx, a.x_count);
            same("dw", i, a.dw, b.dw, a.w_count);
            drop(&a);
            drop(&b);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bf16_is_exact_on_whole_numbers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
