#include "src/math/cpu.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if CAPTION_X86
#include "src/math/x86/detect.h"
#endif

/* Those with vectors of one width first, the widest last, then what comes on top of them. */
static const struct {
    const char *name;
    cpu_flags flag, with; /* with: what it builds on */
} names[] = {
    {"generic", 0, 0},
    {"avx2", CPU_AVX2, 0},
    {"avx512", CPU_AVX512, CPU_AVX2},
    {"vnni", CPU_VNNI, CPU_AVX512 | CPU_AVX2},
    {"bf16", CPU_BF16, CPU_AVX512 | CPU_AVX2},
    {"amx", CPU_AMX, CPU_ALL},
};
enum { NAMES = sizeof names / sizeof names[0], WIDTHS = 3 };

cpu_flags cpu_mask_of(const char *mask)
{
    cpu_flags all = 0;
    while (mask) {
        size_t length = strcspn(mask, "+"), i = 0;
        while (i < NAMES && (strlen(names[i].name) != length || memcmp(mask, names[i].name, length) != 0))
            i++;
        if (i == NAMES) return CPU_ALL;
        all |= names[i].flag | names[i].with;
        if (!mask[length]) return all;
        mask += length + 1;
    }
    return CPU_ALL;
}

const char *cpu_flags_name(cpu_flags flags, char name[CPU_NAME_SIZE])
{
    int widest = 0, length;
    for (int i = 1; i < WIDTHS; i++)
        if (flags & names[i].flag) widest = i;
    length = snprintf(name, CPU_NAME_SIZE, "%s", names[widest].name);
    for (int i = WIDTHS; i < NAMES; i++)
        if (flags & names[i].flag)
            length += snprintf(name + length, CPU_NAME_SIZE - length, "+%s", names[i].name);
    return name;
}

static cpu_flags detect(void)
{
#if CAPTION_X86
    return x86_detect();
#else
    return 0;
#endif
}

/* Asked once: in a virtual machine every question to the CPU is a trip to its host. */
static cpu_flags detect_once(void)
{
    static atomic_int known = -1;
    int flags = atomic_load_explicit(&known, memory_order_relaxed);
    if (flags < 0) {
        flags = (int)detect();
        atomic_store_explicit(&known, flags, memory_order_relaxed);
    }
    return (cpu_flags)flags;
}

cpu_flags cpu_get_flags(void)
{
    return detect_once() & cpu_mask_of(getenv("CAPTION_CPU"));
}
