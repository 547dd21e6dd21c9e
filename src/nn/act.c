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

#define ROOT_HALF 0.70710678118654752 /* 1 / sqrt(2) */
#define GAUSS 0.39894228040143268     /* 1 / sqrt(2 pi) */

enum { GELU_BLOCK = 256 };

/* erfc(z), z >= 0, is t e^(p - z^2) with t = 1 / (1 + z / 2) and p a polynomial in t, its fractional error
 * below 1.2e-7 everywhere: the Chebyshev fit of Press, Teukolsky, Vetterling, Flannery, "Numerical Recipes",
 * section 6.2. */
static real erfc_exponent(real z, real t)
{
    static const real c[] = {(real)-1.26551223, (real)1.00002368, (real)0.37409196,  (real)0.09678418,
                             (real)-0.18628806, (real)0.27886807, (real)-1.13520398, (real)1.48851587,
                             (real)-0.82215223, (real)0.17087277};
    real p = c[9];
    for (int i = 8; i >= 0; i--) p = p * t + c[i];
    return p - z * z;
}

/* x times the share of a normal distribution below x, which left of 0 is erfc(|x| / sqrt 2) / 2. The
 * exponents are zeroed for compilers that think n could be 0. */
static void gelu_block(const kernels *k, const real *x, real *y, int n)
{
    real t[GELU_BLOCK], e[GELU_BLOCK] = {0};
    for (int i = 0; i < n; i++) {
        real z = (x[i] < 0 ? -x[i] : x[i]) * (real)ROOT_HALF;
        t[i] = 1 / (1 + z / 2);
        e[i] = erfc_exponent(z, t[i]);
    }
    k->vector.exp(e, e, n);
    for (int i = 0; i < n; i++) {
        real beyond = x[i] * t[i] * e[i] / 2;
        y[i] = x[i] < 0 ? beyond : x[i] - beyond;
    }
}

static void gelu(const kernels *k, const real *x, real *y, int n)
{
    for (int i = 0; REAL_IS_DOUBLE && i < n; i++)
        y[i] = (real)(0.5 * (double)x[i] * (1 + erf((double)x[i] * ROOT_HALF)));
    for (int i = 0; !REAL_IS_DOUBLE && i < n; i += GELU_BLOCK)
        gelu_block(k, x + i, y + i, n - i < GELU_BLOCK ? n - i : GELU_BLOCK);
}

/* The share is known: y / x. */
static void gelu_back(const real *x, const real *y, const real *dy, real *restrict dx, int n)
{
    for (int i = 0; i < n; i++) {
        real share = x[i] != 0 ? y[i] / x[i] : (real)0.5, power = x[i] * x[i] / -2;
        real density = REAL_IS_DOUBLE ? (real)exp((double)power) : (real)expf((float)power);
        dx[i] += dy[i] * (share + x[i] * (real)GAUSS * density);
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
