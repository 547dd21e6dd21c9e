/* Counting an n-gram model: from the numbers of a text to probabilities.
 *
 *     cap_ngram m;
 *     cap_ngram_report told;
 *     if (cap_ngram_learn(&corpus, V, &(cap_ngram_settings){.order = 5}, &m, &told, &err)) ...
 *     cap_ngram_release(&m);
 *
 * Every line is <start> w1 .. wn <end>. Interpolated modified Kneser-Ney (Chen and Goodman 1998, "An
 * Empirical Study of Smoothing Techniques for Language Modeling", section 3), with the ends of lines, the
 * unknown word and the share of all words as KenLM has them (Heafield et al. 2013, "Scalable Modified
 * Kneser-Ney Language Model Estimation"):
 *
 *     a(v)         of the longest n-grams, and of those that begin with <start>: how often v occurs; of
 *                  others: behind how many different words it does
 *     p(w | v)     = max(a(v w) - D(a(v w)), 0) / sum_x a(v x) + gamma(v) p(w | v without its first word)
 *     gamma(v)     = (D1 N1(v) + D2 N2(v) + D3 N3+(v)) / sum_x a(v x), with N_i(v) the words x of a(v x) = i
 *     p(w)         likewise, with 1 / (words, <unk> and <end>) below it; <start> never follows
 *     D_i          = i - (i + 1) Y t(i + 1) / t(i), Y = t1 / (t1 + 2 t2), i = 1, 2, 3; t(i): n-grams of
 *                  this length with a(v) = i
 *
 * A length whose t1, t2 or t3 is 0, or whose D is not above 0 and at most i, takes D = 1/2, 1, 3/2: what is
 * counted is then too little or too regular to estimate them (KenLM asks for the same by
 * --discount_fallback). The unknown word is counted where rare words of the text were replaced by it, else it
 * lives on the share of all words.
 *
 * Without smoothing p(w | v) is how often w followed v of the times that anything did; behind a context that
 * was never seen the longest known end of it decides. */
#ifndef CAPTIONER_NGRAM_LEARN_H
#define CAPTIONER_NGRAM_LEARN_H

#include "captioner/net/ngram_decoder.h"
#include "datasets/encode.h"

/* What was found on the way. */
typedef struct cap_ngram_report {
    double discount[CAP_NGRAM_MOST][3]; /* D1 D2 D3 of the n-grams of 1, 2, ... words */
    bool fallen_back[CAP_NGRAM_MOST];   /* they could not be estimated */
} cap_ngram_report;

/* Of the lines of the corpus, numbers below V. Errors: ARGUMENT (no line), LIMIT (over 2^31 words), MEMORY;
 * then *out is empty. Memory: about 40 bytes a word beside the model. */
err_code cap_ngram_learn(const ds_encoded *corpus, int vocabulary, const cap_ngram_settings *s,
                         cap_ngram *out, cap_ngram_report *report, error *err);

#endif
