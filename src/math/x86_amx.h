/* Matrix product on AMX tiles: operands rounded to bf16, sums in f32. Only called on CPUs that have it
 * (CPU_AMX). */
#ifndef MATH_X86_AMX_H
#define MATH_X86_AMX_H

#include <stdbool.h>

/* Whether the tiles beat the f32 product at this shape (below, packing costs more than it saves). */
bool amx_gemm_suits(int m, int n, int k);

/* C[m,n] = op(A) op(B) + beta C on the calling thread; row-major; trans_a: A is stored [k,m], trans_b: B is
 * stored [n,k]. */
void amx_gemm_bf16(bool trans_a, bool trans_b, int m, int n, int k, const float *a, int lda, const float *b,
                   int ldb, float beta, float *c, int ldc);

#endif
