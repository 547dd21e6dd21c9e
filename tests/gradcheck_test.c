/* Every op of the tape against central differences, in double precision: one row per op or small composition.
 * The bound 1e-6 is far above the rounding of double (differences with h = 1e-5 err by about 1e-9) and far
 * below any mistake in a formula. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cnn/conv2d.h"
#include "cnn/maps.h"
#include "src/nn/activation.h"
#include "src/nn/attention.h"
#include "src/nn/attention_penalty.h"
#include "src/nn/gradcheck.h"
#include "src/nn/linear.h"
#include "src/nn/loss.h"
#include "src/nn/lstm.h"
#include "src/nn/norm.h"

typedef struct bench {
    nn_var *p[8];
    int kind;
    bool training;
} bench;

typedef struct row {
    const char *name;
    nn_loss_fn loss;
    int shape[8][5]; /* rank, then sizes; rank 0 ends the list */
    int kind;
} row;

/* Turns any result into one number whose gradient differs for every element. */
static nn_var *score(nn_tape *t, nn_var *y)
{
    if (!y) return NULL;
    int cols = nn_last(y), rows = nn_rows(y);
    real *w = nn_scratch(t, (size_t)rows * cols * sizeof *w);
    for (int i = 0; w && i < rows * cols; i++) w[i] = (real)((i * 7919) % 13 - 6) / 5;
    return nn_mean_squared(t, y, w);
}

static const int32_t ids[] = {2, 0, 4, 4, 1}, memory_of[] = {1, 0, 1, 1, 0}, lengths[] = {2, 3};

static nn_var *f_linear(nn_tape *t, void *c)
{
    bench *b = c;
    return score(t, nn_linear_onto(t, nn_linear(t, b->p[0], b->p[1], b->p[2]), b->p[3], b->p[4]));
}

static nn_var *f_tied(nn_tape *t, void *c)
{
    bench *b = c;
    return score(t, nn_linear_tied(t, nn_embedding(t, b->p[0], ids, 5), b->p[0], b->p[1]));
}

static nn_var *f_act(nn_tape *t, void *c)
{
    bench *b = c;
    return score(t, nn_activate(t, b->p[0], (nn_act)b->kind));
}

static nn_var *f_binary(nn_tape *t, void *c)
{
    bench *b = c;
    return score(t, nn_scale(t, nn_mul(t, nn_add(t, b->p[0], b->p[1]), b->p[1]), (real)0.7));
}

static nn_var *f_dropout(nn_tape *t, void *c)
{
    bench *b = c;
    return score(t, nn_dropout(t, b->p[0], (real)0.4));
}

static nn_var *f_arrange(nn_tape *t, void *c)
{
    bench *b = c;
    nn_var *g = nn_gather(t, nn_concat(t, b->p[0], b->p[1]), ids, 4);
    nn_var *parts[] = {g, nn_slice(t, g, 1, 2), nn_reshape(t, b->p[2], 2, (int[]){2, 5})};
    return score(t, nn_stack(t, parts, 3));
}

static nn_var *f_mean(nn_tape *t, void *c)
{
    bench *b = c;
    return score(t, nn_mean(t, b->p[0], b->kind ? lengths : NULL));
}

static nn_var *f_sum(nn_tape *t, void *c)
{
    bench *b = c;
    nn_var *parts[] = {score(t, b->p[0]), score(t, b->p[1])};
    return nn_weighted_sum(t, parts, (real[]){(real)0.3, 2}, 2);
}

static nn_var *attend(nn_tape *t, bench *b, const nn_scope *scope)
{
    nn_match_params m = {.kind = (nn_match_kind)b->kind, .v = b->p[3], .bias = b->p[4], .log_gain = b->p[5]};
    nn_var *alpha = nn_normalise(t, nn_match(t, &m, b->p[0], b->p[1], scope), scope);
    return score(t, nn_aggregate(t, alpha, b->p[2], scope));
}

static nn_var *f_attention(nn_tape *t, void *c)
{
    return attend(t, c, &(nn_scope){.memory_of = memory_of});
}

static nn_var *f_attention_masked(nn_tape *t, void *c)
{
    return attend(t, c, &(nn_scope){.memory_of = memory_of, .length = lengths});
}

