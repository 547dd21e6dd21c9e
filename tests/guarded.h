/* For tests of kernels: every table of this CPU, and operands that end where memory ends. Include cmocka.h
 * first. */
#ifndef TESTS_GUARDED_H
#define TESTS_GUARDED_H

#include <sys/mman.h>
#include <unistd.h>

#include "src/base/rng.h"
#include "src/math/kernels.h"

/* Calls `check` for every table this CPU runs, the plainest first. */
static inline void for_each_table(void (*check)(const kernels *k))
{
    static const cpu_flags wide = CPU_AVX2 | CPU_AVX512;
    static const cpu_flags sets[] = {
        0, CPU_AVX2, wide, wide | CPU_VNNI, wide | CPU_BF16, wide | CPU_BF16 | CPU_AMX, CPU_ALL};
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        static kernels k;
        if (sets[i] & ~cpu_get_flags()) continue;
        kernels_fill(sets[i], &k);
        check(&k);
    }
}

/* What every other is compared with. */
static inline const kernels *plainest_table(void)
{
    static kernels k;
    kernels_fill(0, &k);
    return &k;
}

/* `count` floats right before a page that may not be touched, uniform in -range..range. */
static float *take_random(rng *r, size_t count, double range)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = (count * sizeof(float) + page - 1) / page * page;
    char *base = mmap(NULL, bytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(base != (char *)MAP_FAILED);
    assert_int_equal(mprotect(base + bytes, page, PROT_NONE), 0);
    float *p = (float *)(void *)(base + bytes) - count;
    for (size_t i = 0; i < count; i++) p[i] = (float)((rng_uniform(r) * 2 - 1) * range);
    return p;
}

static void give(float *p, size_t count)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = (count * sizeof(float) + page - 1) / page * page;
    munmap((char *)(p + count) - bytes, bytes + page);
}

#endif
