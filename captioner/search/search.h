/* Decoding: from a memory to words.
 *
 *     cap_search_options o = cap_search_defaults();
 *     cap_hypothesis best[M];                               [M][n_best] when several are wanted
 *     if (cap_search(&tape, &decoder, &memory, &o, &results, best, &err)) ...
 *
 * The memory may come from photos or from source sentences: all that is known of words here is their numbers.
 * The ways to choose words are rows of cap_strategies:
 *
 *     beam      a step keeps the `beam` likeliest continuations. Those that say <end> are finished; it is over
 *               when no living one can still score higher than the n_best finished ones. The greedy sentence is
 *               kept as a further hypothesis even where the beam would drop it, so the result never scores
 *               below it (where it ends within max_words by itself).
 *     greedy    the likeliest word each time: a beam of 1.
 *     diverse   the beam is split into groups that search one after the other; a word that earlier groups chose
 *               at this step costs `diversity` for each that did (Vijayakumar et al. 2016, "Diverse Beam
 *               Search", Hamming diversity). The result holds the best of each group, then the second of each.
 *     sample    n_best sentences drawn word by word, at `temperature`, from the top_k likeliest words that
 *               together reach probability top_p (Fan et al. 2018; Holtzman et al. 2020). Number t of draw k is
 *               a function of (seed, k, t) alone, whatever the memory and whatever is beside it.
 *
 * The result is the best complete sentence of at most max_words words: behind the last word allowed only
 * <end> may follow. Where a hypothesis that is cut by that limit would have been the best, the limit decides:
 * all places compete at which any hypothesis could have said <end>, by the mean log-probability of a word. A
 * beginning without an end is returned only where the model gives <end> no probability at all.
 *
 * What counts as best, for all of them (Wu et al. 2016, "Google's Neural Machine Translation System", eq.
 * 14):
 *
 *     score = log-probability / penalty(length) + coverage * sum over states of log min(attention got, 1)
 *
 * with the length counted with <end>, the penalty a row of cap_lengths, and the attention that a state got
 * summed over the words. Steps keep hypotheses by log-probability, among which all have the same length.
 *
 * Rules: <pad>, <start> and <unk> are never said, min_words <= words <= max_words, all of `must` occur, none
 * of `avoid` does: always. No word but those of `again` occurs twice, no n-gram of no_repeat words does, and
 * no word of `dangling` is the last: unless nothing that keeps to that is left to say, which takes a tiny
 * vocabulary; then one after the other, in this order, they give way for a word. A word of `must` need be said
 * but once. A word is said only if the missing ones of `must` still fit behind it; the beam is split into
 * banks by how many of them a hypothesis has, one place in each at the least (Post and Vilar 2018, "Fast
 * Lexically Constrained Decoding with Dynamic Beam Allocation").
 *
 * A sentence may have a beginning, the same for all memories: the search goes on from there. Its words count
 * where nothing may be repeated, and nowhere else.
 *
 * It always ends, after max_words. Equal ones go by word number, so results repeat; they depend on the other
 * memories to rounding only. */
#ifndef CAPTIONER_SEARCH_H
#define CAPTIONER_SEARCH_H

#include "captioner/caption.h"
#include "captioner/net/decoder.h"
#include "src/base/arena.h"
#include "src/base/error.h"

enum { CAP_MAX_DANGLING = 256, CAP_MAX_AGAIN = 512 };

typedef struct cap_search_options {
    cap_strategy strategy; /* default CAP_BEAM */
    int beam;              /* beam, diverse: hypotheses kept, 1..64, n_best at the least; default 3 */
    int n_best;            /* sentences wanted, 1..64; 0 = 1; default 1 */
    int groups;            /* diverse: 1..beam; default 3 */
    double diversity;      /* diverse: 0..100, in natural logarithms of probability; default 0.5 */
    double temperature;    /* sample: above 0 up to 100, 1 = the model's own probabilities; default 1 */
    int top_k;             /* sample: 0 = all words; default 0 */
    double top_p;          /* sample: above 0 up to 1 = all words; default 1 */
    uint64_t seed;         /* sample; default 1 */
    int min_words;         /* 1..max_words; default 1 */
    int max_words;         /* 1..1000; default 20 */
    cap_length length;     /* default CAP_LENGTH_GNMT */
    double length_alpha;   /* CAP_LENGTH_GNMT: 0..10; default 0.7 */
    double coverage;       /* 0..10; default 0 = off */
    int no_repeat;         /* words of an n-gram that must not repeat, 0..20, 0 = off; default 3 */
    bool repeat_words;     /* any word may be said again; default false: those of `again` alone */
    const int32_t *must, *avoid, *dangling,
        *again;           /* [musts] [avoids] [danglings] [agains] borrowed; words of the vocabulary */
    const int32_t *begin; /* [begins] said already, borrowed: hypotheses hold what comes behind */
    int begins;           /* 0..CAP_MAX_WORDS; default 0 */
    int musts, avoids, danglings, agains; /* at most 8, 256, 256, 512; default 0. agains 0: nobody knows which
                                             words are harmless when said again, so any may be */
    bool attention;                       /* fill cap_hypothesis.alpha */
} cap_search_options;

cap_search_options cap_search_defaults(void);
err_code cap_search_check(const cap_search_options *o, error *err); /* ranges: ERR_ARGUMENT */

typedef struct cap_strategy_row {
    const char *name; /* as on the command line */
    const char *about;
} cap_strategy_row;

extern const cap_strategy_row cap_strategies[CAP_STRATEGIES];

typedef struct cap_length_row {
    const char *name;
    double (*penalty)(int length, double alpha); /* does not fall with the length, which is 1 or more */
    const char *about;
} cap_length_row;

extern const cap_length_row cap_lengths[CAP_LENGTHS];

typedef struct cap_hypothesis {
    int words;              /* without <end>; 0: there are fewer than n_best */
    int32_t *word;          /* [words] vocabulary numbers */
    float *probability;     /* [words] of each word given those before it, by the model */
    double log_probability; /* of the sentence, <end> included when ended */
    double score;           /* what the search ranked by */
    bool ended;             /* false: cut at max_words, as nothing could end */
    bool limited;           /* the limit chose where it ends; `score` is the mean log-probability then */
    float *alpha;           /* [words][L] or NULL (not asked for, or no attention) */
} cap_hypothesis;

/* best[M][n_best], those of a memory by falling score, the limited ones last, distinct but for draws; the
 * first always exists. Their arrays live in `results`. The tape must neither record nor train; its arena is
 * used and rewound. Errors: ARGUMENT (an option out of range, rules that leave no word to say), LIMIT,
 * MEMORY, FORMAT (weights that are not numbers). */
err_code cap_search(nn_tape *t, const cap_decoder *d, const cap_memory *m, const cap_search_options *o,
                    arena *results, cap_hypothesis *best, error *err);

#endif
