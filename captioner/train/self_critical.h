/* Self-critical training: the model is taught by what its own sentences are worth, not word by word (Rennie,
 * Marcheret, Mroueh, Ross, Goel: "Self-critical Sequence Training for Image Captioning", CVPR 2017; the
 * baseline is that of Kool, van Hoof, Welling: "Buy 4 REINFORCE Samples, Get a Baseline for Free!", 2019).
 *
 *     cap_cider_ids *judge;                                       once for each source of captions
 *     if (cap_cider_ids_create(&encoded, true, &judge, &err)) ...
 *     t->training = false;                                        nothing is dropped; t->recording stays true
 *     cap_memory m = cap_decoder_remember(t, &decoder, &input);   M memories, each of another image
 *     cap_critic c = {.judge = judge, .image = batch.image, .samples = 5, .max_words = 18};
 *     nn_var *loss = cap_self_critical_loss(t, &decoder, &m, &c, &counts, &err);
 *
 * Of every memory R sentences are drawn word by word from the softmax of the decoder's logits (its setting
 * `sharpness` included), but for <pad>, <start> and <unk>. A sentence that said <end> within max_words words
 * is worth its CIDEr-D against the captions of the memory's image, and `naming` times the share that it says of
 * what people agree on: of the words that more than half of the image's captions have, those that name what a
 * photo shows. (CIDEr-D alone pays for few and rare words; a reader misses what everybody sees.) Any other
 * sentence is worth 0. With the advantage a = worth less the mean worth of the memory's other samples, the loss
 * is
 *
 *     sum over the words of all samples, <end> included, of -a ln p(word) / number of these words
 *
 * whose gradient is that of the expected worth, but for its sign and scale. Beside it stands, `cross_entropy`
 * times, the loss of teacher forcing on the images' own captions, with dropout and smoothing and with a sharpness
 * of 1, as they were learnt: it holds the language together, which what n-grams are worth alone wears down
 * (Paulus, Xiong, Socher: "A Deep Reinforced Model for Abstractive Summarization", ICLR 2018, eq. 16). A model that was taught with label
 * smoothing gives a good tenth of each word's probability to noise: it should be sharpened (2.5), or its
 * samples are so bad that it learns to stop early. */
#ifndef CAPTIONER_SELF_CRITICAL_H
#define CAPTIONER_SELF_CRITICAL_H

#include "captioner/net/decoder.h"
#include "captioner/score/cider_ids.h"
#include "captioner/train/task.h"

typedef struct cap_critic {
    const cap_cider_ids *judge;
    const int32_t *image;     /* [M] of the judge's images */
    int samples;              /* R of each memory, 2 or more */
    int max_words;            /* of a sample, 1..CAP_MAX_WORDS, without <end> */
    const bool *names;        /* [V] words that name what a photo shows; NULL: all do */
    double naming;            /* what saying all that people agree on is worth, 0 or more */
    const ds_batch *captions; /* of the images, row_image counting memories; read where cross_entropy > 0 */
    double cross_entropy;     /* 0 or more */
    cap_loss_options
        attention; /* smoothing, of cross_entropy; what is asked of it while the samples are said: guide, objects, lent */
    uint32_t source; /* which part of the step this is: parts draw differently */
} cap_critic;

/* Draws, judges and unrolls the samples. They are a function of (t->seed, t->step, source, row, word) and of the
 * weights, whatever the number of threads. *counts gets the mean worth (`reward`). NULL after a failure,
 * which shows on the tape or in *err. */
nn_var *cap_self_critical_loss(nn_tape *t, const cap_decoder *d, const cap_memory *m, const cap_critic *c,
                               cap_counts *counts, error *err);

#endif
