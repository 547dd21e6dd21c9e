#include "src/base/rng.h"

#include <math.h>

static void philox_round(uint32_t c[4], const uint32_t k[2])
{
    uint64_t p0 = (uint64_t)0xD2511F53u * c[0], p1 = (uint64_t)0xCD9E8D57u * c[2];
    uint32_t c1 = c[1], c3 = c[3];
    c[0] = (uint32_t)(p1 >> 32) ^ c1 ^ k[0];
    c[1] = (uint32_t)p1;
    c[2] = (uint32_t)(p0 >> 32) ^ c3 ^ k[1];
    c[3] = (uint32_t)p0;
}

void rng_block(uint64_t seed, uint64_t stream, uint64_t index, uint32_t out[4])
{
    uint32_t k[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    out[0] = (uint32_t)index;
    out[1] = (uint32_t)(index >> 32);
    out[2] = (uint32_t)stream;
    out[3] = (uint32_t)(stream >> 32);
    for (int i = 0; i < 10; i++) {
        philox_round(out, k);
        k[0] += 0x9E3779B9u;
        k[1] += 0xBB67AE85u;
    }
}

uint32_t rng_u32(rng *r)
{
    uint32_t block[4];
    rng_block(r->seed, r->stream, r->index >> 2, block);
    return block[r->index++ & 3];
}

static double uniform(uint32_t hi, uint32_t lo)
{
    return (double)(((uint64_t)hi << 32 | lo) >> 11) * 0x1p-53;
}

double rng_uniform(rng *r)
{
    uint32_t hi = rng_u32(r), lo = rng_u32(r);
    return uniform(hi, lo);
}

/* The next four numbers. One block where they begin one: millions of weights are drawn so. */
static void next_four(rng *r, uint32_t out[4])
{
    if (r->index & 3) {
        for (int i = 0; i < 4; i++) out[i] = rng_u32(r);
    } else {
        rng_block(r->seed, r->stream, r->index >> 2, out);
        r->index += 4;
    }
}

double rng_normal(rng *r)
{
    uint32_t x[4];
    next_four(r, x);
    double u = 1.0 - uniform(x[0], x[1]), v = uniform(x[2], x[3]);
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}

uint32_t rng_below(rng *r, uint32_t n)
{
    uint32_t skip = -n % n; /* the 2^32 mod n lowest draws would favour small numbers */
    uint32_t x;
    do x = rng_u32(r);
    while (x < skip);
    return x % n;
}

void rng_shuffle(rng *r, int32_t *items, int count)
{
    for (int i = count - 1; i > 0; i--) {
        int j = (int)rng_below(r, (uint32_t)i + 1);
        int32_t swap = items[i];
        items[i] = items[j];
        items[j] = swap;
    }
}
