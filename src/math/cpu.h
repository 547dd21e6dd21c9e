/* What a CPU can do, as far as kernels are chosen by it: a set of flags.
 *
 * CAPTION_CPU in the environment masks flags: names joined by '+', such as "avx2", "avx512+vnni" or "amx",
 * each of which stands for itself and all that it builds on, "amx" for everything and "generic" for nothing.
 * What names no flag masks nothing. */
#ifndef MATH_CPU_H
#define MATH_CPU_H

typedef enum cpu_flag {
    CPU_AVX2 = 1 << 0,   /* AVX2, FMA, F16C */
    CPU_AVX512 = 1 << 1, /* F, BW, DQ, VL */
    CPU_VNNI = 1 << 2,   /* AVX512-VNNI: dot products of 8-bit numbers */
    CPU_BF16 = 1 << 3,   /* AVX512-BF16: conversions */
    CPU_AMX = 1 << 4,    /* AMX tiles with bf16, and the kernel lets us use them */
    CPU_ALL = (1 << 5) - 1,
} cpu_flag;

typedef unsigned cpu_flags;

cpu_flags cpu_get_flags(void);            /* what the CPU has, after the mask */
cpu_flags cpu_mask_of(const char *names); /* what a mask leaves; NULL: everything */

/* "generic", "avx2", "avx512+vnni+bf16": as a mask would say it. */
enum { CPU_NAME_SIZE = 64 };
const char *cpu_flags_name(cpu_flags flags, char name[CPU_NAME_SIZE]);

#endif
