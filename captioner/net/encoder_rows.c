/* The encoders there are. */
#include "captioner/net/cnn_encoder.h"
#include "captioner/net/no_encoder.h"
#include "captioner/net/text_encoder.h"
#include "captioner/net/transformer_rows.h"

const cap_encoder_row *const cap_encoder_rows[] = {&cap_encoder_cnn,  &cap_encoder_blind,
                                                   &cap_encoder_lstm, &cap_encoder_transformer,
                                                   &cap_encoder_none, NULL};