static nn_var *f_attention_2_heads(nn_tape *t, void *c)
{
    return attend(t, c, &(nn_scope){.memory_of = memory_of, .length = lengths, .heads = 2});
}

/* Of the second memory all that is seen is of one kind. */
static nn_var *f_attention_apart(nn_tape *t, void *c)
{
    static const int32_t seen[] = {5, 3}, split[] = {2, 4};
    bench *b = c;
    nn_scope scope = {.memory_of = memory_of, .length = seen, .heads = 2};
    nn_match_params m = {.kind = (nn_match_kind)b->kind, .v = b->p[3], .bias = b->p[4], .log_gain = b->p[5]};
    nn_var *scores = nn_match(t, &m, b->p[0], b->p[1], &scope);
    nn_var *alpha = nn_normalise_apart(t, scores, b->p[6], split, &scope);
    return score(t, nn_aggregate(t, alpha, b->p[2], &scope));
}

/* A sentence among itself: no word sees those after it, and none of padding. */
static nn_var *f_attention_causal(nn_tape *t, void *c)
{
    static const int32_t words[] = {5, 2};
    return attend(t, c, &(nn_scope){.length = words, .heads = 8, .causal = true});
}

/* After two states that were there before. */
static nn_var *f_attention_later(nn_tape *t, void *c)
{
    return attend(t, c, &(nn_scope){.heads = 2, .causal = true, .before = 2});
}

/* Long enough for large products, with a block of the mask that is cut. */
static nn_var *f_attention_long(nn_tape *t, void *c)
{
    return attend(t, c, &(nn_scope){.causal = true, .before = 80});
}

/* The same in blocks. The second length begins no second block of 128 states. */
static nn_var *in_blocks(nn_tape *t, bench *b, const nn_scope *scope, double dropout)
{
    nn_match_params m = {.kind = (nn_match_kind)b->kind};
    return score(t, nn_attend(t, &m, b->p[0], b->p[1], b->p[2], scope, dropout));
}

static nn_var *f_blocks(nn_tape *t, void *c)
{
    return in_blocks(t, c, &(nn_scope){.memory_of = memory_of, .length = lengths, .heads = 2}, 0);
}

static nn_var *f_blocks_long(nn_tape *t, void *c)
{
    static const int32_t long_and_short[] = {140, 90};
    return in_blocks(t, c, &(nn_scope){.length = long_and_short, .heads = 2}, 0);
}

static nn_var *f_blocks_causal(nn_tape *t, void *c)
{
    return in_blocks(t, c, &(nn_scope){.heads = 2, .causal = true, .before = 70}, 0);
}

static nn_var *f_blocks_dropout(nn_tape *t, void *c)
{
    return in_blocks(t, c, &(nn_scope){.heads = 2, .causal = true, .before = 70}, 0.3);
}

static nn_var *f_blocks_seen(nn_tape *t, void *c)
{
    static const uint8_t seen[] = {1, 0, 1, 0, 0, 0, 1, 1, 1, 0, 1, 0};
    return in_blocks(t, c, &(nn_scope){.length = lengths, .heads = 2, .seen = seen}, 0);
}

/* The second query of the first asker sees nothing. */
static nn_var *f_attention_seen(nn_tape *t, void *c)
{
    static const uint8_t seen[] = {1, 0, 1, 0, 0, 0, 1, 1, 1, 0, 1, 0};
    return attend(t, c, &(nn_scope){.length = lengths, .heads = 2, .seen = seen});
}

static nn_var *f_coverage(nn_tape *t, void *c)
{
    bench *b = c;
    nn_var *a = nn_normalise(t, b->p[0], &(nn_scope){0}), *steps[] = {a, nn_slice(t, a, 0, 2)};
    return nn_coverage_penalty(t, steps, NULL, 2);
}

static nn_var *f_entropy(nn_tape *t, void *c)
{
    bench *b = c;
    nn_var *a = nn_normalise(t, b->p[0], &(nn_scope){0}), *steps[] = {a, nn_slice(t, a, 0, 2)};
    return nn_attention_entropy(t, steps, NULL, 2);
}

