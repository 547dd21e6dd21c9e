/* The decoder: an LSTM that attends over encoder states word by word (Xu et al. 2015, "Show, Attend and
 * Tell", soft attention), whatever the states are: regions of a photo or words of a source sentence.
 *
 *     regions V = ReLU(features W + b)                          [M, L, P]   once per photo
 *     h0, c0    = tanh(mean(V) W + b)                           [N, H]
 *     alpha     = softmax(match(h, V)),  z = sigmoid(h W + b) * sum alpha V          the gated context
 *     h, c      = LSTM(embedding(previous word), z, h)
 *     logits    = (embedding(previous) + h W + z W + b) embedding^T                  output layer, tied
 *
 * Letters: M memories (photos), L states, D their size, P after projection, N rows (captions or beams), H
 * state, E embedding, A width of the matching network, V vocabulary. */
#ifndef CAPTIONER_DECODER_H
#define CAPTIONER_DECODER_H

#include <jansson.h>

#include "datasets/batch.h"
#include "src/nn/attention.h"
#include "src/nn/loss.h"
#include "src/nn/lstm.h"
#include "src/nn/params.h"

typedef struct cap_decoder_config {
    int features;   /* D; set from the encoder */
    int vocabulary; /* V; set from the data */
    int embedding;  /* E, default 256 */
    int hidden;     /* H, default 512 */
    int attention;  /* A, default 256 */
    int projection; /* P, default 512; dot and scaled-dot need P = H and take H */
    nn_match_kind match;
    bool fixed_gain; /* sigmoid: gain stays 1, the textbook form; else learned */
    bool peek;       /* match none: the mean state goes into every step, not only into the first state */
    double dropout;  /* of features, embeddings and outputs while training, default 0.5 */
} cap_decoder_config;

cap_decoder_config cap_decoder_defaults(void);
err_code cap_decoder_config_check(cap_decoder_config *c,
                                  error *err); /* ranges; makes P fit the matching function */
json_t *cap_decoder_config_to_json(const cap_decoder_config *c); /* new reference, NULL when memory is out */
err_code cap_decoder_config_from_json(const json_t *o, const char *where, cap_decoder_config *c, error *err);

typedef struct cap_decoder {
    cap_decoder_config config;
    nn_var *project_w, *project_b;                          /* [D,P] [P] */
    nn_var *start_h_w, *start_h_b, *start_c_w, *start_c_b;  /* [P,H] [H] */
    nn_var *key_w, *key_b, *query_w;                        /* [P,A] [A] [H,A]; general: query_w [H,P] */
    nn_match_params match;                                  /* v [A], bias, log_gain */
    nn_var *gate_w, *gate_b;                                /* [H,P] [P] */
    nn_var *lstm_word, *lstm_context, *lstm_state, *lstm_b; /* [E,4H] [P,4H] [H,4H] [4H] */
    nn_var *embedding;                                      /* [V,E] */
    nn_var *out_state, *out_context, *out_state_b, *out_b;  /* [H,E] [P,E] [E] [V] */
} cap_decoder;

/* Declares all parameters as PREFIX + name. */
void cap_decoder_declare(cap_decoder *d, const cap_decoder_config *c, const char *prefix, nn_params *params);

/* What is computed once per photo or source sentence. */
typedef struct cap_memory {
    nn_var *values;        /* [M, L, P] */
    nn_var *keys;          /* [M, L, A or P] */
    nn_var *mean;          /* [M, P] */
    const int32_t *length; /* [M] states that exist; NULL: all L */
    int memories, states;
} cap_memory;

/* features [M, L, D]. */
cap_memory cap_decoder_remember(nn_tape *t, const cap_decoder *d, nn_var *features, const int32_t *length);

/* First state of N rows, row n looking at memory memory_of[n] (NULL: row n at memory n). */
nn_lstm_state cap_decoder_start(nn_tape *t, const cap_decoder *d, const cap_memory *m,
                                const int32_t *memory_of, int n);

typedef struct cap_step {
    nn_lstm_state state; /* after the step */
    nn_var *context;     /* z [N, P]; NULL with match none without peek */
    nn_var *alpha;       /* [N, L]; NULL with match none */
} cap_step;

/* One word. word_gates [N, 4H] = cap_decoder_word_gates of the previous words' embeddings [N, E]. */
nn_var *cap_decoder_word_gates(nn_tape *t, const cap_decoder *d, nn_var *embedded);
cap_step cap_decoder_step(nn_tape *t, const cap_decoder *d, const cap_memory *m, const int32_t *memory_of,
                          nn_lstm_state previous, nn_var *word_gates);

/* logits [N, V] from state, context (may be NULL) and the previous words' embeddings. */
nn_var *cap_decoder_logits(nn_tape *t, const cap_decoder *d, nn_var *h, nn_var *context, nn_var *embedded);

/* ---- training by teacher forcing ---- */

typedef struct cap_loss_options {
    double smoothing; /* label smoothing, 0..1 */
    double coverage;  /* weight of the doubly stochastic regulariser; 0 = off */
    double focus; /* most mean entropy the attention may keep, as a share of even attention's, 0..1; what is
                     above is penalised; 0 or 1 = any */
    double sampling; /* scheduled sampling (Bengio et al. 2015): chance that a previous word is the model's
                        own */
} cap_loss_options;

/* Mean loss per word of a batch of captions; batch->row_image indexes the memories. */
nn_var *cap_decoder_loss(nn_tape *t, const cap_decoder *d, const cap_memory *m, const ds_batch *batch,
                         const cap_loss_options *options, nn_loss_info *info);

#endif
