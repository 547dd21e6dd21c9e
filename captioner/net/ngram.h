/* An n-gram language model: how likely a word is behind the few words before it, from counts alone.
 *
 *     cap_ngram m = {0};
 *     if (cap_ngram_learn(&corpus, V, &settings, &m, &report, &err)) ...   captioner/train/ngram_learn.h
 *     cap_ngram_state s = {0};                                      nothing was said yet, not even <start>
 *     cap_ngram_say(&m, &s, DS_START);
 *     double log_p = cap_ngram_say(&m, &s, word);                  ln p(word | what was said); it is said
 *     cap_ngram_all(&m, s, log_p_of_all);                           of every word that may follow
 *     cap_ngram_release(&m);
 *
 * The n-grams of a text are a trie, kept level by level: those of k words are one sorted array each of last
 * words, logarithms and places, in which the continuations of an n-gram lie side by side. A probability that
 * is stored is complete, with the share of all shorter contexts in it; of a word that was never seen behind a
 * context it is
 *
 *     p(w | v1 .. vk) = backoff(v1 .. vk) p(w | v2 .. vk)
 *
 * A state is the longest context that is known, so that a word costs a search by halves for each context that
 * is tried, and a text no more than that for each of its words.
 *
 * Letters: V vocabulary, N the order: words of the longest n-grams. */
#ifndef CAPTIONER_NGRAM_H
#define CAPTIONER_NGRAM_H

#include <stdint.h>

#include "src/base/error.h"
#include "src/io/safetensors.h"
#include "src/math/real.h"

enum { CAP_NGRAM_MOST = 6 }; /* the highest order */

typedef enum {
    CAP_SMOOTH_KNESER_NEY, /* interpolated, modified (Chen and Goodman 1998) */
    CAP_SMOOTH_NONE, /* maximum likelihood: what was never seen is impossible, the textbook's Markov chain */
    CAP_SMOOTHINGS
} cap_smoothing;

const char *cap_smoothing_name(int value); /* kneser-ney none; NULL past the last */

/* The n-grams of k words, sorted by their words. Those of one word are all words: number i is word i. */
typedef struct cap_ngram_level {
    int32_t count;
    int32_t *word;    /* [count] the last one; NULL: k is 1 */
    int32_t *first;   /* [count + 1] i goes on as first[i] .. first[i + 1] - 1 of level k + 1; NULL: k is N */
    int32_t *shorter; /* [count] the n-gram without its first word, of level k - 1; NULL: k is 1 or N */
    float *log_p;     /* [count] ln p(last word | words before it), -infinity: never */
    float *backoff;   /* [count] ln of what words keep that never followed; 0: nothing did; NULL: k is N */
} cap_ngram_level;

typedef struct cap_ngram {
    int order, vocabulary;                 /* N, V */
    cap_ngram_level level[CAP_NGRAM_MOST]; /* level[k - 1] */
} cap_ngram;

/* Arrays of a model of so many n-grams of each length, count[order]; undefined but for those of one word.
 * MEMORY. */
err_code cap_ngram_allocate(cap_ngram *m, int order, const int32_t *count, error *err);
void cap_ngram_release(cap_ngram *m); /* zeroed ones are fine */

/* The longest context that is known: n-gram number `at` of `words` words. Zeroed: nothing was said. */
typedef struct cap_ngram_state {
    int words; /* 0..N - 1 */
    int32_t at;
} cap_ngram_state;

/* ln p(word | *s), word 0..V-1; *s is what was said with it. */
double cap_ngram_say(const cap_ngram *m, cap_ngram_state *s, int32_t word);

/* out[V] = ln p(every word | s), -infinity where there is none. */
void cap_ngram_all(const cap_ngram *m, cap_ngram_state s, real *out);

/* ---- in a file: tensors "ngram.K.word", ... ---- */

enum { CAP_NGRAM_TENSORS = 5 * CAP_NGRAM_MOST };

typedef struct cap_ngram_tensors {
    char name[CAP_NGRAM_TENSORS][32];
    int64_t shape[CAP_NGRAM_TENSORS];
} cap_ngram_tensors;

/* Adds to the entries, which point into *room and the model; returns how many, CAP_NGRAM_TENSORS at most. */
int cap_ngram_entries(const cap_ngram *m, cap_ngram_tensors *room, io_tensor_entry *out);

/* A model of this order and vocabulary. FORMAT, MISMATCH: the tensors are none such; every number that a
 * query relies on is looked at. */
err_code cap_ngram_load(const io_tensors *file, int order, int vocabulary, cap_ngram *out, error *err);

#endif
