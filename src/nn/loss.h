/* What is to be made small: each op is an activation and its loss as one. */
#ifndef NN_LOSS_H
#define NN_LOSS_H

#include "src/nn/tape.h"

typedef struct nn_loss_info {
    double nll; /* sum over the counted rows of -ln p(target), without smoothing: perplexity = exp(nll /
                   count) */
    int count;  /* rows whose target counts */
    int hits;   /* rows whose most probable class is the target */
} nn_loss_info;

/* The mean over the counted rows of the cross-entropy between softmax(logits [N, V]) and (1 - smoothing) on
 * the target plus smoothing / V on every class (label smoothing: Szegedy et al. 2016). A row with target
 * `ignore` does not count. */
nn_var *nn_cross_entropy(nn_tape *t, nn_var *logits, const int32_t *targets, int32_t ignore, real smoothing,
                         nn_loss_info *info);

/* The same with each counted row's part times weight[N], which may be below 0; divided by the number of
 * counted rows still. `weight` is borrowed until the result is there; NULL: all are 1. Of *info nothing is
 * weighted. */
nn_var *nn_weighted_cross_entropy(nn_tape *t, nn_var *logits, const int32_t *targets, const real *weight,
                                  int32_t ignore, real smoothing, nn_loss_info *info);

/* The mean over the rows of the sum over the columns of the cross-entropy between sigmoid(logits [N, V]) and
 * target [N, V], 0..1 each, borrowed until backward: how likely each of V things is, of which several may be
 * true. */
nn_var *nn_binary_cross_entropy(nn_tape *t, nn_var *logits, const real *target);

/* Mean squared difference to a constant target of the same shape. */
nn_var *nn_mean_squared(nn_tape *t, nn_var *x, const real *target);

/* y = softmax(x) or ln softmax(x) over the last dimension, in plain arrays (decoding). */
void nn_softmax_rows(real *y, const real *x, int rows, int cols);
void nn_log_softmax_rows(real *y, const real *x, int rows, int cols);

#endif
