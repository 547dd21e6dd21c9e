/* Scores of captions against references, exactly as the COCO caption evaluation (coco-caption) computes them:
 * BLEU-1..4 (Papineni et al. 2002, with that program's smoothing), ROUGE-L (Lin 2004, beta 1.2), CIDEr-D with
 * sigma 6, which that program reports as CIDEr, and plain CIDEr (both Vedantam et al. 2015); and statistics
 * of the captions themselves.
 *
 *     cap_scorer *s;
 *     cap_scores all;
 *     if (cap_scorer_create(&s, &err)) ...
 *     cap_scorer_add_reference(s, 42, "A cat on a mat.", &err);      any number for each image
 *     cap_scorer_add_hypothesis(s, 42, "a cat sits", &err);          one for each image that is to be scored
 *     cap_scorer_run(s, NULL, &all, &err);
 *     cap_scorer_free(&s);
 *
 * Captions are split into words by captioner/score/ptb.h. Images with references but no hypothesis are left
 * out, and their references with them. Sums run in the order of the hypotheses, in double precision: the same
 * calls give the same bits. A scorer is for one thread at a time; two scorers do not meet. */
#ifndef CAPTIONER_SCORE_H
#define CAPTIONER_SCORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "captioner/score/df.h"
#include "src/base/error.h"

enum {
    CAP_NGRAM_MAX = 4, /* BLEU and CIDEr look at 1 to 4 words in a row */
    CAP_SCORE_MAX_WORDS =
        1 << 12 /* a caption of more words is refused: ROUGE-L takes time quadratic in them */
};

typedef struct cap_scorer cap_scorer;

/* Of one image, or of all. Scores as fractions (BLEU-4 0.19 is the 19 of tables); CIDEr may exceed 1 (at most
 * 10). */
typedef struct cap_metrics {
    double bleu[CAP_NGRAM_MAX]; /* [k-1] BLEU-k */
    double rouge_l;
    double cider_d;                            /* what coco-caption calls CIDEr */
    double cider;                              /* without clipping and length factor */
    int64_t hypothesis_words, reference_words; /* "testlen"; "reflen", the closest reference's length */
    int64_t guess[CAP_NGRAM_MAX], correct[CAP_NGRAM_MAX];
} cap_metrics;

typedef struct cap_image_scores {
    int64_t image;
    const char *caption; /* the hypothesis as it was given */
    size_t references;   /* at least 1 */
    cap_metrics of;
} cap_image_scores;

typedef struct cap_scores {
    cap_metrics of;
    size_t images, references; /* scored */
    size_t left_out;           /* images with references that have no hypothesis */
    size_t empty;              /* hypotheses without a word; each scores 0 */
    size_t empty_references;   /* references without a word, of the scored images; they count like others */
    bool cider_means_nothing;  /* one image and no document frequencies from elsewhere: CIDEr is 0 by
                                  definition */
    double mean_words;         /* per hypothesis */
    size_t vocabulary;         /* different words used by the hypotheses */
    size_t distinct;           /* different hypotheses, as word sequences */
    size_t novel;              /* hypotheses that are no training caption; 0 where training_captions is 0 */
    size_t training_captions;  /* added by cap_scorer_add_training */
    int64_t objects;           /* that most references of an image name (captioner/score/mentions.h), where it
                                  has three or more; */
    int64_t objects_named;     /* of these, which its hypothesis names, too */
    const cap_image_scores *image; /* [images] in the order of the hypotheses; owned by the scorer */
} cap_scores;

err_code cap_scorer_create(cap_scorer **s, error *err);
void cap_scorer_free(cap_scorer **s);

/* `caption` is copied. ERR_LIMIT: over CAP_SCORE_MAX_WORDS or CAP_PTB_MAX_BYTES; ERR_MEMORY. */
err_code cap_scorer_add_reference(cap_scorer *s, int64_t image, const char *caption, error *err);

/* After the references of this image. ERR_MISSING: it has none; ERR_ARGUMENT: it has a hypothesis already. */
err_code cap_scorer_add_hypothesis(cap_scorer *s, int64_t image, const char *caption, error *err);

/* A caption that the model was trained on, for cap_scores.novel. */
err_code cap_scorer_add_training(cap_scorer *s, const char *caption, error *err);

/* Scores all hypotheses added so far; may be called again. Document frequencies are counted over the
 * references of the scored images, or taken from `df` where it is not NULL. ERR_ARGUMENT: no hypothesis. */
err_code cap_scorer_run(cap_scorer *s, const cap_df *df, cap_scores *out, error *err);

/* Document frequencies of all references added so far, for scoring small sets later. Free with cap_df_free.
 */
err_code cap_scorer_count_df(cap_scorer *s, cap_df **df, error *err);

#endif
