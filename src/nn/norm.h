/* Normalisation. */
#ifndef NN_NORM_H
#define NN_NORM_H

#include "src/nn/activation.h"
#include "src/nn/tape.h"

/* y = (x - mean) / sqrt(variance + epsilon) * gamma + beta over the last dimension [.., D]. Ba, Kiros, Hinton
 * 2016. */
nn_var *nn_layer_norm(nn_tape *t, nn_var *x, nn_var *gamma, nn_var *beta, double epsilon);

typedef struct nn_batch_norm_params {
    nn_var *gamma, *beta;    /* [C], learned */
    nn_var *mean, *variance; /* [C], running; updated while training */
    real epsilon;            /* added to the variance */
    real momentum; /* share of the batch in the running statistics; 0 = frozen: never updated, always used */
} nn_batch_norm_params;

/* y = act((x - mean) / sqrt(variance + epsilon) * gamma + beta + residual) over all but the last dimension
 * [.., C]; statistics of the batch while training, else the running ones. residual (same shape) may be NULL.
 * Ioffe and Szegedy 2015. Fused because the memory traffic of the passes, not arithmetic, is its cost; an
 * activation that does more than cut is a pass of its own. */
nn_var *nn_batch_norm(nn_tape *t, nn_var *x, const nn_batch_norm_params *p, nn_var *residual, nn_act act);

#endif