/* The second asker of the first step wants nothing, nor does anybody of the third. */
static nn_var *f_astray(nn_tape *t, void *c)
{
    static const uint8_t first[] = {0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0},
                         second[] = {1, 1, 1, 0, 0, 0, 0, 0, 1, 0};
    bench *b = c;
    nn_var *a = nn_normalise(t, b->p[0], &(nn_scope){0}),
           *steps[] = {a, nn_slice(t, a, 0, 2), nn_slice(t, a, 0, 1)};
    return nn_attention_astray(t, steps, (const uint8_t *const[]){first, second, NULL}, 3);
}

/* Askers that see states of their own: one, four, and three of the five. */
static const int32_t seen_states[] = {1, 4, 3};

static nn_var *f_coverage_ragged(nn_tape *t, void *c)
{
    bench *b = c;
    nn_var *a = nn_normalise(t, b->p[0], &(nn_scope){.length = seen_states}),
           *steps[] = {a, nn_slice(t, a, 0, 2)};
    return nn_coverage_penalty(t, steps, seen_states, 2);
}

static nn_var *f_entropy_ragged(nn_tape *t, void *c)
{
    bench *b = c;
    nn_var *a = nn_normalise(t, b->p[0], &(nn_scope){.length = seen_states}),
           *steps[] = {a, nn_slice(t, a, 0, 2)};
    return nn_attention_entropy(t, steps, seen_states, 2);
}

static nn_var *f_lstm(nn_tape *t, void *c)
{
    bench *b = c;
    nn_lstm_state s = nn_lstm_step(t, b->p[0], b->p[1]);
    nn_lstm_state s2 = nn_lstm_step(t, b->p[0], s.c);
    nn_var *parts[] = {s.h, s2.h, s2.c};
    return score(t, nn_stack(t, parts, 3));
}

/* Three rows of lengths 3, 2, 1, from given first states or from zeros. */
static nn_var *f_lstm_sequence(nn_tape *t, void *c)
{
    static const int active[] = {3, 2, 1};
    bench *b = c;
    nn_lstm_state first = {b->kind ? b->p[2] : NULL, b->kind ? b->p[3] : NULL};
    nn_lstm_state s = nn_lstm_sequence(t, b->p[0], NULL, b->p[1], first, active, 3);
    nn_var *parts[] = {s.h, s.c};
    return score(t, nn_stack(t, parts, 2));
}

/* The same with inputs that are rows of a table. */
static nn_var *f_lstm_of_table(nn_tape *t, void *c)
{
    static const int active[] = {3, 2, 2, 1, 1};
    static const int32_t of[] = {1, 0, 1, 1, 3, 0, 0, 1, 3};
    bench *b = c;
    nn_lstm_state first = {b->kind ? b->p[2] : NULL, b->kind ? b->p[3] : NULL};
    nn_lstm_state s = nn_lstm_sequence(t, b->p[0], of, b->p[1], first, active, 5);
    nn_var *parts[] = {s.h, s.c};
    return score(t, nn_stack(t, parts, 2));
}

static nn_var *f_place(nn_tape *t, void *c)
{
    static const int32_t one[] = {1, -1, 0, 1}, other[] = {-1, 2, 2, 0};
    bench *b = c;
    nn_var *parts[] = {b->p[0], b->p[1]};
    for (int i = 0; b->kind && i < 2; i++) parts[i] = nn_activate(t, parts[i], NN_TANH);
    return score(t, nn_place(t, parts, (const int32_t *const[]){one, other}, 2, 4));
}

static nn_var *f_loss(nn_tape *t, void *c)
{
    bench *b = c;
    return nn_cross_entropy(t, b->p[0], ids, 1, b->kind ? (real)0.1 : 0, NULL);
}

static nn_var *f_weighted_loss(nn_tape *t, void *c)
{
    static const real weight[] = {(real)0.5, 2, (real)-1.5, 0, (real)-0.25};
    bench *b = c;
    return nn_weighted_cross_entropy(t, b->p[0], ids, weight, 1, b->kind ? (real)0.1 : 0, NULL);
}

