/* Matrix product on AMX tiles: operands rounded to bf16, sums in f32. Only called on CPUs that have it
 * (CPU_AMX): cpu_get_flags() asks Linux for the tile state of the process. */
#ifndef MATH_X86_AMX_H
#define MATH_X86_AMX_H

#include <stdbool.h>
#include <stdint.h>

#include "src/math/mat.h"

/* Whether the tiles beat the f32 product at this shape (below, packing costs more than it saves). */
bool amx_gemm_suits(gemm_shape s);

/* C = A B + beta C on the calling thread. With beta 0, C may hold anything. The operands are rounded to
 * nearest even; magnitudes below 2^-126 count as 0. The first call of a thread takes 4 MiB of working memory,
 * given back when the thread ends; returns false, with C untouched, when there is none. */
bool amx_gemm_bf16(gemm_shape s, mat a, mat b, float beta, mat_out c);

/* See gemm_peak() in src/math/gemm.h. */
void amx_tiles_alone(const uint16_t *panels, int rounds);

#endif
