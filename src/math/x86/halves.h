/* 16-bit floats to f32 by the CPU's own conversion (F16C), which comes with AVX2. */
#ifndef MATH_X86_HALVES_H
#define MATH_X86_HALVES_H

#include <stddef.h>

/* y[i] = x[i]; exact. x needs no alignment. */
void f16c_from_halves(const void *x, float *y, size_t n);

#endif
