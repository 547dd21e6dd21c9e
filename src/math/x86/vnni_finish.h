/* What follows sums of products of bytes, sixteen columns at a time; for the files that are compiled for
 * CPU_VNNI. */
#ifndef MATH_X86_VNNI_FINISH_H
#define MATH_X86_VNNI_FINISH_H

#include <immintrin.h>

#include "src/math/kernels.h"

#define INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

enum { PANEL = 16, QUAD = 4, VECTOR = 64 };

INLINE __mmask16 first_lanes(int n)
{
    return n >= PANEL ? 0xffff : (__mmask16)((1U << n) - 1);
}

/* x sigmoid(x), relative error below 3e-4: a byte is 4e-3. 2^t of t = whole + f is that of f, a polynomial,
 * with the whole number added to its exponent. */
INLINE __m512 byte_silu(__m512 x)
{
    __m512 t = _mm512_mul_ps(x, _mm512_set1_ps(-1.442695041F)),
           f = _mm512_reduce_ps(t, _MM_FROUND_TO_NEG_INF);
    __m512 p = _mm512_fmadd_ps(f, _mm512_set1_ps(0.0780224F), _mm512_set1_ps(0.22606549F));
    p = _mm512_fmadd_ps(f, p, _mm512_set1_ps(0.69583671F));
    p = _mm512_scalef_ps(_mm512_fmadd_ps(f, p, _mm512_set1_ps(0.99992463F)), t);
    return _mm512_mul_ps(x, _mm512_rcp14_ps(_mm512_add_ps(p, _mm512_set1_ps(1))));
}

/* A kernels_byte_finish of one's own: stores of bytes might change another's, for all that the compiler
 * knows. */
typedef struct finishing {
    const float *factor, *shift, *silu, *plus_factor;
    const uint8_t *plus;
    __m512 zero, most;
    __m512i least;
} finishing;

INLINE finishing finishing_of(const kernels_byte_finish *f)
{
    return (finishing){f->factor,
                       f->shift,
                       f->silu,
                       f->plus_factor,
                       f->plus,
                       _mm512_set1_ps(f->zero),
                       _mm512_set1_ps((float)f->most),
                       _mm512_set1_epi32(f->least)};
}

/* The numbers of columns j..j+15; `place` is where the first of them is in the result. */
INLINE __m512 finish_numbers(const finishing *f, __m512i sum, int j, size_t place, __mmask16 lanes)
{
    __m512 v = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), _mm512_loadu_ps(f->factor + j),
                               _mm512_loadu_ps(f->shift + j));
    if (!f->plus) return v;
    __m512i plus = _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(lanes, f->plus + place));
    return _mm512_fmadd_ps(_mm512_cvtepi32_ps(plus), _mm512_loadu_ps(f->plus_factor + j), v);
}

/* Their bytes, to y[place]... */
INLINE void finish_bytes(const finishing *f, __m512i sum, int j, size_t place, __mmask16 lanes, uint8_t *y)
{
    __m512 v = finish_numbers(f, sum, j, place, lanes);
    if (f->silu) v = _mm512_fmadd_ps(byte_silu(v), _mm512_loadu_ps(f->silu + j), f->zero);
    __m512i whole = _mm512_max_epi32(_mm512_cvtps_epi32(_mm512_min_ps(f->most, v)), f->least);
    __m128i bytes = _mm512_cvtepi32_epi8(whole);
    if (lanes == 0xffff) /* a masked store takes longer on some CPUs */
        _mm_storeu_si128((__m128i *)(void *)(y + place), bytes);
    else
        _mm_mask_storeu_epi8(y + place, lanes, bytes);
}

#endif
