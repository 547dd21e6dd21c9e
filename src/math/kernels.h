/* Kernels: the inner loops, one table per CPU level, compiled three times from src/math/kernels_body.inc.
 *
 *     const kernels *k = kernels_get(cpu_get_level());
 *     k->vtanh(x, y, n);
 *
 * Matrices are row-major; ld* counts elements from one row to the next; n, k, d, count may be 0. No pointer
 * needs more alignment than its type, nothing beyond the stated sizes is read or written. The tables agree to
 * rounding only: sums run in an order that depends on the vector width. Within one table a row of a result
 * depends neither on how many rows are computed along with it nor on where its columns are cut. */
#ifndef MATH_KERNELS_H
#define MATH_KERNELS_H

#include "src/base/cpu.h"
#include "src/math/real.h"

enum { KERNELS_ROWS = 8 }; /* rows that gemv and gemv_t take at most */

typedef struct kernels {
    const char *name; /* "generic", "avx2", "avx512" */

    /* y[rows,n] = x[rows,k] w[k,n] + beta y, rows in 1..KERNELS_ROWS. The weights are read once for all rows.
     * With beta 0, y may hold anything. y overlaps neither x nor w. */
    void (*gemv)(int rows, int k, int n, const real *x, int ldx, const real *w, int ldw, real beta, real *y,
                 int ldy);

    /* The same with the weights transposed, w[n,k]. */
    void (*gemv_t)(int rows, int k, int n, const real *x, int ldx, const real *w, int ldw, real beta, real *y,
                   int ldy);

    /* y[i] = e^x[i], 1 / (1 + e^-x[i]), tanh x[i]; y may be x. Relative error below 3e-7, also where the
     * result nears 0, down to the smallest normal number; infinities give the limits, NaN gives NaN. */
    void (*vexp)(const real *x, real *y, int n);
    void (*vsigmoid)(const real *x, real *y, int n);
    void (*vtanh)(const real *x, real *y, int n);

    /* y[i] = e^x[i] / sum of e^x[j]; y may be x. -inf gives 0; a row with NaN, with +inf, or of -inf only
     * becomes NaN. */
    void (*row_softmax)(const real *x, real *y, int n);

    real (*dot)(const real *x, const real *y, int n);
    void (*axpy)(real a, const real *x, real *y, int n); /* y += a x */

    /* score[i] = sum over j of v[j] tanh(key[i,j] + q[j]); key[count,d], q[d], v[d], score[count]: one query
     * of additive attention (Bahdanau, Cho, Bengio, 2015). */
    void (*attention_match)(const real *key, const real *q, const real *v, int count, int d, real *score);
} kernels;

/* The best table that runs at this level; static, never NULL. */
const kernels *kernels_get(cpu_level level);

#endif
