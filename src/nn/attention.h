/* The attention core: match, normalise, aggregate. The same three stages serve image regions and source
 * words, one recurrent query at a time or many at once.
 *
 *     nn_var *s = nn_match(t, &spec, query, keys, length, memory_of);   how well each state fits each query
 *     nn_var *alpha = nn_normalise(t, s, length, memory_of);            softmax over the states that exist
 *     nn_var *context = nn_aggregate(t, alpha, values, memory_of);      weighted sum
 *
 * M memories (photos, source sentences) of L encoder states each; N askers, asker n looking at memory
 * memory_of[n] (NULL: asker n at memory n): the captions of one photo, or the beams of a search, share its
 * projected keys. Shapes: query [N, Tq, d] (or [N, d] for Tq = 1), keys [M, L, d], values [M, L, D], scores
 * and alpha [N, Tq, L]. */
#ifndef NN_ATTENTION_H
#define NN_ATTENTION_H

#include "src/nn/tape.h"

typedef enum {
    NN_MATCH_SIGMOID,    /* gain * sigmoid(v . tanh(key + query) + bias): the matching degree in 0..1 */
    NN_MATCH_ADDITIVE,   /* v . tanh(key + query): Bahdanau, Cho, Bengio 2015 */
    NN_MATCH_DOT,        /* key . query: Luong, Pham, Manning 2015 */
    NN_MATCH_SCALED_DOT, /* key . query / sqrt(d): Vaswani et al. 2017 */
    NN_MATCH_GENERAL,    /* bilinear; the query is projected by the caller, then as dot */
    NN_MATCH_NONE,       /* no attention: a fixed context vector, made by the model */
    NN_MATCH_COUNT
} nn_match_kind;

/* One row per matching function. */
typedef struct nn_match_row {
    const char *name; /* "sigmoid", ... as on the command line */
    bool network;     /* a small network scores: needs v (and keys and queries projected to its width) */
    bool degree;      /* its output passes a sigmoid: needs bias and gain */
    bool projected;   /* the query is mapped to the keys' width by a matrix */
    const char *about;
} nn_match_row;

extern const nn_match_row nn_match_rows[NN_MATCH_COUNT];

typedef struct nn_match_params {
    nn_match_kind kind;
    nn_var *v;        /* [d]; network rows only */
    nn_var *bias;     /* [1]; degree rows only */
    nn_var *log_gain; /* [1]; degree rows only: gain = exp(log_gain), so it stays positive */
} nn_match_params;

/* Of the first length[m] states (NULL: all L); the scores of the others are 0. */
nn_var *nn_match(nn_tape *t, const nn_match_params *m, nn_var *query, nn_var *keys, const int32_t *length,
                 const int32_t *memory_of);

/* Softmax over the first length[m] states (NULL: all L); the others get weight 0. */
nn_var *nn_normalise(nn_tape *t, nn_var *scores, const int32_t *length, const int32_t *memory_of);

/* context [N, Tq, D], or [N, D] when scores have rank 2. */
nn_var *nn_aggregate(nn_tape *t, nn_var *alpha, nn_var *values, const int32_t *memory_of);

/* The doubly stochastic regulariser (Xu et al. 2015, eq. 14): the mean over askers of sum_l (1 - sum_t
 * alpha_t[n, l])^2, a pull towards looking at every region about once. alpha[t] is [N_t, L] with N_t falling
 * as captions end. */
nn_var *nn_coverage_penalty(nn_tape *t, nn_var *const *alpha, int steps);

/* The mean over all askers and steps of the entropy of alpha, as a share of the greatest possible ln L: in
 * 0..1, 1 when attention is even. As a penalty it makes attention choose. */
nn_var *nn_attention_entropy(nn_tape *t, nn_var *const *alpha, int steps);

#endif
