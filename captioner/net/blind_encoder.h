/* The encoder of a photo that gives no states: what the namers name is all that a decoder learns of it, so
 * that captions without photos are all that it needs to be taught with. Its width is 0, its name `none`. */
#ifndef CAPTIONER_BLIND_ENCODER_H
#define CAPTIONER_BLIND_ENCODER_H

#include "captioner/net/encoder.h"

extern const cap_encoder_row cap_encoder_blind;

#endif
