#include "src/math/kernels.h"

#include <pthread.h>

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

static const kernels *best;

static void find_best(void)
{
    best = kernels_get(cpu_get_level());
}

const kernels *kernels_best(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, find_best);
    return best;
}
