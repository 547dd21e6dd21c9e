#include "src/meta/md5.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 64 };

static uint32_t rotate(uint32_t x, unsigned by)
{
    return x << by | x >> (32 - by);
}

static uint32_t read_word(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* The step's function of three words, and which word of the block it takes. */
static uint32_t mix(int step, const uint32_t s[4], int *word)
{
    uint32_t b = s[1], c = s[2], d = s[3];
    switch (step / 16) {
    case 0:
        *word = step;
        return (b & c) | (~b & d);
    case 1:
        *word = (5 * step + 1) % 16;
        return (d & b) | (~d & c);
    case 2:
        *word = (3 * step + 5) % 16;
        return b ^ c ^ d;
    default:
        *word = 7 * step % 16;
        return c ^ (b | ~d);
    }
}

static void take_block(uint32_t state[4], const uint8_t *block)
{
    static const uint8_t shift[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
    uint32_t s[4];
    memcpy(s, state, sizeof s);
    for (int step = 0; step < 64; step++) {
        int word;
        uint32_t constant = (uint32_t)(int64_t)(fabs(sin(step + 1.0)) * 4294967296.0);
        uint32_t sum = s[0] + mix(step, s, &word) + constant;
        sum = s[1] + rotate(sum + read_word(block + 4 * word), shift[step / 16][step % 4]);
        s[0] = s[3];
        s[3] = s[2];
        s[2] = s[1];
        s[1] = sum;
    }
    for (int i = 0; i < 4; i++) state[i] += s[i];
}

void md5(const void *bytes, size_t n, uint8_t digest[MD5_BYTES])
{
    uint32_t state[4] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476};
    const uint8_t *p = bytes;
    uint64_t bits = (uint64_t)n * 8;
    uint8_t end[2 * BLOCK] = {0};
    size_t left = n;
    for (; left >= BLOCK; left -= BLOCK, p += BLOCK) take_block(state, p);
    if (left) memcpy(end, p, left);
    end[left] = 0x80;
    size_t blocks = left + 9 > BLOCK ? 2 : 1;
    for (size_t i = 0; i < 8; i++) end[blocks * BLOCK - 8 + i] = (uint8_t)(bits >> (8 * i));
    for (size_t i = 0; i < blocks; i++) take_block(state, end + i * BLOCK);
    for (size_t i = 0; i < MD5_BYTES; i++) digest[i] = (uint8_t)(state[i / 4] >> (8 * (i % 4)));
}
