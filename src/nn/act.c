#include "src/nn/act.h"

#include <math.h>
#include <string.h>

/* ---- those that cut ---- */

static void linear(const kernels *k, const real *x, real *y, int n)
{
    (void)k;
    if (y != x) memcpy(y, x, n * sizeof *y);
}

static void linear_back(const real *x, const real *y, const real *dy, real *restrict dx, int n)
{
    (void)x, (void)y;
    for (int i = 0; i < n; i++) dx[i] += dy[i];
}

static void relu(const kernels *k, const real *x, real *y, int n)
{
    k->vector.rectify(x, INFINITY, y, n);
}

static void relu_back(const real *x, const real *y, const real *dy, real *restrict dx, int n)
{
    (void)x;
    for (int i = 0; i < n; i++) dx[i] += dy[i] * (real)(y[i] > 0);
}

static void relu6(const kernels *k, const real *x, real *y, int n)
{
    k->vector.rectify(x, 6, y, n);
}

static void relu6_back(const real *x, const real *y, const real *dy, real *restrict dx, int n)
{
    (void)x;
    for (int i = 0; i < n; i++) dx[i] += dy[i] * (real)((y[i] > 0) & (y[i] < 6));
}

/* ---- those that bend ---- */

static void sigmoid(const kernels *k, const real *x, real *y, int n)
{
    k->vector.sigmoid(x, y, n);
}

static void sigmoid_back(const real *x, const real *y, const real *dy, real *restrict dx, int n)
{
    (void)x;
    for (int i = 0; i < n; i++) dx[i] += dy[i] * (y[i] * (1 - y[i]));
}

static void tangent(const kernels *k, const real *x, real *y, int n)
{
    k->vector.tanh(x, y, n);
}

static void tangent_back(const real *x, const real *y, const real *dy, real *restrict dx, int n)
{
    (void)x;
    for (int i = 0; i < n; i++) dx[i] += dy[i] * (1 - y[i] * y[i]);
}

static void silu(const kernels *k, const real *x, real *y, int n)
{
    enum { PIECE = 512 };
    real s[PIECE]; /* y may be x, which the product needs again */
    for (int begin = 0, count; begin < n; begin += count) {
        count = n - begin < PIECE ? n - begin : PIECE;
        k->vector.sigmoid(x + begin, s, count);
        for (int i = 0; i < count; i++) y[begin + i] = x[begin + i] * s[i];
    }
}

/* With s = sigmoid(x) the slope is s + x s (1 - s) = s + y (1 - s). */
static void silu_back(const real *x, const real *y, const real *dy, real *restrict dx, int n)
{
    for (int i = 0; i < n; i++) {
        real s = (real)(1 / (1 + exp(-(double)x[i])));
        dx[i] += dy[i] * (s + y[i] * (1 - s));
    }
}

static void hard_swish(const kernels *k, const real *x, real *y, int n)
{
    (void)k;
    for (int i = 0; i < n; i++) {
        real v = x[i] + 3;
        v = v > 0 ? v : 0;
        y[i] = x[i] * (v < 6 ? v : 6) * (real)(1.0 / 6);
    }
}

static void hard_swish_back(const real *x, const real *y, const real *dy, real *restrict dx, int n)
{
    (void)y;
    for (int i = 0; i < n; i++) {
        real inside = (2 * x[i] + 3) * (real)(1.0 / 6), slope = x[i] < 3 ? inside : 1;
        dx[i] += dy[i] * (x[i] > -3 ? slope : 0);
    }
}

static const double ROOT_HALF = 0.70710678118654752, GAUSS = 0.39894228040143268; /* 1 / sqrt(2 pi) */

static void gelu(const kernels *k, const real *x, real *y, int n)
{
    (void)k;
    for (int i = 0; i < n; i++) y[i] = (real)(0.5 * (double)x[i] * (1 + erf((double)x[i] * ROOT_HALF)));
}

static void gelu_back(const real *x, const real *y, const real *dy, real *restrict dx, int n)
{
    (void)y;
    for (int i = 0; i < n; i++) {
        double v = (double)x[i], share = 0.5 * (1 + erf(v * ROOT_HALF));
        dx[i] += dy[i] * (real)(share + v * GAUSS * exp(-0.5 * v * v));
    }
}

static const nn_activation activations[NN_ACTS] = {
    [NN_LINEAR] = {"none", true, -INFINITY, INFINITY, linear, linear_back},
    [NN_RELU] = {"relu", true, 0, INFINITY, relu, relu_back},
    [NN_RELU6] = {"relu6", true, 0, 6, relu6, relu6_back},
    [NN_SIGMOID] = {"sigmoid", false, 0, 0, sigmoid, sigmoid_back},
    [NN_TANH] = {"tanh", false, 0, 0, tangent, tangent_back},
    [NN_SILU] = {"silu", false, 0, 0, silu, silu_back},
    [NN_HARD_SWISH] = {"hard-swish", false, 0, 0, hard_swish, hard_swish_back},
    [NN_GELU] = {"gelu", false, 0, 0, gelu, gelu_back},
};

const nn_activation *nn_activation_of(nn_act act)
{
    return &activations[act];
}
