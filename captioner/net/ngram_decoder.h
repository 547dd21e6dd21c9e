/* The decoder that counted: an n-gram model as a row. It predicts from words alone. */
#ifndef CAPTIONER_NGRAM_DECODER_H
#define CAPTIONER_NGRAM_DECODER_H

#include "captioner/net/decoder_row.h"
#include "captioner/net/ngram.h"

typedef struct cap_ngram_settings {
    int order;               /* 1..CAP_NGRAM_MOST, default 5 */
    cap_smoothing smoothing; /* default Kneser-Ney */
} cap_ngram_settings;

extern const cap_decoder_row cap_decoder_ngram;

/* Of a config whose row it is. */
cap_ngram_settings *cap_ngram_settings_of(cap_decoder_config *c);

/* The n-grams of such a decoder, to be filled by who counts. */
cap_ngram *cap_ngram_of(cap_decoder *d);

#endif
