/* The settings of the LSTM decoder (captioner/net/lstm_decoder.h). */
#ifndef CAPTIONER_LSTM_SETTINGS_H
#define CAPTIONER_LSTM_SETTINGS_H

#include "captioner/net/decoder_row.h"
#include "src/nn/attention.h"

typedef enum {
    CAP_ATTEND_INPUT,  /* before the step: the context goes into the LSTM */
    CAP_ATTEND_OUTPUT, /* after it: the context goes to the output layer */
    CAP_ATTENDS
} cap_attend;

typedef enum {
    CAP_START_MEAN, /* h = tanh(W mean state + b), c the same with weights of its own */
    CAP_START_LAST, /* h = tanh(W last h + b), c = tanh(W last c + b), layer for layer (the encoder's highest
                       serves the decoder's layers above it) */
    CAP_START_COPY, /* h = the encoder's last h as it is, c = 0: the textbook form; needs D = H */
    CAP_START_ZERO, /* h = c = 0: of a language model, which has nothing to start from */
    CAP_START_AUTO, /* last where the encoder gives last states, zero where there is no encoder, else mean; a
                       checked setting is one of them */
    CAP_STARTS
} cap_start;

typedef enum {
    CAP_OUTPUT_TIED, /* through the embedding matrix */
    CAP_OUTPUT_FULL, /* logits = h W + z W + b */
    CAP_OUTPUT_AUTO, /* full for at most 1,000 words, else tied; a checked setting is one of the two */
    CAP_OUTPUTS
} cap_output;

typedef enum {
    CAP_SOFTMAX_ONE,  /* over all states */
    CAP_SOFTMAX_EACH, /* one over the regions and one over what is named; the state says how they share */
    CAP_SOFTMAXES
} cap_softmax;

/* As on the command line and in files: input output; mean last copy zero auto; tied full auto; one
 * each. */
extern const char *const cap_attend_names[CAP_ATTENDS];
extern const char *const cap_start_names[CAP_STARTS];
extern const char *const cap_output_names[CAP_OUTPUTS];
extern const char *const cap_softmax_names[CAP_SOFTMAXES];

/* A file without one of the fields means the first value of the enumerations, one layer, no residual, a gate
 * and a rectified projection: what captions were first made with, and the defaults. Nor has an older file a
 * glance, concepts or styles, and it has one head and sharpness 1. */
typedef struct cap_lstm_settings {
    int embedding;  /* E, default 256 */
    int hidden;     /* H, default 512 */
    int attention;  /* A, default 256 */
    int projection; /* P, default 512; 0 = the states as they are. dot and scaled-dot need P = H: they take H,
                       and 0 where D = H */
    int heads;      /* of the attention, default 1: A and P are cut into so many parts */
    int glance;     /* G, the width of a summary of all states, default 0: none. It needs start mean */
    int styles;     /* of sources of captions, told apart in the glance; default 0 */
    int layers;     /* 1..CAP_MAX_LAYERS */
    nn_match_kind match;
    cap_attend attend;
    cap_start start;
    cap_output output;
    cap_softmax softmax; /* means nothing without concepts */
    bool fixed_gain;     /* sigmoid: gain stays 1, the textbook form; else learned */
    bool peek;     /* match none: the fixed vector (the encoder's last h; of photos the mean state) goes into
                       every step of every layer and into the output layer, not only into the first state.
                       Means nothing with attention. */
    bool residual; /* from the second layer up */
    bool gate;     /* the context is gated by the state */
    bool rectify;  /* the projection is a ReLU's, else linear */
    bool concepts; /* what is named in a photo becomes states beside its regions, default no */
    double sharpness; /* factor on the logits, default 1; part of the model: words are learned, searched and
                         sampled with it */
    double dropout;   /* of states, embeddings, between layers and of outputs while training, default 0.5 */
} cap_lstm_settings;

extern const io_field cap_lstm_fields[];

/* For texts: embedding and hidden 256, states as they are or linearly projected, no gate, attend output,
 * start auto, output auto, dropout 0.2. */
void cap_lstm_defaults(void *settings, bool texts);
err_code cap_lstm_check(cap_decoder_config *c, error *err);

/* Of a config whose row is the LSTM's. */
cap_lstm_settings *cap_lstm_settings_of(cap_decoder_config *c);
cap_decoder_config cap_lstm_config(const cap_lstm_settings *s);

/* Embedding 16, hidden 256, start copy, full output, nothing dropped, match dot (Saito, "Deep Learning from
 * Scratch 2", chapters 7 and 8; with match none, and with match none and peek, the plain and the peeky form).
 */
cap_decoder_config cap_lstm_textbook(void);

#endif
