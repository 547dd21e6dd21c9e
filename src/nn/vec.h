/* Elementwise functions over arrays, the same in every op. */
#ifndef NN_VEC_H
#define NN_VEC_H

#include <math.h>
#include <stddef.h>

#include "src/math/real.h"

static inline void vec_tanh(real *y, const real *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = REAL_IS_DOUBLE ? (real)tanh((double)x[i]) : (real)tanhf((float)x[i]);
}

static inline void vec_sigmoid(real *y, const real *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = REAL_IS_DOUBLE ? (real)(1 / (1 + exp(-(double)x[i]))) : (real)(1 / (1 + expf(-(float)x[i])));
}

static inline void vec_exp(real *y, const real *x, size_t n)
{
    for (size_t i = 0; i < n; i++) y[i] = REAL_IS_DOUBLE ? (real)exp((double)x[i]) : (real)expf((float)x[i]);
}

static inline void vec_add(real *y, const real *x, size_t n)
{
    for (size_t i = 0; i < n; i++) y[i] += x[i];
}

#endif
