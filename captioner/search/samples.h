/* Sentences drawn from a decoder as it is, many at once: for training, which needs to know how likely each was.
 * The strategy `sample` of search.h draws for readers: by rules, cuts and a sentence that is complete.
 *
 *     cap_sample_options o = {.samples = 5, .max_words = 18};
 *     cap_samples drawn;
 *     if (!cap_sample_sentences(&tape, &decoder, &memory, &o, &results, &drawn)) ...      the tape has failed
 *     drawn.word[row * drawn.width + i]                            row = memory * samples + sample
 *
 * Words are drawn from the softmax of the logits without <pad>, <start> and <unk>. Word i of a row is a
 * function of (tape->seed, tape->step, part, row, i) and of the logits. */
#ifndef CAPTIONER_SAMPLES_H
#define CAPTIONER_SAMPLES_H

#include "captioner/net/decoder.h"
#include "src/base/arena.h"

typedef struct cap_sample_options {
    int samples;   /* of each memory, 1 or more */
    int max_words; /* 1..CAP_MAX_WORDS, without <end> */
    uint32_t part; /* draws of one step that are to differ have different ones */
} cap_sample_options;

typedef struct cap_samples {
    int rows, width; /* memories * samples; max_words + 1 */
    int32_t *word;   /* [rows][width] */
    int32_t *length; /* [rows] words drawn, with <end>: width at most */
    bool *ended;     /* [rows] the last one is <end>; else there was no room for it */
} cap_samples;

/* The tape may record: what is done here is no part of the record. Its arena is used and rewound; the arrays
 * live in `results`. False: out of memory. */
bool cap_sample_sentences(nn_tape *t, const cap_decoder *d, const cap_memory *m, const cap_sample_options *o,
                          arena *results, cap_samples *out);

#endif
