/* Convolutions on NHWC maps. */
#ifndef CNN_CONV2D_H
#define CNN_CONV2D_H

#include "src/nn/activation.h"
#include "src/nn/tape.h"

enum { CNN_MAX_KERNEL = 11 };

typedef struct cnn_window {
    int kernel, stride, pad; /* square; pad on every side */
} cnn_window;

/* Output length of one side: (in + 2 pad - kernel) / stride + 1. */
int cnn_out_size(int in, cnn_window win);

/* y[N,h,w,O] = x[N,H,W,C] convolved with w[k,k,C,O] (cross-correlation, as the field has it), plus b[O] if
 * not NULL, then the activation. 1x1 convolutions with stride 1 are plain matrix products. */
nn_var *cnn_conv2d(nn_tape *t, nn_var *x, nn_var *w, nn_var *b, cnn_window win, nn_act act);

/* Depthwise: every channel with its own kernel, w[k,k,C]. */
nn_var *cnn_depthwise(nn_tape *t, nn_var *x, nn_var *w, nn_var *b, cnn_window win, nn_act act);

#endif
