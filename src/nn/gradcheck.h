/* Gradient check: the tape's gradients against central differences. Meant for the double-precision build. */
#ifndef NN_GRADCHECK_H
#define NN_GRADCHECK_H

#include "src/nn/params.h"

/* Builds the loss (one element) from the parameters; called many times on a fresh record. */
typedef nn_var *(*nn_loss_fn)(nn_tape *t, void *ctx);

/* The largest |tape - difference| / (1e-3 + |tape| + |difference|) over at most `samples` elements of every
 * learned parameter, differences taken with step h (1e-5 suits double). *worst, when not NULL, names the
 * parameter. */
double nn_gradcheck(nn_tape *t, nn_params *p, nn_loss_fn loss, void *ctx, double h, int samples,
                    const char **worst);

#endif
