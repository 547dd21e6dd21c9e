/* Convolutions on NHWC maps. */
#ifndef CNN_CONV2D_H
#define CNN_CONV2D_H

#include "src/nn/activation.h"
#include "src/nn/tape.h"

enum { CNN_MAX_KERNEL = 13 };

/* CNN_SAME is TensorFlow's padding: the result of a side of n numbers has n / stride, rounded up; what the
 * windows reach beyond the map is shared out to both of its ends, an odd one goes to the bottom and right. */
enum { CNN_SAME = -1 };

typedef struct cnn_window {
    int kernel, stride; /* square */
    int pad;            /* on every side, or CNN_SAME */
} cnn_window;

/* Output length of one side: (in + 2 pad - kernel) / stride + 1; 0 where no window fits. */
int cnn_out_size(int in, cnn_window win);

/* How far the first window begins before the map, of a side of `in` numbers. */
int cnn_pad_before(int in, cnn_window win);

/* y[N,h,w,O] = x[N,H,W,C] convolved with w[k,k,C,O] (cross-correlation, as the field has it), plus b[O] if
 * not NULL, then the activation. 1x1 convolutions with stride 1 are plain matrix products. */
nn_var *cnn_conv2d(nn_tape *t, nn_var *x, nn_var *w, nn_var *b, cnn_window win, nn_act act);

/* What follows a convolution's products: the bias, and of activations those that clip. */
kernels_finish cnn_finish(const nn_var *b, nn_act act);

/* y[rows,O] = x[rows,k*k*C] w, plus b, then the activation, where a row of x is what a window covers (1x1: a
 * pixel); on the calling thread, without a record. */
void cnn_multiply_patches(const nn_tape *t, const real *x, int rows, const nn_var *w, const nn_var *b,
                          nn_act act, real *y);

/* Depthwise: every channel with its own kernel, w[k,k,C]. */
nn_var *cnn_depthwise(nn_tape *t, nn_var *x, nn_var *w, nn_var *b, cnn_window win, nn_act act);

typedef struct cnn_depth {
    const kernels *k;
    const nn_var *w, *b; /* b may be NULL */
    cnn_window win;
    const nn_activation *act;
    int height, width; /* of the map */
    int top, left;     /* padding */
} cnn_depth;

cnn_depth cnn_depth_of(const nn_tape *t, const nn_var *w, const nn_var *b, cnn_window win, nn_act act,
                       int height, int width);

/* Row oy of its result, y[ow,C], of a map whose rows from `top` on lie at x; on the calling thread. */
void cnn_depthwise_line(const cnn_depth *d, const real *x, int top, int oy, real *y);

#endif
