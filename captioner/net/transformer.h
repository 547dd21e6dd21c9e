/* The layers of the Transformer (Vaswani et al. 2017, "Attention Is All You Need"), for the encoder of texts
 * and for the decoder:
 *
 *     x = embedding(word) sqrt(d) + position                              [N, T, d]
 *     x = x + attention(norm(x), norm(x))        among the words themselves
 *     x = x + attention(norm(x), memory)         the decoder's, over the encoder's states
 *     x = x + W2 act(W1 norm(x) + b1) + b2       the feed-forward network
 *
 * With `norm` = post the norm comes after each sum instead of before each part (section 3.1 of the paper);
 * with pre, the default, another one follows the last layer (Xiong et al. 2020). Positions are the sines and
 * cosines of section 3.5. An attention projects queries, keys and values, has `heads` heads, and projects
 * what they found; self-attention `plain` is the textbook's first form, without projections: the words attend
 * to themselves as they are, with one head. With learned positions (Devlin et al. 2019) a table stands in the
 * place of sines and cosines, and embeddings are not multiplied by sqrt(d); types are further vectors that
 * are learned, of which every word gets the first; an embedding norm comes behind the sum.
 *
 * Letters: N sentences, T words, d their width (hidden), F width of the feed-forward network. */
#ifndef CAPTIONER_TRANSFORMER_H
#define CAPTIONER_TRANSFORMER_H

#include "captioner/net/encoded.h"
#include "datasets/sources.h"
#include "src/io/fields.h"
#include "src/nn/act.h"
#include "src/nn/attention.h"
#include "src/nn/params.h"

typedef enum {
    CAP_NORM_PRE,  /* before each part */
    CAP_NORM_POST, /* after each sum */
    CAP_NORMS
} cap_norm;

typedef enum {
    CAP_SELF_QKV,   /* through projections to queries, keys and values */
    CAP_SELF_PLAIN, /* as they are */
    CAP_SELVES
} cap_self;

/* Every field of either use; a table may leave some out. */
typedef struct cap_transformer_settings {
    int vocabulary;           /* encoder: words of the source, set from the data */
    int hidden;               /* d, 2..16384, even, a multiple of heads; default 256 */
    int heads;                /* 1..64, default 4 */
    int layers;               /* 1..CAP_MAX_LAYERS, default 3 */
    int feed_forward;         /* F, default 1024 */
    cap_norm norm;            /* default pre */
    cap_self self_attention;  /* default qkv */
    int activation;           /* 0: ReLU, 1: GELU; default 0 */
    nn_match_kind match;      /* decoder: how a state of the memory fits a word; default scaled-dot */
    int memory_layers;        /* decoder: 0..CAP_MAX_LAYERS layers in which the states of the memory attend to
                                each other before a word looks at them; default 0 */
    double dropout;           /* of sums and embeddings while training, default 0.1 */
    double attention_dropout; /* of the weights of all attentions while training, default 0 */
    int positions;            /* learned ones, which no line may exceed; 0, the default: sines and cosines */
    int types;                /* of words; 0, the default: there are none */
    bool embedding_norm;      /* default false */
    double epsilon;           /* of all norms, default 1e-5 */
} cap_transformer_settings;

cap_transformer_settings cap_transformer_defaults(void);

/* Names of choices, NULL past the last, for tables of fields. */
const char *cap_norm_name(int value);       /* pre post */
const char *cap_self_name(int value);       /* qkv plain */
const char *cap_transformer_act(int value); /* relu gelu */

/* What ranges do not say. ERR_ARGUMENT. */
err_code cap_transformer_check(const cap_transformer_settings *s, error *err);

typedef struct cap_layer_norm {
    nn_var *gamma, *beta; /* [d] */
    double epsilon;
} cap_layer_norm;

/* The weights of an attention; all NULL: plain. */
typedef struct cap_projections {
    nn_var *query_w, *query_b, *key_w, *key_b, *value_w, *value_b; /* [d,d] [d]; keys and values [D,d] */
    nn_var *out_w, *out_b;                                         /* [d,d] [d] */
    nn_match_params match;
} cap_projections;

typedef struct cap_transformer_layer {
    cap_layer_norm self_norm, cross_norm, feed_norm;
    cap_projections self, cross;           /* cross: the decoder's */
    nn_var *in_w, *in_b, *feed_w, *feed_b; /* [d,F] [F] [F,d] [d] */
} cap_transformer_layer;

typedef struct cap_transformer {
    cap_transformer_settings set;
    cap_transformer_layer layer[CAP_MAX_LAYERS];
    cap_layer_norm last; /* with norm pre */
    nn_var *embedding;   /* [V,d] */
    nn_var *position;    /* [positions,d]; NULL: sines and cosines */
    nn_var *type;        /* [types,d]; NULL: there are none */
    cap_layer_norm embedding_norm;
} cap_transformer;

/* Declares layers and last norm as PREFIX + name. `memory` is D, the width of the states that a decoder
 * attends to; 0: there is no such attention. */
void cap_transformer_declare_layers(cap_transformer *n, const cap_transformer_settings *s, int memory,
                                    const char *prefix, nn_params *params);

/* The same, with the embedding of `words` words. */
void cap_transformer_declare(cap_transformer *n, const cap_transformer_settings *s, int words, int memory,
                             const char *prefix, nn_params *params);

/* The embeddings of rows / steps sentences of `steps` words each, with their positions, which begin at
 * `from`; some numbers dropped while training: [rows, d]. */
nn_var *cap_transformer_embed(nn_tape *t, const cap_transformer *n, const int32_t *word, int rows, int steps,
                              int from);

/* The states [M, L, d] of lines of which every word attends to all, by all layers. *alpha, where it is not
 * NULL, are the weights of the last layer, [M, L, L] or with heads [M, H, L, L]. What is behind the end of a
 * line counts as word 0, and nobody attends to it. The batch is borrowed until backward. */
nn_var *cap_transformer_read(nn_tape *t, const cap_transformer *n, const ds_source_batch *lines,
                             nn_var **alpha);

/* x [M, L, d] through all layers and the last norm: each attends to those before length[m] of its line (NULL:
 * to all), and nothing else but x tells them apart. *alpha as above. */
nn_var *cap_transformer_layers(nn_tape *t, const cap_transformer *n, nn_var *x, const int32_t *length,
                               nn_var **alpha);

/* A part of a layer on x: what goes in, through the norm if it comes before; and x with what came out,
 * through the norm if it comes after. */
nn_var *cap_transformer_into(nn_tape *t, const cap_transformer *n, const cap_layer_norm *norm, nn_var *x);
nn_var *cap_transformer_onto(nn_tape *t, const cap_transformer *n, const cap_layer_norm *norm, nn_var *x,
                             nn_var *part);

/* x through the feed-forward part of layer i, norms and sum included. */
nn_var *cap_transformer_feed(nn_tape *t, const cap_transformer *n, int i, nn_var *x);

/* Queries, keys or values of x: through w and b, or x itself where w is NULL. */
nn_var *cap_transformer_project(nn_tape *t, nn_var *x, nn_var *w, nn_var *b);

/* What queries get of keys and values, projected. *alpha as nn_normalise gives it, before any weight is
 * dropped; may be NULL, and then no scores of all states at once are made. */
nn_var *cap_transformer_attend(nn_tape *t, const cap_transformer *n, const cap_projections *p, nn_var *query,
                               nn_var *keys, nn_var *values, const nn_scope *scope, nn_var **alpha);

nn_var *cap_transformer_norm(nn_tape *t, const cap_layer_norm *norm, nn_var *x);

#endif
