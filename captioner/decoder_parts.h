/* Inside the decoder: what a step and the loss, which takes many steps at once, share. */
#ifndef CAPTIONER_DECODER_PARTS_H
#define CAPTIONER_DECODER_PARTS_H

#include "captioner/decoder.h"

/* x[memory_of[n], ...] for n rows; memory_of NULL: x. */
nn_var *cap_for_rows(nn_tape *t, nn_var *x, const int32_t *memory_of, int n);

/* What match none with peek gives to every step: [M, C]. */
nn_var *cap_fixed_vector(const cap_decoder *d, const cap_memory *m);

/* context [.., C] times what the gate of h [.., H] lets through; without a gate the context. */
nn_var *cap_gated(nn_tape *t, const cap_decoder *d, nn_var *h, nn_var *context);

/* Context [N, P] (or [N, Tq, P]) of the askers h [N, H] (or [N, Tq, H]), not yet gated. */
nn_var *cap_attention(nn_tape *t, const cap_decoder *d, const cap_memory *m, const int32_t *memory_of,
                      nn_var *h, nn_var **alpha);

/* What the asker h [N, H] gets of the memory, by attention or fixed, gated: [N, C]. */
nn_var *cap_context(nn_tape *t, const cap_decoder *d, const cap_memory *m, const int32_t *memory_of,
                    nn_var *h, nn_var **alpha);

/* One step of a layer; gates [N, 4H] are its input's share. */
nn_lstm_state cap_layer_step(nn_tape *t, const cap_decoder_layer *l, nn_var *gates, nn_var *context,
                             nn_lstm_state previous);

#endif
