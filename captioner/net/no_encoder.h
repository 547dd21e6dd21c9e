/* Encoders that give no states, and are both called `none` in files:
 *
 *     cap_encoder_none    of language models: there is nothing to read, and the decoder predicts words from words
 *     cap_encoder_blind   of photos: what the namers name is all that a decoder learns of them, so that captions
 *                         without photos are all that it needs to be taught with. Its width is 0. */
#ifndef CAPTIONER_NO_ENCODER_H
#define CAPTIONER_NO_ENCODER_H

#include "captioner/net/encoder.h"

extern const cap_encoder_row cap_encoder_none, cap_encoder_blind;

#endif
