#include "src/base/hash.h"

#include <stdio.h>
#include <string.h>

/* Odd constants with irregular bits: the fractions of the golden ratio and of the square roots of 2, 3, 5. */
#define K1 UINT64_C(0x9E3779B97F4A7C15)
#define K2 UINT64_C(0x6A09E667F3BCC909)
#define K3 UINT64_C(0xBB67AE8584CAA73B)
#define K4 UINT64_C(0x3C6EF372FE94F82B)

static uint64_t rotate(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

static uint64_t read_word(const uint8_t *p)
{
    uint64_t w = 0;
    for (int i = 0; i < 8; i++) w |= (uint64_t)p[i] << 8 * i; /* one load on little-endian machines */
    return w;
}

/* Every operation can be undone knowing the block, and the block can be told from the states before and
 * after: so two inputs that differ in one block only never meet. */
static void absorb(hash128 *s, const uint8_t block[16])
{
    s->lo = rotate(s->lo + read_word(block) * K1, 31) * K2;
    s->hi = rotate(s->hi ^ read_word(block + 8) * K3, 27) * K4 + s->lo;
    s->lo += s->hi;
}

static uint64_t scatter(uint64_t x)
{
    x = (x ^ x >> 32) * K1;
    x = (x ^ x >> 29) * K3;
    return x ^ x >> 32;
}

hash128 hash_bytes(const void *bytes, size_t n, uint64_t seed)
{
    const uint8_t *p = bytes;
    hash128 s = {scatter(seed + K1), scatter(seed ^ K4)};
    size_t left = n;
    for (; left >= 16; left -= 16, p += 16) absorb(&s, p);
    uint8_t tail[16] = {0};
    if (left) memcpy(tail, p, left);
    absorb(&s, tail);
    s.lo ^= n; /* zeros at the end are not the same as no bytes */
    s.hi += scatter(s.lo);
    s.lo += scatter(s.hi);
    s.hi += scatter(s.lo);
    return s;
}

void hash_hex(hash128 h, char out[HASH_HEX])
{
    snprintf(out, HASH_HEX, "%016llx%016llx", (unsigned long long)h.hi, (unsigned long long)h.lo);
}
