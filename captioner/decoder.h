/* The decoder: an LSTM that attends over encoder states word by word (Xu et al. 2015, "Show, Attend and
 * Tell", soft attention), whatever the states are: regions of a photo or words of a source sentence.
 *
 *     states V  = ReLU(features W + b)                          [M, L, P]   once per photo or sentence
 *     h0, c0    = tanh(mean(V) W + b)                           [N, H]      `start`
 *     alpha     = softmax(match(h, V)),  z = sigmoid(h W + b) * sum alpha V          the gated context
 *     h, c      = LSTM(embedding(previous word), z, h)
 *     logits    = (embedding(previous) + h W + z W + b) embedding^T                  output layer, tied
 *
 * That is `attend` = input: the state before the word asks, and the context goes into the LSTM's input
 * (Bahdanau, Cho, Bengio 2015). With `attend` = output the LSTM takes its step first, its new state asks, and
 * the context goes to the output layer alone (Luong, Pham, Manning 2015). Further layers: the lowest one asks
 * (attend input) and its context is given to all (Wu et al. 2016, "GNMT", section 3); with attend output the
 * highest one asks. `residual` layers, from the second up, add their input to their output.
 *
 * The textbook models of sequence to sequence (Saito, "Deep Learning from Scratch 2", chapters 7 and 8) are
 * cap_decoder_textbook() with match none, with match none and peek, and with match dot and attend output.
 *
 * Letters: M memories (photos, sentences), L states, D their size, P after projection, N rows (captions or
 * beams), H state, E embedding, A width of the matching network, V vocabulary, C width of the context: P, or
 * D where the context is the encoder's last state. */
#ifndef CAPTIONER_DECODER_H
#define CAPTIONER_DECODER_H

#include <jansson.h>

#include "captioner/encoded.h"
#include "datasets/batch.h"
#include "src/nn/attention.h"
#include "src/nn/loss.h"
#include "src/nn/params.h"

typedef enum { CAP_ATTEND_INPUT, CAP_ATTEND_OUTPUT, CAP_ATTENDS } cap_attend;

typedef enum {
    CAP_START_MEAN, /* h = tanh(W mean state + b), c the same with weights of its own */
    CAP_START_LAST, /* h = tanh(W last h + b), c = tanh(W last c + b), layer for layer (the encoder's highest
                       serves the decoder's layers above it) */
    CAP_START_COPY, /* h = the encoder's last h as it is, c = 0: the textbook form; needs D = H */
    CAP_STARTS
} cap_start;

typedef enum {
    CAP_OUTPUT_TIED, /* as above, through the embedding matrix */
    CAP_OUTPUT_FULL, /* logits = h W + z W + b */
    CAP_OUTPUTS
} cap_output;

/* As on the command line and in files. */
extern const char *const cap_attend_names[CAP_ATTENDS]; /* input output */
extern const char *const cap_start_names[CAP_STARTS];   /* mean last copy */
extern const char *const cap_output_names[CAP_OUTPUTS]; /* tied full */

/* A file without one of the fields means the first value of the enumerations, one layer, no residual, a gate
 * and a rectified projection: what captions were first made with, and the defaults. */
typedef struct cap_decoder_config {
    int features;   /* D; set from the encoder */
    int vocabulary; /* V; set from the data */
    int embedding;  /* E, default 256 */
    int hidden;     /* H, default 512 */
    int attention;  /* A, default 256 */
    int projection; /* P, default 512; 0 = the states as they are. dot and scaled-dot need P = H: they take H,
                       and 0 where D = H */
    int layers;     /* 1..CAP_MAX_LAYERS */
    nn_match_kind match;
    cap_attend attend;
    cap_start start;
    cap_output output;
    bool fixed_gain; /* sigmoid: gain stays 1, the textbook form; else learned */
    bool peek;      /* match none: the fixed vector (the encoder's last h; of photos the mean state) goes into
                       every step of every layer and into the output layer, not only into the first state.
                       Means nothing with attention. */
    bool residual;  /* from the second layer up */
    bool gate;      /* the context is gated by the state */
    bool rectify;   /* the projection is a ReLU's, else linear */
    double dropout; /* of states, embeddings, between layers and of outputs while training, default 0.5 */
} cap_decoder_config;

