/* Depthwise convolutions of maps in bf16 against plain sums in double, on odd sizes, operands that end where
 * memory ends, and results in poisoned memory. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#if CAPTION_X86
#include "src/math/x86_bf16_depthwise.h"
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

static void check(rng *r, const shape *s)
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
    bf16_depthwise d = {weights, s->channels, s->width, s->step, 0, 1.5F, stride};
    bf16_depthwise_row(&d, x, y);
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

static void against_plain_sums(void **state)
{
    (void)state;
    if (cpu_get_level() < CPU_AMX) skip();
    rng r = {.seed = 31};
    for (int i = 0; i < 300; i++) {
        shape s = {1 + (int)rng_below(&r, i % 10 ? 100 : 600), 1 + (int)rng_below(&r, 12), 1 + i % 2,
                   i / 2 % 2, i / 4 % 2};
        check(&r, &s);
    }
}
#else
static void against_plain_sums(void **state)
{
    (void)state;
    skip();
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(against_plain_sums)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
