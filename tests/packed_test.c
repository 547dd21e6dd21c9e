/* Products with packed weights (src/math/packed.h): every table against double precision on odd sizes, with
 * poisoned results and memory that ends where the operands end. `packed_test --time` prints what they reach.
 */
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

#include "src/io/dtype.h"
#include "src/math/packed.h"
#include "tests/guarded.h"

#define EPS 0x1p-23

typedef struct product {
    packed_type type;
    int rows, k, n, ldx, ldw, ldy;
    gemm_op op;
    float beta;
    const float *factor;
    float *x, *w, *y, *start;
    size_t nx, nw, ny;
} product;

static float rounded(float x)
{
    uint16_t bits;
    io_f32_to_bf16(&x, &bits, 1);
    io_bf16_to_f32(&bits, &x, 1);
    return x;
}

static float weight(const product *p, int l, int j)
{
    float w = p->w[p->op == GEMM_N ? l * p->ldw + j : j * p->ldw + l] * (p->factor ? p->factor[j] : 1);
    return p->type == PACKED_BF16 ? rounded(w) : w;
}

static product take_shape(rng *r, packed_type type, int rows, int k, int n, const float *factor)
{
    product p = {.type = type, .rows = rows, .k = k, .n = n};
    p.op = rng_below(r, 2) ? GEMM_T : GEMM_N;
    p.beta = (float)rng_below(r, 2);
    p.factor = factor;
    p.ldx = p.k + (int)rng_below(r, 3);
    p.ldy = p.n + (int)rng_below(r, 3);
    p.ldw = (p.op == GEMM_N ? p.n : p.k) + (int)rng_below(r, 3);
    p.nx = (size_t)((rows - 1) * p.ldx + p.k);
    p.ny = (size_t)((rows - 1) * p.ldy + p.n);
    p.nw = (size_t)(((p.op == GEMM_N ? p.k : p.n) - 1) * p.ldw + (p.op == GEMM_N ? p.n : p.k));
    p.x = take_random(r, p.nx, 1);
    p.w = take_random(r, p.nw, 1);
    p.y = take_random(r, p.ny, 1);
    if (p.beta == 0) memset(p.y, 0xff, p.ny * sizeof *p.y); /* NaN */
    p.start = malloc(p.ny * sizeof *p.y);
    assert_non_null(p.start);
    memcpy(p.start, p.y, p.ny * sizeof *p.y);
    return p;
}

static product take_product(rng *r, packed_type type, int rows, const float *factor)
{
    int k = 1 + (int)rng_below(r, 100), n = 1 + (int)rng_below(r, 400);
    return take_shape(r, type, rows, k, n, factor);
}

static void give_product(product *p)
{
    give(p->x, p->nx);
    give(p->w, p->nw);
    give(p->y, p->ny);
    free(p->start);
}

/* What rounding may do to one result: of the sums; in I8 of both operands, half a step of each; in bf16
 * of x, too, where products round it, 2^-9 of it. */
static double allowance(const product *p, int r, int j, double magnitude, bool rounds)
{
    double sums = (p->k + 4) * EPS * magnitude;
    if (p->type == PACKED_BF16 && rounds) return sums + 0x1p-8 * magnitude;
    if (p->type != PACKED_I8) return sums;
    double top_x = 0, top_w = 0, size_x = 0, size_w = 0;
    for (int l = 0; l < p->k; l++) {
        double x = fabs((double)p->x[r * p->ldx + l]), w = fabs((double)weight(p, l, j));
        top_x = fmax(top_x, x);
        top_w = fmax(top_w, w);
        size_x += x;
        size_w += w;
    }
    double step_x = top_x / 127 * 0.501, step_w = top_w / 127 * 0.501;
    return sums + step_x * size_w + step_w * size_x + p->k * step_x * step_w;
}