static nn_var *f_binary_loss(nn_tape *t, void *c)
{
    static const real target[] = {0, 1, (real)0.4, (real)0.6, 0, 1, (real)0.2, 1, 0, (real)0.8, 0, 0};
    bench *b = c;
    nn_var *x = b->kind ? nn_scale(t, b->p[0], 40) : b->p[0]; /* where the sigmoid is flat */
    nn_var *y = nn_binary_cross_entropy(t, x, target);
    return b->kind ? nn_add(t, y, nn_binary_cross_entropy(t, x, target)) : y;
}

static nn_var *f_layer_norm(nn_tape *t, void *c)
{
    bench *b = c;
    return score(t, nn_layer_norm(t, b->p[0], b->p[1], b->p[2], 1e-5));
}

static nn_var *f_batch_norm(nn_tape *t, void *c)
{
    bench *b = c;
    nn_batch_norm_params p = {b->p[1], b->p[2], b->p[4], b->p[5], (real)1e-5, b->training ? (real)0.1 : 0};
    for (int j = 0; j < 3; j++) { /* the same running statistics every time: training updates them */
        b->p[4]->data[j] = (real)0.1 * (real)j;
        b->p[5]->data[j] = (real)(0.5 + j);
    }
    return score(t, nn_batch_norm(t, b->p[0], &p, b->p[3], (nn_act)b->kind));
}

static nn_var *f_batch_norm_frozen(nn_tape *t, void *c)
{
    bench b = *(bench *)c;
    b.training = false;
    return f_batch_norm(t, &b);
}

static const cnn_window windows[] = {{3, 1, 1}, {3, 2, 1}, {1, 1, 0},        {1, 2, 0},       {7, 2, 3},
                                     {5, 1, 2}, {5, 2, 2}, {3, 2, CNN_SAME}, {5, 2, CNN_SAME}};

static nn_var *f_conv(nn_tape *t, void *c)
{
    bench *b = c;
    return score(t, cnn_conv2d(t, b->p[0], b->p[1], b->p[2], windows[b->kind], NN_RELU6));
}

static nn_var *f_conv_act(nn_tape *t, void *c)
{
    bench *b = c;
    return score(t, cnn_conv2d(t, b->p[0], b->p[1], b->p[2], windows[0], (nn_act)b->kind));
}

static nn_var *f_depthwise(nn_tape *t, void *c)
{
    bench *b = c;
    return score(t, cnn_depthwise(t, b->p[0], b->p[1], b->p[2], windows[b->kind], NN_RELU));
}

static nn_var *f_depthwise_act(nn_tape *t, void *c)
{
    bench *b = c;
    return score(t, cnn_depthwise(t, b->p[0], b->p[1], b->p[2], windows[0], (nn_act)b->kind));
}

static nn_var *f_large_pool(nn_tape *t, void *c)
{
    bench *b = c;
    return score(t, cnn_max_pool(t, b->p[0], (cnn_window){5, 1, b->kind ? CNN_SAME : 2}));
}

/* A small pyramid: the second map upsampled beside the first, and one after the other. */
static nn_var *f_maps(nn_tape *t, void *c)
{
    bench *b = c;
    nn_var *beside = cnn_concat(t, (nn_var *[]){b->p[0], cnn_upsample(t, b->p[1])}, 2);
    nn_var *deep = cnn_space_to_depth(t, b->p[0]);
    return beside && deep ? score(t, cnn_stack(t, (nn_var *[]){beside, deep}, 2)) : NULL;
}

static nn_var *f_scale(nn_tape *t, void *c)
{
    bench *b = c;
    return score(t, cnn_scale(t, b->p[0], b->p[1]));
}

static nn_var *f_pool(nn_tape *t, void *c)
{
    bench *b = c;
    cnn_window win = {3, 2, 1};
    nn_var *parts[] = {cnn_max_pool(t, b->p[0], win), cnn_avg_pool(t, b->p[0], 2)};
    return b->kind ? score(t, cnn_global_mean(t, b->p[0])) : score(t, nn_add(t, parts[0], parts[1]));
}

#define ATTENTION(name, f, kind)                                                                             \
    {                                                                                                        \
        name, f, {{3, 5, 2, 4}, {3, 2, 3, 4}, {3, 2, 3, 6}, {1, 4}, {1, 1}, {1, 1}}, kind                    \
    }
