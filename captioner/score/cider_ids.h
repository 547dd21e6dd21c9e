/* CIDEr-D over word numbers, as captioner/score/score.h has it over texts: for training, which judges
 * hundreds of sentences a step and has no need of their spelling.
 *
 *     cap_cider_ids *c;
 *     cap_references refs;
 *     if (cap_cider_ids_create(&encoded, true, &c, &err)) ...         counts over all captions, once
 *     if (cap_cider_ids_references(c, image, &memory, &refs, &err)) ...
 *     if (cap_cider_ids_score(c, &refs, word, words, &memory, &score, &err)) ...
 *     cap_cider_ids_free(&c);
 *
 * Vedantam, Zitnick, Parikh: "CIDEr: Consensus-based Image Description Evaluation", CVPR 2015. An image's
 * captions are one document. Once created it is read-only: threads may share it. */
#ifndef CAPTIONER_CIDER_IDS_H
#define CAPTIONER_CIDER_IDS_H

#include <stdbool.h>

#include "captioner/score/score_caption.h"
#include "datasets/encode.h"

enum { CAP_CIDER_MOST_WORDS = 2048 }; /* of a caption */

typedef struct cap_cider_ids cap_cider_ids;

/* `captions` are borrowed until it is freed. `ends`: every caption ends with <end>, which counts as a word, so
 * that one that breaks off ("a man on a") gains nothing by its unsaid end. Errors: LIMIT (a caption that is
 * too long), MEMORY. */
err_code cap_cider_ids_create(const ds_encoded *captions, bool ends, cap_cider_ids **out, error *err);
void cap_cider_ids_free(cap_cider_ids **c);

/* The captions of an image, ready to be compared with. */
typedef struct cap_references {
    const cap_scored **list; /* [count] */
    size_t count;            /* 0: the image has none */
} cap_references;

/* `image`: 0..captions->images-1. In `memory`. ERR_MEMORY. */
err_code cap_cider_ids_references(const cap_cider_ids *c, int32_t image, arena *memory, cap_references *out,
                                  error *err);

/* The words that more than half of an image's captions have, of those with keep[word] (NULL: of all), each once:
 * what people agree on. Returns how many; *list in `memory`. -1: memory is out. */
int cap_cider_ids_agreed(const cap_cider_ids *c, int32_t image, const bool *keep, arena *memory,
                         int32_t **list);

/* CIDEr-D of word[words] (without <end>), 0..10; 0 where there is no reference. `memory` is used and rewound.
 * Errors: LIMIT (over CAP_CIDER_MOST_WORDS - 1 words), MEMORY. */
err_code cap_cider_ids_score(const cap_cider_ids *c, const cap_references *refs, const int32_t *word,
                             int words, arena *memory, double *score, error *err);

#endif
