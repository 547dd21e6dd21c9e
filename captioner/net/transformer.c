#include "captioner/net/transformer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "src/nn/activation.h"
#include "src/nn/linear.h"
#include "src/nn/norm.h"

/* ---- settings ---- */

cap_transformer_settings cap_transformer_defaults(void)
{
    return (cap_transformer_settings){.hidden = 256,
                                      .heads = 4,
                                      .layers = 3,
                                      .feed_forward = 1024,
                                      .match = NN_MATCH_SCALED_DOT,
                                      .dropout = 0.1,
                                      .epsilon = 1e-5};
}

const char *cap_norm_name(int value)
{
    static const char *const names[] = {"pre", "post"};
    return value < CAP_NORMS ? names[value] : NULL;
}

const char *cap_self_name(int value)
{
    static const char *const names[] = {"qkv", "plain"};
    return value < CAP_SELVES ? names[value] : NULL;
}

const char *cap_transformer_act(int value)
{
    static const char *const names[] = {"relu", "gelu"};
    return value < 2 ? names[value] : NULL;
}

err_code cap_transformer_check(const cap_transformer_settings *s, error *err)
{
    if (s->hidden % 2 && !s->positions)
        return err_set(
            err, ERR_ARGUMENT,
            "a Transformer's words have sines and cosines for positions: 'hidden' must be even, it is %d",
            s->hidden);
    if (s->hidden % s->heads)
        return err_set(err, ERR_ARGUMENT,
                       "%d numbers cannot be shared out among %d heads: make 'hidden' a multiple", s->hidden,
                       s->heads);
    return ERR_OK;
}

/* ---- parameters ---- */

typedef struct declarer {
    nn_params *params;
    const char *prefix;
    double epsilon; /* of norms */
    int layer;      /* counts from 1; 0: outside layers */
} declarer;

static nn_var *add(const declarer *to, const char *name, int rows, int cols, nn_init init, int flags)
{
    char full[96];
    if (to->layer)
        snprintf(full, sizeof full, "%slayer%d.%s", to->prefix, to->layer, name);
    else
        snprintf(full, sizeof full, "%s%s", to->prefix, name);
    return cols ? nn_params_add(to->params, full, 2, (int[]){rows, cols}, init, flags)
                : nn_params_add(to->params, full, 1, (int[]){rows}, init, flags);
}

/* PART.weight and PART.bias. */
static void map(const declarer *to, const char *part, int in, int out, nn_init init, nn_var **w, nn_var **b)
{
    char name[64];
    snprintf(name, sizeof name, "%s.weight", part);
    *w = add(to, name, in, out, init, NN_DECAY);
    snprintf(name, sizeof name, "%s.bias", part);
    *b = add(to, name, out, 0, nn_init_constant(0), 0);
}

static void norm(const declarer *to, const char *part, int d, cap_layer_norm *n)
{
    char name[64];
    n->epsilon = to->epsilon;
    snprintf(name, sizeof name, "%s.gamma", part);
    n->gamma = add(to, name, d, 0, nn_init_constant(1), 0);
    snprintf(name, sizeof name, "%s.beta", part);
    n->beta = add(to, name, d, 0, nn_init_constant(0), 0);
}

static void matching(const declarer *to, const char *part, const cap_transformer_settings *s,
                     cap_projections *p)
{
    const nn_match_row *row = &nn_match_rows[p->match.kind];
    char name[64];
    if (row->network) {
        snprintf(name, sizeof name, "%s.score.weight", part);
        p->match.v = add(to, name, s->hidden, 0, nn_init_fan(s->hidden / s->heads), 0);
    }
    if (!row->degree) return;
    snprintf(name, sizeof name, "%s.score.bias", part);
    p->match.bias = add(to, name, s->heads, 0, nn_init_constant(0), 0);
    snprintf(name, sizeof name, "%s.log_gain", part);
    p->match.log_gain = add(to, name, s->heads, 0, nn_init_constant(log(10)), 0);
}

static void projections(const declarer *to, const char *part, const cap_transformer_settings *s, int memory,
                        cap_projections *p)
{
    char name[64];
    int d = s->hidden;
    snprintf(name, sizeof name, "%s.query", part);
    map(to, name, d, d, nn_init_fan(d), &p->query_w, &p->query_b);
    snprintf(name, sizeof name, "%s.key", part);
    map(to, name, memory, d, nn_init_fan(memory), &p->key_w, &p->key_b);
    snprintf(name, sizeof name, "%s.value", part);
    map(to, name, memory, d, nn_init_fan(memory), &p->value_w, &p->value_b);
    snprintf(name, sizeof name, "%s.out", part);
    map(to, name, d, d, nn_init_fan(d), &p->out_w, &p->out_b);
    matching(to, part, s, p);
}

