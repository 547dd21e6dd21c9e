/* Teaching the namer of words (captioner/net/namer.h): from the means of a photo's regions to how likely each
 * word of its list is in a caption of the photo. The target is the share of the photo's captions that have the
 * word; the loss a binary cross-entropy summed over the words. Seconds for some thousand photos.
 *
 *     cap_words_lesson l = {.width = D, .means = means, .like = &namer, .vocab = vocab, .captions = &encoded,
 *                           .content = &content, .fold = fold};
 *     if (cap_words_score_folds(&l, &run, scores, &err)) ...       of each photo by a head that never saw it
 *     if (cap_words_teach(&l, &run, &model->params, &err)) ...     the model's own, which has seen all
 *     if (cap_words_judge(&l, scores, &precision, &err)) ...       mean average precision
 *
 * Scores of photos that the head has learned from are surer and truer than those of other photos: a decoder
 * that learned with them would believe the head too much. Hence the folds: K heads, each of which learns from
 * all photos but those of its fold (stacking: Wolpert, "Stacked generalization", 1992).
 *
 * Letters: D numbers of a region, W words of the list. */
#ifndef CAPTIONER_WORDS_HEAD_H
#define CAPTIONER_WORDS_HEAD_H

#include "captioner/net/namer.h"
#include "captioner/train/content_words.h"
#include "captioner/train/trainer.h"
#include "src/base/pool.h"

enum { CAP_WORDS_FOLDS = 5 };

typedef struct cap_words_lesson {
    int width;                  /* D */
    const float *means;         /* [photos][D] means of their regions */
    const cap_namer *like;      /* the namer: its settings, and its list of W words */
    const ds_vocab *vocab;      /* of its model */
    const ds_encoded *captions; /* of the photos, its images */
    const cap_content *content; /* the words of the list, and where the photos' captions are */
    const int32_t *turn;        /* [turns] the photos as often as an epoch sees them; NULL: each once */
    int turns;
    const int32_t *fold; /* [photos] 0..CAP_WORDS_FOLDS-1; may be NULL where there are no folds */
} cap_words_lesson;

/* What learning needs beside the lesson. */
typedef struct cap_words_run {
    pool *threads;
    gemm_precision precision;
    uint64_t seed;
    const cap_train_events *events; /* told of progress, asked whether to stop */
} cap_words_run;

/* The fold of a photo of this file name: repetitions of a photo are in one. */
int32_t cap_words_fold(const char *file_name);

/* scores[photos][W] by heads that have not seen the photo. Errors: MEMORY, INTERRUPTED, LIMIT (no finite
 * numbers come out). */
err_code cap_words_score_folds(const cap_words_lesson *l, const cap_words_run *run, float *scores,
                               error *err);

/* Learns from all photos; the weights go into the parameters "words.*" of the model. Errors as above. */
err_code cap_words_teach(const cap_words_lesson *l, const cap_words_run *run, nn_params *params, error *err);

/* scores[photos][W] by a head that has its weights, of photos by their means [photos][D]. */
err_code cap_words_score(const cap_namer *head, const float *means, int photos, int width, pool *threads,
                         float *scores, error *err);

/* Mean average precision over the words that captions of at least CAP_WORDS_JUDGED photos have. */
enum { CAP_WORDS_JUDGED = 5 };

typedef struct cap_words_precision {
    double mean; /* 0..1 */
    int words;   /* that are judged */
} cap_words_precision;

err_code cap_words_judge(const cap_words_lesson *l, const float *scores, cap_words_precision *out,
                         error *err);

#endif
