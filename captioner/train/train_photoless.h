/* Captions without photos in a training: groups of what is said of one photo that is not at hand, in an endless
 * order that is shuffled anew for every pass.
 *
 *     cap_photoless p = {0};
 *     if (cap_photoless_open(&p, "coco_captions.tsv", &objects, &err)) ...
 *     ds_count_captions(&p.only.captions, counter, &err);             then a vocabulary
 *     if (cap_photoless_encode(&p, vocab, &err)) ...
 *     ds_batch b;
 *     if (cap_photoless_batch(&p, &settings, step, &memory, &b, &err)) ...          b.image[] are the groups
 *     cap_photoless_close(&p);
 *
 * What a step sees is a function of seed and step alone. */
#ifndef CAPTIONER_TRAIN_PHOTOLESS_H
#define CAPTIONER_TRAIN_PHOTOLESS_H

#include "captioner/net/namer.h"
#include "datasets/batch.h"
#include "datasets/captions_only.h"

typedef struct cap_photoless {
    ds_captions_only only; /* its images are the groups */
    ds_encoded encoded;
    int32_t *group; /* [groups] those that have captions */
    int32_t groups;
    int32_t *order; /* [groups] of pass `pass` */
    int64_t pass;   /* -1: none yet */
    arena memory;
} cap_photoless;

typedef struct cap_photoless_settings {
    int groups, captions; /* of a step; of each of its groups: one that has fewer repeats some */
    int max_words;        /* longer captions are cut; 0: none is */
    uint64_t seed;
} cap_photoless_settings;

/* `objects`: what the file's objects are called, and numbered by; none: they are of no use. */
err_code cap_photoless_open(cap_photoless *p, const char *path, const cap_names *objects, error *err);
err_code cap_photoless_encode(cap_photoless *p, const ds_vocab *vocab, error *err);
void cap_photoless_close(cap_photoless *p); /* zeroed ones are fine */

err_code cap_photoless_batch(cap_photoless *p, const cap_photoless_settings *s, int64_t step, arena *memory,
                             ds_batch *b, error *err);

#endif
