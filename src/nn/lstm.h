/* Long short-term memory (Hochreiter and Schmidhuber 1997, with forget gate). */
#ifndef NN_LSTM_H
#define NN_LSTM_H

#include <stdint.h>

#include "src/nn/tape.h"

typedef struct nn_lstm_state {
    nn_var *h, *c; /* [N, H] each */
} nn_lstm_state;

/* One step. gates [N, 4H] are the summed inputs of the gates, in the order input, forget, candidate, output:
 *     c' = sigmoid(f) c + sigmoid(i) tanh(g);   h' = sigmoid(o) tanh(c').
 * The caller makes them with nn_linear and nn_linear_onto, so that an input known ahead of time (the words of
 * a caption while training, a source sentence) is multiplied for all steps at once. */
nn_lstm_state nn_lstm_step(nn_tape *t, nn_var *gates, nn_var *c);

/* All steps of a layer whose inputs are known ahead, for rows of different lengths: of step s the first
 * active[s] rows take part, active[0] >= active[1] >= ... >= 1. Matrices are laid out by time, the active
 * rows of step 0, then those of step 1, ...: total rows in all.
 *
 *     for each step: (h', c') = nn_lstm_step(gates of the step + h w_state, c)
 *
 * gates [total, 4H] are the inputs' share, or with `of` the shares of a vocabulary [V, 4H], of which row i
 * takes number of[i]: then neither the shares of all rows nor their gradients are ever made. w_state is [H,
 * 4H], first [active[0], H] or NULL for zeros. Returns h and c [total, H] after every step. `of` and `active`
 * are borrowed until backward. */
nn_lstm_state nn_lstm_sequence(nn_tape *t, nn_var *gates, const int32_t *of, nn_var *w_state,
                               nn_lstm_state first, const int *active, int steps);

#endif
