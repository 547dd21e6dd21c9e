/* The tables behind kernels_get(). Those beyond the generic one exist only in builds with CAPTION_X86. */
#ifndef MATH_KERNELS_TABLES_H
#define MATH_KERNELS_TABLES_H

#include "src/math/kernels.h"

extern const kernels kernels_generic, kernels_avx2, kernels_avx512;

#endif