/* More of either than a kernel takes at once. */
#define MANY_QUERIES(name, f, kind)                                                                          \
    {                                                                                                        \
        name, f, {{3, 3, 9, 4}, {3, 2, 10, 4}, {3, 2, 10, 6}, {1, 4}, {1, 1}, {1, 1}}, kind                  \
    }
/* N = M = 2, five words each of which is a query and a state. */
#define AMONG_ITSELF(name, f, kind)                                                                          \
    {                                                                                                        \
        name, f, {{3, 2, 5, 16}, {3, 2, 5, 16}, {3, 2, 5, 8}, {1, 16}, {1, 8}, {1, 8}}, kind                 \
    }
#define TWO_HEADS(name, f, kind, queries, states)                                                            \
    {                                                                                                        \
        name, f, {{3, 2, queries, 4}, {3, 2, states, 4}, {3, 2, states, 6}, {1, 4}, {1, 2}, {1, 2}}, kind    \
    }
#define NORM                                                                                                 \
    {                                                                                                        \
        {2, 6, 3}, {1, 3}, {1, 3}, {2, 6, 3}, {1, 3},                                                        \
        {                                                                                                    \
            1, 3                                                                                             \
        }                                                                                                    \
    }

static const row rows[] = {
    {"linear", f_linear, {{2, 3, 4}, {2, 4, 5}, {1, 5}, {2, 3, 2}, {2, 2, 5}}, 0},
    {"embedding, tied output", f_tied, {{2, 5, 3}, {1, 5}}, 0},
    {"relu", f_act, {{2, 3, 4}}, NN_RELU},
    {"relu6", f_act, {{2, 3, 4}}, NN_RELU6},
    {"sigmoid", f_act, {{2, 3, 4}}, NN_SIGMOID},
    {"gelu", f_act, {{2, 3, 4}}, NN_GELU},
    {"tanh", f_act, {{2, 3, 4}}, NN_TANH},
    {"silu", f_act, {{2, 3, 4}}, NN_SILU},
    {"hard-swish", f_act, {{2, 6, 9}}, NN_HARD_SWISH},
    {"add, mul, scale", f_binary, {{2, 3, 4}, {2, 3, 4}}, 0},
    {"dropout", f_dropout, {{2, 7, 5}}, 0},
    {"concat, gather, slice, reshape, stack", f_arrange, {{2, 5, 2}, {2, 5, 3}, {1, 10}}, 0},
    {"mean", f_mean, {{3, 2, 3, 4}}, 0},
    {"mean, masked", f_mean, {{3, 2, 3, 4}}, 1},
    {"weighted sum", f_sum, {{2, 2, 3}, {1, 4}}, 0},
    ATTENTION("attention sigmoid", f_attention, NN_MATCH_SIGMOID),
    ATTENTION("attention additive", f_attention, NN_MATCH_ADDITIVE),
    ATTENTION("attention dot", f_attention, NN_MATCH_DOT),
    ATTENTION("attention scaled-dot", f_attention, NN_MATCH_SCALED_DOT),
    ATTENTION("attention sigmoid, masked", f_attention_masked, NN_MATCH_SIGMOID),
    ATTENTION("attention dot, masked", f_attention_masked, NN_MATCH_DOT),
    MANY_QUERIES("attention scaled-dot, many queries", f_attention, NN_MATCH_SCALED_DOT),
    MANY_QUERIES("attention additive, many queries, masked", f_attention_masked, NN_MATCH_ADDITIVE),
    {"attention sigmoid, 2 heads",
     f_attention_2_heads,
     {{3, 5, 2, 4}, {3, 2, 3, 4}, {3, 2, 3, 6}, {1, 4}, {1, 2}, {1, 2}},
     NN_MATCH_SIGMOID},
    {"attention sigmoid, states of two kinds",
     f_attention_apart,
     {{3, 3, 2, 4}, {3, 2, 5, 4}, {3, 2, 5, 6}, {1, 4}, {1, 2}, {1, 2}, {3, 3, 2, 2}},
     NN_MATCH_SIGMOID},
    {"attention dot, 2 heads, one query",
     f_attention_2_heads,
     {{2, 5, 4}, {3, 2, 3, 4}, {3, 2, 3, 6}},
     NN_MATCH_DOT},
    AMONG_ITSELF("attention scaled-dot, 8 heads, causal", f_attention_causal, NN_MATCH_SCALED_DOT),
    AMONG_ITSELF("attention sigmoid, 8 heads, causal", f_attention_causal, NN_MATCH_SIGMOID),
    TWO_HEADS("attention general, after earlier states", f_attention_later, NN_MATCH_GENERAL, 3, 5),
    TWO_HEADS("attention additive, states hidden", f_attention_seen, NN_MATCH_ADDITIVE, 2, 3),
    TWO_HEADS("attention dot, states hidden", f_attention_seen, NN_MATCH_DOT, 2, 3),
    {"attention scaled-dot, long",
     f_attention_long,
     {{3, 1, 120, 200}, {3, 1, 200, 200}, {3, 1, 200, 120}},
     NN_MATCH_SCALED_DOT},
    {"attention in blocks, masked, one query",
     f_blocks,
     {{2, 5, 4}, {3, 2, 3, 4}, {3, 2, 3, 6}},
     NN_MATCH_DOT},
    MANY_QUERIES("attention in blocks", f_blocks, NN_MATCH_SCALED_DOT),
    TWO_HEADS("attention in blocks, several", f_blocks_long, NN_MATCH_SCALED_DOT, 70, 140),
    TWO_HEADS("attention in blocks, causal", f_blocks_causal, NN_MATCH_SCALED_DOT, 70, 140),
    TWO_HEADS("attention in blocks, dropout", f_blocks_dropout, NN_MATCH_GENERAL, 70, 140),
    TWO_HEADS("attention in blocks, states hidden", f_blocks_seen, NN_MATCH_DOT, 2, 3),
    {"doubly stochastic regulariser", f_coverage, {{2, 3, 5}}, 0},
    {"attention astray", f_astray, {{2, 3, 5}}, 0},
    {"entropy of attention", f_entropy, {{2, 3, 5}}, 0},
    {"doubly stochastic regulariser, ragged", f_coverage_ragged, {{2, 3, 5}}, 0},
    {"entropy of attention, ragged", f_entropy_ragged, {{2, 3, 5}}, 0},
    {"lstm", f_lstm, {{2, 2, 12}, {2, 2, 3}}, 0},
    {"lstm, many steps", f_lstm_sequence, {{2, 6, 12}, {2, 3, 12}}, 0},
    {"lstm, words", f_lstm_of_table, {{2, 4, 12}, {2, 3, 12}}, 0},
    {"lstm, words from a state", f_lstm_of_table, {{2, 4, 12}, {2, 3, 12}, {2, 3, 3}, {2, 3, 3}}, 1},
    {"lstm, many steps from a state", f_lstm_sequence, {{2, 6, 12}, {2, 3, 12}, {2, 3, 3}, {2, 3, 3}}, 1},
    {"place", f_place, {{2, 2, 3}, {2, 3, 2}}, 0},
    {"place, of results", f_place, {{2, 3, 3}, {2, 4, 2}}, 1},
    {"cross-entropy", f_loss, {{2, 5, 6}}, 0},
    {"cross-entropy, smoothed", f_loss, {{2, 5, 6}}, 1},
    {"cross-entropy, weighted", f_weighted_loss, {{2, 5, 6}}, 0},
    {"cross-entropy, weighted, smoothed", f_weighted_loss, {{2, 5, 6}}, 1},
    {"binary cross-entropy", f_binary_loss, {{2, 3, 4}}, 0},
    {"binary cross-entropy, twice, of large logits", f_binary_loss, {{2, 3, 4}}, 1},
    {"layer norm", f_layer_norm, {{2, 3, 5}, {1, 5}, {1, 5}}, 0},
    {"batch norm", f_batch_norm, NORM, NN_RELU},
    {"batch norm, linear", f_batch_norm, NORM, NN_LINEAR},
    {"batch norm, silu", f_batch_norm, NORM, NN_SILU},
    {"batch norm, frozen, sigmoid", f_batch_norm_frozen, NORM, NN_SIGMOID},
    {"batch norm, frozen", f_batch_norm_frozen, NORM, NN_RELU6},
    {"conv 3x3", f_conv, {{4, 2, 5, 4, 3}, {4, 3, 3, 3, 2}, {1, 2}}, 0},
    {"conv 3x3 stride 2", f_conv, {{4, 2, 5, 4, 3}, {4, 3, 3, 3, 2}, {1, 2}}, 1},
    {"conv 1x1", f_conv, {{4, 2, 3, 4, 3}, {4, 1, 1, 3, 5}, {1, 5}}, 2},
    {"conv 1x1 stride 2", f_conv, {{4, 2, 3, 4, 3}, {4, 1, 1, 3, 5}, {1, 5}}, 3},
    {"conv 7x7 stride 2", f_conv, {{4, 1, 8, 9, 2}, {4, 7, 7, 2, 3}, {1, 3}}, 4},
    {"conv 5x5", f_conv, {{4, 2, 5, 4, 2}, {4, 5, 5, 2, 2}, {1, 2}}, 5},
    {"conv 3x3 stride 2, same", f_conv, {{4, 2, 6, 5, 3}, {4, 3, 3, 3, 2}, {1, 2}}, 7},
    {"conv, sigmoid", f_conv_act, {{4, 2, 5, 4, 3}, {4, 3, 3, 3, 2}, {1, 2}}, NN_SIGMOID},
    {"conv, silu", f_conv_act, {{4, 2, 5, 4, 3}, {4, 3, 3, 3, 2}, {1, 2}}, NN_SILU},
    {"conv, hard-swish", f_conv_act, {{4, 2, 5, 4, 3}, {4, 3, 3, 3, 2}, {1, 2}}, NN_HARD_SWISH},
    {"depthwise, relu6", f_depthwise_act, {{4, 2, 5, 4, 3}, {3, 3, 3, 3}, {1, 3}}, NN_RELU6},
    {"depthwise, silu", f_depthwise_act, {{4, 2, 5, 4, 3}, {3, 3, 3, 3}, {1, 3}}, NN_SILU},
    {"depthwise, hard-swish", f_depthwise_act, {{4, 2, 5, 4, 3}, {3, 3, 3, 3}, {1, 3}}, NN_HARD_SWISH},
    {"depthwise 5x5", f_depthwise, {{4, 2, 7, 6, 3}, {3, 5, 5, 3}, {1, 3}}, 5},
    {"depthwise 5x5 stride 2", f_depthwise, {{4, 2, 7, 6, 3}, {3, 5, 5, 3}, {1, 3}}, 6},
    {"depthwise 3x3 stride 2, same", f_depthwise, {{4, 2, 6, 5, 3}, {3, 3, 3, 3}, {1, 3}}, 7},
    {"depthwise 5x5 stride 2, same", f_depthwise, {{4, 2, 6, 8, 3}, {3, 5, 5, 3}, {1, 3}}, 8},
    {"depthwise 7x7 stride 2", f_depthwise, {{4, 2, 8, 6, 3}, {3, 7, 7, 3}, {1, 3}}, 4},
    {"depthwise 3x3", f_depthwise, {{4, 2, 5, 4, 3}, {3, 3, 3, 3}, {1, 3}}, 0},
    {"depthwise 3x3 stride 2", f_depthwise, {{4, 2, 5, 4, 3}, {3, 3, 3, 3}, {1, 3}}, 1},
    {"max and mean pooling", f_pool, {{4, 2, 4, 6, 3}}, 0},
    {"max pooling 5x5", f_large_pool, {{4, 2, 6, 4, 3}}, 0},
    {"max pooling 5x5, same", f_large_pool, {{4, 2, 4, 7, 3}}, 1},
    {"maps beside and behind each other", f_maps, {{4, 2, 4, 6, 2}, {4, 2, 2, 3, 6}}, 0},
    {"channels scaled", f_scale, {{4, 2, 3, 2, 5}, {4, 2, 1, 1, 5}}, 0},
    {"global mean", f_pool, {{4, 2, 4, 6, 3}}, 1},
};

