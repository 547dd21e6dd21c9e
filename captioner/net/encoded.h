/* What an encoder hands to the decoder, whatever it read: regions of a photo or words of a source sentence.
 *
 * Letters: M photos or source sentences, L states, D their size. */
#ifndef CAPTIONER_ENCODED_H
#define CAPTIONER_ENCODED_H

#include "captioner/net/concepts.h"
#include "src/nn/lstm.h"

enum { CAP_MAX_LAYERS = 24 };

/* A photo has states alone: cap_encoded e = {.states = regions}. */
typedef struct cap_encoded {
    nn_var *states;        /* [M, L, D]; of a sentence in reading order, zeros after its end; NULL: none */
    int memories;          /* M where there are no states to tell it */
    const int32_t *length; /* [M] states that exist, 1..L each, borrowed until backward; NULL: all L */
    const cap_concepts *concepts; /* what is named in the photos, borrowed until backward; NULL: nothing is */
    const int32_t *style;         /* [M] of the decoder's styles, from 1; 0: not told; NULL: none is told */
    int layers;                   /* of a recurrent encoder; 0: it is none */
    nn_lstm_state last[CAP_MAX_LAYERS]; /* [M, D] h and c of each layer after the last word it read, those of
                                           both directions side by side; the first is the lowest layer's */
} cap_encoded;

#endif
