/* Weights that several products of a step share, as those of an LSTM do whose words come one after the other.
 * sgemm would copy the whole matrix into its own order for every few rows, and each product would add its
 * thin share to the whole gradient. From the second call on the weights are packed, once for each direction,
 * and the gradient is a single product over the rows of all calls. */
#ifndef NN_REPEATED_H
#define NN_REPEATED_H

#include "src/math/packed.h"
#include "src/nn/tape.h"

/* Weights as the products that are to come want them (gemm_wants); neither: as they are stored. */
typedef struct nn_ready {
    packed *panels;
    const real *ordered;
} nn_ready;

typedef struct nn_repeated {
    struct nn_repeated *earlier;
    nn_var *w;
    bool tied;              /* the product is with the transpose */
    int uses, left;         /* calls in all; those that backward has not come to */
    size_t rows;            /* of all calls */
    nn_ready forward, back; /* from the second call on */
    real *x, *dy;           /* [rows,in] [rows,out], gathered by backward */
    size_t gathered;        /* rows */
} nn_repeated;

/* Says that x [rows,in] is about to be multiplied by w ([in,out], or tied [out,in]) in a step that is
 * recorded. NULL where nothing is gained (or memory is out): the caller multiplies by itself. The answer is
 * the same for all calls with these rows, and lives as long as the step. */
nn_repeated *nn_repeat(nn_tape *t, nn_var *w, bool tied, int rows);

/* y[rows,out] = x[rows,in] w + beta y */
void nn_repeated_forward(nn_tape *t, nn_repeated *r, int rows, const real *x, real beta, real *y);

/* dx[rows,in] = dy[rows,out] w^T + beta dx */
void nn_repeated_back(nn_tape *t, nn_repeated *r, int rows, const real *dy, real beta, real *dx);

/* Takes part in w's gradient, which is written when the last call has done so. dy NULL: nothing came back. */
void nn_repeated_gradient(nn_tape *t, nn_repeated *r, int rows, const real *x, const real *dy);

/* The gradient of a product that stands alone: adds x^T dy to w's (tied: dy^T x), if it wants one. dy NULL:
 * nothing. */
void nn_product_gradient(nn_tape *t, nn_var *w, bool tied, int rows, const real *x, const real *dy);

#endif
