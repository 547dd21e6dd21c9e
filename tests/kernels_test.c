/* Every table of src/math/kernels.h against double precision, on odd sizes and with memory that ends where
 * the operands end. `kernels_test --time` prints what the kernels reach instead. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "src/base/rng.h"
#include "src/math/kernels.h"
#include "tests/guarded.h"
#include "tests/small.h"

#define EPS 0x1p-23

/* ---- few rows times a matrix ---- */

typedef struct shape {
    int rows, k, n, ldx, ldw, ldy;
    bool transposed;
    float beta;
} shape;

static void check_gemv_result(const shape *s, const float *x, const float *w, const float *y,
                              const float *start)
{
    for (int r = 0; r < s->rows; r++)
        for (int j = 0; j < s->n; j++) {
            double sum = s->beta != 0 ? (double)s->beta * start[r * s->ldy + j] : 0, magnitude = fabs(sum);
            for (int l = 0; l < s->k; l++) {
                double p = (double)x[r * s->ldx + l] * w[s->transposed ? j * s->ldw + l : l * s->ldw + j];
                sum += p;
                magnitude += fabs(p);
            }
            if (!(fabs(y[r * s->ldy + j] - sum) <= (s->k + 2) * EPS * magnitude))
                fail_msg("rows %d k %d n %d: y[%d,%d] is %g, not %g", s->rows, s->k, s->n, r, j,
                         (double)y[r * s->ldy + j], sum);
        }
    for (int r = 0; r + 1 < s->rows; r++) /* between the rows: untouched */
        assert_memory_equal(y + r * s->ldy + s->n, start + r * s->ldy + s->n,
                            (size_t)(s->ldy - s->n) * sizeof *y);
}

/* A row alone has the bits it has among others. */
static void check_single_row(const kernels *k, const shape *s, const float *x, const float *w, float *y,
                             const float *start)
{
    int r = s->rows - 1;
    size_t bytes = (size_t)s->n * sizeof *y;
    float *among = malloc(bytes);
    assert_non_null(among);
    memcpy(among, y + r * s->ldy, bytes);
    memcpy(y + r * s->ldy, start + r * s->ldy, bytes);
    (s->transposed ? k->f32.gemv_t : k->f32.gemv)(1, s->k, s->n, x + r * s->ldx, s->ldx, w, s->ldw, s->beta,
                                                  y + r * s->ldy, s->ldy);
    assert_memory_equal(among, y + r * s->ldy, bytes);
    free(among);
}

static void check_gemv_shape(const kernels *k, rng *r, shape s)
{
    int w_rows = s.transposed ? s.n : s.k, w_cols = s.transposed ? s.k : s.n;
    s.ldx = s.k + (int)rng_below(r, 3);
    s.ldw = w_cols + (int)rng_below(r, 3);
    s.ldy = s.n + (int)rng_below(r, 3);
    size_t nx = (size_t)((s.rows - 1) * s.ldx + s.k), nw = (size_t)((w_rows - 1) * s.ldw + w_cols);
    size_t ny = (size_t)((s.rows - 1) * s.ldy + s.n);
    float *x = take_random(r, nx, 1), *w = take_random(r, nw, 1), *y = take_random(r, ny, 1);
    float *start = malloc(ny * sizeof *y);
    assert_non_null(start);
    if (s.beta == 0) memset(y, 0xff, ny * sizeof *y); /* NaN */
    memcpy(start, y, ny * sizeof *y);
    (s.transposed ? k->f32.gemv_t : k->f32.gemv)(s.rows, s.k, s.n, x, s.ldx, w, s.ldw, s.beta, y, s.ldy);
    check_gemv_result(&s, x, w, y, start);
    check_single_row(k, &s, x, w, y, start);
    give(x, nx);
    give(w, nw);
    give(y, ny);
    free(start);
}

static void check_gemv(const kernels *k)
{
    static const float betas[] = {0, 1, -0.25F};
    rng r = {.seed = 3};
    for (int i = 0; i < test_size(600, 8 * KERNELS_ROWS); i++)
        check_gemv_shape(k, &r,
                         (shape){.rows = 1 + i % KERNELS_ROWS,
                                 .k = 1 + (int)rng_below(&r, 70),
                                 .n = 1 + (int)rng_below(&r, 300),
                                 .transposed = i / KERNELS_ROWS & 1,
                                 .beta = betas[i % 3]});
}

