/* In plain C, what some CPUs have instructions of their own for: bf16 and 16-bit floats. Where a CPU has
 * none, little of it is ever called, as products in f32 are faster then; but every CPU can, and the tests
 * compare the others with it. */
#include <string.h>

#include "src/base/bounds.h"
#include "src/math/kernels_tables.h"

enum { STEP = 32, TILE = 16, TILE_NUMBERS = TILE * STEP, DEEPEST = 1024 };

static uint32_t bits_of(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

static float float_of(uint32_t u)
{
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

/* ---- conversions ---- */

/* To nearest, ties to even; NaN stays one. */
static uint16_t to_bf16(real value)
{
    uint32_t u = bits_of((float)value), rounded = (u + 0x7FFF + (u >> 16 & 1)) >> 16;
    return (uint16_t)((u & 0x7FFFFFFF) > 0x7F800000 ? (u >> 16 | 0x40) : rounded);
}

static real from_bf16(uint16_t x)
{
    return (real)float_of((uint32_t)x << 16);
}

static void narrow(const real *x, uint16_t *y, size_t n)
{
    for (size_t i = 0; i < n; i++) y[i] = to_bf16(x[i]);
}

/* The layouts are told in src/io/dtype.c, which goes the other way. No branches: the loop vectorises. */
static float from_half(uint16_t h)
{
    uint32_t magnitude = h & 0x7FFFu, sign = (uint32_t)(h & 0x8000u) << 16;
    uint32_t bias = (magnitude >= 0x7C00 ? 224u : 112u) << 23; /* infinity and NaN: exponent 31 becomes 255 */
    uint32_t normal = (magnitude << 13) + bias;
    /* A subnormal is fraction * 2^-24: put behind the leading one of 2^-14, which is then taken away. */
    uint32_t subnormal = bits_of(float_of((magnitude << 13) + 0x38800000u) - 0x1p-14f);
    return float_of((magnitude < 0x400 ? subnormal : normal) | sign);
}

static void from_halves(const void *x, float *y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint16_t half;
        memcpy(&half, (const uint8_t *)x + 2 * i, sizeof half);
        y[i] = from_half(half);
    }
}

/* ---- products ---- */

/* Where element (l, j) of a packed matrix of k rows lies, see src/math/kernels_packed.inc. */
static size_t place(int k, int l, int j)
{
    size_t panel = (size_t)(j / STEP) * round_up(k, STEP) * STEP;
    return panel + (size_t)(l / STEP) * 2 * TILE_NUMBERS + (size_t)(j % STEP / TILE) * TILE_NUMBERS +
           (size_t)(l % STEP / 2) * STEP + (size_t)(j % TILE) * 2 + l % 2;
}

static real element(mat x, int i, int j)
{
    return from_bf16(to_bf16(*mat_from(x, i, j).data));
}

static bool gemm_suits(gemm_shape s)
{
    (void)s;
    return false;
}

static bool gemm_bf16(gemm_shape s, mat a, mat b, real beta, mat_out c)
{
    for (int i = 0; i < s.m; i++)
        for (int j = 0; j < s.n; j++) {
            real *to = c.data + (size_t)i * c.ld + j, sum = beta != 0 ? beta * *to : 0;
            for (int l = 0; l < s.k; l++) sum += element(a, i, l) * element(b, l, j);
            *to = sum;
        }
    return true;
}

/* An odd count of cache lines, as x86/amx_tiles.h wants it. */
static size_t stride(int k)
{
    return k <= DEEPEST ? (size_t)(ceil_div(k, STEP) | 1) * STEP : 0;
}

static void round_rows(int rows, int k, const real *x, int ldx, uint16_t *to)
{
    for (int r = 0; r < rows; r++, x += ldx, to += stride(k)) {
        narrow(x, to, k);
        memset(to + k, 0, (round_up(k, STEP) - k) * sizeof *to);
    }
}

static real finished(const kernels_finish *f, int j, real v)
{
    if (!f) return v;
    if (f->bias) v += f->bias[j];
    v = v < f->low ? f->low : v; /* NaN passes */
    return v > f->high ? f->high : v;
}

static real rounded_sum(int k, int j, const uint16_t *x, const uint16_t *w)
{
    real sum = 0;
    for (int l = 0; l < k; l++) sum += from_bf16(x[l]) * from_bf16(w[place(k, l, j)]);
    return sum;
}

static void packed_rounded(int rows, int k, int n, const uint16_t *x, const uint16_t *w,
                           const kernels_finish *finish, real *y, int ldy)
{
    for (int r = 0; r < rows; r++, x += stride(k), y += ldy)
        for (int j = 0; j < n; j++) y[j] = finished(finish, j, rounded_sum(k, j, x, w));
}

static void packed_to_rounded(int rows, int k, int n, const real *x, int ldx, const uint16_t *w,
                              const kernels_finish *finish, uint16_t *y, int ldy)
{
    uint16_t row[DEEPEST + STEP];
    for (int r = 0; r < rows; r++, x += ldx, y += ldy) {
        round_rows(1, k, x, ldx, row);
        for (int j = 0; j < n; j++) y[j] = to_bf16(finished(finish, j, rounded_sum(k, j, row, w)));
    }
}

/* ---- convolutions ---- */

/* The weights of all taps are a packed matrix of count x channels rows. */
static void taps_pack(const kernels_taps *t, int tap, const real *w, bool transposed)
{
    mat from = transposed ? mat_t(w, t->channels) : mat_n(w, t->outputs);
    for (int c = 0; c < t->channels; c++)
        for (int o = 0; o < t->outputs; o++)
            t->weights[place(t->count * t->channels, tap * t->channels + c, o)] =
                to_bf16(*mat_from(from, c, o).data);
}

static real tap_sum(const kernels_taps *t, const uint16_t *x, int output)
{
    real sum = 0;
    for (int tap = 0; tap < t->count; tap++)
        for (int c = 0; c < t->channels; c++)
            sum += from_bf16(x[t->offset[tap] + c]) *
                   from_bf16(t->weights[place(t->count * t->channels, tap * t->channels + c, output)]);
    return sum;
}

static void taps(const kernels_taps *t, const uint16_t *x, int positions, real *y)
{
    for (int p = 0; p < positions; p++, x += t->step, y += t->outputs)
        for (int o = 0; o < t->outputs; o++) y[o] = tap_sum(t, x, o);
}

/* Numbers of the order of depthwise weights for 32 channels. */
enum { GROUP = 32, TAPS = 9, GROUP_NUMBERS = (TAPS + 1) * GROUP };

static size_t in_order(int channel, int tap)
{
    int i = channel % GROUP;
    return (size_t)(channel / GROUP) * GROUP_NUMBERS + (tap * GROUP + i % 2 * GROUP / 2 + i / 2);
}

size_t bf16_depthwise_numbers(int channels)
{
    return (size_t)ceil_div(channels, GROUP) * GROUP_NUMBERS;
}

void bf16_depthwise_order(int channels, const real *w, const real *bias, float *to)
{
    for (int c = 0; c < round_up(channels, GROUP); c++) {
        bool there = c < channels;
        for (int t = 0; t < TAPS; t++) to[in_order(c, t)] = there ? (float)w[(size_t)t * channels + c] : 0;
        to[in_order(c, TAPS)] = there && bias ? (float)bias[c] : 0;
    }
}

static real depthwise_sum(const kernels_depthwise *d, const uint16_t *const x[3], int pixel, int channel)
{
    real sum = (real)d->weights[in_order(channel, TAPS)];
    for (int t = 0; t < TAPS; t++) {
        int at = pixel * d->step + t % 3 - 1;
        const uint16_t *row = at >= 0 && at < d->width ? x[t / 3] : NULL;
        if (row)
            sum +=
                from_bf16(row[(size_t)at * d->channels + channel]) * (real)d->weights[in_order(channel, t)];
    }
    return finished(&(kernels_finish){NULL, (real)d->low, (real)d->high}, 0, sum);
}

static void depthwise(const kernels_depthwise *d, const uint16_t *const x[3], uint16_t *y)
{
    int wide = round_up(d->channels, GROUP);
    for (int p = 0; p <= (d->width - 1) / d->step; p++, y += d->stride)
        for (int c = 0; c < wide; c++) y[c] = c < d->channels ? to_bf16(depthwise_sum(d, x, p, c)) : 0;
}

static void no_peak(const uint16_t *panels, int rounds)
{
    (void)panels, (void)rounds;
}

void kernels_fill_plain(kernels *k)
{
    k->vector.from_halves = from_halves;
    k->bf16 = (kernels_bf16){.narrow = narrow,
                             .gemm_suits = gemm_suits,
                             .gemm = gemm_bf16,
                             .stride = stride,
                             .round = round_rows,
                             .packed_rounded = packed_rounded,
                             .packed_to_rounded = packed_to_rounded,
                             .taps_pack = taps_pack,
                             .taps = taps,
                             .depthwise = depthwise,
                             .peak = no_peak};
}
