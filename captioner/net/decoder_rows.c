/* The decoders there are. */
#include "captioner/net/lstm_decoder.h"

const cap_decoder_row *const cap_decoder_rows[] = {&cap_decoder_lstm, NULL};