static void check_result(const product *p, bool rounds, const char *who)
{
    for (int r = 0; r < p->rows; r++) {
        for (int j = 0; j < p->n; j++) {
            double sum = p->beta != 0 ? (double)p->start[r * p->ldy + j] : 0, magnitude = fabs(sum);
            for (int l = 0; l < p->k; l++) {
                double one = (double)p->x[r * p->ldx + l] * (double)weight(p, l, j);
                sum += one;
                magnitude += fabs(one);
            }
            double got = (double)p->y[r * p->ldy + j];
            if (!(fabs(got - sum) <= allowance(p, r, j, magnitude, rounds)))
                fail_msg("%s, type %d, rows %d k %d n %d: y[%d,%d] is %g, not %g", who, (int)p->type, p->rows,
                         p->k, p->n, r, j, got, sum);
        }
        if (r + 1 < p->rows) /* between the rows: untouched */
            assert_memory_equal(p->y + r * p->ldy + p->n, p->start + r * p->ldy + p->n,
                                (size_t)(p->ldy - p->n) * sizeof *p->y);
    }
}

static void run_table(const kernels *k, const product *p, const packed *w, int begin, int end)
{
    uint8_t bytes[KERNELS_ROWS * 128];
    float scale[KERNELS_ROWS];
    size_t stride = ((size_t)p->k + 3) / 4 * 4;
    kernels_bytes x = {bytes, stride, scale};
    memset(bytes, 128, sizeof bytes);
    switch (p->type) {
    case PACKED_F32:
        k->f32.packed(p->rows, p->k, begin, end, p->x, p->ldx, w->panels, p->beta, NULL, p->y, p->ldy);
        return;
    case PACKED_BF16:
        k->bf16.packed(p->rows, p->k, begin, end, p->x, p->ldx, w->panels, p->beta, NULL, p->y, p->ldy);
        return;
    case PACKED_I8:
        for (int r = 0; r < p->rows; r++)
            scale[r] = k->int8.narrow_row(p->x + r * p->ldx, p->k, bytes + (size_t)r * stride);
        k->int8.packed(p->rows, p->k, begin, end, &x, w->panels, w->scale, w->offset, p->beta, p->y, p->ldy);
    }
}

static const float factors[400] = {[0] = 2, [5] = -0.5F, [33] = 3};

/* All columns at once and then in two pieces: the same bits. */
static void check_table(const kernels *k)
{
    rng r = {.seed = 21};
    for (int i = 0; i < 300; i++) {
        packed_type type = (packed_type)(i % 3);
        int most = type == PACKED_I8 ? KERNELS_ROWS : 2 * KERNELS_ROWS + 3;
        product p = take_product(&r, type, 1 + i / 3 % most, i % 5 == 0 ? factors : NULL);
        packed *w = packed_create(type, p.k, p.n, (mat){p.w, p.ldw, p.op}, p.factor);
        assert_non_null(w);
        run_table(k, &p, w, 0, p.n);
        check_result(&p, k->bf16.fast, k->name);
        float *whole = malloc(p.ny * sizeof *whole);
        assert_non_null(whole);
        memcpy(whole, p.y, p.ny * sizeof *whole);
        memcpy(p.y, p.start, p.ny * sizeof *whole);
        int cut = p.n / 2 / 32 * 32;
        run_table(k, &p, w, 0, cut);
        run_table(k, &p, w, cut, p.n);
        assert_memory_equal(p.y, whole, p.ny * sizeof *whole);
        free(whole);
        packed_free(&w);
        give_product(&p);
    }
}

static void tables(void **state)
{
    (void)state;
    for_each_table(check_table);
}

/* Strips of every width with every number of lanes in their last vector, blocks of every height, k in one
 * piece and in several: right; every row as alone, every part of the columns as among all, and finished on
 * the way out as afterwards. */
static void check_many_rows(const kernels *k)
{
    rng r = {.seed = 25};
    for (int n = 1; n <= 150; n++) {
        int rows = KERNELS_ROWS + 1 + (int)rng_below(&r, 32), depth = (int)rng_below(&r, n % 8 ? 40 : 1200);
        product p = take_shape(&r, PACKED_F32, rows, depth, n, NULL);
        packed *w = packed_create(p.type, p.k, p.n, (mat){p.w, p.ldw, p.op}, NULL);
        float *bias = take_random(&r, (size_t)n, 1);
        kernels_finish f = {n % 4 ? bias : NULL, n % 5 ? 0 : -INFINITY, n % 7 ? 1 : INFINITY};
        assert_non_null(w);
        run_table(k, &p, w, 0, n);
        check_result(&p, k->bf16.fast, k->name);
        for (int row = 0; row < rows; row++) {
            float *alone = p.start + row * p.ldy;
            k->f32.packed(1, p.k, 0, n, p.x + row * p.ldx, p.ldx, w->panels, p.beta, NULL, alone, p.ldy);
        }
        assert_memory_equal(p.y, p.start, p.ny * sizeof *p.y);
        if (p.beta == 0) {
            int cut = n / 2 / 32 * 32;
            k->f32.finish(&f, rows, n, p.start, p.ldy);
            memset(p.y, 0xff, (size_t)n * sizeof *p.y);
            k->f32.packed(rows, p.k, 0, cut, p.x, p.ldx, w->panels, 0, &f, p.y, p.ldy);
            k->f32.packed(rows, p.k, cut, n, p.x, p.ldx, w->panels, 0, &f, p.y, p.ldy);
            assert_memory_equal(p.y, p.start, p.ny * sizeof *p.y);
        }
        give(bias, (size_t)n);
        packed_free(&w);
        give_product(&p);
    }
}

