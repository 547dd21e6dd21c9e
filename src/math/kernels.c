#include "src/math/kernels.h"

#include "src/math/kernels_tables.h"

const kernels *kernels_get(cpu_level level)
{
#if CAPTION_X86
    if (level >= CPU_AVX512) return &kernels_avx512;
    if (level >= CPU_AVX2) return &kernels_avx2;
#endif
    (void)level;
    return &kernels_generic;
}
