#include "src/math/x86/amx_taps.h"

#include "src/math/x86/amx_tiles.h"

void amx_taps_round(const float *x, uint16_t *y, size_t n)
{
    size_t i = 0;
    for (; i + STEP <= n; i += STEP)
        _mm512_storeu_si512(y + i, to_bf16(_mm512_loadu_ps(x + i + TILE), _mm512_loadu_ps(x + i)));
    for (; i < n; i += TILE) {
        __mmask16 lanes = first_lanes(n - i < TILE ? (int)(n - i) : TILE);
        __m512i v = to_bf16(_mm512_setzero_ps(), _mm512_maskz_loadu_ps(lanes, x + i));
        _mm512_mask_storeu_epi16(y + i, lanes, v);
    }
}

/* Panels by 32 outputs, then taps, then 32 channels: two tiles, each of 16 rows of channel pairs, the two
 * channels of a pair side by side for 16 outputs. */
static uint16_t *panel_of(const kernels_taps *t, int outputs, int tap, int channel)
{
    size_t steps = (size_t)t->channels / STEP;
    return t->weights +
           (((size_t)outputs / STEP * t->count + tap) * steps + (size_t)channel / STEP) * PANEL_U16;
}

static __m512 load_weights(const float *w, const kernels_taps *t, int channel, int output, bool transposed)
{
    if (!transposed) return _mm512_loadu_ps(w + (size_t)channel * t->outputs + output);
    const __m512i lane = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    __m512i at = _mm512_mullo_epi32(lane, _mm512_set1_epi32(t->channels));
    return _mm512_i32gather_ps(at, w + (size_t)output * t->channels + channel, 4);
}

void amx_taps_pack(const kernels_taps *t, int tap, const float *w, bool transposed)
{
    for (int o = 0; o < t->outputs; o += TILE)
        for (int c = 0; c < t->channels; c += 2) {
            uint16_t *row = panel_of(t, o, tap, c) + o % STEP / TILE * TILE_U16 + c % STEP / 2 * STEP;
            __m512 odd = load_weights(w, t, c + 1, o, transposed),
                   even = load_weights(w, t, c, o, transposed);
            _mm512_store_si512(row, to_pairs(odd, even));
        }
}

/* 32 positions times 32 outputs. Backward, what the last product left of the panel in the first-level cache
 * is what this one begins with. */
INLINE void multiply_block(const kernels_taps *t, const uint16_t *x, const uint16_t *panel, bool backward,
                           float *y)
{
    int across = t->channels / STEP, steps = t->count * across, step = backward ? -1 : 1;
    int tap = backward ? t->count - 1 : 0, c = backward ? across - 1 : 0;
    panel += (size_t)(backward ? steps - 1 : 0) * PANEL_U16;
    TILES_BARRIER();
    tiles_clear();
    for (int i = 0; i < steps; i++, panel += step * PANEL_U16) {
        tiles_step(x + t->offset[tap] + (size_t)c * STEP, t->step * sizeof *x, panel, false, false);
        if (i % AWAKE == AWAKE - 1) tiles_stay_awake();
        c += step;
        if (c < 0 || c == across) {
            c = backward ? across - 1 : 0;
            tap += step;
        }
    }
    tiles_store(y, t->outputs, false);
}

void amx_taps_product(const kernels_taps *t, const uint16_t *x, int positions, float *y)
{
    tiles_configure();
    for (int o = 0; o < t->outputs; o += STEP)
        for (int p = 0; p < positions; p += STEP)
            multiply_block(t, x + p * t->step, panel_of(t, o, 0, 0), p / STEP % 2,
                           y + (size_t)p * t->outputs + o);
    _tile_release();
}
