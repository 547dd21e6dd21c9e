/* The one door to matrix products: OpenBLAS for large ones in f32, tiles of the CPU in bf16, and own kernels
 * where OpenBLAS is weak: at most eight rows (in either precision), and products of up to 2^27
 * multiplications, such as a step of an LSTM, where CPUs have AVX2; up to 2^29 where they have AVX-512.
 *
 *     gemm(pool, GEMM_F32, (gemm_shape){m, n, k}, mat_n(a, k), mat_t(b, k), 0, (mat_out){c, n});
 *
 * What an element becomes depends on the shapes alone, so the result has the same
 * bits for every number of threads. OpenBLAS is loaded when it is first needed and told to run on one thread;
 * without it own kernels step in. */
#ifndef MATH_GEMM_H
#define MATH_GEMM_H

#include <stdbool.h>
#include <stdint.h>

#include "src/base/pool.h"
#include "src/math/mat.h"

typedef enum {
    GEMM_F32,  /* f32 products and sums */
    GEMM_BF16, /* operands rounded to bf16 (8 bits of mantissa), f32 sums, where that is faster; else as F32
                */
} gemm_precision;

/* C = A B + beta C. With beta 0, C may hold anything, NaN included. */
void gemm(pool *p, gemm_precision precision, gemm_shape s, mat a, mat b, real beta, mat_out c);

/* The same on the calling thread only, for use inside a pool task. */
void gemm_serial(gemm_precision precision, gemm_shape s, mat a, mat b, real beta, mat_out c);

/* Whether large products of this precision round their operands to bf16 here, as that is faster. */
bool gemm_rounds(gemm_precision precision);

/* How products of this precision want a B that serves many times. */
typedef enum {
    GEMM_AS_STORED,
    GEMM_IN_ORDER,  /* src/math/gemm_own.h */
    GEMM_IN_PANELS, /* of bf16, src/math/packed.h */
} gemm_order_wanted;

gemm_order_wanted gemm_wants(gemm_precision precision);

/* What bf16 products are measured by: what the CPU multiplies panels at that are too large for the
 * first-level cache and small enough for the second, `rounds` times over; nothing is packed and nothing
 * stored. The panels hold GEMM_PEAK_NUMBERS bf16 numbers and begin at a multiple of 64 bytes; they had best
 * be drawn, as zeros are multiplied faster than anything else. A round takes GEMM_PEAK_FLOPS operations;
 * where products do not round nothing is done. */
enum { GEMM_PEAK_NUMBERS = 1 << 15, GEMM_PEAK_FLOPS = 2 * 32 * 32 * 512 };
void gemm_peak(const uint16_t *panels, int rounds);

/* What OpenBLAS looks up in the environment while it loads, at the first large product, and had best find
 * there: that it shall start no threads of its own, which it does even when it is to use one, and which CPU
 * this is. A library leaves the environment to the program, which may set it before it starts threads.
 * Otherwise idle threads stay around, and own kernels make the products that OpenBLAS would make with vectors
 * of half the width. The last one has no name. */
typedef struct gemm_setting {
    const char *name, *value;
} gemm_setting;
const gemm_setting *gemm_settings(void);

/* What makes large f32 products: "OpenBLAS 0.3.21 ...", or "own kernels, avx512" where it could not be
 * loaded. */
const char *gemm_library(void);

#endif