cap_decoder_config cap_decoder_defaults(void); /* for photos */

/* For text: embedding and hidden 256, states as they are or linearly projected, no gate, attend output, start
 * last, tied output, dropout 0.2. */
cap_decoder_config cap_decoder_text_defaults(void);

/* Embedding 16, hidden 256, start copy, full output, nothing dropped, match dot. */
cap_decoder_config cap_decoder_textbook(void);

err_code cap_decoder_config_check(cap_decoder_config *c,
                                  error *err); /* ranges; makes P fit the matching function */
json_t *cap_decoder_config_to_json(const cap_decoder_config *c); /* new reference, NULL when memory is out */
err_code cap_decoder_config_from_json(const json_t *o, const char *where, cap_decoder_config *c, error *err);

/* An LSTM layer. */
typedef struct cap_decoder_layer {
    nn_var *start_h_w, *start_h_b, *start_c_w, *start_c_b; /* [P or D, H] [H]; NULL with start copy */
    nn_var *input, *context, *state, *bias; /* [E or H, 4H] [C, 4H] [H, 4H] [4H]; context NULL: takes none */
} cap_decoder_layer;

typedef struct cap_decoder {
    cap_decoder_config config;
    nn_var *project_w, *project_b;                         /* [D,P] [P]; NULL: states as they are */
    nn_var *key_w, *key_b, *query_w;                       /* [P,A] [A] [H,A]; general: query_w [H,P] */
    nn_match_params match;                                 /* v [A], bias, log_gain */
    nn_var *gate_w, *gate_b;                               /* [H,C] [C] */
    cap_decoder_layer layer[CAP_MAX_LAYERS];               /* the lowest first */
    nn_var *embedding;                                     /* [V,E] */
    nn_var *out_state, *out_context, *out_state_b, *out_b; /* [H,E] [C,E] [E] [V]; full: [H,V] [C,V] - [V] */
} cap_decoder;

/* Declares all parameters as PREFIX + name. */
void cap_decoder_declare(cap_decoder *d, const cap_decoder_config *c, const char *prefix, nn_params *params);

/* What is computed once per photo or source sentence. */
typedef struct cap_memory {
    nn_var *values;        /* [M, L, P] */
    nn_var *keys;          /* [M, L, A or P] */
    nn_var *mean;          /* [M, P]; NULL where nothing needs it */
    cap_encoded source;    /* as it came from the encoder */
    const int32_t *length; /* [M] states that exist; NULL: all L */
    int memories, states;
} cap_memory;

/* The model's settings and the encoder must fit: start last or copy wants an encoder with last states. */
cap_memory cap_decoder_remember(nn_tape *t, const cap_decoder *d, const cap_encoded *encoded);

/* The state of all layers of N rows. */
typedef struct cap_layers {
    nn_lstm_state layer[CAP_MAX_LAYERS]; /* the first config.layers of them: [N, H] each */
} cap_layers;

/* First state of N rows, row n looking at memory memory_of[n] (NULL: row n at memory n). */
cap_layers cap_decoder_start(nn_tape *t, const cap_decoder *d, const cap_memory *m, const int32_t *memory_of,
                             int n);

typedef struct cap_step {
    cap_layers state; /* after the step */
    nn_var *h;        /* [N, H] what the highest layer gives to the output */
    nn_var *context;  /* z [N, C]; NULL with match none without peek */
    nn_var *alpha;    /* [N, L]; NULL with match none */
} cap_step;

/* One word. word_gates [N, 4H] = cap_decoder_word_gates of the previous words' embeddings [N, E]. */
nn_var *cap_decoder_word_gates(nn_tape *t, const cap_decoder *d, nn_var *embedded);
cap_step cap_decoder_step(nn_tape *t, const cap_decoder *d, const cap_memory *m, const int32_t *memory_of,
                          const cap_layers *previous, nn_var *word_gates);

/* logits [N, V] from a step's h and context (may be NULL) and the previous words' embeddings. */
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
