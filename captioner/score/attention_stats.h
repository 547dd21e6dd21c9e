/* What the attention of many captions is like: does it choose, and does it move?
 *
 *     cap_attention_stats s = {0};
 *     for each description: if (!cap_attention_add_description(&s, &d)) ...out of memory...
 *     cap_attention a = cap_attention_summary(&s);
 *     if (a.flat) ...a fixed context vector would do as well... */
#ifndef CAPTIONER_ATTENTION_STATS_H
#define CAPTIONER_ATTENTION_STATS_H

#include <stdbool.h>
#include <stdint.h>

#include "captioner/caption.h"

typedef struct cap_attention_stats {
    int64_t captions, words, changes;
    double entropy, strongest, change; /* sums */
} cap_attention_stats;

typedef struct cap_attention {
    int64_t captions, words;
    double entropy;   /* mean over words of the entropy over that of even weights, 0..1: 1 looks everywhere */
    double strongest; /* mean over words of the weight on the strongest region or other state, 1/regions..1 */
    double change; /* mean over neighbouring words of a caption of the total variation, the weight that moves
                      to other regions, 0..1 */
    bool flat;     /* entropy above CAP_FLAT_ENTROPY */
    bool frozen;   /* change below CAP_FROZEN_CHANGE, where there are neighbouring words */
} cap_attention;

#define CAP_FLAT_ENTROPY 0.95
#define CAP_FROZEN_CHANGE 0.02

/* Where the words of a description looked: at regions, at concepts, and, as one state more, at what stands for
 * the rest. Without attention nothing is added. False: out of memory. */
bool cap_attention_add_description(cap_attention_stats *s, const cap_description *d);

/* alpha [words][regions], each row sums to 1; NULL, or fewer than two regions: nothing is added. */
void cap_attention_add(cap_attention_stats *s, const float *alpha, int words, int regions);

/* Adds what `more` counted. */
void cap_attention_merge(cap_attention_stats *s, const cap_attention_stats *more);

cap_attention cap_attention_summary(const cap_attention_stats *s); /* zeros when nothing was added */

#endif
