#include "captioner/decoder.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "src/base/rng.h"
#include "src/nn/activation.h"
#include "src/nn/linear.h"

/* A softmax over numbers in 0..1 is nearly flat over many regions: to give one of 100 regions half of the
 * weight, degrees must differ by ln 99 = 4.6 after the gain, and a network rarely drives its sigmoid from end
 * to end. From a gain of 4 training hardly moves it and attention stays flat; it starts at 10 and learns ten
 * times as fast as the weights. */
static const double FIRST_GAIN = 10, GAIN_RATE = 10;

/* Pull on the attention's entropy while it is above what is allowed. Without it attention over regions whose
 * receptive fields overlap stays within a few percent of even for many epochs: each region knows enough. */
static const real FOCUS_WEIGHT = (real)0.5;

/* ---- parameters ---- */

typedef struct declarer {
    nn_params *params;
    const char *prefix;
} declarer;

static nn_var *add(const declarer *d, const char *name, int rows, int cols, nn_init init, int flags)
{
    char full[96];
    snprintf(full, sizeof full, "%s%s", d->prefix, name);
    return cols ? nn_params_add(d->params, full, 2, (int[]){rows, cols}, init, flags)
                : nn_params_add(d->params, full, 1, (int[]){rows}, init, flags);
}

static nn_var *weight(const declarer *d, const char *name, int in, int out)
{
    return add(d, name, in, out, nn_init_fan(in), NN_DECAY);
}

static nn_var *bias(const declarer *d, const char *name, int n)
{
    return add(d, name, n, 0, nn_init_constant(0), 0);
}

static bool uses_context(const cap_decoder_config *c)
{
    return c->match != NN_MATCH_NONE || c->peek;
}

static void declare_attention(cap_decoder *d, const declarer *to)
{
    const cap_decoder_config *c = &d->config;
    const nn_match_row *row = &nn_match_rows[c->match];
    d->match.kind = c->match;
    if (row->network) {
        d->key_w = weight(to, "attention.key.weight", c->projection, c->attention);
        d->key_b = bias(to, "attention.key.bias", c->attention);
        d->match.v = add(to, "attention.score.weight", c->attention, 0, nn_init_fan(c->attention), 0);
    }
    if (row->projected)
        d->query_w =
            weight(to, "attention.query.weight", c->hidden, row->network ? c->attention : c->projection);
    if (row->degree) {
        d->match.bias = bias(to, "attention.score.bias", 1);
        double gain = c->fixed_gain ? 1 : FIRST_GAIN;
        d->match.log_gain =
            add(to, "attention.log_gain", 1, 0, nn_init_constant(log(gain)), c->fixed_gain ? NN_BUFFER : 0);
        char name[96];
        snprintf(name, sizeof name, "%sattention.log_gain", to->prefix);
        nn_params_set_rate(to->params, name, GAIN_RATE);
    }
}

void cap_decoder_declare(cap_decoder *d, const cap_decoder_config *c, const char *prefix, nn_params *params)
{
    *d = (cap_decoder){.config = *c};
    declarer to = {params, prefix};
    int p = c->projection, h = c->hidden, e = c->embedding;
    d->project_w = add(&to, "regions.weight", c->features, p, nn_init_relu(c->features), NN_DECAY);
    d->project_b = bias(&to, "regions.bias", p);
    d->start_h_w = weight(&to, "start.h.weight", p, h);
    d->start_h_b = bias(&to, "start.h.bias", h);
    d->start_c_w = weight(&to, "start.c.weight", p, h);
    d->start_c_b = bias(&to, "start.c.bias", h);
    declare_attention(d, &to);
    d->lstm_word = weight(&to, "lstm.word.weight", e, 4 * h);
    d->lstm_state = weight(&to, "lstm.state.weight", h, 4 * h);
    d->lstm_b = bias(&to, "lstm.bias", 4 * h);
    d->embedding = add(&to, "embedding", c->vocabulary, e, nn_init_normal(1 / sqrt(e)), NN_TABLE);
    d->out_state = weight(&to, "output.state.weight", h, e);
    d->out_state_b = bias(&to, "output.state.bias", e);
    d->out_b = bias(&to, "output.bias", c->vocabulary);
    if (!uses_context(c)) return;
    d->gate_w = weight(&to, "gate.weight", h, p);
    d->gate_b = bias(&to, "gate.bias", p);
    d->lstm_context = weight(&to, "lstm.context.weight", p, 4 * h);
    d->out_context = weight(&to, "output.context.weight", p, e);
}

/* ---- the steps ---- */

