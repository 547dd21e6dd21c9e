#include "src/base/cpu.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *const names[] = {"generic", "avx2", "avx512", "amx"};

const char *cpu_level_name(cpu_level level)
{
    return names[level];
}

#if defined(__x86_64__)
#include <cpuid.h>

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

bool cpu_has_vnni(void)
{
    return cpu_get_level() >= CPU_AVX512 && __builtin_cpu_supports("avx512vnni");
}

static cpu_level detect(void)
{
    __builtin_cpu_init();
    if (!(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))) return CPU_GENERIC;
    if (!(__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
          __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")))
        return CPU_AVX2;
    if (!(__builtin_cpu_supports("avx512bf16") && has_amx_bf16() && request_tiles())) return CPU_AVX512;
    return CPU_AMX;
}
#else
bool cpu_has_vnni(void)
{
    return false;
}

static cpu_level detect(void)
{
    return CPU_GENERIC;
}
#endif

/* Asked once: in a virtual machine every question to the CPU is a trip to its host. */
static cpu_level detect_once(void)
{
    static atomic_int known = -1;
    int level = atomic_load_explicit(&known, memory_order_relaxed);
    if (level < 0) {
        level = (int)detect();
        atomic_store_explicit(&known, level, memory_order_relaxed);
    }
    return (cpu_level)level;
}

cpu_level cpu_get_level(void)
{
    cpu_level level = detect_once();
    const char *mask = getenv("CAPTION_CPU");
    for (int i = 0; mask && i <= CPU_AMX; i++)
        if (!strcmp(mask, names[i]) && (cpu_level)i < level) level = (cpu_level)i;
    return level;
}
