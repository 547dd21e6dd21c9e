/* Depthwise convolutions of bytes. 64 channels at a time, the rows of the window are woven into quads, four
 * rows of one channel side by side, column after column of the map: what vpdpbusd takes. A column serves
 * all windows that reach it. Then for every 16 channels the weights stay in registers for a run of pixels. */
#include <string.h>

#include "src/base/bounds.h"
#include "src/math/x86/vnni_bytes.h"
#include "src/math/x86/vnni_finish.h"

enum {
    MOST_KERNEL = 5,
    RUN = 16,                              /* pixels of the result at a time */
    COLUMNS = (RUN - 1) * 2 + MOST_KERNEL, /* of the map that they reach */
    CHANNELS = 64,
    GROUP = CHANNELS * QUAD, /* bytes of a column's quads; 5 rows have two groups of them */
};

typedef struct weaving {
    const uint8_t *row[MOST_KERNEL];
    int channels, width;
    __mmask64 lanes;
    __m512i beside;
} weaving;

/* The 64 channels of a row's pixel, their fours in the order in which weaving keeps them one after the other.
 */
INLINE __m512i take(const weaving *w, int row, int column)
{
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    if (column < 0 || column >= w->width) return w->beside;
    const uint8_t *at = w->row[row] + (size_t)column * w->channels;
    return _mm512_permutexvar_epi32(order, _mm512_maskz_loadu_epi8(w->lanes, at));
}

/* Quads of 64 channels: bytes of a, b, c, d. */
INLINE void weave(__m512i a, __m512i b, __m512i c, __m512i d, uint8_t *to)
{
    __m512i ab = _mm512_unpacklo_epi8(a, b), cd = _mm512_unpacklo_epi8(c, d);
    __m512i ab_high = _mm512_unpackhi_epi8(a, b), cd_high = _mm512_unpackhi_epi8(c, d);
    _mm512_store_si512(to, _mm512_unpacklo_epi16(ab, cd));
    _mm512_store_si512(to + VECTOR, _mm512_unpackhi_epi16(ab, cd));
    _mm512_store_si512(to + 2 * VECTOR, _mm512_unpacklo_epi16(ab_high, cd_high));
    _mm512_store_si512(to + 3 * VECTOR, _mm512_unpackhi_epi16(ab_high, cd_high));
}

/* Columns first.. of the map; the weights of rows that are not there are 0. */
INLINE void weave_columns(const weaving *from, const int kernel, int first, int count, uint8_t *to)
{
    const weaving own = *from, *w = &own; /* which stores of bytes cannot change */
    for (int i = 0; i < count; i++) {
        __m512i a = take(w, 0, first + i), b = take(w, 1, first + i), c = take(w, 2, first + i);
        if (kernel == 3) {
            weave(a, b, c, c, to);
            to += GROUP;
            continue;
        }
        __m512i e = take(w, 4, first + i);
        weave(a, b, c, take(w, 3, first + i), to);
        weave(e, e, e, e, to + GROUP);
        to += 2 * GROUP;
    }
}

/* 16 channels of `count` pixels; x: the first column's quads of these channels. */
INLINE void run_pixels(const kernels_byte_depthwise *d, const int kernel, const uint8_t *x, int channel,
                       int count, uint8_t *y)
{
    enum { MOST = MOST_KERNEL * 2 };
    const int groups = kernel > QUAD ? 2 : 1;
    const int8_t *from = d->weights + (size_t)channel * kernel * groups * QUAD;
    __m512i w[MOST], start = _mm512_loadu_si512(d->finish.start + channel);
    __mmask16 lanes = first_lanes(d->channels - channel);
    const finishing f = finishing_of(&d->finish);
    const size_t channels = d->channels, step = (size_t)d->step * groups * GROUP;
    UNROLL for (int i = 0; i < kernel * groups; i++) w[i] = _mm512_load_si512(from + (size_t)i * VECTOR);
    for (int p = 0; p < count; p++, y += channels, x += step) {
        __m512i sum = start, other = _mm512_setzero_si512();
        UNROLL for (int i = 0; i < kernel * groups; i++)
        {
            __m512i quads = _mm512_load_si512(x + (size_t)i * GROUP);
            if (i % 2)
                other = _mm512_dpbusd_epi32(other, quads, w[i]);
            else
                sum = _mm512_dpbusd_epi32(sum, quads, w[i]);
        }
        finish_bytes(&f, _mm512_add_epi32(sum, other), channel, channel, lanes, y);
    }
}

INLINE void run_row(const kernels_byte_depthwise *d, const int kernel, const uint8_t *const *x, uint8_t *y)
{
    uint8_t woven[COLUMNS * 2 * GROUP] __attribute__((aligned(64)));
    weaving w = {.channels = d->channels, .width = d->width, .beside = _mm512_set1_epi8((char)d->beside)};
    for (int c = 0; c < d->channels; c += CHANNELS) {
        int left = min_int(d->channels - c, CHANNELS);
        w.lanes = left == CHANNELS ? ~0ULL : (1ULL << left) - 1;
        for (int r = 0; r < kernel; r++) w.row[r] = x[r] + c;
        for (int p = 0, count; p < d->count; p += count) {
            count = min_int(d->count - p, RUN);
            weave_columns(&w, kernel, p * d->step - d->left, (count - 1) * d->step + kernel, woven);
            for (int q = 0; q * PANEL < left; q++)
                run_pixels(d, kernel, woven + (size_t)q * VECTOR, c + q * PANEL, count,
                           y + (size_t)p * d->channels);
        }
    }
}

void vnni_byte_depthwise(const kernels_byte_depthwise *d, const uint8_t *const *x, uint8_t *y)
{
    if (d->kernel == 3)
        run_row(d, 3, x, y);
    else
        run_row(d, 5, x, y);
}
