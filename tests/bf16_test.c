/* What tables have for bf16, on odd sizes, operands that end where memory ends, and results in poisoned
 * memory: conversions and products against those in plain C, depthwise convolutions against sums in double.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/math/packed.h"
#include "tests/guarded.h"

typedef struct shape {
    int channels, width, step, above, below; /* whether there is a row above and below */
} shape;

static float widened(uint16_t bits)
{
    uint32_t b = (uint32_t)bits << 16;
    float f;
    memcpy(&f, &b, sizeof f);
    return f;
}

/* A row of the map right before a page that may not be touched. */
static uint16_t *take_row(rng *r, const shape *s)
{
    size_t count = (size_t)(s->channels * s->width), floats = (count + 1) / 2;
    float *memory = take_random(r, floats, 1);
    uint16_t *row = (uint16_t *)(void *)(memory + floats) - count;
    for (size_t i = 0; i < count; i++) {
        float f = (float)(rng_uniform(r) * 2 - 1);
        uint32_t bits;
        memcpy(&bits, &f, sizeof bits);
        row[i] = (uint16_t)(bits >> 16);
    }
    return row;
}

static void give_row(uint16_t *row, const shape *s)
{
    size_t count = (size_t)(s->channels * s->width), floats = (count + 1) / 2;
    give((float *)(void *)(row + count) - floats, floats);
}

static double expected(const shape *s, const uint16_t *const x[3], const float *w, const float *bias,
                       int pixel, int channel)
{
    double sum = (double)bias[channel];
    for (int r = 0; r < 3; r++)
        for (int t = 0; t < 3; t++) {
            int at = pixel * s->step + t - 1;
            if (x[r] && at >= 0 && at < s->width)
                sum += (double)widened(x[r][at * s->channels + channel]) *
                       (double)w[(r * 3 + t) * s->channels + channel];
        }
    return fmin(fmax(sum, 0), 1.5);
}

static void check_depthwise(const kernels *k, rng *r, const shape *s)
{
    int count = (s->width - 1) / s->step + 1;
    size_t channels = (size_t)s->channels, wide = (channels + 31) / 32 * 32,
           stride = wide + rng_below(r, 2) * 32;
    float *w = take_random(r, 9 * channels, 1), *bias = take_random(r, channels, 1);
    float *weights = aligned_alloc(64, bf16_depthwise_numbers(s->channels) * sizeof *weights);
    uint16_t *y = aligned_alloc(64, (size_t)count * stride * sizeof *y);
    uint16_t *rows[3] = {s->above ? take_row(r, s) : NULL, take_row(r, s), s->below ? take_row(r, s) : NULL};
    const uint16_t *x[3] = {rows[0], rows[1], rows[2]};
    assert_true(weights && y);
    memset(y, 0xff, (size_t)count * stride * sizeof *y);
    bf16_depthwise_order(s->channels, w, bias, weights);
    kernels_depthwise d = {weights, s->channels, s->width, s->step, 0, 1.5F, stride};
    k->bf16.depthwise(&d, x, y);
    for (int p = 0; p < count; p++)
        for (int c = 0; c < (int)wide; c++) {
            double got = (double)widened(y[(size_t)p * stride + (size_t)c]);
            if (c >= s->channels)
                assert_true(got == 0);
            else
                assert_true(fabs(got - expected(s, x, w, bias, p, c)) <= 1e-5 + fabs(got) / 256);
        }
    for (int i = 0; i < 3; i++)
        if (rows[i]) give_row(rows[i], s);
    give(w, 9 * channels);
    give(bias, channels);
    free(weights);
    free(y);
}

static void check_depthwises(const kernels *k)
{
    rng r = {.seed = 31};
    for (int i = 0; i < 300; i++) {
        shape s = {1 + (int)rng_below(&r, i % 10 ? 100 : 600), 1 + (int)rng_below(&r, 12), 1 + i % 2,
                   i / 2 % 2, i / 4 % 2};
        check_depthwise(k, &r, &s);
    }
}

static void depthwise_rows(void **state)
{
    (void)state;
    for_each_table(check_depthwises);
}

/* ---- against plain C ---- */

/* `count` numbers of poison, 64-byte aligned. */
static uint16_t *take_poisoned(size_t count)
{
    size_t bytes = (count * sizeof(uint16_t) + 63) / 64 * 64 + 64;
    uint16_t *x = aligned_alloc(64, bytes);
    assert_non_null(x);
    memset(x, 0xff, bytes);
    return x;
}