static void few_rows_times_matrix(void **state)
{
    (void)state;
    for_each_table(check_gemv);
}

/* ---- elementwise ---- */

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

typedef void (*array_kernel)(const float *x, float *y, int n);

static void check_function(array_kernel f, double (*exact)(double), double range)
{
    enum { COUNT = 200003 };
    static float y[COUNT];
    int count = test_size(COUNT, 4003);
    rng r = {.seed = 5};
    float *x = take_random(&r, (size_t)count, range);
    for (int i = 0; i < count / 4; i++) x[i] = ldexpf(x[i], -i % 30); /* small ones too */
    f(x, y, count);
    for (int i = 0; i < count; i++) {
        double want = exact(x[i]), error = fabs(y[i] - want);
        if (want > (double)FLT_MAX && isinf(y[i])) continue;
        if (!(error <= 3e-7 * fabs(want) || (fabs(want) < 0x1p-126 && error <= 0x1p-149)))
            fail_msg("at %.9g: %.9g, not %.9g", (double)x[i], (double)y[i], want);
    }
    f(x, x, count); /* in place */
    assert_memory_equal(x, y, (size_t)count * sizeof *y);
    give(x, (size_t)count);
}

/* Every length has its own way through whole vectors and the rest. */
static void check_lengths(array_kernel f, double (*exact)(double))
{
    rng r = {.seed = 6};
    for (int n = 0; n < 70; n++) {
        float *x = take_random(&r, (size_t)n + 1, 3), *y = take_random(&r, (size_t)n + 1, 3);
        float guard = y[0];
        f(x + 1, y + 1, n);
        assert_true(y[0] == guard);
        for (int i = 1; i <= n; i++) assert_true(fabs(y[i] - exact(x[i])) <= 3e-7 * fabs(exact(x[i])));
        give(x, (size_t)n + 1);
        give(y, (size_t)n + 1);
    }
}

static void check_limits(array_kernel f, float at_minus, float at_plus)
{
    const float x[5] = {-INFINITY, INFINITY, -1e30F, 1e30F, NAN};
    float y[5];
    f(x, y, 5);
    assert_true(y[0] == at_minus && y[2] == at_minus);
    assert_true(y[1] == at_plus && y[3] == at_plus);
    assert_true(isnan(y[4]));
}

static void check_exponentials(const kernels *k)
{
    check_function(k->vector.exp, exp, 87);
    check_function(k->vector.exp, exp, 104); /* results near and beyond both ends of the range */
    check_function(k->vector.sigmoid, sigmoid, 87);
    check_function(k->vector.tanh, tanh, 12);
    check_lengths(k->vector.exp, exp);
    check_lengths(k->vector.sigmoid, sigmoid);
    check_lengths(k->vector.tanh, tanh);
    check_limits(k->vector.exp, 0, INFINITY);
    check_limits(k->vector.sigmoid, 0, 1);
    check_limits(k->vector.tanh, -1, 1);
}

static void exponentials(void **state)
{
    (void)state;
    for_each_table(check_exponentials);
}

/* ---- rows ---- */

static void check_softmax_row(const kernels *k, rng *r, int n)
{
    float *x = take_random(r, (size_t)n, 20), *y = take_random(r, (size_t)n, 1);
    if (n > 3) x[n / 2] = -INFINITY;
    double sum = 0, most = -INFINITY;
    for (int i = 0; i < n; i++) most = fmax(most, x[i]);
    for (int i = 0; i < n; i++) sum += exp(x[i] - most);
    k->attention.softmax(x, y, n);
    for (int i = 0; i < n; i++) {
        double want = exp(x[i] - most) / sum;
        assert_true(fabs(y[i] - want) <= 4e-6 * want); /* x - most is rounded to 40 * 2^-24 */
    }
    if (n > 3) assert_true(y[n / 2] == 0);
    x[n - 1] = NAN;
    k->attention.softmax(x, x, n);
    for (int i = 0; i < n; i++) assert_true(isnan(x[i]));
    give(x, (size_t)n);
    give(y, (size_t)n);
}

