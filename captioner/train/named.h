/* What the namers gave for a set of photos, once and for all: training takes its concepts from here, and
 * measures here how sure and how complete they are (draw.h).
 *
 *     const float *score = cap_named_scores(&named, photo);                        score[j] of namer word j
 *     for (int64_t i = named.first[photo]; i < named.first[photo + 1]; i++) use(&named.found[i]);
 *     int count = cap_named_choose(model->namers, &named, photo, list);
 *
 * It is plain memory of whoever filled it. */
#ifndef CAPTIONER_TRAIN_NAMED_H
#define CAPTIONER_TRAIN_NAMED_H

#include <stddef.h>
#include <stdint.h>

#include "captioner/net/namer.h"

/* A box with a weaker score is not kept: a namer's threshold is to be above. */
#define CAP_NAMED_LEAST 0.1F

/* Whatever the thresholds of the namers. Of photos that train the namer of words, the scores must come from
 * one that has not seen them; else the decoder learns to trust it too much. */
typedef struct cap_named {
    int photos, words;         /* words: W of the namer's list; 0: it does not name */
    const float *scores;       /* [photos][W] 0..1 */
    const int64_t *first;      /* [photos+1] photo i has found[first[i] .. first[i+1]-1]; NULL: no detector */
    const cap_sighting *found; /* what the detector saw: of each photo the surest first, several of a class
                                  (its name) among them */
} cap_named;

static inline const float *cap_named_scores(const cap_named *n, int photo)
{
    return n->scores + (size_t)photo * (size_t)n->words;
}

/* The concepts among what the namers [CAP_NAMERS] gave for a photo, one namer after the other, each the surest
 * first: as many and as sure as their settings want. `list` has room for cap_named_most of them. Returns how
 * many. */
int cap_named_most(const cap_namer *namers);
int cap_named_choose(const cap_namer *namers, const cap_named *n, int photo, cap_concept *list);

#endif
