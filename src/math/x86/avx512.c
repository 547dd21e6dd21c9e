#include "src/math/x86/tables.h"

#define KERNELS_FILL x86_fill_avx512
#define KERNELS_NAME "avx512"
#define VEC_BYTES 64
#define VEC_HELD 24
#include "src/math/kernels_body.inc"
