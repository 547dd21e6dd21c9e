/* Convolutions on AMX tiles without copies of patches: a map is rounded to bf16 once, with zeros around it,
 * and the tiles of A are loaded from where the pixels lie. Only on CPUs with CPU_AMX; see gemm_on_tiles().
 *
 *     y[p, 0..O-1] = sum over taps t of x[offset[t] + p * step, and the C - 1 numbers after it] w[t]
 *
 * for positions p = 0, 1, ...; w[t] is [C,O]. C and O are multiples of AMX_TAPS_UNIT. */
#ifndef MATH_X86_AMX_TAPS_H
#define MATH_X86_AMX_TAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { AMX_TAPS_UNIT = 32, AMX_TAPS_MAX = 49 };

typedef struct amx_taps {
    int count, channels, outputs;
    size_t step, offset[AMX_TAPS_MAX]; /* in numbers of x */
    uint16_t *weights; /* [count * channels * outputs], filled by amx_taps_pack; 64-byte aligned */
} amx_taps;

/* Packs the weights of one tap: w[C,O], or its transpose stored as [O,C]. */
void amx_taps_pack(const amx_taps *t, int tap, const float *w, bool transposed);

/* y[positions,O]; positions is a multiple of AMX_TAPS_UNIT. Everything the taps reach from a position must be
 * readable. */
void amx_taps_product(const amx_taps *t, const uint16_t *x, int positions, float *y);

/* y[i] = x[i] rounded to bf16. */
void amx_taps_round(const float *x, uint16_t *y, size_t n);

#endif
