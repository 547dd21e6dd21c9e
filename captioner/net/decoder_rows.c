/* The decoders there are. */
#include "captioner/net/lstm_decoder.h"
#include "captioner/net/ngram_decoder.h"
#include "captioner/net/transformer_rows.h"

const cap_decoder_row *const cap_decoder_rows[] = {&cap_decoder_lstm, &cap_decoder_transformer,
                                                   &cap_decoder_ngram, NULL};
