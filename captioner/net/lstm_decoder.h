/* A decoder that is an LSTM, attending over encoder states word by word (Xu et al. 2015, "Show, Attend and
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
 * With `concepts` a thing named in the photo is a state like a region, made of the word that it may become:
 *
 *     x = ReLU(sqrt(E) (embedding(first word) + embedding(last)) / 2 W + traits W_namer)          [P]
 *     traits = 1, confidence, its root, root of the box's area, centre x and y, 1 (0 four times: no box)
 *
 * The states of a memory are its regions (a batch may have none), one learned state for "nothing is named",
 * then its concepts. One softmax is over all; or, with `softmax` = each, one over the regions and one over the
 * rest, and of the weight the regions get the share sigmoid(h W + b), in each head. With `glance` the states
 * are also summed up once, so that the decoder knows at every word what is there and in whose style it speaks:
 *
 *     g = tanh(mean(regions) W + sum(w x) / (sum(w) + 0.5) W + style + b), w = sqrt(confidence)     [M, G]
 *
 * h0 and c0 are then made of g in place of the mean, and the lowest LSTM takes g at every step. b is another
 * vector where there are no regions; style 0 is not told.
 *
 * Letters: M memories (photos, sentences), L states, D their size, P after projection, N rows (captions or
 * beams), H state, E embedding, A width of the matching network, V vocabulary, G glance, C width of the
 * context: P, or D where the context is the encoder's last state. */
#ifndef CAPTIONER_LSTM_DECODER_H
#define CAPTIONER_LSTM_DECODER_H

#include "captioner/net/lstm_settings.h"

extern const cap_decoder_row cap_decoder_lstm;

/* An LSTM layer. */
typedef struct cap_lstm_layer {
    nn_var *start_h_w, *start_h_b, *start_c_w, *start_c_b; /* [G, P or D, H] [H]; NULL with start copy */
    nn_var *input, *context, *state, *bias; /* [E or H, 4H] [C, 4H] [H, 4H] [4H]; context NULL: takes none */
} cap_lstm_layer;

/* Numbers that say of a concept how sure its namer is and where it is. */
enum { CAP_LSTM_TRAITS = 7 };

typedef struct cap_lstm {
    nn_var *project_w, *project_b;   /* [D,P] [P]; NULL: states as they are */
    nn_var *key_w, *key_b, *query_w; /* [P,A] [A] [H,A]; general: query_w [H,P] */
    nn_var *balance_w, *balance_b;   /* [H,heads] [heads]; NULL: one softmax over all states */
    nn_match_params match;           /* v [A], bias, log_gain [heads] */
    nn_var *concept_word, *concept_traits,
        *concept_null;                          /* [E,P] [namers * traits,P] [P]; NULL: takes none */
    nn_var *glance_w, *glance_b, *glance_blind; /* [P, with concepts 2P,G] [G] [G]; NULL: none */
    nn_var *glance_style, *glance_gates;        /* [styles + 1,G] or NULL; [G,4H] */
    nn_var *gate_w, *gate_b;                    /* [H,C] [C] */
    cap_lstm_layer layer[CAP_MAX_LAYERS];       /* the lowest first */
    nn_var *embedding;                          /* [V,E] */
    nn_var *out_state, *out_context, *out_state_b, *out_b; /* [H,E] [C,E] [E] [V]; full: [H,V] [C,V] - [V] */
} cap_lstm;

/* ---- inside: what the network (lstm_decoder.c), its concepts (lstm_concepts.c) and all its steps at once
 * (lstm_unrolled.c) share ---- */

/* cap_memory.net */
typedef struct cap_lstm_memory {
    nn_var *values;         /* [M, L, P] */
    nn_var *keys;           /* [M, L, A or P] */
    const int32_t *regions; /* [M] states of each that are regions; NULL: one softmax over all */
    nn_var *mean;           /* [M, P]; NULL where nothing needs it */
    nn_var *glance;         /* [M, G]; NULL: none */
    nn_var *gates;          /* [M, 4H] its share of the lowest layer's gates, the bias in it */
} cap_lstm_memory;

static inline const cap_lstm *cap_lstm_of(const cap_decoder *d)
{
    return d->net;
}

static inline const cap_lstm_settings *cap_lstm_set(const cap_decoder *d)
{
    return (const cap_lstm_settings *)(const void *)d->config.settings.bytes;
}

/* Regions [M, L, P] (NULL: none), the state for nothing and those of concepts as one [M, states, P], zeros
 * after the end of each; sets the states and lengths of m. */
nn_var *cap_lstm_join(nn_tape *t, const cap_decoder *d, cap_memory *m, nn_var *regions);

/* [M] how many of each memory's states are regions. */
const int32_t *cap_lstm_regions(nn_tape *t, const cap_memory *m);

/* The glance [M, G] at all states. */
nn_var *cap_lstm_glance(nn_tape *t, const cap_decoder *d, const cap_memory *m, nn_var *states);

/* The share of words and glance in the lowest layer's gates: of embedded words [N, E], word n of memory
 * memory_of[n] (NULL: n), [N, 4H]. */
nn_var *cap_lstm_word_gates(nn_tape *t, const cap_decoder *d, const cap_memory *m, const int32_t *memory_of,
                            nn_var *embedded);

/* What match none with peek gives to every step: [M, C]. */
nn_var *cap_lstm_fixed_vector(const cap_decoder *d, const cap_memory *m);

/* context [.., C] times what the gate of h [.., H] lets through; without a gate the context. */
nn_var *cap_lstm_gated(nn_tape *t, const cap_decoder *d, nn_var *h, nn_var *context);

/* Context [N, P] (or [N, Tq, P]) of the askers h [N, H] (or [N, Tq, H]), not yet gated. */
nn_var *cap_lstm_attention(nn_tape *t, const cap_decoder *d, const cap_memory *m, const int32_t *memory_of,
                           nn_var *h, nn_var **alpha);

/* What the asker h [N, H] gets of the memory, by attention or fixed, gated: [N, C]. */
nn_var *cap_lstm_context(nn_tape *t, const cap_decoder *d, const cap_memory *m, const int32_t *memory_of,
                         nn_var *h, nn_var **alpha);

/* One step of a layer; gates [N, 4H] are its input's share. */
nn_lstm_state cap_lstm_layer_step(nn_tape *t, const cap_lstm_layer *l, nn_var *gates, nn_var *context,
                                  nn_lstm_state previous);

/* First state of n rows: h and c of each layer. */
void cap_lstm_start(nn_tape *t, const cap_decoder *d, const cap_memory *m, const int32_t *memory_of, int n,
                    cap_decoder_state *out);

/* Layer i of a state. */
static inline nn_lstm_state cap_lstm_layer_of(const cap_decoder_state *s, int i)
{
    return (nn_lstm_state){s->part[2 * i], s->part[2 * i + 1]};
}

void cap_lstm_all_steps(nn_tape *t, const cap_decoder *d, const cap_memory *m, const cap_timeline *l,
                        cap_unrolled *out);

#endif
