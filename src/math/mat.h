/* Operands of a matrix product. All matrices are row-major. */
#ifndef MATH_MAT_H
#define MATH_MAT_H

#include <stddef.h>

#include "src/math/real.h"

typedef enum { GEMM_N, GEMM_T } gemm_op; /* the matrix as stored, or its transpose */

/* A factor; ld: elements from one stored row to the next. */
typedef struct mat {
    const real *data;
    int ld;
    gemm_op op;
} mat;

/* Where a product goes. */
typedef struct mat_out {
    real *data;
    int ld;
} mat_out;

/* Of C[m,n] = A[m,k] B[k,n]. */
typedef struct gemm_shape {
    int m, n, k;
} gemm_shape;

static inline mat mat_n(const real *data, int ld)
{
    return (mat){data, ld, GEMM_N};
}

static inline mat mat_t(const real *data, int ld)
{
    return (mat){data, ld, GEMM_T};
}

/* The same matrix from row i and column j of what `op` makes of it. */
static inline mat mat_from(mat x, int i, int j)
{
    size_t row = x.op == GEMM_N ? i : j, column = x.op == GEMM_N ? j : i;
    return (mat){x.data + row * x.ld + column, x.ld, x.op};
}

#endif
