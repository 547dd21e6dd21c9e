/* What the namers see in the photos of a split (train_data.h), whatever their thresholds, computed once.
 *
 *     cap_split_named n = {0};
 *     if (cap_split_find_objects(&split, model, "cache", pool, &n, &err)) ...          n.named.first and .found
 *     float *means;
 *     if (cap_split_means(&split, model, NULL, pool, &means, &err)) ...                what words are named by
 *     if (cap_split_take_scores(&n, words, scores)) ...                                n.named.scores
 *     int count = cap_named_choose(model->namers, &n.named, photo, list);
 *     cap_split_named_release(&n); */
#ifndef CAPTIONER_TRAIN_NAMED_PHOTOS_H
#define CAPTIONER_TRAIN_NAMED_PHOTOS_H

#include "captioner/train/named.h"
#include "captioner/train/train_data.h"

/* A cap_named and the memory that it points into. */
typedef struct cap_split_named {
    cap_named named;
    float *scores;
    int64_t *first;
    cap_sighting *found;
} cap_split_named;

void cap_split_named_release(cap_split_named *n); /* zeroed ones are fine */

/* Opens or computes what the model's detector sees in the photos: a file in `folder` for each part, named after
 * its weights and the photos, as features are. A photo that cannot be decoded has nothing in it. Errors:
 * MEMORY, INTERRUPTED, those of files. */
err_code cap_split_find_objects(const cap_split *s, const cap_model *m, const char *folder, pool *threads,
                                cap_split_named *out, error *err);

/* Means of the regions of all photos, (*means)[captions.images][D], the caller's to free: of kept features, or
 * by encoding all photos, and then kept in a file in `folder` (NULL: not kept). */
err_code cap_split_means(const cap_split *s, const cap_model *m, const char *folder, pool *threads,
                         float **means, error *err);

/* scores [photos][words] of the namer of words, taken over. */
void cap_split_take_scores(cap_split_named *n, int photos, int words, float *scores);

#endif
