/* Hash: 128 bits that tell byte strings apart, to name cached results and to notice damaged ones. Fast and
 * the same on every machine, but not cryptographic: someone who wants two files with one hash can make them.
 *
 *     hash128 h = hash_bytes(weights, size, 0);
 *     h = hash_bytes(photo, photo_size, h.lo);       a chain: the hash of one thing seeds the next
 *     char name[HASH_HEX];
 *     hash_hex(h, name);
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

enum { HASH_HEX = 33 }; /* 32 hexadecimal digits and NUL */

typedef struct hash128 {
    uint64_t lo, hi;
} hash128;

/* The value for given bytes and seed never changes: files on disk are named after it. */
hash128 hash_bytes(const void *bytes, size_t n, uint64_t seed);
void hash_hex(hash128 h, char out[HASH_HEX]);

#endif
