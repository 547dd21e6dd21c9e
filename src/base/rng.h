/* Random numbers as a function of (seed, stream, index): nothing to save but the three numbers, any element
 * can be drawn by any thread. Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as
 * 1, 2, 3", 2011). */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stdint.h>

typedef struct rng {
    uint64_t seed;
    uint64_t stream; /* independent sequences under one seed: a step number, an operation, a worker */
    uint64_t index;  /* the next number; advanced by the drawing functions */
} rng;

/* Four 32-bit numbers for one counter value. */
void rng_block(uint64_t seed, uint64_t stream, uint64_t index, uint32_t out[4]);

uint32_t rng_u32(rng *r);
double rng_uniform(rng *r);                          /* in [0, 1) */
double rng_normal(rng *r);                           /* mean 0, variance 1 (Box-Muller) */
uint32_t rng_below(rng *r, uint32_t n);              /* 0..n-1 without bias; n > 0 */
void rng_shuffle(rng *r, int32_t *items, int count); /* Fisher-Yates */

#endif