/* alone: the one parameter that learns, the others are frozen; -1: all learn. False: there is no such one. */
static bool check_row(const row *r, int threads, int alone)
{
    nn_params params = {0};
    bench b = {.kind = r->kind, .training = true};
    error err = {0};
    for (int i = 0; i < 8 && r->shape[i][0]; i++) {
        char name[16] = {'p', (char)('0' + i), 0};
        b.p[i] = nn_params_add(&params, name, r->shape[i][0], r->shape[i] + 1, nn_init_normal(1), 0);
    }
    assert_int_equal(nn_params_finish(&params, 3, &err), ERR_OK);
    if (alone >= 0) {
        nn_params_set_trainable(&params, "p", false);
        nn_params_set_trainable(&params, (char[]){'p', (char)('0' + alone), 0}, true);
    }
    arena mem = {0};
    pool *p = pool_create(threads);
    nn_tape t = {.mem = &mem, .threads = p, .recording = true, .training = true, .seed = 5};
    const char *worst = "";
    double e = nn_gradcheck(&t, &params, r->loss, &b, 1e-5, 40, &worst);
    if (!(e < 1e-6))
        fail_msg("%s%s: gradient of %s is off by %.3g", r->name, alone < 0 ? "" : ", the others frozen",
                 worst, e);
    pool_free(&p);
    arena_release(&mem);
    nn_params_release(&params);
    return alone < 7 && r->shape[alone + 1][0];
}