static void check_sums(const kernels *k, rng *r, int n)
{
    float *x = take_random(r, (size_t)n, 1), *y = take_random(r, (size_t)n, 1);
    double sum = 0, magnitude = 0;
    for (int i = 0; i < n; i++) {
        sum += (double)x[i] * y[i];
        magnitude += fabs((double)x[i] * y[i]);
    }
    assert_true(fabs(k->vector.dot(x, y, n) - sum) <= (n + 1) * EPS * magnitude);
    for (int i = 0; i < n; i++) { /* one at a time: the value before is still known */
        float before = y[i];
        k->vector.axpy(0.3F, x + i, y + i, 1);
        assert_true(fabs(y[i] - (before + 0.3F * (double)x[i])) <= 2 * EPS);
    }
    k->vector.axpy(-1, y, y, n);
    for (int i = 0; i < n; i++) assert_true(y[i] == 0);
    give(x, (size_t)n);
    give(y, (size_t)n);
}

static void check_match(const kernels *k, rng *r, int count, int d)
{
    size_t size = (size_t)(count * d);
    float *key = take_random(r, size, 2), *q = take_random(r, (size_t)d, 2),
          *v = take_random(r, (size_t)d, 1);
    float *score = take_random(r, (size_t)count, 1);
    k->attention.match(key, q, v, count, d, score);
    for (int i = 0; i < count; i++) {
        double want = 0, magnitude = 0;
        for (int j = 0; j < d; j++) {
            want += v[j] * tanh(key[i * d + j] + q[j]);
            magnitude += fabs(v[j]);
        }
        assert_true(fabs(score[i] - want) <= (d + 4) * EPS * magnitude);
    }
    give(key, size);
    give(q, (size_t)d);
    give(v, (size_t)d);
    give(score, (size_t)count);
}

static void check_rows(const kernels *k)
{
    rng r = {.seed = 9};
    for (int n = 1; n < 150; n += test_size(1, 9)) {
        check_softmax_row(k, &r, n);
        check_sums(k, &r, n);
        check_match(k, &r, 1 + n % 7, n);
    }
    const float masked[3] = {-INFINITY, -INFINITY, -INFINITY};
    float y[3];
    k->attention.softmax(masked, y, 3);
    assert_true(isnan(y[0]) && isnan(y[1]) && isnan(y[2]));
    assert_true(k->vector.dot(masked, masked, 0) == 0);
}

static void rows(void **state)
{
    (void)state;
    for_each_table(check_rows);
}

/* ---- layers and optimisers: every table against the generic one, which the gradient checks cover ---- */

enum { BUFFERS = 8, ROWS = 9 };

/* Two sets of the same random blocks of `size` numbers: one for the generic twin, one for the table. */
typedef struct twins {
    int size;
    float *a[BUFFERS], *b[BUFFERS];
} twins;

static twins take_twins(rng *r, int size)
{
    twins t = {.size = size};
    for (int i = 0; i < BUFFERS; i++) {
        t.a[i] = take_random(r, (size_t)size, 2);
        t.b[i] = take_random(r, (size_t)size, 2);
        memcpy(t.b[i], t.a[i], (size_t)size * sizeof(float));
    }
    return t;
}

/* Compares all blocks, then frees them. */
static void compare_twins(twins *t, const char *what)
{
    for (int i = 0; i < BUFFERS; i++) {
        for (int j = 0; j < t->size; j++)
            if (!(fabsf(t->a[i][j] - t->b[i][j]) <= 64 * (float)EPS * (1 + fabsf(t->a[i][j]))))
                fail_msg("%s, size %d: %g, not %g", what, t->size, (double)t->b[i][j], (double)t->a[i][j]);
        give(t->a[i], (size_t)t->size);
        give(t->b[i], (size_t)t->size);
    }
}

static void run_elementwise(const kernels *k, float **x, int n)
{
    k->vector.add(x[0], x[1], n);
    k->vector.product_add(x[0], x[2], x[3], n);
    k->vector.rectify(x[4], 1, x[4], n);
    k->vector.rectify_back(x[4], 1, x[5], n);
    x[6][0] += k->vector.largest(x[0], n);
    x[6][n - 1] += k->vector.sum(x[2], n) / (float)n;
    x[7][0] = k->vector.exp_shifted(x[7], 2, x[7], n) / (float)n;
}