cap_memory cap_decoder_remember(nn_tape *t, const cap_decoder *d, nn_var *features, const int32_t *length)
{
    cap_memory m = {.length = length};
    real drop = (real)d->config.dropout;
    nn_var *v = nn_activate(t, nn_linear(t, features, d->project_w, d->project_b), NN_RELU);
    m.values = nn_dropout(t, v, drop);
    /* Matching sees the regions undisturbed: the noise of dropout, drawn anew for every region, hides the
     * differences between them, and attention stays flat. */
    m.keys = nn_match_rows[d->config.match].network ? nn_linear(t, v, d->key_w, d->key_b) : v;
    m.mean = nn_mean(t, v, length);
    if (v) {
        m.memories = v->dim[0];
        m.states = v->dim[1];
    }
    return m;
}

static nn_var *for_rows(nn_tape *t, nn_var *x, const int32_t *memory_of, int n)
{
    return memory_of ? nn_gather(t, x, memory_of, n) : x;
}

nn_lstm_state cap_decoder_start(nn_tape *t, const cap_decoder *d, const cap_memory *m,
                                const int32_t *memory_of, int n)
{
    nn_var *h = nn_activate(t, nn_linear(t, m->mean, d->start_h_w, d->start_h_b), NN_TANH);
    nn_var *c = nn_activate(t, nn_linear(t, m->mean, d->start_c_w, d->start_c_b), NN_TANH);
    return (nn_lstm_state){for_rows(t, h, memory_of, n), for_rows(t, c, memory_of, n)};
}

nn_var *cap_decoder_word_gates(nn_tape *t, const cap_decoder *d, nn_var *embedded)
{
    return nn_linear(t, embedded, d->lstm_word, d->lstm_b);
}

/* The three stages of attention, or the fixed vector; then the gate: how much of it this word needs. */
static nn_var *context_of(nn_tape *t, const cap_decoder *d, const cap_memory *m, const int32_t *memory_of,
                          nn_var *h, nn_var **alpha)
{
    nn_var *context;
    *alpha = NULL;
    if (d->config.match == NN_MATCH_NONE) {
        context = for_rows(t, m->mean, memory_of, h ? h->dim[0] : 0);
    } else {
        nn_var *query = d->query_w ? nn_linear(t, h, d->query_w, NULL) : h;
        nn_var *scores = nn_match(t, &d->match, query, m->keys, memory_of);
        *alpha = nn_normalise(t, scores, m->length, memory_of);
        context = nn_aggregate(t, *alpha, m->values, memory_of);
    }
    return nn_mul(t, nn_activate(t, nn_linear(t, h, d->gate_w, d->gate_b), NN_SIGMOID), context);
}

cap_step cap_decoder_step(nn_tape *t, const cap_decoder *d, const cap_memory *m, const int32_t *memory_of,
                          nn_lstm_state previous, nn_var *word_gates)
{
    cap_step s = {0};
    nn_var *gates = nn_linear_onto(t, word_gates, previous.h, d->lstm_state);
    if (uses_context(&d->config)) {
        s.context = context_of(t, d, m, memory_of, previous.h, &s.alpha);
        gates = nn_linear_onto(t, gates, s.context, d->lstm_context);
    }
    s.state = nn_lstm_step(t, gates, previous.c);
    return s;
}

nn_var *cap_decoder_logits(nn_tape *t, const cap_decoder *d, nn_var *h, nn_var *context, nn_var *embedded)
{
    nn_var *y = nn_add(t, embedded, nn_linear(t, h, d->out_state, d->out_state_b));
    if (context) y = nn_linear_onto(t, y, context, d->out_context);
    return nn_linear_tied(t, nn_dropout(t, y, (real)d->config.dropout), d->embedding, d->out_b);
}

/* ---- training ---- */

/* A batch laid out by time: step after step, each with the rows still active (rows are sorted by falling
 * length). */
typedef struct layout {
    int steps, total;
    int *active, *first;        /* [steps] rows at a step; where its rows begin */
    int32_t *previous, *target; /* [total] */
} layout;

static bool lay_out(nn_tape *t, const ds_batch *b, layout *l)
{
    l->steps = b->max_len;
    l->active = nn_alloc(t, (size_t)l->steps * sizeof *l->active);
    l->first = nn_alloc(t, (size_t)l->steps * sizeof *l->first);
    if (t->failed) return false;
    for (int r = 0; r < b->rows; r++)
        for (int s = 0; s < b->length[r]; s++) l->active[s]++;
    for (int s = 0; s < l->steps; s++) {
        l->first[s] = l->total;
        l->total += l->active[s];
    }
    l->previous = nn_alloc(t, (size_t)l->total * sizeof *l->previous);
    l->target = nn_alloc(t, (size_t)l->total * sizeof *l->target);
    if (t->failed) return false;
    for (int s = 0; s < l->steps; s++)
        for (int r = 0; r < l->active[s]; r++) {
            const int32_t *row = b->tokens + (size_t)r * ((size_t)b->max_len + 1);
            l->previous[l->first[s] + r] = row[s];
            l->target[l->first[s] + r] = row[s + 1];
        }
    return true;
}

