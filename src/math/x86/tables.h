/* The steps of kernels_fill() for the flags of x86 CPUs: each sets the entries that it has something better
 * for. */
#ifndef MATH_X86_TABLES_H
#define MATH_X86_TABLES_H

#include "src/math/kernels.h"

/* Takes those steps that the flags allow. */
void x86_fill(cpu_flags flags, kernels *k);

void x86_fill_avx2(kernels *k);
void x86_fill_avx512(kernels *k);

#endif
