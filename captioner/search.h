/* Decoding: from a memory to words.
 *
 *     cap_search_options o = cap_search_defaults();
 *     cap_hypothesis best[M];
 *     if (cap_search(&tape, &decoder, &memory, &o, &results, best, &err)) ...
 *
 * Beam search over all photos of the memory at once; beam 1 is greedy. It always ends (after max_words) and
 * always returns a sentence of at least min_words words. */
#ifndef CAPTIONER_SEARCH_H
#define CAPTIONER_SEARCH_H

#include "captioner/decoder.h"
#include "src/base/arena.h"
#include "src/base/error.h"

typedef struct cap_search_options {
    int beam;            /* hypotheses kept, 1..64; default 3 */
    int min_words;       /* default 1 */
    int max_words;       /* default 20 */
    double length_power; /* score = log-probability / length^power: 0 none, 1 mean per word (default) */
    bool attention;      /* fill cap_hypothesis.alpha */
} cap_search_options;

cap_search_options cap_search_defaults(void);

typedef struct cap_hypothesis {
    int words;              /* without <end> */
    int32_t *word;          /* [words] vocabulary numbers */
    float *probability;     /* [words] of each word given those before it */
    double log_probability; /* of the sentence, <end> included when ended */
    double score;           /* what the search ranked by */
    bool ended;             /* false: cut at max_words */
    float *alpha;           /* [words][L] or NULL (not asked for, or no attention) */
} cap_hypothesis;

/* best[M]; their arrays live in `results`. The tape must not be recording; its arena is used and rewound. */
err_code cap_search(nn_tape *t, const cap_decoder *d, const cap_memory *m, const cap_search_options *o,
                    arena *results, cap_hypothesis *best, error *err);

#endif
