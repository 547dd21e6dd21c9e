/* The attention core: match, normalise, aggregate. The same three stages serve image regions, things named in
 * a photo, source words, and the words of a sentence among themselves, one recurrent query at a time or many
 * at once.
 *
 *     nn_scope scope = {.length = length, .memory_of = memory_of};
 *     nn_var *s = nn_match(t, &spec, query, keys, &scope);      how well each state fits each query
 *     nn_var *alpha = nn_normalise(t, s, &scope);               softmax over the states that a query sees
 *     nn_var *context = nn_aggregate(t, alpha, values, &scope); weighted sum
 *
 * M memories (photos, source sentences) of L encoder states each; N askers, asker n looking at memory
 * memory_of[n]: the captions of one photo, or the beams of a search, share its projected keys. Every asker
 * has Tq queries. With H heads the width d of queries and keys, and D of values, is cut into H equal parts,
 * each with scores and a softmax of its own; what the heads found stands side by side again (Vaswani et al.
 * 2017, section 3.2.2; the projections are the caller's).
 *
 *     query [N, Tq, d], or [N, d] for Tq = 1      keys [M, L, d]      values [M, L, D]
 *     scores, alpha: [N, Tq, L] or [N, L]; with two heads or more [N, H, Tq, L] or [N, H, L] */
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

/* Who looks at what. Zero: asker n sees all of memory n, with one head. What it points to is borrowed until
 * backward. A query that sees nothing gets weights of 0 and a context of 0. */
typedef struct nn_scope {
    const int32_t *memory_of; /* [N]; NULL: asker n looks at memory n */
    const int32_t *length;    /* [M] states that exist, 0..L each; NULL: all L */
    int heads;                /* 0: one */
    bool causal;              /* query q sees the states 0 .. before + q alone: those up to its own */
    int before;               /* with causal: states that were there before the first query's own */
    const uint8_t *seen;      /* [N, Tq, L] 0: this query does not see this state; NULL: sees all of them */
} nn_scope;

struct nn_matching; /* a use of nn_match, see attention_parts.h */

/* One row per matching function. */
typedef struct nn_match_row {
    const char *name; /* "sigmoid", ... as on the command line */
    bool network;     /* a small network scores: needs v (and keys and queries projected to its width) */
    bool degree;      /* its output passes a sigmoid: needs bias and gain */
    bool projected;   /* the query is mapped to the keys' width by a matrix */
    const char *about;
    /* The scores of one asker's queries in one head, of the states that each of them sees. */
    void (*forward)(const struct nn_matching *c, int asker, int head);
    /* From the gradients of all scores to those of what the parts below make: c->dscore. */
    void (*finish_back)(nn_tape *t, struct nn_matching *c);
    /* From c->dscore to keys, queries and network; never run at once for one head of one memory. */
    void (*backward)(const struct nn_matching *c, int asker, int head);
} nn_match_row;

extern const nn_match_row nn_match_rows[NN_MATCH_COUNT];

typedef struct nn_match_params {
    nn_match_kind kind;
    nn_var *v;        /* [d]; network rows only */
    nn_var *bias;     /* [H]; degree rows only */
    nn_var *log_gain; /* [H]; degree rows only: gain = exp(log_gain), so it stays positive */
} nn_match_params;

/* The scores of states that a query does not see for their length or for being later are 0. */
nn_var *nn_match(nn_tape *t, const nn_match_params *m, nn_var *query, nn_var *keys, const nn_scope *scope);

/* Softmax over the states that each query sees; the others get weight 0. */
nn_var *nn_normalise(nn_tape *t, nn_var *scores, const nn_scope *scope);

/* The same for states of two kinds, those before split[m] of memory m and those from there on: each kind has a
 * softmax of its own, and the balance [N, H], or [N, Tq, H], says through a sigmoid what share of the weight
 * goes to the first. The weights of a query still sum to 1; a kind without a state leaves all to the other.
 * split [M] is borrowed until backward. (A mixture of two attentions, as the one of image and "visual sentinel"
 * in Lu et al. 2017, "Knowing When to Look", equation 12, with a list of states on either side.) */
nn_var *nn_normalise_apart(nn_tape *t, nn_var *scores, nn_var *balance, const int32_t *split,
                           const nn_scope *scope);

/* context [N, Tq, D], or [N, D] where the scores are of one query each. */
nn_var *nn_aggregate(nn_tape *t, nn_var *alpha, nn_var *values, const nn_scope *scope);

/* All three in one, for matching functions that are inner products (those that are no network): the same to
 * rounding, but the scores of a block of queries and states alone exist at a time, not the [Tq, L] of every
 * head, here as in the backward pass, which makes them again from a number that is kept of each query (Rabe
 * and Staats 2021, "Self-attention Does Not Need O(n^2) Memory"; Dao et al. 2022, "FlashAttention"). While
 * training, weights are dropped with probability `dropout`, 0 to below 1, and the others divided by what is
 * left, as nn_dropout does. */
nn_var *nn_attend(nn_tape *t, const nn_match_params *m, nn_var *query, nn_var *keys, nn_var *values,
                  const nn_scope *scope, real dropout);

/* The mean over `heads` heads of alpha [N, H, Tq, L] or [N, H, L]: [N, Tq, L] or [N, L]; with one head alpha itself.
 */
nn_var *nn_head_mean(nn_tape *t, nn_var *alpha, int heads);

#endif