static void run_rows(const kernels *k, float **x, int n)
{
    k->attention.match_back(x[0], x[1], x[2], &(float){0.7F}, 1, n, x[3], x[4], x[5]);
    kernels_adamw u = {0.9F, 0.98F, 1e-3F, 0.99F, 0.1F, 1.5F};
    for (int i = 0; i < n; i++) x[6][i] = fabsf(x[6][i]);
    k->optim.adamw(&u, x[0], n, x[1], x[7], x[6]);
    k->optim.sgd(0.99F, 0.1F, 0.9F, x[0], n, x[2], x[7]);
    const float *in[3] = {x[0], x[1], x[3]}, *w[3] = {x[2], x[4], x[5]};
    k->conv.depthwise(in, w, 3, x[7], -1, 1, n, x[6]);
    k->conv.depthwise(in, w, 2, NULL, -INFINITY, INFINITY, n, x[7]);
    k->f32.finish(&(kernels_finish){x[1], -1, 1}, 1, n, x[5], n);
    k->f32.finish(&(kernels_finish){NULL, 0, INFINITY}, 1, n, x[4], n);
}

/* Blocks of three keys and one more row. */
static void run_match(const kernels *k, float **x, int n)
{
    int d = n / 4;
    k->attention.match_back(x[0], x[1], x[2], x[3], 3, d, x[4], x[5], x[6]);
}

static void run_lstm(const kernels *k, float **x, int n)
{
    int h = n / 4; /* blocks of 4 h numbers */
    k->lstm.cell(x[0], x[6], x[1], h, x[2], x[3], x[4], x[5]);
    k->lstm.cell(x[2], NULL, x[3], h, x[2], x[7], x[4], x[5]);
    k->lstm.cell_back(x[2], x[1], x[4], x[5], NULL, x[3], h, x[6], x[7]);
    k->lstm.cell_back(x[0], x[1], x[4], x[5], x[7], x[3], h, x[2], x[1] + h);
}

static void run_columns(const kernels *k, float **x, int n)
{
    int cols = n / ROWS; /* blocks of ROWS x cols numbers; x[2], x[4], x[6] hold values per column */
    k->norm.column_sums(x[0], ROWS, cols, x[2]);
    k->norm.column_moments(x[0], ROWS, cols, x[2], x[4], x[4] + cols);
    k->norm.apply(x[0], NULL, x[2], x[2] + cols, ROWS, cols, 0, 6, x[1]);
    k->norm.sums(x[0], x[1], x[2], ROWS, cols, 0, 6, x[3], x[6], x[6] + cols);
    k->norm.back(x[0], x[3], x[2], x[4] + 2 * cols, x[4] + 3 * cols, x[4] + 4 * cols, ROWS, cols, 0, x[5]);
    k->norm.back(x[0], x[3], x[2], x[4] + 2 * cols, x[4] + 3 * cols, x[4] + 4 * cols, ROWS, cols, 1, x[5]);
    k->norm.apply(x[0], x[3], x[6] + 2 * cols, x[6] + 3 * cols, ROWS, cols, -INFINITY, INFINITY, x[7]);
}

/* Blocks of 15 pixels of n / 15 channels; weights of 9 taps, bias behind them. */
static void run_depthwise_row(const kernels *k, float **x, int n)
{
    int ch = n / 15;
    const float *rows[3] = {x[0], x[1], x[2]};
    k->conv.depthwise_row(rows, 3, 3, x[3], x[3] + 9 * ch, -1, 1, 1, 13, ch, x[4]);
    k->conv.depthwise_row(rows, 3, 3, x[3], NULL, -INFINITY, INFINITY, 2, 7, ch, x[5]);
    k->conv.depthwise_row(rows, 2, 3, x[3], x[3] + 9 * ch, 0, 6, 2, 6, ch, x[6]);
    k->conv.depthwise_row(rows, 1, 3, x[3], x[3] + 9 * ch, 0, 6, 1, 13, ch, x[7]);
}

/* Blocks of 25 pixels; weights of 25 taps. */
static void run_depthwise_of_five(const kernels *k, float **x, int n)
{
    int ch = n / 25;
    const float *rows[5] = {x[0], x[1], x[2], x[0], x[1]};
    k->conv.depthwise_row(rows, 5, 5, x[3], x[2], -1, 1, 1, 21, ch, x[4]);
    k->conv.depthwise_row(rows, 5, 5, x[3], NULL, -INFINITY, INFINITY, 2, 11, ch, x[5]);
    k->conv.depthwise_row(rows, 3, 5, x[3], x[2], 0, 6, 2, 10, ch, x[6]);
    k->conv.depthwise_row(rows, 1, 5, x[3], x[2], 0, 6, 1, 7, ch, x[7]);
}

