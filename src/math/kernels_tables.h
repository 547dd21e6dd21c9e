/* The steps of kernels_fill() that every CPU takes. */
#ifndef MATH_KERNELS_TABLES_H
#define MATH_KERNELS_TABLES_H

#include "src/math/kernels.h"

/* In plain C: what has instructions of its own on some CPUs alone. */
void kernels_fill_plain(kernels *k);
void kernels_fill_bytes(kernels *k);

/* Vectors of 16 bytes, which every 64-bit CPU has. */
void kernels_fill_generic(kernels *k);

#endif
