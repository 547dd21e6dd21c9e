#include "src/math/x86/tables.h"

#define KERNELS_FILL x86_fill_avx2
#define KERNELS_NAME "avx2"
#define VEC_BYTES 32
#define VEC_HELD 12
#include "src/math/kernels_body.inc"
