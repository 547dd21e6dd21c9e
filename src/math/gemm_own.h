/* The f32 product of src/math/gemm.h on own kernels; for gemm.c, and for ops that multiply by the same B
 * many times.
 *
 * Every element of C is the sum of blocks of k, each summed in order: its bits depend neither on m and n nor
 * on where C is cut. A is read where it lies; strips of B are put in order on the stack, one after the other.
 */
#ifndef MATH_GEMM_OWN_H
#define MATH_GEMM_OWN_H

#include <stddef.h>

#include "src/math/gemm.h"
#include "src/math/kernels.h"

/* As gemm_serial. */
void gemm_own(const kernels *own, gemm_shape s, mat a, mat b, real beta, mat_out c);

/* B [k,n] put in order once, for many products: numbers that it takes, in memory of the caller's, and the
 * deed, on the threads of a pool. */
size_t gemm_ordered_count(const kernels *own, int n, int k);
void gemm_order(pool *threads, const kernels *own, int n, int k, mat b, real *to);

/* The same with B in order, on the threads of a pool; the same bits. */
void gemm_own_ordered(pool *threads, const kernels *own, gemm_shape all, mat a, const real *ordered,
                      real beta, mat_out c);

#endif