static void declare_layer(cap_transformer_layer *l, const declarer *to, const cap_transformer_settings *s,
                          int memory)
{
    int d = s->hidden;
    l->self.match.kind = NN_MATCH_SCALED_DOT;
    l->cross.match.kind = s->match;
    norm(to, "self.norm", d, &l->self_norm);
    if (s->self_attention == CAP_SELF_QKV) projections(to, "self", s, d, &l->self);
    if (memory) {
        norm(to, "cross.norm", d, &l->cross_norm);
        projections(to, "cross", s, memory, &l->cross);
    }
    norm(to, "feed.norm", d, &l->feed_norm);
    map(to, "feed.in", d, s->feed_forward, nn_init_relu(d), &l->in_w, &l->in_b);
    map(to, "feed.out", s->feed_forward, d, nn_init_fan(s->feed_forward), &l->feed_w, &l->feed_b);
}

void cap_transformer_declare_layers(cap_transformer *n, const cap_transformer_settings *s, int memory,
                                    const char *prefix, nn_params *params)
{
    declarer to = {params, prefix, s->epsilon, 0};
    n->set = *s;
    if (s->norm == CAP_NORM_PRE) norm(&to, "norm", s->hidden, &n->last);
    for (to.layer = 1; to.layer <= s->layers; to.layer++)
        declare_layer(&n->layer[to.layer - 1], &to, s, memory);
}

/* As in BERT (Devlin et al. 2019, and its configuration): without the factor sqrt(d) small numbers would
 * drown in the positions. */
#define LEARNED_DEVIATION 0.02

void cap_transformer_declare(cap_transformer *n, const cap_transformer_settings *s, int words, int memory,
                             const char *prefix, nn_params *params)
{
    *n = (cap_transformer){.set = *s};
    declarer to = {params, prefix, s->epsilon, 0};
    double deviation = s->positions ? LEARNED_DEVIATION : 1 / sqrt(s->hidden);
    n->embedding = add(&to, "embedding", words, s->hidden, nn_init_normal(deviation), NN_TABLE);
    if (s->positions)
        n->position = add(&to, "position", s->positions, s->hidden, nn_init_normal(deviation), 0);
    if (s->types) n->type = add(&to, "type", s->types, s->hidden, nn_init_normal(deviation), 0);
    if (s->embedding_norm) norm(&to, "embedding.norm", s->hidden, &n->embedding_norm);
    cap_transformer_declare_layers(n, s, memory, prefix, params);
}

/* ---- words with their positions ---- */

/* sin and cos of position / 10000^(2i/d), in turn. */
static void write_position(int position, int d, real *to)
{
    for (int i = 0; i < d; i += 2) {
        double angle = position / pow(10000, (double)i / d);
        to[i] = (real)sin(angle);
        to[i + 1] = (real)cos(angle);
    }
}

/* The sines and cosines of `steps` positions: [steps, d]. */
static nn_var *sines(nn_tape *t, int d, int from, int steps)
{
    real *table = nn_scratch(t, (size_t)steps * (size_t)d * sizeof *table);
    for (int i = 0; table && i < steps; i++) write_position(from + i, d, table + (size_t)i * (size_t)d);
    return table ? nn_input(t, table, 2, (int[]){steps, d}) : NULL;
}

nn_var *cap_transformer_embed(nn_tape *t, const cap_transformer *n, const int32_t *word, int rows, int steps,
                              int from)
{
    int d = n->set.hidden;
    int32_t *at = nn_scratch(t, (size_t)rows * sizeof *at);
    int32_t *type = nn_alloc(t, (size_t)rows * sizeof *type);
    if (t->failed) return NULL;
    for (int i = 0; i < rows; i++) at[i] = i % steps + (n->position ? from : 0);
    nn_var *table = n->position ? n->position : sines(t, d, from, steps);
    nn_var *x = nn_embedding(t, n->embedding, word, rows);
    if (!n->position) x = nn_scale(t, x, (real)sqrt(d));
    x = nn_add(t, x, nn_embedding(t, table, at, rows));
    if (n->type) x = nn_add(t, x, nn_embedding(t, n->type, type, rows));
    if (n->set.embedding_norm) x = cap_transformer_norm(t, &n->embedding_norm, x);
    return nn_dropout(t, x, (real)n->set.dropout);
}

/* ---- layers ---- */

