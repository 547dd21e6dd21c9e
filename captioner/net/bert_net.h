/* The network of BERT (Devlin et al. 2019): the layers of captioner/net/transformer.h over pieces of words,
 * norms behind every sum, learned positions, and one or both of two heads.
 *
 *     states  = all layers over the pieces of a line                    [M, L, d]
 *     pooled  = tanh(W first + b), of the first state or of the mean    [M, d]
 *     classes = W pooled + b                                            [M, C]
 *     words   = norm(act(W state + b)) E^T + b, E the embedding         [P, V], of the P states asked for
 *
 *     cap_bert_net net;
 *     cap_bert_settings s = cap_bert_defaults();
 *     cap_bert_declare(&net, &s, pieces, classes, true, &params);       then nn_params_finish
 *     nn_var *states = cap_bert_states(&tape, &net, &lines, NULL);
 *     nn_var *logits = cap_bert_classes(&tape, &net, states, lines.length);
 *
 * Letters: M lines, L pieces of the longest, d their width, C classes, V pieces of the vocabulary. */
#ifndef CAPTIONER_BERT_NET_H
#define CAPTIONER_BERT_NET_H

#include "captioner/net/transformer.h"

typedef enum cap_pooling {
    CAP_POOL_FIRST, /* the state of [CLS] */
    CAP_POOL_MEAN,  /* the mean of all states */
    CAP_POOLS
} cap_pooling;

typedef struct cap_bert_settings {
    cap_transformer_settings body; /* norm, self-attention and embedding norm are BERT's, whatever they say */
    cap_pooling pooling;           /* of classes; default first */
    double head_dropout;           /* of what is pooled while training, default 0.1 */
} cap_bert_settings;

/* For files, options and `info`: vocabulary, hidden, heads, layers, feed_forward, activation, positions,
 * types, epsilon, pooling, dropout, head_dropout. */
extern const io_field cap_bert_fields[];

/* Sizes for a network of our own: 4 layers of 4 heads, 256 wide, feed-forward 1024, GELU, 128 positions. */
cap_bert_settings cap_bert_defaults(void);

/* Ranges, and what they do not say. ERR_ARGUMENT. */
err_code cap_bert_check(const cap_bert_settings *s, error *err);

typedef struct cap_bert_net {
    cap_bert_settings set;
    cap_transformer body;
    nn_var *pool_w, *pool_b, *class_w, *class_b; /* [d,d] [d] [d,C] [C]; NULL: there are no classes */
    nn_var *map_w, *map_b, *word_b;              /* [d,d] [d] [V]; NULL: no words are filled in */
    cap_layer_norm map_norm;
} cap_bert_net;

/* Declares "encoder.*", with `classes` (0: none) "classes.*", with `words` "words.*"; `pieces` is V. */
void cap_bert_declare(cap_bert_net *n, const cap_bert_settings *s, int pieces, int classes, bool words,
                      nn_params *params);

/* States of lines of pieces; *alpha as of cap_transformer_read. */
nn_var *cap_bert_states(nn_tape *t, const cap_bert_net *n, const ds_source_batch *lines, nn_var **alpha);

/* What the classes are made of [M, d] and their logits [M, C]; `length` [M] pieces of the lines, borrowed. */
nn_var *cap_bert_pooled(nn_tape *t, const cap_bert_net *n, nn_var *states, const int32_t *length);
nn_var *cap_bert_classes(nn_tape *t, const cap_bert_net *n, nn_var *states, const int32_t *length);

/* Logits [count, V] of the pieces at the places row * L + column of the states; `place` is borrowed. */
nn_var *cap_bert_words(nn_tape *t, const cap_bert_net *n, nn_var *states, const int32_t *place, int count);

#endif
