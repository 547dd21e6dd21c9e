/* Products of many rows with weights packed to bf16 (src/math/packed.h) on AMX tiles. Only on CPUs with
 * CPU_AMX. */
#ifndef MATH_X86_AMX_PACKED_H
#define MATH_X86_AMX_PACKED_H

#include <stddef.h>
#include <stdint.h>

#include "src/math/kernels.h"

/* y[rows, begin..end-1] = x[rows,k] w + beta y; beta is 0 or 1, begin a multiple of 32; the panels are those
 * of PACKED_BF16. x is rounded to bf16. Then what `finish` says (NULL: nothing). */
void amx_packed_bf16(int rows, int k, int begin, int end, const float *x, int ldx, const uint16_t *panels,
                     float beta, const kernels_finish *finish, float *y, int ldy);

/* The same with rows of x rounded beforehand, amx_packed_stride(k) numbers each, 0: k is too large for it.
 * Behind the last row up to 31 more are read, which may hold anything. */
size_t amx_packed_stride(int k);
void amx_packed_round(int rows, int k, const float *x, int ldx, uint16_t *to);
void amx_packed_rounded(int rows, int k, int n, const uint16_t *x, const uint16_t *panels,
                        const kernels_finish *finish, float *y, int ldy);

/* As amx_packed_bf16 with beta 0, results rounded to bf16; for those k that have a stride. */
void amx_packed_to_rounded(int rows, int k, int n, const float *x, int ldx, const uint16_t *panels,
                           const kernels_finish *finish, uint16_t *y, int ldy);

#endif
