/* Can the probabilities of words be trusted? Of the words that a model was sure of to 80 %, 80 in 100 should
 * occur in a reference of their photo.
 *
 *     cap_calibration c = {0};
 *     for each caption: cap_calibration_add(&c, d.word, d.probability, d.words, references, count, &err);
 *     c.bin[7].occur / c.bin[7].words             of the words with a probability of 0.7 to 0.8
 *     cap_calibration_error(&c)
 *
 * Guo et al. 2017, "On Calibration of Modern Neural Networks", with "occurs in a reference" for "is right": a
 * word is no single right answer, so a model may well be right more often than it is sure. */
#ifndef CAPTIONER_CALIBRATION_H
#define CAPTIONER_CALIBRATION_H

#include <stdbool.h>
#include <stdint.h>

#include "src/base/error.h"

enum { CAP_CALIBRATION_BINS = 10 };

typedef struct cap_calibration {
    int64_t words;
    struct cap_calibration_bin {
        int64_t words, occur;    /* occur: of these words, in at least one reference */
        double probability;      /* sum over the words */
    } bin[CAP_CALIBRATION_BINS]; /* [i] probabilities from i/10 to below (i + 1)/10, the last one with 1 */
} cap_calibration;

/* The words of a caption, each with its probability 0..1, against the references of its photo. Words are
 * compared as scores compare them (captioner/score/ptb.h); one that is mere punctuation does not count.
 * ERR_MEMORY; ERR_LIMIT: a reference over CAP_PTB_MAX_BYTES. After a failure none of the words was counted. */
err_code cap_calibration_add(cap_calibration *c, const char *const *word, const float *probability, int words,
                             const char *const *reference, int references, error *err);

/* The two halves of it. occurs[words]: 1 in at least one reference, 0 in none, -1 mere punctuation. One word
 * more, with its probability 0..1. */
err_code cap_calibration_find(const char *const *word, int words, const char *const *reference,
                              int references, signed char *occurs, error *err);
void cap_calibration_count(cap_calibration *c, double probability, bool occurs);

/* The expected calibration error, 0..1: how far the mean probability of a bin is from the share of its words
 * that occur, averaged over words (their eq. 3). 0 without words. */
double cap_calibration_error(const cap_calibration *c);

#endif
