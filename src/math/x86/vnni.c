#include "src/math/x86/vnni.h"

#include <immintrin.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

enum { PANEL = 16 };

static __mmask16 first_lanes(int n)
{
    return n >= PANEL ? 0xffff : (__mmask16)((1U << n) - 1);
}

INLINE void strip(const int rows, const int width, int k, const kernels_bytes *x, const int8_t *w,
                  const float *scale, const int32_t *offset, int j, int n, float beta, float *y, int ldy)
{
    size_t lines = ((size_t)k + 3) / 4, panel = lines * 4 * PANEL;
    const int8_t *at = w + j / PANEL * panel;
    __m512i sum[KERNELS_ROWS * 8];
    UNROLL for (int i = 0; i < rows * width; i++) sum[i] = _mm512_setzero_si512();
    for (size_t l = 0; l < lines; l++, at += 4 * PANEL) UNROLL for (int s = 0; s < width; s++)
        {
            __m512i quad = _mm512_loadu_si512(at + s * panel);
            UNROLL for (int r = 0; r < rows; r++)
            {
                int32_t four;
                memcpy(&four, x->bytes + r * x->stride + 4 * l, sizeof four);
                sum[s * rows + r] = _mm512_dpbusd_epi32(sum[s * rows + r], _mm512_set1_epi32(four), quad);
            }
        }
    UNROLL for (int s = 0; s < width; s++) UNROLL for (int r = 0; r < rows; r++)
    {
        int column = j + s * PANEL;
        __mmask16 lanes = first_lanes(n - s * PANEL);
        float *out = y + (size_t)r * ldy + column;
        __m512i exact = _mm512_sub_epi32(sum[s * rows + r], _mm512_loadu_si512(offset + column));
        __m512 by = _mm512_mul_ps(_mm512_loadu_ps(scale + column), _mm512_set1_ps(x->scale[r]));
        __m512 v = _mm512_cvtepi32_ps(exact);
        v = beta != 0 ? _mm512_fmadd_ps(v, by, _mm512_maskz_loadu_ps(lanes, out)) : _mm512_mul_ps(v, by);
        _mm512_mask_storeu_ps(out, lanes, v);
    }
}

#define WIDTH(rows) (24 / (rows) > 8 ? 8 : 24 / (rows))

void vnni_packed_i8(int rows, int k, int begin, int end, const kernels_bytes *x, const int8_t *w,
                    const float *scale, const int32_t *offset, float beta, float *y, int ldy)
{
    int j = begin;
    switch (rows) {
#define ROWS(count)                                                                                          \
    case count:                                                                                              \
        for (; j + WIDTH(count) * PANEL <= end; j += WIDTH(count) * PANEL)                                   \
            strip(count, WIDTH(count), k, x, w, scale, offset, j, end - j, beta, y, ldy);                    \
        for (; j < end; j += PANEL) strip(count, 1, k, x, w, scale, offset, j, end - j, beta, y, ldy);       \
        break
        ROWS(1);
        ROWS(2);
        ROWS(3);
        ROWS(4);
        ROWS(5);
        ROWS(6);
        ROWS(7);
        ROWS(8);
#undef ROWS
    default:
        break;
    }
}
