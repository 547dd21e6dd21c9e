/* The text encoder: words of a source sentence to states that the decoder attends to.
 *
 *     x        = embedding(word)                                        [M, L, E]
 *     forward  = LSTM over x from the first word to the last            [M, L, H]
 *     backward = LSTM over x from the last word to the first            [M, L, H]
 *     states   = [forward; backward]                                    [M, L, D],  D = H or 2 H
 *
 * (Schuster and Paliwal 1997; Bahdanau, Cho, Bengio 2015.) Further layers read the states of the layer below;
 * with `bidirectional` every layer has both directions, and with `residual` the layers from the second up add
 * their input to their output (Wu et al. 2016, section 3.1). Each sentence is read to its own end and no
 * further, so what it is batched with changes its states by rounding at most.
 *
 *     cap_text_encoder_config c = cap_text_encoder_defaults();
 *     c.vocabulary = ds_vocab_size(vocab);
 *     if (cap_text_encoder_config_check(&c, &err)) ...
 *     cap_text_encoder_declare(&encoder, &c, "encoder.", &params);
 *     cap_encoded source = cap_text_encoder_forward(&tape, &encoder, tokens, length, rows, max_len);
 *
 * Letters: M sentences, L words of the longest, E embedding, H state, D state of all directions, V
 * vocabulary.
 */
#ifndef CAPTIONER_TEXT_ENCODER_H
#define CAPTIONER_TEXT_ENCODER_H

#include "captioner/net/encoder.h"
#include "src/nn/params.h"

typedef struct cap_text_encoder_config {
    int vocabulary;     /* V; set from the data */
    int embedding;      /* E, 1..16384, default 256 */
    int hidden;         /* H of one direction, 1..16384, default 256 */
    int layers;         /* 1..CAP_MAX_LAYERS, default 1 */
    bool bidirectional; /* default true */
    bool residual;      /* from the second layer up */
    bool reverse;       /* read from the last word to the first (Sutskever, Vinyals, Le 2014) */
    double dropout;     /* of embeddings and between layers while training, default 0.2 */
} cap_text_encoder_config;

extern const cap_encoder_row cap_encoder_lstm; /* this encoder as a row; its settings are a config */
extern const io_field cap_text_encoder_fields[];

cap_text_encoder_config *cap_text_encoder_settings(cap_encoder_config *c); /* of a config of this row */

cap_text_encoder_config cap_text_encoder_defaults(void);
err_code cap_text_encoder_config_check(const cap_text_encoder_config *c, error *err); /* ERR_ARGUMENT */
int cap_text_encoder_width(const cap_text_encoder_config *c);                         /* D */
json_t *cap_text_encoder_config_to_json(const cap_text_encoder_config *c); /* new; NULL: memory is out */
err_code cap_text_encoder_config_from_json(const json_t *o, const char *where, cap_text_encoder_config *c,
                                           error *err);

/* One direction of a layer. */
typedef struct cap_text_pass {
    nn_var *input, *state, *bias; /* [E or D, 4H] [H, 4H] [4H] */
} cap_text_pass;

typedef struct cap_text_encoder {
    cap_text_encoder_config config;
    nn_var *embedding; /* [V, E] */
    cap_text_pass pass[CAP_MAX_LAYERS][2];
} cap_text_encoder;

/* Declares all parameters as PREFIX + name. */
void cap_text_encoder_declare(cap_text_encoder *e, const cap_text_encoder_config *c, const char *prefix,
                              nn_params *params);

/* tokens [rows][max_len], of which the first length[row] (1..max_len) count; the others may hold anything.
 * `length` is borrowed until backward. A failure shows on the tape. */
cap_encoded cap_text_encoder_forward(nn_tape *t, const cap_text_encoder *e, const int32_t *tokens,
                                     const int32_t *length, int rows, int max_len);

#endif
