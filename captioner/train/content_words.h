/* The words that the namer of words learns to name: those that captions of photos have often enough and that
 * mean something by themselves, "grass", "red", "running", "two", "dogs".
 *
 *     cap_content c;
 *     if (cap_content_find(&c, vocab, &captions, CAP_CONTENT_LEAST, &memory, &err)) ...
 *     for (int j = 0; j < c.words; j++) use(ds_vocab_word(vocab, c.number[j]));
 *     float target[c.words];
 *     cap_content_targets(&c, &captions, image, target); */
#ifndef CAPTIONER_TRAIN_CONTENT_WORDS_H
#define CAPTIONER_TRAIN_CONTENT_WORDS_H

#include <stdbool.h>

#include "datasets/encode.h"
#include "datasets/vocab.h"
#include "src/base/arena.h"

enum { CAP_CONTENT_LEAST = 25 }; /* times that a word has to occur */

typedef struct cap_content {
    int32_t words;          /* W, the most frequent first */
    const int32_t *number;  /* [W] in the vocabulary */
    const int32_t *place;   /* [vocabulary] 0..W-1, -1: it is none of them */
    const int32_t *caption; /* [images+1] image i has captions caption[i] .. caption[i+1]-1 */
} cap_content;

/* Counts in `captions` alone, whatever else the vocabulary was made of. There may be none: W is 0. Lists live
 * in `memory`. Errors: MEMORY. */
err_code cap_content_find(cap_content *c, const ds_vocab *vocab, const ds_encoded *captions, int64_t least,
                          arena *memory, error *err);

/* [vocabulary] whether a word names what a photo can show: no function word, but for numbers and places, and no
 * letter or part of a word. In `memory`; NULL: it is out. */
const bool *cap_content_names(const ds_vocab *vocab, arena *memory);

/* target[W]: the share of an image's captions that have the word, 0..1. */
void cap_content_targets(const cap_content *c, const ds_encoded *captions, int32_t image, float *target);

#endif
