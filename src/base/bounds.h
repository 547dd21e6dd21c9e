/* The smaller, the larger, and whole pieces of sizes, which are never negative. */
#ifndef BASE_BOUNDS_H
#define BASE_BOUNDS_H

#include <stddef.h>

static inline int min_int(int a, int b)
{
    return a < b ? a : b;
}

static inline int max_int(int a, int b)
{
    return a > b ? a : b;
}

/* Pieces of b that cover a. */
static inline int ceil_div(int a, int b)
{
    return (a + b - 1) / b;
}

/* The first multiple of `unit` that is not below n. */
static inline int round_up(int n, int unit)
{
    return ceil_div(n, unit) * unit;
}

static inline size_t round_up_size(size_t n, size_t unit)
{
    return (n + unit - 1) / unit * unit;
}

#endif
