/* Depthwise convolutions of 3x3 on maps in bf16, with f32 weights and sums, for what AMX tiles take and make
 * (src/math/packed.h). Only on CPUs with CPU_AMX. */
#ifndef MATH_X86_BF16_DEPTHWISE_H
#define MATH_X86_BF16_DEPTHWISE_H

#include <stddef.h>
#include <stdint.h>

#include "src/math/kernels.h"

/* The order of the weights: for every 32 channels those of the nine taps, even channels before odd ones, then
 * the bias likewise. */
size_t bf16_depthwise_numbers(int channels);
void bf16_depthwise_order(int channels, const float *w, const float *bias, float *to);

typedef struct bf16_depthwise {
    const float *weights; /* as ordered, 64-byte aligned */
    int channels, width;  /* of x; padded by 1 */
    int step;             /* stride, 1 or 2 */
    float low, high;
    size_t stride; /* numbers of a pixel of y: channels rounded up to a multiple of 32 at least */
} bf16_depthwise;

/* A row of y [(width - 1) / step + 1, stride], 64-byte aligned, 0 beyond `channels`, from three rows of x
 * [width, channels], those above and below the map NULL. Sums are rounded to nearest even. */
void bf16_depthwise_row(const bf16_depthwise *d, const uint16_t *const x[3], uint16_t *y);

#endif
