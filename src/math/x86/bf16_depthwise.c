/* 32 channels at a time: those with even numbers are the lower halves of a vector's elements, those with odd
 * ones the upper halves, which one shift and one mask make f32. Nine pixels of them stay in registers and
 * move on with the window; weights come from the first-level cache. */
#include "src/math/x86/bf16_depthwise.h"

#include "src/math/x86/amx_tiles.h"

enum {
    GROUP = 32, /* channels */
    HALF = 16,
    TAPS = 9,
    GROUP_F32 = (TAPS + 1) * GROUP,
};

typedef struct pair {
    __m512 even, odd;
} pair;

/* A column of the window. */
typedef struct column {
    pair at[3];
} column;

/* 32 channels of three rows, and which of them there are: none of a row beside the map. */
typedef struct group {
    const uint16_t *x[3];
    __mmask32 lanes[3];
    size_t channels; /* from pixel to pixel */
    const float *w;
} group;

INLINE column take(const group *g, int i)
{
    column c;
    for (int r = 0; r < 3; r++) {
        __m512i v = _mm512_maskz_loadu_epi16(g->lanes[r], g->x[r] + i * g->channels);
        c.at[r].even = _mm512_castsi512_ps(_mm512_slli_epi32(v, 16));
        c.at[r].odd = _mm512_castsi512_ps(_mm512_and_si512(v, _mm512_set1_epi32((int)0xffff0000)));
    }
    return c;
}

/* One beside the map. */
INLINE column nothing(void)
{
    pair zero = {_mm512_setzero_ps(), _mm512_setzero_ps()};
    return (column){{zero, zero, zero}};
}

INLINE void add_column(pair *sum, const column *c, const float *w)
{
    for (int r = 0; r < 3; r++, w += 3 * GROUP) {
        sum->even = _mm512_fmadd_ps(c->at[r].even, _mm512_load_ps(w), sum->even);
        sum->odd = _mm512_fmadd_ps(c->at[r].odd, _mm512_load_ps(w + HALF), sum->odd);
    }
}

INLINE __m512i pixel(const kernels_depthwise *d, const column *a, const column *b, const column *c,
                     const float *w)
{
    pair s = {_mm512_load_ps(w + TAPS * GROUP), _mm512_load_ps(w + TAPS * GROUP + HALF)};
    __m512 low = _mm512_set1_ps(d->low), high = _mm512_set1_ps(d->high);
    add_column(&s, a, w);
    add_column(&s, b, w + GROUP);
    add_column(&s, c, w + 2 * GROUP);
    s.even = _mm512_min_ps(high, _mm512_max_ps(low, s.even));
    s.odd = _mm512_min_ps(high, _mm512_max_ps(low, s.odd));
    return to_pairs(s.odd, s.even);
}

INLINE void group_row(const kernels_depthwise *d, const int step, const group *g, uint16_t *y)
{
    int last = (d->width - 1) / step;
    column a = nothing(), b = take(g, 0), c;
    for (int p = 0; p < last; p++, y += d->stride) {
        c = take(g, p * step + 1);
        _mm512_store_si512(y, pixel(d, &a, &b, &c, g->w));
        a = step == 1 ? b : c;
        b = step == 1 ? c : take(g, p * step + 2);
    }
    c = last * step + 1 < d->width ? take(g, last * step + 1) : nothing();
    _mm512_store_si512(y, pixel(d, &a, &b, &c, g->w));
}

void bf16_depthwise_row(const kernels_depthwise *d, const uint16_t *const x[3], uint16_t *y)
{
    group g = {.channels = d->channels, .w = d->weights};
    for (int c = 0; c < d->channels; c += GROUP, g.w += GROUP_F32) {
        int left = d->channels - c;
        for (int r = 0; r < 3; r++) { /* the row in the middle is always there */
            g.x[r] = (x[r] ? x[r] : x[1]) + c;
            g.lanes[r] = !x[r] ? 0 : left >= GROUP ? 0xffffffff : (1U << left) - 1;
        }
        if (d->step == 1)
            group_row(d, 1, &g, y + c);
        else
            group_row(d, 2, &g, y + c);
    }
}