/* All of them the same, but for what is not written in either. */
static void assert_same(const uint16_t *a, const uint16_t *b, size_t count, const char *who)
{
    for (size_t i = 0; i < count; i++)
        if (a[i] != b[i]) fail_msg("%s: number %zu is %04x, in plain C %04x", who, i, a[i], b[i]);
}

/* Sums of the same numbers in another order. */
static void assert_near(double got, double want, double magnitude, const char *who)
{
    if (!(fabs(got - want) <= 1e-5 * magnitude + 1e-6)) fail_msg("%s: %g, in plain C %g", who, got, want);
}

static void check_narrow(const kernels *k)
{
    const kernels *plain = plainest_table();
    rng r = {.seed = 32};
    for (size_t n = 1; n < 150; n++) {
        float *x = take_random(&r, n, 2);
        uint16_t *a = take_poisoned(n), *b = take_poisoned(n);
        if (n > 3) x[n / 2] = NAN, x[0] = INFINITY, x[1] = 0x1.01p0F, x[2] = 0x1.03p0F; /* ties */
        plain->bf16.narrow(x, a, n);
        k->bf16.narrow(x, b, n);
        assert_same(b, a, n + 8, k->name);
        free(a);
        free(b);
        give(x, n);
    }
}

static void narrowed(void **state)
{
    (void)state;
    for_each_table(check_narrow);
}

typedef struct rows_case {
    int rows, k, n, ldx, ldy;
} rows_case;

static void compare_rounded(const kernels *k, const rows_case *s, const uint16_t *x, const packed *w,
                            const kernels_finish *f)
{
    size_t count = (size_t)s->rows * (size_t)s->ldy;
    float *want = malloc(count * sizeof *want), *got = malloc(count * sizeof *got);
    assert_true(want && got);
    memset(want, 0xff, count * sizeof *want);
    memset(got, 0xff, count * sizeof *got);
    plainest_table()->bf16.packed_rounded(s->rows, s->k, s->n, x, w->panels, f, want, s->ldy);
    k->bf16.packed_rounded(s->rows, s->k, s->n, x, w->panels, f, got, s->ldy);
    for (int r = 0; r < s->rows; r++)
        for (int j = 0; j < s->ldy; j++) {
            size_t at = (size_t)r * (size_t)s->ldy + (size_t)j;
            if (j < s->n)
                assert_near((double)got[at], (double)want[at], s->k, k->name);
            else
                assert_memory_equal(got + at, want + at, sizeof *got);
        }
    free(want);
    free(got);
}

/* A sum that lies between two numbers may become either: one unit of the last place. */
static void compare_to_rounded(const kernels *k, const rows_case *s, const float *x, const packed *w,
                               const kernels_finish *f)
{
    size_t count = (size_t)s->rows * (size_t)s->ldy;
    uint16_t *want = take_poisoned(count), *got = take_poisoned(count);
    plainest_table()->bf16.packed_to_rounded(s->rows, s->k, s->n, x, s->ldx, w->panels, f, want, s->ldy);
    k->bf16.packed_to_rounded(s->rows, s->k, s->n, x, s->ldx, w->panels, f, got, s->ldy);
    for (size_t i = 0; i < count; i++) {
        double a = (double)widened(got[i]), b = (double)widened(want[i]);
        if ((int)(i % (size_t)s->ldy) < s->n)
            assert_true(fabs(a - b) <= fabs(b) / 128 + 1e-5 * s->k);
        else
            assert_int_equal(got[i], want[i]);
    }
    free(want);
    free(got);
}

