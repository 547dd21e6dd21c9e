#include "src/math/x86/vnni_bytes.h"

#include <string.h>

#include "src/base/bounds.h"
#include "src/math/x86/vnni_finish.h"

/* ---- products ---- */

enum { MOST_ROWS = 12 };

/* Where the rows of a block are. Rows that are missing at the end are computed as copies of the last. */
typedef struct block {
    int first, count;
    const uint8_t *x[MOST_ROWS];
} block;

INLINE void take_rows(const kernels_byte_product *p, const int rows, int first, block *b)
{
    b->first = first;
    b->count = min_int(rows, p->rows - first);
    for (int r = 0; r < rows; r++) b->x[r] = p->x + (first + min_int(r, b->count - 1)) * p->ldx;
}

/* sum: of every row and panel, in memory, since gcc would not keep the sums of a loop that branches behind it
 * in registers. */
INLINE void finish_block(const kernels_byte_product *p, const block *b, const int width, int j,
                         const __m512i *sum)
{
    const finishing f = finishing_of(&p->finish);
    const size_t ldy = p->ldy;
    const int count = b->count, n = p->n;
    uint8_t *const y = p->y;
    size_t row = b->first * ldy + j;
    for (int r = 0; y && r < count; r++, row += ldy)
        for (int s = 0; s < width; s++, sum++)
            finish_bytes(&f, *sum, j + s * PANEL, row + s * PANEL, first_lanes(n - j - s * PANEL), y);
    if (y) return;
    __m512 low = _mm512_set1_ps(p->low), high = _mm512_set1_ps(p->high);
    for (int r = 0; r < count; r++, row += ldy)
        for (int s = 0; s < width; s++, sum++) {
            __mmask16 lanes = first_lanes(n - j - s * PANEL);
            __m512 v = finish_numbers(&f, *sum, j + s * PANEL, row + s * PANEL, lanes);
            v = _mm512_min_ps(high, _mm512_max_ps(low, v));
            _mm512_mask_storeu_ps(p->reals + row + s * PANEL, lanes, v);
        }
}

INLINE void strip(const kernels_byte_product *p, const block *b, const int rows, const int width, int j)
{
    size_t lines = ceil_div(p->k, QUAD), panel = lines * VECTOR;
    const int8_t *at = p->w + j / PANEL * panel;
    __m512i sum[24], kept[24];
    UNROLL for (int s = 0; s < width; s++)
    {
        __m512i start = _mm512_loadu_si512(p->finish.start + j + s * PANEL);
        UNROLL for (int r = 0; r < rows; r++) sum[r * width + s] = start;
    }
    for (size_t l = 0; l < lines; l++, at += VECTOR) {
        __m512i quad[4];
        UNROLL for (int s = 0; s < width; s++) quad[s] = _mm512_loadu_si512(at + s * panel);
        UNROLL for (int r = 0; r < rows; r++)
        {
            int32_t four;
            memcpy(&four, b->x[r] + QUAD * l, sizeof four);
            __m512i x = _mm512_set1_epi32(four);
            UNROLL for (int s = 0; s < width; s++) sum[r * width + s] =
                _mm512_dpbusd_epi32(sum[r * width + s], x, quad[s]);
        }
    }
    UNROLL for (int i = 0; i < rows * width; i++) _mm512_store_si512(&kept[i], sum[i]);
    finish_block(p, b, width, j, kept);
}

/* All rows of `width` panels from column j on: their weights stay in the first-level cache. */
#define COLUMNS(height, width)                                                                               \
    static void columns_##width(const kernels_byte_product *p, int j)                                        \
    {                                                                                                        \
        block b;                                                                                             \
        for (int first = 0; first < p->rows; first += (height)) {                                            \
            take_rows(p, height, first, &b);                                                                 \
            strip(p, &b, height, width, j);                                                                  \
        }                                                                                                    \
    }

COLUMNS(12, 1)
COLUMNS(12, 2)
COLUMNS(8, 3)
COLUMNS(6, 4)

void vnni_byte_product(const kernels_byte_product *p)
{
    static void (*const columns[])(const kernels_byte_product *, int) = {NULL, columns_1, columns_2,
                                                                         columns_3, columns_4};
    for (int j = 0, width; j < p->n; j += width * PANEL) {
        width = min_int(ceil_div(p->n - j, PANEL), 4);
        columns[width](p, j);
    }
}

/* ---- whole maps ---- */

static __mmask16 lanes_left(size_t n, size_t i)
{
    return n - i >= PANEL ? 0xffff : (__mmask16)((1U << (n - i)) - 1);
}

INLINE void store_bytes(__m512 v, __mmask16 lanes, uint8_t *y)
{
    __m512i whole = _mm512_cvtps_epi32(_mm512_min_ps(_mm512_set1_ps(UINT8_MAX), v));
    _mm_mask_storeu_epi8(y, lanes, _mm512_cvtepi32_epi8(_mm512_max_epi32(whole, _mm512_setzero_si512())));
}

void vnni_byte_narrow(const float *x, size_t n, float factor, float shift, uint8_t *y)
{
    for (size_t i = 0; i < n; i += PANEL) {
        __mmask16 lanes = lanes_left(n, i);
        __m512 v = _mm512_maskz_loadu_ps(lanes, x + i);
        store_bytes(_mm512_fmadd_ps(v, _mm512_set1_ps(factor), _mm512_set1_ps(shift)), lanes, y + i);
    }
}

INLINE __m512 numbers(__mmask16 lanes, const uint8_t *x)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(lanes, x)));
}

void vnni_byte_mix(const kernels_byte_mix *m, const uint8_t *a, const uint8_t *b, size_t pixels, uint8_t *y)
{
    for (; pixels > 0; pixels--, a += m->channels, b += m->channels, y += m->channels)
        for (int j = 0; j < m->channels; j += PANEL) {
            __mmask16 lanes = first_lanes(m->channels - j);
            __m512 v = _mm512_maskz_loadu_ps(lanes, m->shift + j);
            v = _mm512_fmadd_ps(numbers(lanes, a + j), _mm512_maskz_loadu_ps(lanes, m->of_a + j), v);
            v = _mm512_fmadd_ps(numbers(lanes, b + j), _mm512_maskz_loadu_ps(lanes, m->of_b + j), v);
            store_bytes(v, lanes, y + j);
        }
}