static void many_rows(void **state)
{
    (void)state;
    for_each_table(check_many_rows);
}

/* What this CPU takes, for any number of rows, with and without threads. */
static void best(void **state)
{
    (void)state;
    rng r = {.seed = 22};
    pool *threads = pool_create(3);
    bool rounds = gemm_rounds(GEMM_BF16);
    for (int i = 0; i < 400; i++) {
        packed_type type = (packed_type)(i % 3);
        product p = take_product(&r, type, 1 + (int)rng_below(&r, i % 40 ? 90 : 900), NULL);
        packed *w = packed_create(type, p.k, p.n, (mat){p.w, p.ldw, p.op}, NULL);
        assert_non_null(w);
        packed_product_on(i & 1 ? threads : NULL, w, p.rows, p.x, p.ldx, p.beta, p.y, p.ldy);
        check_result(&p, rounds, "best");
        packed_free(&w);
        give_product(&p);
    }
    pool_free(&threads);
}

/* Past the sizes of the cache blocks. Every row is the same alone and among others, on any threads. */
static void large(void **state)
{
    (void)state;
    pool *threads = pool_create(3);
    assert_non_null(threads);
    static const int shapes[][3] = {{5, 2100, 70}, {40, 1100, 530}, {33, 1000, 600}, {70, 70, 1100}};
    rng r = {.seed = 24};
    for (int i = 0; i < 4 * 3; i++) {
        const int *s = shapes[i / 3];
        product p = take_shape(&r, (packed_type)(i % 3), s[0], s[1], s[2], NULL);
        packed *w = packed_create(p.type, p.k, p.n, (mat){p.w, p.ldw, p.op}, NULL);
        assert_non_null(w);
        packed_product(w, p.rows, p.x, p.ldx, p.beta, p.y, p.ldy);
        check_result(&p, gemm_rounds(GEMM_BF16), "large");
        size_t bytes = (size_t)(p.rows - 1) * (size_t)p.ldy * sizeof *p.y + (size_t)p.n * sizeof *p.y;
        float *before = malloc(bytes);
        assert_non_null(before);
        memcpy(before, p.start, bytes);
        packed_product_on(threads, w, p.rows, p.x, p.ldx, p.beta, before, p.ldy);
        for (int row = 0; row < p.rows; row++)
            assert_memory_equal(p.y + row * p.ldy, before + row * p.ldy, (size_t)p.n * sizeof *p.y);
        free(before);
        for (int row = 0; row < p.rows; row++) {
            float *alone = p.start + row * p.ldy;
            packed_product(w, 1, p.x + row * p.ldx, p.ldx, p.beta, alone, p.ldy);
            assert_memory_equal(p.y + row * p.ldy, alone, (size_t)p.n * sizeof *p.y);
        }
        packed_free(&w);
        give_product(&p);
    }
    pool_free(&threads);
}

/* Finished in one go or after the product: the same. */
static void finished(void **state)
{
    (void)state;
    rng r = {.seed = 23};
    for (int i = 0; i < 123; i++) {
        packed_type type = (packed_type)(i % 3);
        product p = i < 120 ? take_product(&r, type, 1 + (int)rng_below(&r, 70), NULL)
                            : take_shape(&r, type, 40, 1100, 530, NULL);
        packed *w = packed_create(p.type, p.k, p.n, (mat){p.w, p.ldw, p.op}, NULL);
        assert_non_null(w);
        float *bias = take_random(&r, (size_t)p.n, 1);
        kernels_finish f = {i % 4 ? bias : NULL, i % 5 ? 0 : -INFINITY, i % 7 ? 6 : INFINITY};
        packed_product(w, p.rows, p.x, p.ldx, 0, p.start, p.ldy);
        kernels_best()->f32.finish(&f, p.rows, p.n, p.start, p.ldy);
        packed_product_finish(w, p.rows, p.x, p.ldx, &f, p.y, p.ldy);
        for (int row = 0; row < p.rows; row++)
            assert_memory_equal(p.y + row * p.ldy, p.start + row * p.ldy, (size_t)p.n * sizeof *p.y);
        give(bias, (size_t)p.n);
        packed_free(&w);
        give_product(&p);
    }
}