static void check_rows(const kernels *k)
{
    static const int depths[] = {1, 31, 32, 33, 64, 100, 224, 225, 1000, 1024};
    const kernels *plain = plainest_table();
    rng r = {.seed = 33};
    for (int i = 0; i < 60; i++) {
        rows_case s = {1 + (int)rng_below(&r, 70), depths[i % 10], 1 + (int)rng_below(&r, 100), 0, 0};
        s.ldx = s.k + (int)rng_below(&r, 3);
        s.ldy = s.n + (int)rng_below(&r, 3);
        size_t nx = (size_t)((s.rows - 1) * s.ldx + s.k), nw = (size_t)(s.k * s.n),
               stride = k->bf16.stride(s.k), count = ((size_t)s.rows + PACKED_SPARE) * stride;
        float *x = take_random(&r, nx, 1), *w = take_random(&r, nw, 1),
              *bias = take_random(&r, (size_t)s.n, 1);
        uint16_t *a = take_poisoned(count), *b = take_poisoned(count);
        packed *p = packed_create(PACKED_BF16, s.k, s.n, mat_n(w, s.n), NULL);
        kernels_finish f = {i % 3 ? bias : NULL, i % 2 ? 0 : -INFINITY, i % 2 ? 6 : INFINITY};
        assert_non_null(p);
        assert_int_equal(stride, plain->bf16.stride(s.k));
        plain->bf16.round(s.rows, s.k, x, s.ldx, a);
        k->bf16.round(s.rows, s.k, x, s.ldx, b);
        assert_same(b, a, count, k->name);
        compare_rounded(k, &s, a, p, i % 5 ? &f : NULL);
        compare_to_rounded(k, &s, x, p, i % 5 ? &f : NULL);
        packed_free(&p);
        free(a);
        free(b);
        give(x, nx);
        give(w, nw);
        give(bias, (size_t)s.n);
    }
    assert_int_equal(k->bf16.stride(1025), 0);
}

static void rounded_rows(void **state)
{
    (void)state;
    for_each_table(check_rows);
}

static void check_tap_shape(const kernels *k, rng *r, int count, int channels, int outputs, int positions)
{
    const kernels *plain = plainest_table();
    size_t numbers = (size_t)(count * channels * outputs),
           far = (size_t)(positions + count) * (size_t)channels, results = (size_t)(positions * outputs);
    uint16_t *weights[2] = {take_poisoned(numbers), take_poisoned(numbers)}, *x = take_poisoned(far);
    float *w = take_random(r, (size_t)(channels * outputs), 1), *from = take_random(r, far, 1);
    float *y[2] = {malloc(results * sizeof **y), malloc(results * sizeof **y)};
    assert_true(y[0] && y[1]);
    plain->bf16.narrow(from, x, far);
    for (int i = 0; i < 2; i++) {
        const kernels *own = i ? k : plain;
        kernels_taps t = {count, channels, outputs, (size_t)channels, {0}, weights[i]};
        for (int tap = 0; tap < count; tap++) {
            t.offset[tap] = (size_t)((count - 1 - tap) * channels);
            own->bf16.taps_pack(&t, tap, w, tap % 2);
        }
        memset(y[i], 0xff, results * sizeof **y);
        own->bf16.taps(&t, x, positions, y[i]);
    }
    assert_same(weights[1], weights[0], numbers, k->name);
    for (size_t i = 0; i < results; i++)
        assert_near((double)y[1][i], (double)y[0][i], count * channels, k->name);
    give(w, (size_t)(channels * outputs));
    give(from, far);
    for (int i = 0; i < 2; i++) {
        free(weights[i]);
        free(y[i]);
    }
    free(x);
}

static void check_taps(const kernels *k)
{
    rng r = {.seed = 34};
    for (int i = 0; i < 12; i++)
        check_tap_shape(k, &r, 1 + i % 9, TAPS_UNIT * (1 + i % 3), TAPS_UNIT * (1 + i % 2),
                        TAPS_UNIT * (1 + i % 4));
}

static void taps(void **state)
{
    (void)state;
    for_each_table(check_taps);
}

/* Every half there is, from an odd address and in pieces of every size. */
static void check_halves(const kernels *k)
{
    enum { ALL = 1 << 16 };
    static unsigned char bytes[2 * ALL + 1];
    static float want[ALL], got[ALL];
    for (int i = 0; i < ALL; i++) {
        uint16_t half = (uint16_t)i;
        memcpy(bytes + 1 + 2 * i, &half, sizeof half);
    }
    plainest_table()->vector.from_halves(bytes + 1, want, ALL);
    for (size_t at = 0, n = 1; at < ALL; at += n, n = n % 70 + 1) {
        size_t count = at + n < ALL ? n : ALL - at;
        k->vector.from_halves(bytes + 1 + 2 * at, got + at, count);
    }
    for (int i = 0; i < ALL; i++)
        assert_true(isnan(want[i]) ? isnan(got[i]) : !memcmp(&want[i], &got[i], sizeof *got));
}

static void halves(void **state)
{
    (void)state;
    for_each_table(check_halves);
}
int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(depthwise_rows), cmocka_unit_test(narrowed),
                                       cmocka_unit_test(rounded_rows), cmocka_unit_test(taps),
                                       cmocka_unit_test(halves)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
