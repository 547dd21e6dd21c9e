/* Convolutions on AMX tiles without copies of patches (kernels_taps in src/math/kernels.h): a map is rounded
 * to bf16 once, with zeros around it, and the tiles of A are loaded from where the pixels lie. The product
 * wants CPU_AMX, the others CPU_BF16. */
#ifndef MATH_X86_AMX_TAPS_H
#define MATH_X86_AMX_TAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/math/kernels.h"

/* Packs the weights of one tap: w[C,O], or its transpose stored as [O,C]. */
void amx_taps_pack(const kernels_taps *t, int tap, const float *w, bool transposed);

/* y[positions,O]; positions is a multiple of TAPS_UNIT. Everything the taps reach from a position must be
 * readable. */
void amx_taps_product(const kernels_taps *t, const uint16_t *x, int positions, float *y);

/* y[i] = x[i] rounded to bf16. */
void amx_taps_round(const float *x, uint16_t *y, size_t n);

#endif