/* Numbers of Philox, block by block, as src/base/rng.c draws them. */
static void check_dropout(const kernels *k, rng *r, int n)
{
    float *mask = take_random(r, (size_t)n, 1);
    uint32_t bits[4] = {0}, below = 0x60000000;
    uint64_t block = 0xfffffff0U; /* the counter carries into its upper half on the way */
    k->vector.dropout_mask(7, 0x1122334455667788, block, below, 1.6F, mask, n);
    for (int i = 0; i < n; i++) {
        if (i % 4 == 0) rng_block(7, 0x1122334455667788, block + (uint64_t)i / 4, bits);
        assert_true(mask[i] == (bits[i % 4] < below ? 0 : 1.6F));
    }
    give(mask, (size_t)n);
}

static void check_layers(const kernels *k)
{
    static const struct {
        const char *name;
        void (*run)(const kernels *k, float **x, int n);
        int unit;
    } cases[] = {{"elementwise", run_elementwise, 1},
                 {"rows", run_rows, 1},
                 {"match", run_match, 4},
                 {"lstm", run_lstm, 4},
                 {"depthwise row", run_depthwise_row, 15},
                 {"depthwise row of five", run_depthwise_of_five, 25},
                 {"columns", run_columns, ROWS}};
    const kernels *twin = plainest_table();
    rng r = {.seed = 11};
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++)
        for (int n = 1; n < 150; n += test_size(1, 9)) {
            twins t = take_twins(&r, n * cases[c].unit);
            cases[c].run(twin, t.a, t.size);
            cases[c].run(k, t.b, t.size);
            compare_twins(&t, cases[c].name);
        }
    for (int n = 1; n < 300; n += 7) check_dropout(k, &r, n);
}

static void layers(void **state)
{
    (void)state;
    for_each_table(check_layers);
}

/* ---- gradients of depthwise convolutions ---- */

typedef struct gradients {
    kernels_depthwise_back b;
    int map, weights, out; /* numbers of x, w, dy */
    float *x, *w, *dy, *dw, *dx;
} gradients;

static gradients take_gradients(rng *r, const kernels_depthwise_back *b)
{
    gradients g = {.b = *b};
    g.map = b->height * b->width * b->channels;
    g.weights = b->kernel * b->kernel * b->channels;
    g.out = b->out_height * b->out_width * b->channels;
    g.x = take_random(r, g.map, 2);
    g.w = take_random(r, g.weights, 2);
    g.dy = take_random(r, g.out, 2);
    g.dw = take_random(r, g.weights, 2);
    g.dx = take_random(r, g.map, 2);
    return g;
}

static void give_gradients(gradients *g)
{
    give(g->x, g->map);
    give(g->w, g->weights);
    give(g->dy, g->out);
    give(g->dw, g->weights);
    give(g->dx, g->map);
}

/* The definition, in double precision: to dw and dx as they are before. */
static void add_gradients(const gradients *g, double *dw, double *dx)
{
    const kernels_depthwise_back *b = &g->b;
    int taps = b->kernel * b->kernel, pixels = b->out_height * b->out_width;
    for (int i = 0; i < pixels * taps * b->channels; i++) {
        int c = i % b->channels, tap = i / b->channels % taps, pixel = i / b->channels / taps;
        int y = pixel / b->out_width * b->stride - b->top + tap / b->kernel;
        int x = pixel % b->out_width * b->stride - b->left + tap % b->kernel;
        if (y < 0 || y >= b->height || x < 0 || x >= b->width) continue;
        int at = (y * b->width + x) * b->channels + c, weight = tap * b->channels + c;
        double d = g->dy[pixel * b->channels + c];
        dw[weight] += d * g->x[at];
        dx[at] += d * g->w[weight];
    }
}

static double *widened(const float *x, int n)
{
    double *y = malloc(n * sizeof *y);
    assert_non_null(y);
    for (int i = 0; i < n; i++) y[i] = x[i];
    return y;
}

static void expect_numbers(const kernels_depthwise_back *b, const char *what, const float *got,
                           const double *want, int n)
{
    for (int i = 0; i < n; i++)
        if (!(fabs(got[i] - want[i]) <= 64 * EPS * (1 + fabs(want[i]))))
            fail_msg("kernel %d, stride %d, %d x %d x %d: %s[%d] is %g, not %g", b->kernel, b->stride,
                     b->height, b->width, b->channels, what, i, (double)got[i], want[i]);
}

