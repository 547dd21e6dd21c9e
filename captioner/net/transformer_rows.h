/* The Transformer as rows: an encoder of texts and a decoder (captioner/net/transformer.h). */
#ifndef CAPTIONER_TRANSFORMER_ROWS_H
#define CAPTIONER_TRANSFORMER_ROWS_H

#include "captioner/net/decoder_row.h"
#include "captioner/net/encoder.h"
#include "captioner/net/transformer.h"

/* The rows of a table of fields that encoder and decoder share. */
#define CAP_TRANSFORMER_FIELD(field, type)                                                                   \
    .name = #field, .kind = type, .offset = offsetof(cap_transformer_settings, field)
#define CAP_TRANSFORMER_FIELDS                                                                               \
    {CAP_TRANSFORMER_FIELD(hidden, IO_FIELD_INT), .least = 2, .most = 1 << 14, .help = "numbers of a word"}, \
        {CAP_TRANSFORMER_FIELD(heads, IO_FIELD_INT), .least = 1, .most = 64,                                 \
         .help = "heads of every attention"},                                                                \
        {CAP_TRANSFORMER_FIELD(layers, IO_FIELD_INT), .least = 1, .most = CAP_MAX_LAYERS,                    \
         .help = "layers on top of each other"},                                                             \
        {CAP_TRANSFORMER_FIELD(feed_forward, IO_FIELD_INT), .least = 1, .most = 1 << 16,                     \
         .help = "width of the feed-forward network of a layer"},                                            \
        {CAP_TRANSFORMER_FIELD(norm, IO_FIELD_CHOICE), .choice = cap_norm_name,                              \
         .help = "layer norms before every part of a layer, or after every sum"},                            \
        {CAP_TRANSFORMER_FIELD(self_attention, IO_FIELD_CHOICE), .choice = cap_self_name,                    \
         .help = "words attend to each other through projections, or plainly as they are"},                  \
        {CAP_TRANSFORMER_FIELD(activation, IO_FIELD_CHOICE), .choice = cap_transformer_act,                  \
         .help = "of the feed-forward network"},                                                             \
        {CAP_TRANSFORMER_FIELD(dropout, IO_FIELD_NUMBER), .of_training = true, .least = 0, .most = 0.95,     \
         .help = "of sums and words while training"},                                                        \
    {                                                                                                        \
        CAP_TRANSFORMER_FIELD(attention_dropout, IO_FIELD_NUMBER),                                           \
            .later = 1, .of_training = true, .least = 0, .most = 0.95, .unsaid = "0",                        \
            .help = "of the weights of every attention while training"                                       \
    }

extern const cap_encoder_row cap_encoder_transformer;
extern const cap_decoder_row cap_decoder_transformer;

/* Of configs of these rows. */
cap_transformer_settings *cap_transformer_encoder_settings(cap_encoder_config *c);
cap_transformer_settings *cap_transformer_decoder_settings(cap_decoder_config *c);

#endif
