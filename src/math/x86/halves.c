#include "src/math/x86/halves.h"

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

void f16c_from_halves(const void *x, float *y, size_t n)
{
    const uint8_t *from = x;
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(y + i,
                         _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(from + 2 * i))));
    for (; i < n; i++) {
        uint16_t half;
        memcpy(&half, from + 2 * i, sizeof half);
        y[i] = _cvtsh_ss(half);
    }
}