/* dx may be left out; then dw has the same bits. */
static void check_gradients(const kernels *k, rng *r, const kernels_depthwise_back *b)
{
    gradients g = take_gradients(r, b);
    double *dw = widened(g.dw, g.weights), *dx = widened(g.dx, g.map);
    float *alone = take_random(r, g.weights, 1);
    memcpy(alone, g.dw, g.weights * sizeof *alone);
    add_gradients(&g, dw, dx);
    k->conv.depthwise_back(b, g.x, g.w, g.dy, g.dw, g.dx);
    k->conv.depthwise_back(b, g.x, g.w, g.dy, alone, NULL);
    expect_numbers(b, "dw", g.dw, dw, g.weights);
    expect_numbers(b, "dx", g.dx, dx, g.map);
    assert_memory_equal(alone, g.dw, g.weights * sizeof *alone);
    give(alone, g.weights);
    free(dw);
    free(dx);
    give_gradients(&g);
}

/* Maps smaller than the kernel, channels that fill no vector, a few rows in the middle of a result. */
static void check_depthwise_gradients(const kernels *k)
{
    rng r = {.seed = 17};
    for (int i = 0; i < test_size(1200, 120); i++) {
        kernels_depthwise_back b = {.kernel = i & 1 ? 5 : 3, .stride = i & 2 ? 2 : 1};
        b.height = 1 + (int)rng_below(&r, 9);
        b.width = 1 + (int)rng_below(&r, 11);
        b.channels = 1 + (int)rng_below(&r, 50);
        b.left = (int)rng_below(&r, b.kernel);
        b.top = (int)rng_below(&r, b.kernel) - (i & 4 ? b.stride : 0);
        b.out_height = 1 + (int)rng_below(&r, 1 + b.height / b.stride);
        b.out_width = 1 + (b.width - 1) / b.stride;
        check_gradients(k, &r, &b);
    }
}

static void depthwise_gradients(void **state)
{
    (void)state;
    for_each_table(check_depthwise_gradients);
}

/* ---- timing ---- */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

enum { TIME_N = 2048, TIME_K = 512, REPEATS = 15 };

static float time_x[KERNELS_ROWS * TIME_K], time_w[TIME_N * TIME_K], time_y[KERNELS_ROWS * TIME_N];

static double best_of(const kernels *k, int row_count, bool transposed)
{
    double best = INFINITY;
    for (int i = 0; i < REPEATS; i++) {
        double start = now();
        (transposed ? k->f32.gemv_t : k->f32.gemv)(row_count, TIME_K, TIME_N, time_x, TIME_K, time_w,
                                                   transposed ? TIME_K : TIME_N, 0, time_y, TIME_N);
        best = fmin(best, now() - start);
    }
    return best;
}

static double best_elementwise(array_kernel f)
{
    double best = INFINITY;
    for (int i = 0; i < REPEATS; i++) {
        double start = now();
        f(time_w, time_y, KERNELS_ROWS * TIME_N);
        best = fmin(best, now() - start);
    }
    return best / (KERNELS_ROWS * TIME_N) * 1e9;
}

static void time_table(const kernels *k)
{
    for (int r = 1; r <= KERNELS_ROWS; r++) {
        double flops = 2e-9 * r * TIME_N * TIME_K;
        printf("%-8s %d x %d x %d: gemv %6.1f, gemv_t %6.1f GFLOP/s\n", k->name, r, TIME_N, TIME_K,
               flops / best_of(k, r, false), flops / best_of(k, r, true));
    }
    printf("%-8s exp %.2f, sigmoid %.2f, tanh %.2f, softmax %.2f ns per element\n", k->name,
           best_elementwise(k->vector.exp), best_elementwise(k->vector.sigmoid),
           best_elementwise(k->vector.tanh), best_elementwise(k->attention.softmax));
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "--time")) {
        rng r = {.seed = 1};
        for (int i = 0; i < TIME_N * TIME_K; i++) time_w[i] = (float)rng_normal(&r);
        for_each_table(time_table);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_rows_times_matrix),
        cmocka_unit_test(exponentials),
        cmocka_unit_test(rows),
        cmocka_unit_test(layers),
        cmocka_unit_test(depthwise_gradients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
