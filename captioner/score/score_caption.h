/* One caption as the scores see it, and the scores of one caption against one or several others. Used by
 * captioner/score/score.c, captioner/score/text_score.c and captioner/score/cider_ids.h only. */
#ifndef CAPTIONER_SCORE_CAPTION_H
#define CAPTIONER_SCORE_CAPTION_H

#include <stddef.h>
#include <stdint.h>

#include "captioner/score/ngrams.h"
#include "captioner/score/ptb.h"
#include "captioner/score/score.h"

typedef struct cap_term {
    uint32_t node, count; /* an n-gram, and how often the caption holds it */
} cap_term;

typedef struct cap_scored {
    uint32_t *word; /* [words] */
    uint32_t words;
    cap_term *term[CAP_NGRAM_MAX]; /* [n-1][terms[n-1]] n-grams of n words, by ascending node */
    uint32_t terms[CAP_NGRAM_MAX];
} cap_scored;

/* Words and n-grams of `caption`, in `memory`. ERR_LIMIT, ERR_MEMORY. */
err_code cap_scored_read(cap_scored *to, cap_ngrams *g, const char *caption, arena *memory, error *err);

/* Words and n-grams of a caption that is split already; any number of words below 2^30. */
err_code cap_scored_tokens(cap_scored *to, cap_ngrams *g, const cap_tokens *t, arena *memory, error *err);

/* term[n-1][0..terms[n-1]-1] in any order, each with a count: sorted, equal ones made one. */
void cap_scored_merge(cap_scored *c);

/* Adds to the counters (hypothesis_words, reference_words, guess, correct) of `m`. refs is [count], count
 * >= 1. */
void cap_count_hits(cap_metrics *m, const cap_scored *h, const cap_scored *const *refs, size_t count);

/* BLEU-1..4 from the counters of `m`, of one image or of all. */
void cap_bleu(cap_metrics *m);

/* `scratch` holds CAP_SCORE_MAX_WORDS + 1 numbers. */
double cap_rouge_l(const cap_scored *h, const cap_scored *const *refs, size_t count, uint32_t *scratch);

/* Mean over the references; idf is [node_count]. *clipped is CIDEr-D, *plain is CIDEr. */
void cap_cider(const cap_scored *h, const cap_scored *const *refs, size_t count, const double *idf,
               double *clipped, double *plain);

#endif
