/* Decoding: from a memory to words.
 *
 *     cap_search_options o = cap_search_defaults();
 *     cap_hypothesis best[M];
 *     if (cap_search(&tape, &decoder, &memory, &o, &results, best, &err)) ...
 *
 * Beam search over all photos of the memory at once; beam 1 is greedy. It always ends (after max_words) and
 * always returns a sentence of at least min_words words. A step keeps the `beam` likeliest continuations of a
 * photo; those that say <end> are finished, and the search of a photo is over when no living one can still
 * score higher than the best finished one. What is cut at max_words competes with the finished ones. Equal
 * ones go by word number, so results repeat; they depend on the other photos of the memory to rounding only.
 */
#ifndef CAPTIONER_SEARCH_H
#define CAPTIONER_SEARCH_H

#include "captioner/decoder.h"
#include "src/base/arena.h"
#include "src/base/error.h"

enum { CAP_MAX_BEAM = 64, CAP_MAX_WORDS = 1000 };

typedef struct cap_search_options {
    int beam;            /* hypotheses kept, 1..64; default 3 */
    int min_words;       /* 1..max_words; default 1 */
    int max_words;       /* 1..1000; default 20 */
    double length_power; /* score = log-probability / length^power, the length with <end>: 0 none, 1 mean per
                            word (default); 0..10 */
    bool attention;      /* fill cap_hypothesis.alpha */
} cap_search_options;

cap_search_options cap_search_defaults(void);
err_code cap_search_check(const cap_search_options *o, error *err); /* ranges: ERR_ARGUMENT */

typedef struct cap_hypothesis {
    int words;              /* without <end> */
    int32_t *word;          /* [words] vocabulary numbers */
    float *probability;     /* [words] of each word given those before it */
    double log_probability; /* of the sentence, <end> included when ended */
    double score;           /* what the search ranked by */
    bool ended;             /* false: cut at max_words */
    float *alpha;           /* [words][L] or NULL (not asked for, or no attention) */
} cap_hypothesis;

/* best[M]; their arrays live in `results`. The tape must neither record nor train; its arena is used and
 * rewound. Errors: ARGUMENT (an option out of range), LIMIT, MEMORY, FORMAT (weights that are not numbers).
 */
err_code cap_search(nn_tape *t, const cap_decoder *d, const cap_memory *m, const cap_search_options *o,
                    arena *results, cap_hypothesis *best, error *err);

#endif
