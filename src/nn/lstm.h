/* Long short-term memory (Hochreiter and Schmidhuber 1997, with forget gate). */
#ifndef NN_LSTM_H
#define NN_LSTM_H

#include "src/nn/tape.h"

typedef struct nn_lstm_state {
    nn_var *h, *c; /* [N, H] each */
} nn_lstm_state;

/* One step. gates [N, 4H] are the summed inputs of the gates, in the order input, forget, candidate, output:
 *     c' = sigmoid(f) c + sigmoid(i) tanh(g);   h' = sigmoid(o) tanh(c').
 * The caller makes them with nn_linear and nn_linear_onto, so that an input known ahead of time (the words of
 * a caption while training, a source sentence) is multiplied for all steps at once. */
nn_lstm_state nn_lstm_step(nn_tape *t, nn_var *gates, nn_var *c);

#endif
