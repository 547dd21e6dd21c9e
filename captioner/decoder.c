/* The steps of a decoder. */
#include "captioner/decoder.h"

#include "captioner/decoder_parts.h"
#include "src/nn/activation.h"
#include "src/nn/linear.h"

cap_memory cap_decoder_remember(nn_tape *t, const cap_decoder *d, const cap_encoded *encoded)
{
    const cap_decoder_config *c = &d->config;
    cap_memory m = {.source = *encoded, .length = encoded->length};
    nn_var *v = encoded->states;
    if (d->project_w) v = nn_linear(t, v, d->project_w, d->project_b);
    if (d->project_w && c->rectify) v = nn_activate(t, v, NN_RELU);
    m.values = nn_dropout(t, v, (real)c->dropout);
    /* Matching sees the regions undisturbed: the noise of dropout, drawn anew for every region, hides the
     * differences between them, and attention stays flat. */
    m.keys = nn_match_rows[c->match].network ? nn_linear(t, v, d->key_w, d->key_b) : v;
    if (c->start == CAP_START_MEAN) m.mean = nn_mean(t, v, m.length);
    if (v) {
        m.memories = v->dim[0];
        m.states = v->dim[1];
    }
    return m;
}

nn_var *cap_for_rows(nn_tape *t, nn_var *x, const int32_t *memory_of, int n)
{
    return memory_of ? nn_gather(t, x, memory_of, n) : x;
}

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

cap_layers cap_decoder_start(nn_tape *t, const cap_decoder *d, const cap_memory *m, const int32_t *memory_of,
                             int n)
{
    cap_layers first = {0};
    for (int i = 0; i < d->config.layers; i++) {
        const cap_decoder_layer *l = &d->layer[i];
        nn_lstm_state from =
            d->config.start == CAP_START_MEAN ? (nn_lstm_state){m->mean, m->mean} : last_of(m, i);
        if (d->config.start == CAP_START_COPY)
            from.c = zeros(t, m->memories, d->config.hidden);
        else
            from = (nn_lstm_state){start_from(t, from.h, l->start_h_w, l->start_h_b),
                                   start_from(t, from.c, l->start_c_w, l->start_c_b)};
        first.layer[i] =
            (nn_lstm_state){cap_for_rows(t, from.h, memory_of, n), cap_for_rows(t, from.c, memory_of, n)};
    }
    return first;
}

nn_var *cap_decoder_word_gates(nn_tape *t, const cap_decoder *d, nn_var *embedded)
{
    return nn_linear(t, embedded, d->layer[0].input, d->layer[0].bias);
}

nn_var *cap_fixed_vector(const cap_decoder *d, const cap_memory *m)
{
    return d->config.start == CAP_START_MEAN ? m->mean : last_of(m, CAP_MAX_LAYERS).h;
}

nn_var *cap_gated(nn_tape *t, const cap_decoder *d, nn_var *h, nn_var *context)
{
    if (!d->gate_w) return context;
    return nn_mul(t, nn_activate(t, nn_linear(t, h, d->gate_w, d->gate_b), NN_SIGMOID), context);
}

nn_var *cap_attention(nn_tape *t, const cap_decoder *d, const cap_memory *m, const int32_t *memory_of,
                      nn_var *h, nn_var **alpha)
{
    nn_var *query = d->query_w ? nn_linear(t, h, d->query_w, NULL) : h;
    nn_scope scope = {.memory_of = memory_of, .length = m->length};
    *alpha = nn_normalise(t, nn_match(t, &d->match, query, m->keys, &scope), &scope);
    return nn_aggregate(t, *alpha, m->values, &scope);
}

/* The three stages of attention, or the fixed vector; then the gate: how much of it this word needs. */
nn_var *cap_context(nn_tape *t, const cap_decoder *d, const cap_memory *m, const int32_t *memory_of,
                    nn_var *h, nn_var **alpha)
{
    *alpha = NULL;
    nn_var *context = d->config.match == NN_MATCH_NONE
                          ? cap_for_rows(t, cap_fixed_vector(d, m), memory_of, h ? h->dim[0] : 0)
                          : cap_attention(t, d, m, memory_of, h, alpha);
    return cap_gated(t, d, h, context);
}

nn_lstm_state cap_layer_step(nn_tape *t, const cap_decoder_layer *l, nn_var *gates, nn_var *context,
                             nn_lstm_state previous)
{
    gates = nn_linear_onto(t, gates, previous.h, l->state);
    if (l->context) gates = nn_linear_onto(t, gates, context, l->context);
    return nn_lstm_step(t, gates, previous.c);
}

cap_step cap_decoder_step(nn_tape *t, const cap_decoder *d, const cap_memory *m, const int32_t *memory_of,
                          const cap_layers *previous, nn_var *word_gates)
{
    cap_step s = {0};
    const nn_lstm_state *before = previous->layer;
    if (d->layer[0].context) s.context = cap_context(t, d, m, memory_of, before[0].h, &s.alpha);
    s.state.layer[0] = cap_layer_step(t, &d->layer[0], word_gates, s.context, before[0]);
    s.h = s.state.layer[0].h;
    for (int i = 1; i < d->config.layers; i++) {
        const cap_decoder_layer *l = &d->layer[i];
        nn_var *x = nn_dropout(t, s.h, (real)d->config.dropout);
        s.state.layer[i] = cap_layer_step(t, l, nn_linear(t, x, l->input, l->bias), s.context, before[i]);
        s.h = d->config.residual ? nn_add(t, s.state.layer[i].h, s.h) : s.state.layer[i].h;
    }
    if (d->out_context && !d->layer[0].context) s.context = cap_context(t, d, m, memory_of, s.h, &s.alpha);
    return s;
}

nn_var *cap_decoder_logits(nn_tape *t, const cap_decoder *d, nn_var *h, nn_var *context, nn_var *embedded)
{
    real drop = (real)d->config.dropout;
    if (d->config.output == CAP_OUTPUT_FULL) {
        nn_var *y = nn_linear(t, nn_dropout(t, h, drop), d->out_state, d->out_b);
        return context ? nn_linear_onto(t, y, nn_dropout(t, context, drop), d->out_context) : y;
    }
    nn_var *y = nn_add(t, embedded, nn_linear(t, h, d->out_state, d->out_state_b));
    if (context) y = nn_linear_onto(t, y, context, d->out_context);
    return nn_linear_tied(t, nn_dropout(t, y, drop), d->embedding, d->out_b);
}