nn_var *cap_transformer_norm(nn_tape *t, const cap_layer_norm *norm, nn_var *x)
{
    return nn_layer_norm(t, x, norm->gamma, norm->beta, norm->epsilon);
}

nn_var *cap_transformer_into(nn_tape *t, const cap_transformer *n, const cap_layer_norm *norm, nn_var *x)
{
    return n->set.norm == CAP_NORM_PRE ? cap_transformer_norm(t, norm, x) : x;
}

nn_var *cap_transformer_onto(nn_tape *t, const cap_transformer *n, const cap_layer_norm *norm, nn_var *x,
                             nn_var *part)
{
    nn_var *sum = nn_add(t, x, nn_dropout(t, part, (real)n->set.dropout));
    return n->set.norm == CAP_NORM_POST ? cap_transformer_norm(t, norm, sum) : sum;
}

nn_var *cap_transformer_feed(nn_tape *t, const cap_transformer *n, int i, nn_var *x)
{
    const cap_transformer_layer *l = &n->layer[i];
    nn_var *y = nn_linear(t, cap_transformer_into(t, n, &l->feed_norm, x), l->in_w, l->in_b);
    y = nn_activate(t, y, n->set.activation ? NN_GELU : NN_RELU);
    return cap_transformer_onto(t, n, &l->feed_norm, x, nn_linear(t, y, l->feed_w, l->feed_b));
}

nn_var *cap_transformer_project(nn_tape *t, nn_var *x, nn_var *w, nn_var *b)
{
    return w ? nn_linear(t, x, w, b) : x;
}

nn_var *cap_transformer_attend(nn_tape *t, const cap_transformer *n, const cap_projections *p, nn_var *query,
                               nn_var *keys, nn_var *values, const nn_scope *scope, nn_var **alpha)
{
    real dropout = (real)n->set.attention_dropout;
    nn_var *found;
    if (alpha || nn_match_rows[p->match.kind].network) {
        nn_var *a = nn_normalise(t, nn_match(t, &p->match, query, keys, scope), scope);
        if (alpha) *alpha = a;
        found = nn_aggregate(t, nn_dropout(t, a, dropout), values, scope);
    } else {
        found = nn_attend(t, &p->match, query, keys, values, scope, dropout);
    }
    return cap_transformer_project(t, found, p->out_w, p->out_b);
}

/* ---- whole lines ---- */

static nn_var *attend_to_all(nn_tape *t, const cap_transformer *n, int i, nn_var *x, const nn_scope *scope,
                             nn_var **alpha)
{
    const cap_transformer_layer *l = &n->layer[i];
    nn_var *in = cap_transformer_into(t, n, &l->self_norm, x);
    nn_var *query = cap_transformer_project(t, in, l->self.query_w, l->self.query_b);
    nn_var *keys = cap_transformer_project(t, in, l->self.key_w, l->self.key_b);
    nn_var *values = cap_transformer_project(t, in, l->self.value_w, l->self.value_b);
    return cap_transformer_onto(t, n, &l->self_norm, x,
                                cap_transformer_attend(t, n, &l->self, query, keys, values, scope, alpha));
}

nn_var *cap_transformer_layers(nn_tape *t, const cap_transformer *n, nn_var *x, const int32_t *length,
                               nn_var **alpha)
{
    nn_scope scope = {.length = length, .heads = n->set.self_attention == CAP_SELF_PLAIN ? 1 : n->set.heads};
    for (int i = 0, last = n->set.layers - 1; i <= last; i++)
        x = cap_transformer_feed(t, n, i, attend_to_all(t, n, i, x, &scope, i == last ? alpha : NULL));
    return n->set.norm == CAP_NORM_PRE ? cap_transformer_norm(t, &n->last, x) : x;
}

static int32_t *words_of(nn_tape *t, const ds_source_batch *b)
{
    int32_t *word = nn_alloc(t, (size_t)b->rows * (size_t)b->max_len * sizeof *word);
    for (int r = 0; word && r < b->rows; r++) {
        size_t row = (size_t)r * (size_t)b->max_len;
        memcpy(word + row, b->tokens + row, (size_t)b->length[r] * sizeof *word);
    }
    return word;
}

nn_var *cap_transformer_read(nn_tape *t, const cap_transformer *n, const ds_source_batch *b, nn_var **alpha)
{
    int32_t *word = words_of(t, b);
    if (!word) return NULL;
    nn_var *x = cap_transformer_embed(t, n, word, b->rows * b->max_len, b->max_len, 0);
    x = nn_reshape(t, x, 3, (int[]){b->rows, b->max_len, n->set.hidden});
    return cap_transformer_layers(t, n, x, b->length, alpha);
}