/* What packed_product_finish leaves in p->y, rounded; what lies between the rows of y and behind them stays
 * as it is. */
static void check_rounded_result(const packed *w, const product *p, const kernels_finish *f)
{
    enum { BEHIND = 32 };
    size_t count = (size_t)(p->rows + BEHIND) * (size_t)p->ldy;
    uint16_t *y = malloc(count * sizeof *y);
    assert_non_null(y);
    memset(y, 0xff, count * sizeof *y);
    packed_product_to_rounded(w, p->rows, p->x, p->ldx, f, y, p->ldy);
    for (int row = 0; row < p->rows + BEHIND; row++)
        for (int j = 0; j < p->ldy; j++) {
            uint16_t got = y[(size_t)row * (size_t)p->ldy + (size_t)j];
            uint32_t bits = (uint32_t)got << 16;
            float value;
            memcpy(&value, &bits, sizeof value);
            assert_true(row < p->rows && j < p->n ? value == rounded(p->y[row * p->ldy + j]) : got == 0xffff);
        }
    free(y);
}

/* With x rounded beforehand: the same bits, whatever lies behind its last row. */
static void rounded_rows(void **state)
{
    (void)state;
    bool rounds = gemm_rounds(GEMM_BF16);
    rng r = {.seed = 25};
    for (int i = 0; i < 90; i++) {
        packed_type type = (packed_type)(i % 3);
        product p = i < 84 ? take_product(&r, type, 1 + (int)rng_below(&r, 70), NULL)
                           : take_shape(&r, type, 65, i < 87 ? 1024 : 1025, 530, NULL);
        packed *w = packed_create(p.type, p.k, p.n, (mat){p.w, p.ldw, p.op}, NULL);
        assert_non_null(w);
        size_t stride = packed_rounded_stride(w);
        assert_int_equal(stride > 0, rounds && type == PACKED_BF16 && p.k <= 1024);
        if (stride) {
            size_t bytes = (size_t)(p.rows + PACKED_SPARE) * stride * sizeof(uint16_t);
            uint16_t *x = aligned_alloc(64, bytes);
            assert_non_null(x);
            memset(x, 0xff, bytes); /* NaN */
            packed_round(w, p.rows, p.x, p.ldx, x);
            kernels_finish f = {NULL, i & 1 ? 0 : -INFINITY, i & 1 ? 6 : INFINITY};
            packed_product_finish(w, p.rows, p.x, p.ldx, &f, p.start, p.ldy);
            packed_product_rounded(w, p.rows, x, &f, p.y, p.ldy);
            for (int row = 0; row < p.rows; row++)
                assert_memory_equal(p.y + row * p.ldy, p.start + row * p.ldy, (size_t)p.n * sizeof *p.y);
            check_rounded_result(w, &p, &f);
            free(x);
        }
        packed_free(&w);
        give_product(&p);
    }
}

/* Results rounded on their way, at every count of k that has code of its own and beyond, and rows that fill
 * blocks of 32 and do not. */
