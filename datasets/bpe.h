/* Byte-pair encoding: words spelled with pieces, the most frequent pieces being whole words. Sennrich,
 * Haddow, Birch: "Neural machine translation of rare words with subword units", ACL 2016, algorithm 1.
 *
 *     ds_bpe *b = ds_bpe_create();
 *     ds_bpe_learn(b, &words, 8000, &err);               words with their counts
 *     int32_t n = ds_bpe_spell(b, "lower", symbols);     "low" "er"
 *     ds_bpe_free(&b);
 *
 * Symbols are code points, and what merges made of them, each with a number. Learning costs what changes: the
 * pairs of the words that hold the merged pair are counted anew, and the next best pair comes from a heap.
 * Not meant for use outside this floor: see datasets/codec.h. */
#ifndef DATASETS_BPE_H
#define DATASETS_BPE_H

#include "datasets/chunks.h"
#include "datasets/words.h"
#include "src/base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum { DS_BPE_SYMBOLS = DS_CHUNK_POINTS + 3 }; /* code points of a word at most */

typedef struct ds_merge {
    int32_t left, right, whole; /* symbols */
} ds_merge;

typedef struct ds_bpe ds_bpe;

ds_bpe *ds_bpe_create(void); /* NULL when memory is out */
void ds_bpe_free(ds_bpe **b);

/* Adds up to `merges` merges, fewer when no pair is left that occurs twice. Equally frequent pairs: the one
 * whose symbols have the lower numbers, and those are numbered in order of appearance. */
err_code ds_bpe_learn(ds_bpe *b, const ds_words *words, int32_t merges, error *err);

/* A symbol's number, added when new; -1 when memory is out. */
int32_t ds_bpe_symbol(ds_bpe *b, const char *symbol);

/* The next merge. ERR_FORMAT when the pair has one already. */
err_code ds_bpe_merge(ds_bpe *b, const char *left, const char *right, error *err);

int32_t ds_bpe_merges(const ds_bpe *b);
const ds_merge *ds_bpe_merge_at(const ds_bpe *b, int32_t rank);
int32_t ds_bpe_symbols(const ds_bpe *b);
const char *ds_bpe_text(const ds_bpe *b, int32_t symbol);
const ds_merge *ds_bpe_made_by(const ds_bpe *b, int32_t symbol); /* the first merge that makes it, or NULL */

/* Spells a word of at most DS_BPE_SYMBOLS code points; code points never seen are -1. Returns how many. */
int32_t ds_bpe_spell(const ds_bpe *b, const char *word, int32_t symbols[DS_BPE_SYMBOLS]);

#endif