static nn_lstm_state first_rows(nn_tape *t, nn_lstm_state s, int n)
{
    return (nn_lstm_state){nn_slice(t, s.h, 0, n), nn_slice(t, s.c, 0, n)};
}

/* Replaces some previous words of step s by the model's own most probable ones (not recorded: no gradient
 * flows through a choice). */
static void sample_words(nn_tape *t, const cap_decoder *d, layout *l, int s, const cap_step *last,
                         nn_var *embedded, double chance)
{
    bool recording = t->recording, training = t->training;
    t->recording = t->training = false;
    nn_var *logits = cap_decoder_logits(t, d, last->state.h, last->context, embedded);
    t->recording = recording;
    t->training = training;
    rng r = {.seed = t->seed ^ 0x5eed, .stream = t->step << 8 | (uint64_t)s};
    for (int i = 0; logits && i < l->active[s]; i++) {
        const real *x = logits->data + (size_t)i * (size_t)logits->dim[1];
        int best = DS_SPECIALS;
        for (int j = DS_SPECIALS; j < logits->dim[1]; j++)
            if (x[j] > x[best]) best = j;
        if (rng_uniform(&r) < chance) l->previous[l->first[s] + i] = best;
    }
}

typedef struct unrolled {
    nn_var **h, **context, **alpha, **embedded; /* [steps] */
} unrolled;

static bool unroll(nn_tape *t, const cap_decoder *d, const cap_memory *m, const ds_batch *b, layout *l,
                   double sampling, unrolled *u)
{
    size_t list = (size_t)l->steps * sizeof(nn_var *);
    *u = (unrolled){nn_alloc(t, list), nn_alloc(t, list), nn_alloc(t, list), nn_alloc(t, list)};
    nn_lstm_state state = cap_decoder_start(t, d, m, b->row_image, b->rows);
    nn_var *all = NULL, *gates = NULL;
    real drop = (real)d->config.dropout;
    if (sampling <= 0) { /* the words are known: their share of the gates is one product for all steps */
        all = nn_dropout(t, nn_embedding(t, d->embedding, l->previous, l->total), drop);
        gates = cap_decoder_word_gates(t, d, all);
    }
    cap_step step = {0};
    for (int s = 0; s < l->steps && !t->failed; s++) {
        int n = l->active[s], at = l->first[s];
        if (sampling > 0 && s > 0) sample_words(t, d, l, s, &step, u->embedded[s - 1], sampling);
        u->embedded[s] = all ? nn_slice(t, all, at, n)
                             : nn_dropout(t, nn_embedding(t, d->embedding, l->previous + at, n), drop);
        nn_var *words = gates ? nn_slice(t, gates, at, n) : cap_decoder_word_gates(t, d, u->embedded[s]);
        step = cap_decoder_step(t, d, m, b->row_image, first_rows(t, state, n), words);
        state = step.state;
        u->h[s] = step.state.h;
        u->context[s] = step.context;
        u->alpha[s] = step.alpha;
    }
    return !t->failed;
}

nn_var *cap_decoder_loss(nn_tape *t, const cap_decoder *d, const cap_memory *m, const ds_batch *batch,
                         const cap_loss_options *options, nn_loss_info *info)
{
    layout l = {0};
    unrolled u;
    if (!lay_out(t, batch, &l) || !unroll(t, d, m, batch, &l, options->sampling, &u)) return NULL;
    nn_var *context = u.context[0] ? nn_stack(t, u.context, l.steps) : NULL;
    nn_var *logits =
        cap_decoder_logits(t, d, nn_stack(t, u.h, l.steps), context, nn_stack(t, u.embedded, l.steps));
    nn_var *loss = nn_cross_entropy(t, logits, l.target, DS_PAD, (real)options->smoothing, info);
    if (!loss || !u.alpha[0]) return loss;
    nn_var *parts[3] = {loss};
    real weights[3] = {1};
    int count = 1;
    if (options->coverage > 0) {
        parts[count] = nn_coverage_penalty(t, u.alpha, l.steps);
        weights[count++] = (real)options->coverage;
    }
    if (options->focus > 0 && options->focus < 1) {
        nn_var *entropy = nn_attention_entropy(t, u.alpha, l.steps);
        if (entropy &&
            (double)entropy->data[0] > options->focus) { /* a hinge: below, attention is left alone */
            parts[count] = entropy;
            weights[count++] = FOCUS_WEIGHT;
        }
    }
    return count > 1 ? nn_weighted_sum(t, parts, weights, count) : loss;
}
