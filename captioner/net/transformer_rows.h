/* The Transformer as rows: an encoder of texts and a decoder (captioner/net/transformer.h). */
#ifndef CAPTIONER_TRANSFORMER_ROWS_H
#define CAPTIONER_TRANSFORMER_ROWS_H

#include "captioner/net/decoder_row.h"
#include "captioner/net/encoder.h"
#include "captioner/net/transformer.h"

extern const cap_encoder_row cap_encoder_transformer;
extern const cap_decoder_row cap_decoder_transformer;

/* Of configs of these rows. */
cap_transformer_settings *cap_transformer_encoder_settings(cap_encoder_config *c);
cap_transformer_settings *cap_transformer_decoder_settings(cap_decoder_config *c);

#endif
