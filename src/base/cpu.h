/* CPU features the kernels choose by. CAPTION_CPU=generic|avx2|avx512|amx in the environment masks higher
 * levels. */
#ifndef BASE_CPU_H
#define BASE_CPU_H

#include <stdbool.h>

typedef enum {
    CPU_GENERIC, /* plain C */
    CPU_AVX2,    /* AVX2, FMA, F16C */
    CPU_AVX512,  /* F, BW, DQ, VL */
    CPU_AMX,     /* AVX512 + AVX512-BF16 + AMX tiles with bf16, and the kernel lets us use them */
} cpu_level;

cpu_level cpu_get_level(void);               /* what the CPU has, after the mask */
bool cpu_has_vnni(void);                     /* 8-bit dot products, on a level of AVX512 at least */
const char *cpu_level_name(cpu_level level); /* "generic", "avx2", "avx512", "amx" */

#endif