static void results_to_rounded(void **state)
{
    (void)state;
    if (!gemm_rounds(GEMM_BF16)) return;
    enum { DEPTHS = 16, HEIGHTS = 10, WIDTHS = 7 };
    static const int depths[DEPTHS] = {1, 16, 24, 32, 33, 64, 95, 96, 128, 144, 160, 192, 223, 224, 225, 320},
                     heights[HEIGHTS] = {1, 16, 17, 31, 32, 33, 49, 64, 81, 196},
                     widths[WIDTHS] = {1, 16, 31, 32, 96, 144, 1100};
    rng r = {.seed = 26};
    for (int i = 0; i < DEPTHS * HEIGHTS; i++) {
        int k = depths[i % DEPTHS], rows = heights[i / DEPTHS];
        product p = take_shape(&r, PACKED_BF16, rows, k, widths[rng_below(&r, WIDTHS)], NULL);
        packed *w = packed_create(p.type, p.k, p.n, (mat){p.w, p.ldw, p.op}, NULL);
        assert_non_null(w);
        float *bias = take_random(&r, (size_t)p.n, 1);
        kernels_finish f = {i % 4 ? bias : NULL, i % 3 ? 0 : -INFINITY, i % 5 ? 6 : INFINITY};
        packed_product_finish(w, p.rows, p.x, p.ldx, &f, p.y, p.ldy);
        check_rounded_result(w, &p, &f);
        give(bias, (size_t)p.n);
        packed_free(&w);
        give_product(&p);
    }
}

/* A number that is none makes none of its row of x, of its column of w, and of nothing else. */
static void not_a_number(void **state)
{
    (void)state;
    enum { K = 37, N = 21 };
    for (packed_type type = PACKED_F32; type <= PACKED_I8; type++) {
        float x[2][K], w[K][N], y[2][N];
        for (int l = 0; l < K; l++) {
            x[0][l] = x[1][l] = 1;
            for (int j = 0; j < N; j++) w[l][j] = 1;
        }
        x[1][30] = NAN;
        w[36][20] = NAN;
        packed *p = packed_create(type, K, N, mat_n(w[0], N), NULL);
        assert_non_null(p);
        packed_product(p, 2, x[0], K, 0, y[0], N);
        for (int j = 0; j < N; j++) {
            assert_true(isnan(y[1][j]));
            assert_true(j == 20 ? isnan(y[0][j]) : fabsf(y[0][j] - K) < 1e-3F);
        }
        packed_free(&p);
    }
}

/* ---- timing ---- */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Several matrices in turn, 8 million weights in all, so that they come from the cache that a decoder's come
 * from. */
enum { TIME_K = 512, TIME_N = 2048, MATRICES = 8, REPEATS = 9 };

static void time_rows(packed *const *w, const char *name, const float *x, float *y, int rows)
{
    double best_time = INFINITY;
    for (int i = 0; i < REPEATS; i++) {
        double start = now();
        for (int m = 0; m < MATRICES; m++) packed_product(w[m], rows, x, TIME_K, 0, y, TIME_N);
        best_time = fmin(best_time, now() - start);
    }
    printf("%-5s %3d rows: %6.2f ms for %.1f M weights, %7.1f GFLOP/s, %5.1f GB/s\n", name, rows,
           1e3 * best_time, 1e-6 * MATRICES * TIME_K * TIME_N,
           2e-9 * rows * MATRICES * TIME_K * TIME_N / best_time,
           1e-9 * (double)(MATRICES * w[0]->bytes) / best_time);
}

static int print_times(void)
{
    static const char *const names[] = {"f32", "bf16", "int8"};
    static const int rows[] = {1, 2, 3, 5, 8, 16, 64, 512};
    float *x = malloc((size_t)512 * TIME_K * sizeof *x), *w = malloc((size_t)TIME_K * TIME_N * sizeof *w);
    float *y = malloc((size_t)512 * TIME_N * sizeof *y);
    rng r = {.seed = 1};
    if (!x || !w || !y) return 1;
    for (int i = 0; i < 512 * TIME_K; i++) x[i] = (float)rng_normal(&r);
    for (int i = 0; i < TIME_K * TIME_N; i++) w[i] = (float)rng_normal(&r);
    for (packed_type type = PACKED_F32; type <= PACKED_I8; type++) {
        packed *p[MATRICES];
        for (int m = 0; m < MATRICES; m++)
            if (!(p[m] = packed_create(type, TIME_K, TIME_N, mat_n(w, TIME_N), NULL))) return 1;
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) time_rows(p, names[type], x, y, rows[i]);
        for (int m = 0; m < MATRICES; m++) packed_free(&p[m]);
    }
    free(x);
    free(w);
    free(y);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "--time")) return print_times();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables),
        cmocka_unit_test(many_rows),
        cmocka_unit_test(best),
        cmocka_unit_test(large),
        cmocka_unit_test(finished),
        cmocka_unit_test(rounded_rows),
        cmocka_unit_test(results_to_rounded),
        cmocka_unit_test(not_a_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
