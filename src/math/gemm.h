/* The one door to matrix products: OpenBLAS for large ones in f32, AMX tiles in bf16, and own kernels where
 * OpenBLAS is weak: at most eight rows (in either precision), and products of up to 2^27 multiplications,
 * such as a step of an LSTM, where CPUs have AVX2; up to 2^29 where they have AVX-512.
 *
 * All matrices are row-major. What an element becomes depends on the shapes alone, so the result has the same
 * bits for every number of threads. OpenBLAS is loaded when it is first needed and told to run on one thread;
 * without it own kernels step in. */
#ifndef MATH_GEMM_H
#define MATH_GEMM_H

#include <stdbool.h>
#include <stdint.h>

#include "src/base/pool.h"
#include "src/math/real.h"

typedef enum {
    GEMM_F32,  /* f32 products and sums */
    GEMM_BF16, /* operands rounded to bf16 (8 bits of mantissa), f32 sums; as F32 on CPUs without AMX */
} gemm_precision;

typedef enum { GEMM_N, GEMM_T } gemm_op; /* the matrix as stored, or its transpose */

/* C[m,n] = op(A)[m,k] op(B)[k,n] + beta C. lda, ldb, ldc: elements from one stored row to the next.
 * With beta 0, C may hold anything, NaN included. */
void gemm(pool *p, gemm_precision precision, gemm_op op_a, gemm_op op_b, int m, int n, int k, const real *a,
          int lda, const real *b, int ldb, real beta, real *c, int ldc);

/* The same on the calling thread only, for use inside a pool task. */
void gemm_serial(gemm_precision precision, gemm_op op_a, gemm_op op_b, int m, int n, int k, const real *a,
                 int lda, const real *b, int ldb, real beta, real *c, int ldc);

/* Whether large products of this precision run on AMX tiles on this CPU. */
bool gemm_on_tiles(gemm_precision precision);

/* What bf16 products on tiles are measured by: 2 x 2 tiles are loaded from panels that are too large for the
 * first-level cache and small enough for the second, and multiplied, `rounds` times over; nothing is packed
 * and nothing stored. The panels hold GEMM_TILES_NUMBERS bf16 numbers and begin at a multiple of 64 bytes;
 * they had best be drawn, as tiles multiply zeros faster than they multiply anything else. A round takes
 * GEMM_TILES_FLOPS operations; without tiles nothing is done. */
enum { GEMM_TILES_NUMBERS = 1 << 15, GEMM_TILES_FLOPS = 2 * 32 * 32 * 512 };
void gemm_tiles_alone(const uint16_t *panels, int rounds);

/* Whether products of this precision are better made by src/math/gemm_own.h with B in order, where the same B
 * serves many times. */
bool gemm_takes_order(gemm_precision precision);

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
