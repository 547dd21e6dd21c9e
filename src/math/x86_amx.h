/* Matrix product on AMX tiles: operands rounded to bf16, sums in f32. Only called on CPUs that have it
 * (CPU_AMX): cpu_get_level() asks Linux for the tile state of the process. */
#ifndef MATH_X86_AMX_H
#define MATH_X86_AMX_H

#include <stdbool.h>
#include <stdint.h>

/* Whether the tiles beat the f32 product at this shape (below, packing costs more than it saves). */
bool amx_gemm_suits(int m, int n, int k);

/* C[m,n] = op(A) op(B) + beta C on the calling thread; row-major; trans_a: A is stored [k,m], trans_b: B is
 * stored [n,k]. With beta 0, C may hold anything. The operands are rounded to nearest even; magnitudes below
 * 2^-126 count as 0. The first call of a thread takes 4 MiB of working memory, given back when the thread
 * ends; returns false, with C untouched, when there is none. */
bool amx_gemm_bf16(bool trans_a, bool trans_b, int m, int n, int k, const float *a, int lda, const float *b,
                   int ldb, float beta, float *c, int ldc);

/* See gemm_tiles_alone() in src/math/gemm.h. */
void amx_tiles_alone(const uint16_t *panels, int rounds);

#endif
