#include "src/math/x86_amx_taps.h"

#include <immintrin.h>
#include <string.h>

enum { TILE = 16, STEP = 32, TILE_U16 = TILE * STEP, PANEL_U16 = 2 * TILE_U16 };

static __m512i to_bf16(__m512 high, __m512 low)
{
    __m512bh v = _mm512_cvtne2ps_pbh(high, low);
    __m512i bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

void amx_taps_round(const float *x, uint16_t *y, size_t n)
{
    size_t i = 0;
    for (; i + STEP <= n; i += STEP)
        _mm512_storeu_si512(y + i, to_bf16(_mm512_loadu_ps(x + i + TILE), _mm512_loadu_ps(x + i)));
    for (; i < n; i += TILE) {
        __mmask16 lanes = n - i >= TILE ? 0xffff : (__mmask16)((1U << (n - i)) - 1);
        __m512i v = to_bf16(_mm512_setzero_ps(), _mm512_maskz_loadu_ps(lanes, x + i));
        _mm512_mask_storeu_epi16(y + i, lanes, v);
    }
}

/* Panels by 32 outputs, then taps, then 32 channels: two tiles, each of 16 rows of channel pairs, the two
 * channels of a pair side by side for 16 outputs. */
static uint16_t *panel_of(const amx_taps *t, int outputs, int tap, int channel)
{
    size_t steps = (size_t)t->channels / STEP;
    return t->weights +
           (((size_t)outputs / STEP * (size_t)t->count + (size_t)tap) * steps + (size_t)channel / STEP) *
               PANEL_U16;
}

static __m512 load_weights(const float *w, const amx_taps *t, int channel, int output, bool transposed)
{
    if (!transposed) return _mm512_loadu_ps(w + (size_t)channel * (size_t)t->outputs + (size_t)output);
    const __m512i lane = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    __m512i at = _mm512_mullo_epi32(lane, _mm512_set1_epi32(t->channels));
    return _mm512_i32gather_ps(at, w + (size_t)output * (size_t)t->channels + (size_t)channel, 4);
}

void amx_taps_pack(const amx_taps *t, int tap, const float *w, bool transposed)
{
    static const uint16_t interleave[32] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                            8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
    const __m512i order = _mm512_loadu_si512(interleave);
    for (int o = 0; o < t->outputs; o += TILE)
        for (int c = 0; c < t->channels; c += 2) {
            uint16_t *row = panel_of(t, o, tap, c) + o % STEP / TILE * TILE_U16 + c % STEP / 2 * STEP;
            __m512i pair =
                to_bf16(load_weights(w, t, c + 1, o, transposed), load_weights(w, t, c, o, transposed));
            _mm512_storeu_si512(row, _mm512_permutexvar_epi16(order, pair));
        }
}

/* Every tile is 16 rows of 64 bytes. gcc 12 takes the configuration for unread without the barrier. */
static void configure_tiles(void)
{
    struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t bytes_per_row[16];
        uint8_t rows[16];
    } config = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        config.bytes_per_row[i] = 64;
        config.rows[i] = TILE;
    }
    __asm__ volatile("" ::: "memory");
    _tile_loadconfig(&config);
}

/* 32 positions times 32 outputs. The tile loads do not tell the compiler that they read memory: hence the
 * barrier. */
static void multiply_block(const amx_taps *t, const uint16_t *x, const uint16_t *panel, float *y)
{
    size_t stride = t->step * sizeof *x, rows = TILE * t->step, line = (size_t)t->outputs * sizeof *y;
    __asm__ volatile("" ::: "memory");
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int tap = 0; tap < t->count; tap++) {
        const uint16_t *a = x + t->offset[tap];
        for (int c = 0; c < t->channels; c += STEP, panel += PANEL_U16) {
            _tile_loadd(6, panel, 64);
            _tile_loadd(4, a + c, stride);
            _tile_loadd(7, panel + TILE_U16, 64);
            _tile_dpbf16ps(0, 4, 6);
            _tile_loadd(5, a + c + rows, stride);
            _tile_dpbf16ps(1, 4, 7);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
        }
    }
    float *lower = y + (size_t)TILE * (size_t)t->outputs;
    _tile_stored(0, y, line);
    _tile_stored(1, y + TILE, line);
    _tile_stored(2, lower, line);
    _tile_stored(3, lower + TILE, line);
}

void amx_taps_product(const amx_taps *t, const uint16_t *x, int positions, float *y)
{
    configure_tiles();
    for (int o = 0; o < t->outputs; o += STEP)
        for (int p = 0; p < positions; p += STEP)
            multiply_block(t, x + (size_t)p * t->step, panel_of(t, o, 0, 0),
                           y + (size_t)p * (size_t)t->outputs + (size_t)o);
    _tile_release();
}
