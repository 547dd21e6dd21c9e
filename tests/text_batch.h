/* Three sentences and three targets for tests of text encoders with decoders. golden/text_nets.py has the
 * same ones. */
#ifndef TESTS_TEXT_BATCH_H
#define TESTS_TEXT_BATCH_H

#include "captioner/net/decoder.h"
#include "captioner/net/text_encoder.h"

enum { TEXT_SOURCES = 3, TEXT_LONGEST = 4, TEXT_ROWS = 3, TEXT_WORDS = 4, TEXT_VOCABULARY = 8 };

/* The second sentence is the longest; targets are sorted by length and look at sources in another order. */
static const int32_t text_source[TEXT_SOURCES][TEXT_LONGEST] = {{4, 5, 0, 0}, {6, 4, 7, 5}, {5, 6, 7, 0}},
                     text_source_length[TEXT_SOURCES] = {2, 4, 3};
static int32_t text_tokens[TEXT_ROWS][TEXT_WORDS + 1] = {{1, 4, 5, 6, 2}, {1, 7, 4, 2, 0}, {1, 6, 2, 0, 0}},
                                                   text_length[TEXT_ROWS] = {4, 3, 2},
                                                   text_row_image[TEXT_ROWS] = {2, 0, 1},
                                                   text_which[TEXT_ROWS] = {0, 1, 2};

static inline ds_source_batch text_batch_lines(void)
{
    return (ds_source_batch){.rows = TEXT_SOURCES,
                             .max_len = TEXT_LONGEST,
                             .length = (int32_t *)(uintptr_t)text_source_length,
                             .tokens = (int32_t *)(uintptr_t)&text_source[0][0]};
}

static inline nn_var *text_batch_loss_of(nn_tape *t, const cap_encoded *e, const cap_decoder *decoder,
                                         const cap_loss_options *options)
{
    ds_batch b = {.rows = TEXT_ROWS, .images = TEXT_SOURCES, .max_len = TEXT_WORDS};
    b.image = b.caption = text_which;
    b.row_image = text_row_image;
    b.length = text_length;
    b.tokens = &text_tokens[0][0];
    cap_memory memory = cap_decoder_remember(t, decoder, e);
    return cap_decoder_loss(t, decoder, &memory, &b, options, NULL);
}

static inline nn_var *text_batch_loss(nn_tape *t, const cap_text_encoder *encoder, const cap_decoder *decoder,
                                      const cap_loss_options *options)
{
    cap_encoded e = cap_text_encoder_forward(t, encoder, &text_source[0][0], text_source_length, TEXT_SOURCES,
                                             TEXT_LONGEST);
    return text_batch_loss_of(t, &e, decoder, options);
}

#endif
