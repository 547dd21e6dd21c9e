/* Activations (src/nn/act.h) as ops, and other elementwise or rearranging ops. */
#ifndef NN_ACTIVATION_H
#define NN_ACTIVATION_H

#include "src/nn/act.h"
#include "src/nn/tape.h"

nn_var *nn_activate(nn_tape *t, nn_var *x, nn_act act);

nn_var *nn_add(nn_tape *t, nn_var *a, nn_var *b); /* same shape */
nn_var *nn_mul(nn_tape *t, nn_var *a, nn_var *b); /* same shape */
nn_var *nn_scale(nn_tape *t, nn_var *x, real factor);

/* Inverted dropout: each element is 0 with probability p, else divided by 1 - p. The identity (x itself) when
 * p is 0 or the tape is not training. Srivastava et al. 2014. */
nn_var *nn_dropout(nn_tape *t, nn_var *x, real p);

/* y[N, A+B] = a[N, A] beside b[N, B]. */
nn_var *nn_concat(nn_tape *t, nn_var *a, nn_var *b);

/* Mean of the encoder states: y[N, D] of x[N, L, D]; `length` (states that count, per row) may be NULL for
 * all. */
nn_var *nn_mean(nn_tape *t, nn_var *x, const int32_t *length);

/* Rows of x in a new order, repeated or left out: y[n, ...] = x[index[n], ...]; backward adds. Borrowed
 * index. */
nn_var *nn_gather(nn_tape *t, nn_var *x, const int32_t *index, int n);

/* Rows of several matrices side by side: y[r] = parts[0][index[0][r]] beside parts[1][index[1][r]] ..., a row
 * of zeros where the index is -1; count is 1 or 2, parts are [., widths], index[i] is [rows]. Borrows the
 * indices, not the two lists. */
nn_var *nn_place(nn_tape *t, nn_var *const *parts, const int32_t *const *index, int count, int rows);

/* Rows begin..begin+n-1 of x. */
nn_var *nn_slice(nn_tape *t, nn_var *x, int begin, int n);

/* Rows of several variables, one after the other: the steps of a decoder as one batch for the output layer.
 */
nn_var *nn_stack(nn_tape *t, nn_var *const *parts, int count);

/* The same numbers under another shape of as many elements. */
nn_var *nn_reshape(nn_tape *t, nn_var *x, int rank, const int *dim);

/* A weighted sum of scalars: weights[i] * parts[i]. */
nn_var *nn_weighted_sum(nn_tape *t, nn_var *const *parts, const real *weights, int count);

#endif
