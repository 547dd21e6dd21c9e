/* Depthwise convolutions of 3x3 on maps in bf16, with f32 weights and sums, for what AMX tiles take and make
 * (src/math/packed.h). Only on CPUs with CPU_BF16. */
#ifndef MATH_X86_BF16_DEPTHWISE_H
#define MATH_X86_BF16_DEPTHWISE_H

#include <stddef.h>
#include <stdint.h>

#include "src/math/kernels.h"

/* A row of y [(width - 1) / step + 1, stride], 64-byte aligned, 0 beyond `channels`, from three rows of x
 * [width, channels], those above and below the map NULL. Sums are rounded to nearest even. */
void bf16_depthwise_row(const kernels_depthwise *d, const uint16_t *const x[3], uint16_t *y);

#endif
