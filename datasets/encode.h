/* Captions as word numbers: from text over words to the arrays the batches are cut from.
 *
 *     ds_counter *counter = ds_counter_create();
 *     ds_count_captions(&caps, counter, &err);               then ds_vocab_build
 *     ds_encoded data;
 *     ds_encode_captions(&caps, vocab, &memory, &data, &err); */
#ifndef DATASETS_ENCODE_H
#define DATASETS_ENCODE_H

#include "datasets/coco.h"
#include "datasets/vocab.h"
#include "src/base/arena.h"
#include "src/base/error.h"

#include <stdbool.h>
#include <stdint.h>

/* Word numbers without <start> and <end>. */
typedef struct ds_encoded {
    int32_t captions, images;
    const int32_t *image; /* [captions] each in 0..images-1, not decreasing */
    const int64_t *first; /* [captions+1] caption i is words[first[i] .. first[i+1]-1] */
    const int32_t *words;
    const bool *sided; /* [images] a caption of the image says left or right: it must not be mirrored */
    int64_t unknown;   /* how many of the words are <unk> */
} ds_encoded;

err_code ds_count_captions(const ds_captions *captions, ds_counter *counter, error *err);

/* Tokenises and numbers all captions; the arrays live in `memory`. */
err_code ds_encode_captions(const ds_captions *captions, const ds_vocab *vocab, arena *memory,
                            ds_encoded *out, error *err);

#endif
