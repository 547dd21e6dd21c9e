/* Activations: each with its own forward and backward.
 *
 *     const nn_activation *a = nn_activation_of(NN_SILU);
 *     a->forward(k, x, y, n);
 *     a->backward(x, y, dy, dx, n);
 *
 * Those that only cut their input are done by convolutions and norms on the way (`clips`); of the others such
 * an op takes care by a pass of its own. */
#ifndef NN_ACT_H
#define NN_ACT_H

#include <stdbool.h>

#include "src/math/kernels.h"
#include "src/math/real.h"

typedef enum {
    NN_LINEAR,     /* x itself */
    NN_RELU,       /* max(x, 0) */
    NN_RELU6,      /* x cut to 0..6 */
    NN_SIGMOID,    /* 1 / (1 + e^-x) */
    NN_TANH,       /* the hyperbolic tangent */
    NN_SILU,       /* x sigmoid(x). Elfwing, Uchibe, Doya 2017 */
    NN_HARD_SWISH, /* x (x + 3 cut to 0..6) / 6. Howard et al. 2019 */
    NN_GELU,       /* x (1 + erf(x / sqrt 2)) / 2. Hendrycks, Gimpel 2016 */
    NN_ACTS        /* how many there are */
} nn_act;

typedef struct nn_activation {
    const char *name; /* "relu6" */
    bool clips;       /* y is x cut to low..high, which may be infinite */
    real low, high;
    void (*forward)(const kernels *k, const real *x, real *y, int n); /* y may be x */
    /* dx += dy times the slope at x, where y is the result; dx overlaps nothing. */
    void (*backward)(const real *x, const real *y, const real *dy, real *dx, int n);
} nn_activation;

const nn_activation *nn_activation_of(nn_act act);

#endif
