/* One sentence that a search found, in words. */
#ifndef CAPTIONER_ALTERNATIVE_H
#define CAPTIONER_ALTERNATIVE_H

#include "captioner/search/search.h"
#include "src/base/arena.h"

struct cap_model; /* captioner/net/model.h: not for users of the library */

/* A sentence among the n_best. */
typedef struct cap_alternative {
    const char *sentence;   /* UTF-8 */
    int words;              /* 1 or more */
    const char **word;      /* [words] as in the vocabulary */
    float *probability;     /* [words] of each word given those before it, 0..1 */
    double log_probability; /* natural logarithm, of the whole sentence with its end */
    double score;           /* what the search ranked by: normalised by length, coverage counted */
    double confidence;      /* mean probability of a word (geometric), 0..1 */
    bool ended;             /* false: cut at the most words allowed, as nothing could end */
} cap_alternative;

/* The hypothesis in the model's words; all arrays live in `memory`. False: out of memory. */
bool cap_alternative_fill(const struct cap_model *m, const cap_hypothesis *h, arena *memory,
                          cap_alternative *out);

#endif
