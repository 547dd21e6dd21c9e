/* A hash table from pairs of symbols to numbers, and the inside of ds_bpe that learning and spelling share.
 */
#ifndef DATASETS_BPE_TABLE_H
#define DATASETS_BPE_TABLE_H

#include "datasets/bpe.h"

typedef struct pair_table {
    uint64_t *key;  /* [slots], left << 32 | right */
    int32_t *value; /* [slots], -1 = free */
    uint32_t slots, count;
} pair_table;

static inline uint64_t pair_key(int32_t left, int32_t right)
{
    return (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
}

int32_t *pair_find(const pair_table *t, uint64_t key);     /* NULL when it is not there */
bool pair_put(pair_table *t, uint64_t key, int32_t value); /* of a key that is not there */
void pair_release(pair_table *t);

struct ds_bpe {
    ds_words symbols;
    int32_t *made_by; /* [made_capacity] symbol -> rank + 1 of the first merge that makes it, 0 = none */
    int64_t made_capacity;
    ds_merge *merge; /* [merges] by rank */
    int32_t merges;
    int64_t capacity;
    pair_table ranks; /* pair -> rank */
};

/* Appends the merge; its pair must be new. -1 when memory is out. */
int32_t bpe_append(ds_bpe *b, int32_t left, int32_t right);

/* Code points of the word as symbols, new ones added when `add` is set (else -1); the count, -1 when memory
 * is out. What is beyond DS_BPE_SYMBOLS code points is left away. */
int32_t bpe_points(ds_bpe *add, const ds_bpe *b, const char *word, int32_t symbols[DS_BPE_SYMBOLS]);

#endif
