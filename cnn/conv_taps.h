/* The convolutions in bf16 that run without copies of patches (kernels_taps in src/math/kernels.h): the
 * forward pass and the gradient of the input. Used by conv2d.c where conv_taps_suit() says so. */
#ifndef CNN_CONV_TAPS_H
#define CNN_CONV_TAPS_H

#include "cnn/conv2d.h"

/* Whether this convolution of x [N,H,W,C] with w [k,k,C,O] can run this way, at the precision of the tape. */
bool conv_taps_suit(const nn_tape *t, const nn_var *x, const nn_var *w, cnn_window win);

/* y->data = x convolved with w. May set t->failed. */
void conv_taps_forward(nn_tape *t, const nn_var *x, const nn_var *w, cnn_window win, nn_var *y);

/* dx = beta dx + the gradient of x, from y->grad; beta is 0 or 1. May set t->failed. */
void conv_taps_backward(nn_tape *t, const nn_var *x, const nn_var *w, cnn_window win, const nn_var *y,
                        real beta, real *dx);

#endif
