/* The encoder of language models: there is nothing to read, and the decoder predicts words from words. */
#ifndef CAPTIONER_NO_ENCODER_H
#define CAPTIONER_NO_ENCODER_H

#include "captioner/net/encoder.h"

extern const cap_encoder_row cap_encoder_none;

#endif
