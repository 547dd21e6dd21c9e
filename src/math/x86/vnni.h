/* The product of src/math/kernels.h with weights packed to 8 bits on AVX-512 VNNI (CPU_VNNI). The sums
 * are exact, so it agrees with the tables to the last rounding. */
#ifndef MATH_X86_VNNI_H
#define MATH_X86_VNNI_H

#include "src/math/kernels.h"

void vnni_packed_i8(int rows, int k, int begin, int end, const kernels_bytes *x, const int8_t *w,
                    const float *scale, const int32_t *offset, float beta, float *y, int ldy);

#endif
