/* Vectors of 16 bytes, which every 64-bit CPU has. */
#include "src/math/kernels_tables.h"

#define KERNELS_FILL kernels_fill_generic
#define KERNELS_NAME "generic"
#define VEC_BYTES 16
#define VEC_HELD 8
#include "src/math/kernels_body.inc"