static void test_gradients(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) check_row(&rows[i], 2, -1);
}

/* A parameter learns the same when all the others are frozen: a bias whose weight is, for one. */
static void test_gradients_of_one_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (int alone = 0; check_row(&rows[i], 1, alone); alone++) continue;
}

/* The check itself must be able to fail: a wrong gradient is noticed. */
static void broken_backward(nn_tape *t, void *ctx)
{
    nn_var **v = ctx;
    real *g = nn_grad_add(t, v[0]);
    if (g) g[0] += (real)1.01 * v[1]->grad[0];
}

static nn_var *broken_loss(nn_tape *t, void *ctx)
{
    bench *b = ctx;
    nn_var *y = nn_result(t, 1, (int[]){1}, true), **v = nn_alloc(t, 2 * sizeof(nn_var *));
    y->data[0] = b->p[0]->data[0];
    v[0] = b->p[0];
    v[1] = y;
    nn_record(t, broken_backward, v);
    return y;
}

static void test_notices_a_wrong_gradient(void **state)
{
    (void)state;
    nn_params params = {0};
    bench b = {0};
    b.p[0] = nn_params_add(&params, "p", 1, (int[]){1}, nn_init_normal(1), 0);
    assert_int_equal(nn_params_finish(&params, 3, NULL), ERR_OK);
    arena mem = {0};
    nn_tape t = {.mem = &mem, .recording = true};
    assert_true(nn_gradcheck(&t, &params, broken_loss, &b, 1e-5, 1, NULL) > 1e-3);
    arena_release(&mem);
    nn_params_release(&params);
}

/* Allocation number 1, 2, 3, ... fails until none does: every op must give up quietly and leave nothing
 * behind. */
static void test_out_of_memory(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        nn_params params = {0};
        bench b = {.kind = rows[i].kind, .training = true};
        for (int j = 0; j < 8 && rows[i].shape[j][0]; j++) {
            char name[16] = {'p', (char)('0' + j), 0};
            b.p[j] =
                nn_params_add(&params, name, rows[i].shape[j][0], rows[i].shape[j] + 1, nn_init_normal(1), 0);
        }
        assert_int_equal(nn_params_finish(&params, 3, NULL), ERR_OK);
        bool done = false;
        for (long n = 1; n < 500 && !done; n++) {
            arena mem = {.fail_in = n};
            nn_tape t = {.mem = &mem, .recording = true, .training = true};
            nn_var *loss = rows[i].loss(&t, &b);
            if (loss) nn_backward(&t, loss);
            done = !t.failed;
            if (t.failed && loss) assert_true(mem.fail_in == 0);
            arena_release(&mem);
        }
        assert_true(done);
        nn_params_release(&params);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_gradients_of_one_alone),
        cmocka_unit_test(test_notices_a_wrong_gradient),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
