#include "src/math/kernels.h"

#include <pthread.h>

#include "src/math/kernels_tables.h"
#if CAPTION_X86
#include "src/math/x86/tables.h"
#endif

void kernels_fill(cpu_flags flags, kernels *k)
{
    *k = (kernels){0};
    kernels_fill_plain(k);
    kernels_fill_bytes(k);
    kernels_fill_generic(k);
    k->fastest.why = "no AVX2: what is narrower is widened one by one";
#if CAPTION_X86
    x86_fill(flags, k);
#endif
    (void)flags;
}

static kernels best;

static void find_best(void)
{
    kernels_fill(cpu_get_flags(), &best);
}

const kernels *kernels_best(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, find_best);
    return &best;
}
