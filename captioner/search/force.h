/* Forced decoding: what a model thinks of a sentence that someone else wrote.
 *
 *     cap_forced f;
 *     if (cap_force(&tape, &decoder, &memory, word, words, &results, &f, &err)) ...
 *     f.as.probability[i], f.log_probability[i], f.rank[i]        of word i given those before it
 *
 * The steps are those of search.h, with the given words in the place of chosen ones: of a sentence that a
 * search returned, the probabilities are those the search returned, to rounding. */
#ifndef CAPTIONER_FORCE_H
#define CAPTIONER_FORCE_H

#include "captioner/search/search.h"

typedef struct cap_forced {
    cap_hypothesis as; /* as if the search had found it: ended, score = log-probability a word (with <end>) */
    double *log_probability; /* [words + 1] natural logarithms; the last one is <end>'s */
    int *rank; /* [words + 1] 1 = the likeliest; among all that can follow: words, <unk>, <end> */
} cap_forced;

/* `word` [words] are vocabulary numbers, <unk> among them is fine; 1..CAP_MAX_WORDS of them. There is one
 * memory. The arrays of *out live in `results`. The tape must neither record nor train; its arena is used
 * and rewound. Errors: ARGUMENT, MEMORY, FORMAT (weights that are not numbers). */
err_code cap_force(nn_tape *t, const cap_decoder *d, const cap_memory *m, const int32_t *word, int words,
                   arena *results, cap_forced *out, error *err);

/* The same for a batch of sentences, all words at once and the logarithms alone: log_p[rows][max_len], of
 * word i of row r given those before it; behind a row's end it stays as it was. A decoder that learned by
 * counting needs no tape for this (cap_decoder_row.judge). Errors: MEMORY, FORMAT. */
err_code cap_force_batch(nn_tape *t, const cap_decoder *d, const cap_memory *m, const ds_batch *batch,
                         double *log_p, error *err);

#endif
