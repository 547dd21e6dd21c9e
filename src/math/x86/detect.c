#include "src/math/x86/detect.h"

#include <cpuid.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

/* gcc 12's __builtin_cpu_supports knows no "amx-bf16". */
static bool has_amx_bf16(void)
{
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d >> 22 & 1) && (d >> 24 & 1);
}

/* Linux gives the 8 KiB of tile state only to processes that ask (ARCH_REQ_XCOMP_PERM, XTILEDATA = 18). */
static bool request_tiles(void)
{
    return syscall(SYS_arch_prctl, 0x1023, 18) == 0;
}

cpu_flags x86_detect(void)
{
    __builtin_cpu_init();
    if (!(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))) return 0;
    cpu_flags flags = CPU_AVX2;
    if (!(__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
          __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")))
        return flags;
    flags |= CPU_AVX512;
    if (__builtin_cpu_supports("avx512vnni")) flags |= CPU_VNNI;
    if (!__builtin_cpu_supports("avx512bf16")) return flags;
    flags |= CPU_BF16;
    if (CAPTION_EMULATE_AMX || (has_amx_bf16() && request_tiles())) flags |= CPU_AMX;
    return flags;
}
