/* Scores of plain lines as machine translation reports them: corpus BLEU-4 as sacreBLEU computes it with its
 * defaults (Post 2018: 13a tokens, mixed case, exponential smoothing), and the rate of exact matches.
 *
 *     cap_text_counts c = {0};
 *     for each line: cap_text_add(&c, hypothesis, references, count, &err);
 *     cap_text_bleu b = cap_text_score(&c);
 *     b.score                     0..100
 *
 * Unlike captions (captioner/score/score.h), lines keep their case and punctuation, and sums without a match
 * of four words do not make the score 0. */
#ifndef CAPTIONER_TEXT_SCORE_H
#define CAPTIONER_TEXT_SCORE_H

#include "captioner/score/ptb.h"
#include "captioner/score/score.h"

/* The tokens of mteval-v13a: ASCII punctuation and symbols stand alone, but for ' and for - without a digit
 * before it, and for . and , between digits; &quot; &amp; &lt; &gt; are decoded; every Unicode blank
 * separates. ERR_MEMORY; ERR_LIMIT over CAP_PTB_MAX_BYTES. */
err_code cap_13a_tokens(const char *line, arena *a, cap_tokens *out, error *err);

typedef struct cap_text_counts {
    size_t lines, exact;                    /* exact: equal to a reference but for blanks at both ends */
    int fewest_references, most_references; /* of a line */
    cap_metrics of; /* counters only: hypothesis_words, reference_words (closest length), guess, correct */
} cap_text_counts;

/* An empty reference counts as absent. ERR_ARGUMENT: a line without a reference; ERR_LIMIT, ERR_MEMORY. */
err_code cap_text_add(cap_text_counts *c, const char *hypothesis, const char *const *references, int count,
                      error *err);

typedef struct cap_text_bleu {
    double score;                    /* 0..100 */
    double precision[CAP_NGRAM_MAX]; /* 0..100, smoothed */
    double brevity;                  /* penalty, 0..1 */
} cap_text_bleu;

cap_text_bleu cap_text_score(const cap_text_counts *c);

#endif
