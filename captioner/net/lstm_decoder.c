/* The LSTM decoder's parameters and its steps. */
#include "captioner/net/lstm_decoder.h"

#include <math.h>
#include <stdio.h>

#include "src/nn/activation.h"
#include "src/nn/linear.h"

/* ---- parameters ---- */

/* A softmax over numbers in 0..1 is nearly flat over many regions: to give one of 100 regions half of the
 * weight, degrees must differ by ln 99 = 4.6 after the gain, and a network rarely drives its sigmoid from end
 * to end. From a gain of 4 training hardly moves it and attention stays flat; it starts at 10 and learns ten
 * times as fast as the weights. */
static const double FIRST_GAIN = 10, GAIN_RATE = 10;

typedef struct declarer {
    nn_params *params;
    const char *prefix;
    const cap_lstm_settings *c;
    int features, vocabulary; /* D, V */
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

/* A table that rows are taken from. */
static nn_var *table(const declarer *d, const char *name, int rows, int cols, double deviation)
{
    return add(d, name, rows, cols, nn_init_normal(deviation), NN_TABLE);
}

static int projected_width(const declarer *to)
{
    return to->c->projection ? to->c->projection : to->features;
}

/* Of the context; 0: there is none. */
static int context_width(const declarer *to)
{
    const cap_lstm_settings *c = to->c;
    if (c->match != NN_MATCH_NONE) return projected_width(to);
    return !c->peek ? 0 : c->start == CAP_START_MEAN ? projected_width(to) : to->features;
}

static void declare_attention(cap_lstm *d, const declarer *to)
{
    const cap_lstm_settings *c = to->c;
    const nn_match_row *row = &nn_match_rows[c->match];
    int width = projected_width(to);
    d->match.kind = c->match;
    if (row->network) {
        d->key_w = weight(to, "attention.key.weight", width, c->attention);
        d->key_b = bias(to, "attention.key.bias", c->attention);
        d->match.v =
            add(to, "attention.score.weight", c->attention, 0, nn_init_fan(c->attention / c->heads), 0);
    }
    if (row->projected)
        d->query_w = weight(to, "attention.query.weight", c->hidden, row->network ? c->attention : width);
    if (row->degree) {
        d->match.bias = bias(to, "attention.score.bias", c->heads);
        double gain = c->fixed_gain ? 1 : FIRST_GAIN;
        d->match.log_gain = add(to, "attention.log_gain", c->heads, 0, nn_init_constant(log(gain)),
                                c->fixed_gain ? NN_BUFFER : 0);
        char name[96];
        snprintf(name, sizeof name, "%sattention.log_gain", to->prefix);
        nn_params_set_rate(to->params, name, GAIN_RATE);
    }
}

static void declare_concepts(cap_lstm *d, const declarer *to)
{
    const cap_lstm_settings *c = to->c;
    int width = projected_width(to);
    if (!c->concepts) return;
    d->concept_word =
        add(to, "concepts.word.weight", c->embedding, width, nn_init_relu(c->embedding), NN_DECAY);
    d->concept_traits =
        add(to, "concepts.traits.weight", CAP_NAMERS * CAP_LSTM_TRAITS, width, nn_init_normal(0.2), 0);
    d->concept_null = add(to, "concepts.null", width, 0, nn_init_normal(0.1), 0);
    if (c->softmax == CAP_SOFTMAX_ONE || c->match == NN_MATCH_NONE) return;
    d->balance_w = weight(to, "attention.balance.weight", c->hidden, c->heads);
    d->balance_b = bias(to, "attention.balance.bias", c->heads);
}

static void declare_glance(cap_lstm *d, const declarer *to)
{
    const cap_lstm_settings *c = to->c;
    if (!c->glance) return;
    d->glance_w = weight(to, "glance.weight", projected_width(to) * (c->concepts ? 2 : 1), c->glance);
    d->glance_b = bias(to, "glance.bias", c->glance);
    d->glance_blind = bias(to, "glance.blind", c->glance);
    d->glance_gates = weight(to, "lstm.glance.weight", c->glance, 4 * c->hidden);
    if (c->styles) d->glance_style = table(to, "glance.style", c->styles + 1, c->glance, 0.02);
}

/* PART of layer i: of the lowest PART alone, the name from when there was one layer. */
static const char *layer_name(char name[64], const char *group, int i, const char *part)
{
    if (i)
        snprintf(name, 64, "%s%d.%s", group, i + 1, part);
    else
        snprintf(name, 64, "%s.%s", group, part);
    return name;
}

static void declare_start(cap_lstm *d, const declarer *to, int i)
{
    const cap_lstm_settings *c = to->c;
    cap_lstm_layer *l = &d->layer[i];
    int width = c->glance ? c->glance : c->start == CAP_START_MEAN ? projected_width(to) : to->features;
    char name[64];
    if (c->start == CAP_START_COPY || c->start == CAP_START_ZERO) return;
    l->start_h_w = weight(to, layer_name(name, "start", i, "h.weight"), width, c->hidden);
    l->start_h_b = bias(to, layer_name(name, "start", i, "h.bias"), c->hidden);
    l->start_c_w = weight(to, layer_name(name, "start", i, "c.weight"), width, c->hidden);
    l->start_c_b = bias(to, layer_name(name, "start", i, "c.bias"), c->hidden);
}

static void declare_layer(cap_lstm *d, const declarer *to, int i)
{
    const cap_lstm_settings *c = to->c;
    cap_lstm_layer *l = &d->layer[i];
    int gates = 4 * c->hidden, width = context_width(to);
    bool takes_context = width && (c->attend == CAP_ATTEND_INPUT || c->match == NN_MATCH_NONE);
    char name[64];
    l->input = i ? weight(to, layer_name(name, "lstm", i, "input.weight"), c->hidden, gates)
                 : weight(to, "lstm.word.weight", c->embedding, gates);
    l->state = weight(to, layer_name(name, "lstm", i, "state.weight"), c->hidden, gates);
    l->bias = bias(to, layer_name(name, "lstm", i, "bias"), gates);
    if (takes_context) l->context = weight(to, layer_name(name, "lstm", i, "context.weight"), width, gates);
}

static void declare_output(cap_lstm *d, const declarer *to)
{
    const cap_lstm_settings *c = to->c;
    int width = context_width(to), to_width = c->output == CAP_OUTPUT_FULL ? to->vocabulary : c->embedding;
    d->out_state = weight(to, "output.state.weight", c->hidden, to_width);
    if (c->output == CAP_OUTPUT_TIED) d->out_state_b = bias(to, "output.state.bias", c->embedding);
    d->out_b = bias(to, "output.bias", to->vocabulary);
    if (width) d->out_context = weight(to, "output.context.weight", width, to_width);
}

static void declare(cap_decoder *decoder, const char *prefix, nn_params *params)
{
    const cap_lstm_settings *c = cap_lstm_set(decoder);
    cap_lstm *d = decoder->net;
    declarer to = {params, prefix, c, decoder->config.features, decoder->config.vocabulary};
    int width = context_width(&to);
    if (c->projection && to.features) {
        nn_init init = c->rectify ? nn_init_relu(to.features) : nn_init_fan(to.features);
        d->project_w = add(&to, "regions.weight", to.features, c->projection, init, NN_DECAY);
        d->project_b = bias(&to, "regions.bias", c->projection);
    }
    for (int i = 0; i < c->layers; i++) declare_start(d, &to, i);
    declare_attention(d, &to);
    declare_concepts(d, &to);
    declare_glance(d, &to);
    d->embedding = table(&to, "embedding", to.vocabulary, c->embedding, 1 / sqrt(c->embedding));
    for (int i = 0; i < c->layers; i++) declare_layer(d, &to, i);
    declare_output(d, &to);
    if (!width || !c->gate) return;
    d->gate_w = weight(&to, "gate.weight", c->hidden, width);
    d->gate_b = bias(&to, "gate.bias", width);
}

/* ---- once per memory ---- */

static void remember_summary(nn_tape *t, const cap_decoder *decoder, const cap_memory *m, nn_var *states)
{
    const cap_lstm *d = cap_lstm_of(decoder);
    const cap_lstm_settings *c = cap_lstm_set(decoder);
    cap_lstm_memory *net = m->net;
    bool shown = c->match == NN_MATCH_NONE && c->peek;
    if (c->start == CAP_START_MEAN && (!c->glance || shown)) net->mean = nn_mean(t, states, m->length);
    if (!c->glance) return;
    net->glance = cap_lstm_glance(t, decoder, m, states);
    net->gates = nn_linear(t, net->glance, d->glance_gates, d->layer[0].bias);
}

static void remember(nn_tape *t, const cap_decoder *decoder, cap_memory *m)
{
    const cap_lstm *d = cap_lstm_of(decoder);
    const cap_lstm_settings *c = cap_lstm_set(decoder);
    cap_lstm_memory *net = nn_alloc(t, sizeof *net);
    nn_var *v = m->source.states;
    if (!net) return;
    m->net = net;
    if (!decoder->config.features && !c->concepts) return; /* there is nothing to remember */
    if (v && d->project_w) v = nn_linear(t, v, d->project_w, d->project_b);
    if (v && d->project_w && c->rectify) v = nn_activate(t, v, NN_RELU);
    if (c->concepts) v = cap_lstm_join(t, decoder, m, v);
    if (d->balance_w) net->regions = cap_lstm_regions(t, m);
    net->values = nn_dropout(t, v, (real)c->dropout);
    /* Matching sees the regions undisturbed: the noise of dropout, drawn anew for every region, hides the
     * differences between them, and attention stays flat. */
    net->keys = nn_match_rows[c->match].network ? nn_linear(t, v, d->key_w, d->key_b) : v;
    remember_summary(t, decoder, m, v);
}

/* ---- the first state ---- */

/* The last state of the encoder's layer i, or of its highest. */
static nn_lstm_state last_of(const cap_memory *m, int i)
{
    const cap_encoded *e = &m->source;
    if (!e->layers) return (nn_lstm_state){0};
    return e->last[i < e->layers ? i : e->layers - 1];
}

static nn_var *start_from(nn_tape *t, nn_var *x, nn_var *w, nn_var *b)
{
    return nn_activate(t, nn_linear(t, x, w, b), NN_TANH);
}

static nn_var *zeros(nn_tape *t, int rows, int cols)
{
    return nn_input(t, nn_alloc(t, (size_t)rows * (size_t)cols * sizeof(real)), 2, (int[]){rows, cols});
}

void cap_lstm_start(nn_tape *t, const cap_decoder *decoder, const cap_memory *m, const int32_t *memory_of,
                    int n, cap_decoder_state *out)
{
    const cap_lstm *d = cap_lstm_of(decoder);
    const cap_lstm_settings *c = cap_lstm_set(decoder);
    const cap_lstm_memory *net = m->net;
    out->parts = 2 * c->layers;
    for (int i = 0; c->start == CAP_START_ZERO && i < out->parts; i++) out->part[i] = zeros(t, n, c->hidden);
    for (int i = 0; c->start != CAP_START_ZERO && i < c->layers; i++) {
        const cap_lstm_layer *l = &d->layer[i];
        nn_var *summary = c->glance ? net->glance : net->mean;
        nn_lstm_state from = c->start == CAP_START_MEAN ? (nn_lstm_state){summary, summary} : last_of(m, i);
        if (c->start == CAP_START_COPY)
            from.c = zeros(t, m->memories, c->hidden);
        else
            from = (nn_lstm_state){start_from(t, from.h, l->start_h_w, l->start_h_b),
                                   start_from(t, from.c, l->start_c_w, l->start_c_b)};
        out->part[2 * i] = cap_for_rows(t, from.h, memory_of, n);
        out->part[2 * i + 1] = cap_for_rows(t, from.c, memory_of, n);
    }
}

/* ---- a step ---- */

nn_var *cap_lstm_word_gates(nn_tape *t, const cap_decoder *d, const cap_memory *m, const int32_t *memory_of,
                            nn_var *embedded)
{
    const cap_lstm_layer *lowest = &cap_lstm_of(d)->layer[0];
    const cap_lstm_memory *net = m->net;
    if (!cap_lstm_set(d)->glance || !embedded) return nn_linear(t, embedded, lowest->input, lowest->bias);
    nn_var *glance = cap_for_rows(t, net->gates, memory_of, embedded->dim[0]);
    return nn_linear_onto(t, glance, embedded, lowest->input);
}

nn_var *cap_lstm_fixed_vector(const cap_decoder *d, const cap_memory *m)
{
    const cap_lstm_memory *net = m->net;
    return cap_lstm_set(d)->start == CAP_START_MEAN ? net->mean : last_of(m, CAP_MAX_LAYERS).h;
}

nn_var *cap_lstm_gated(nn_tape *t, const cap_decoder *decoder, nn_var *h, nn_var *context)
{
    const cap_lstm *d = cap_lstm_of(decoder);
    if (!d->gate_w) return context;
    return nn_mul(t, nn_activate(t, nn_linear(t, h, d->gate_w, d->gate_b), NN_SIGMOID), context);
}

nn_var *cap_lstm_attention(nn_tape *t, const cap_decoder *decoder, const cap_memory *m,
                           const int32_t *memory_of, nn_var *h, nn_var **alpha)
{
    const cap_lstm *d = cap_lstm_of(decoder);
    const cap_lstm_memory *net = m->net;
    nn_var *query = d->query_w ? nn_linear(t, h, d->query_w, NULL) : h;
    nn_scope scope = {.memory_of = memory_of, .length = m->length, .heads = cap_lstm_set(decoder)->heads};
    nn_var *scores = nn_match(t, &d->match, query, net->keys, &scope);
    nn_var *weights =
        net->regions
            ? nn_normalise_apart(t, scores, nn_linear(t, h, d->balance_w, d->balance_b), net->regions, &scope)
            : nn_normalise(t, scores, &scope);
    *alpha = nn_head_mean(t, weights, scope.heads);
    return nn_aggregate(t, weights, net->values, &scope);
}

/* The three stages of attention, or the fixed vector; then the gate: how much of it this word needs. */
nn_var *cap_lstm_context(nn_tape *t, const cap_decoder *d, const cap_memory *m, const int32_t *memory_of,
                         nn_var *h, nn_var **alpha)
{
    *alpha = NULL;
    nn_var *context = cap_lstm_set(d)->match == NN_MATCH_NONE
                          ? cap_for_rows(t, cap_lstm_fixed_vector(d, m), memory_of, h ? h->dim[0] : 0)
                          : cap_lstm_attention(t, d, m, memory_of, h, alpha);
    return cap_lstm_gated(t, d, h, context);
}

nn_lstm_state cap_lstm_layer_step(nn_tape *t, const cap_lstm_layer *l, nn_var *gates, nn_var *context,
                                  nn_lstm_state previous)
{
    gates = nn_linear_onto(t, gates, previous.h, l->state);
    if (l->context) gates = nn_linear_onto(t, gates, context, l->context);
    return nn_lstm_step(t, gates, previous.c);
}

enum { OUTLOOK_H, OUTLOOK_CONTEXT, OUTLOOK_WORD };

/* The outlook: what the highest layer gives [N, H], the context [N, C], the previous words [N, E]. */
static void step(nn_tape *t, const cap_decoder *decoder, const cap_memory *m, const int32_t *memory_of,
                 const cap_decoder_state *previous, const int32_t *word, cap_step *s)
{
    const cap_lstm *d = cap_lstm_of(decoder);
    const cap_lstm_settings *c = cap_lstm_set(decoder);
    nn_lstm_state before = cap_lstm_layer_of(previous, 0);
    nn_var *context = NULL, *h,
           *embedded = nn_dropout(t, nn_embedding(t, d->embedding, word, previous->rows), (real)c->dropout),
           *gates = cap_lstm_word_gates(t, decoder, m, memory_of, embedded);
    if (d->layer[0].context) context = cap_lstm_context(t, decoder, m, memory_of, before.h, &s->alpha);
    nn_lstm_state after = cap_lstm_layer_step(t, &d->layer[0], gates, context, before);
    s->state.parts = 2 * c->layers;
    s->state.part[0] = h = after.h;
    s->state.part[1] = after.c;
    for (int i = 1; i < c->layers; i++) {
        const cap_lstm_layer *l = &d->layer[i];
        nn_var *x = nn_dropout(t, h, (real)c->dropout);
        after = cap_lstm_layer_step(t, l, nn_linear(t, x, l->input, l->bias), context,
                                    cap_lstm_layer_of(previous, i));
        s->state.part[2 * i] = after.h;
        s->state.part[2 * i + 1] = after.c;
        h = c->residual ? nn_add(t, after.h, h) : after.h;
    }
    if (d->out_context && !d->layer[0].context)
        context = cap_lstm_context(t, decoder, m, memory_of, h, &s->alpha);
    s->outlook[OUTLOOK_H] = h;
    s->outlook[OUTLOOK_CONTEXT] = context;
    s->outlook[OUTLOOK_WORD] = embedded;
}

/* Logits are linear in x and in the bias: to sharpen both is to sharpen them. */
static nn_var *sharpened(nn_tape *t, const cap_lstm_settings *c, nn_var *x)
{
    return c->sharpness < 1 || c->sharpness > 1 ? nn_scale(t, x, (real)c->sharpness) : x;
}

static nn_var *logits(nn_tape *t, const cap_decoder *decoder, nn_var *const *outlook)
{
    const cap_lstm *d = cap_lstm_of(decoder);
    const cap_lstm_settings *c = cap_lstm_set(decoder);
    nn_var *h = outlook[OUTLOOK_H], *context = outlook[OUTLOOK_CONTEXT];
    real drop = (real)c->dropout;
    if (c->output == CAP_OUTPUT_FULL) {
        nn_var *y = nn_linear(t, nn_dropout(t, h, drop), d->out_state, d->out_b);
        if (context) y = nn_linear_onto(t, y, nn_dropout(t, context, drop), d->out_context);
        return sharpened(t, c, y);
    }
    nn_var *y = nn_add(t, outlook[OUTLOOK_WORD], nn_linear(t, h, d->out_state, d->out_state_b));
    if (context) y = nn_linear_onto(t, y, context, d->out_context);
    y = sharpened(t, c, nn_dropout(t, y, drop)); /* narrower than the logits */
    return nn_linear_tied(t, y, d->embedding, sharpened(t, c, d->out_b));
}

static bool attends(const void *settings)
{
    return ((const cap_lstm_settings *)settings)->match != NN_MATCH_NONE;
}

const cap_decoder_row cap_decoder_lstm = {.name = "lstm",
                                          .about = "an LSTM that looks before, or after, each word",
                                          .fields = cap_lstm_fields,
                                          .settings_bytes = sizeof(cap_lstm_settings),
                                          .net_bytes = sizeof(cap_lstm),
                                          .defaults = cap_lstm_defaults,
                                          .check = cap_lstm_check,
                                          .attends = attends,
                                          .declare = declare,
                                          .remember = remember,
                                          .start = cap_lstm_start,
                                          .step = step,
                                          .logits = logits,
                                          .all_steps = cap_lstm_all_steps};
