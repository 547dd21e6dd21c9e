/* How sure a model may be: of a word, and of a caption as a whole. Fitted once to a finished model
 * (captioner/calibrate.h), kept in its file, asked for each caption.
 *
 *     if (m->confidence.fitted) {
 *         trust = cap_confidence_word(&m->confidence, probability);          of each word
 *         sure = cap_confidence_caption(&m->confidence, &signs);             0..1
 *         if (sure < m->confidence.threshold) ...better say nothing...
 *     }
 *
 * Words: p' = sigmoid(word_scale * logit(p) + word_shift), the probability that one of those who describe
 * the photo uses the word. Platt 1999, "Probabilistic Outputs for Support Vector Machines"; with word_shift 0
 * it is the temperature 1 / word_scale of Guo et al. 2017, for two outcomes. The shift is needed because a
 * photo has many right words, and the model's probabilities share one sum among them.
 *
 * Captions: sigmoid(bias + sum of weight * sign), the probability that the caption is one of the better half
 * of a photo set. The signs are what stands in cap_signs.
 *
 * In the file: "confidence" in the metadata, and the tensors "confidence.centre" and "confidence.spread", which
 * a model without regions lacks. */
#ifndef CAPTIONER_CONFIDENCE_H
#define CAPTIONER_CONFIDENCE_H

#include <jansson.h>
#include <stdbool.h>

#include "captioner/net/concepts.h"
#include "src/base/arena.h"
#include "src/io/fields.h"
#include "src/io/safetensors.h"

/* What speaks for a caption, or against it. */
typedef enum cap_sign {
    CAP_SIGN_MEAN_WORD,  /* mean over the words of the logarithm of p' */
    CAP_SIGN_LEAST_WORD, /* the least of them */
    CAP_SIGN_WORDS,      /* how many words */
    CAP_SIGN_FAR,        /* how much farther the photo is than usual from those the model knows */
    CAP_SIGN_FLAT,       /* how much less than usual its regions differ */
    CAP_SIGN_CONCEPTS,   /* how many things were named */
    CAP_SIGN_NAMED,      /* sum of their confidences */
    CAP_SIGN_SAID,       /* share of the words that are a named thing */
    CAP_SIGN_EVIDENCE, /* mean over the words of the confidence with which they are named, 0 if they are not */
    CAP_SIGN_TOLD,     /* share of the sum of confidences that belongs to things which the caption says */
    CAP_SIGNS
} cap_sign;

typedef struct cap_signs {
    double of[CAP_SIGNS];
} cap_signs;

typedef struct cap_confidence {
    bool fitted; /* false: nothing else means anything */
    double word_scale, word_shift;
    double bias, weight[CAP_SIGNS];
    double threshold;       /* 0..1; a caption below it is unsure */
    double usual_distance;  /* that a photo is beyond it is unusual; */
    double usual_variety;   /* that it is below it */
    int features;           /* D of the regions */
    float *centre, *spread; /* [D] mean and deviation, over photos, of the mean over the regions */
} cap_confidence;

/* The numbers as fields: of the file, of `caption info`, of the report. */
extern const io_field cap_confidence_fields[];

double cap_confidence_word(const cap_confidence *c, double probability);    /* 0..1 to 0..1 */
double cap_confidence_caption(const cap_confidence *c, const cap_signs *s); /* 0..1 */

/* Mean and variance over the regions of each feature, of regions[count][features]: both [features]. */
void cap_confidence_pool(const float *regions, int count, int features, float *mean, float *variance);

/* Of such: the logarithm of the mean, over the features, of the squared distance from `centre` in units of
 * `spread`, 0 being as far as the average photo; and that of the mean variance, in the same units. */
double cap_confidence_distance(const cap_confidence *c, const float *mean);
double cap_confidence_variety(const cap_confidence *c, const float *variance);

/* Sets the signs that a photo gives: mean and variance as above, NULL where a model has no regions, and what
 * is named in it. Most photos are neither far nor flat: both are 0 up to what is usual, since among photos to be
 * a little farther says nothing. */
void cap_confidence_look(const cap_confidence *c, const float *mean, const float *variance,
                         const cap_concept *concept, int concepts, cap_signs *s);

/* Sets those that the probabilities of a caption's words give; and what its words and the named things have in
 * common: namable[words] says which of them a namer knows. */
void cap_confidence_read(const cap_confidence *c, const float *probability, int words, cap_signs *s);
void cap_confidence_compare(const int32_t *word, const bool *namable, int words, const cap_concept *concept,
                            int concepts, cap_signs *s);

/* From an open file of a model whose metadata are `o`: not fitted where they have no "confidence". ERR_FORMAT
 * and ERR_MISMATCH begin with `where`, or with the file. */
err_code cap_confidence_load(cap_confidence *c, const json_t *o, const io_tensors *t, int features,
                             const char *where, error *err);
void cap_confidence_release(cap_confidence *c);

struct cap_ranges;

/* Writes the open model file t again as `path`, with this confidence and these ranges (ranges.h; NULL: its
 * own) in place of those that it had, and with `record` (an object) as the member "confidence" of its record.
 * */
err_code cap_confidence_save(const cap_confidence *c, const struct cap_ranges *ranges, const io_tensors *t,
                             const json_t *record, const char *path, error *err);

#endif
