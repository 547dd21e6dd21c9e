/* The encoder of photos: a network of cnn/backbone.h, whose map of regions [M, gh, gw, D] is the list of states
 * [M, gh gw, D]. */
#ifndef CAPTIONER_CNN_ENCODER_H
#define CAPTIONER_CNN_ENCODER_H

#include "captioner/net/encoder.h"
#include "cnn/backbone.h"

extern const cap_encoder_row cap_encoder_cnn;

/* `architecture` is a row of the backbone table, shorter than 32 bytes. */
cap_encoder_config cap_cnn_config(const char *architecture);

/* Of an encoder of this row; NULL for others. */
cnn_net *cap_cnn_net(const cap_encoder *e);
const char *cap_cnn_architecture(const cap_encoder_config *c);

#endif
