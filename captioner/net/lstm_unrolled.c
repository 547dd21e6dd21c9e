/* All steps of the LSTM decoder at once: layer after layer, and whatever waits for no earlier step is one
 * product for all. */
#include "captioner/net/lstm_decoder.h"
#include "src/nn/activation.h"
#include "src/nn/linear.h"

/* What is known of all steps, laid out by time. */
typedef struct unrolled {
    nn_var *embedded, *h, *context; /* [total, E] [total, H] [total, C] or NULL */
    nn_var **alpha;                 /* [steps], [active, L] each */
} unrolled;

static nn_lstm_state first_rows(nn_tape *t, nn_lstm_state s, int n)
{
    return (nn_lstm_state){nn_slice(t, s.h, 0, n), nn_slice(t, s.c, 0, n)};
}

/* The words' shares of the lowest layer's gates: [total, 4H], or those of the vocabulary [V, 4H], of which
 * row i takes number of[i]. */
typedef struct word_gates {
    nn_var *gates;
    const int32_t *of;
} word_gates;

/* Made for the vocabulary where the batch has more words, each undisturbed and whatever the photo. */
static word_gates share_gates(nn_tape *t, const cap_decoder *d, const cap_memory *m, const cap_timeline *l,
                              nn_var *embedded)
{
    const cap_lstm_settings *c = cap_lstm_set(d);
    bool all = t->recording && c->dropout <= 0 && !c->glance && d->config.vocabulary <= l->total;
    return (word_gates){cap_lstm_word_gates(t, d, m, l->memory, all ? cap_lstm_of(d)->embedding : embedded),
                        all ? l->previous : NULL};
}

static nn_var *gates_of_step(nn_tape *t, const word_gates *w, const cap_timeline *l, int s)
{
    int first = l->first[s], n = l->active[s];
    return w->of ? nn_embedding(t, w->gates, w->of + first, n) : nn_slice(t, w->gates, first, n);
}

/* The lowest layer where its state makes the context that goes into it. */
static void unroll_asking(nn_tape *t, const cap_decoder *d, const cap_memory *m, const cap_timeline *l,
                          nn_lstm_state state, const word_gates *gates, unrolled *u)
{
    size_t list = (size_t)l->steps * sizeof(nn_var *);
    nn_var **h = nn_alloc(t, list), **context = nn_alloc(t, list);
    for (int s = 0; s < l->steps && !t->failed; s++) {
        int n = l->active[s];
        state = first_rows(t, state, n);
        context[s] = cap_lstm_context(t, d, m, l->memory_of, state.h, &u->alpha[s]);
        nn_var *words = gates_of_step(t, gates, l, s);
        state = cap_lstm_layer_step(t, &cap_lstm_of(d)->layer[0], words, context[s], state);
        h[s] = state.h;
    }
    if (t->failed) return;
    u->h = nn_stack(t, h, l->steps);
    u->context = nn_stack(t, context, l->steps);
}

/* A layer whose inputs are known for all steps: gates are the share of the layer below, or of the words. */
static nn_var *unroll_layer(nn_tape *t, const cap_decoder *d, int i, const cap_timeline *l,
                            nn_lstm_state first, word_gates in, nn_var *context)
{
    const cap_lstm_layer *layer = &cap_lstm_of(d)->layer[i];
    if (layer->context) {
        if (in.of) in.gates = nn_embedding(t, in.gates, in.of, l->total);
        in = (word_gates){nn_linear_onto(t, in.gates, context, layer->context), NULL};
    }
    return nn_lstm_sequence(t, in.gates, in.of, layer->state, first, l->active, l->steps).h;
}

/* Attention of all steps at once, for states that do not wait for its answer. */
static void attend_output(nn_tape *t, const cap_decoder *d, const cap_memory *m, const cap_timeline *l,
                          unrolled *u)
{
    int rows = l->rows, steps = l->steps;
    int32_t *by_row = nn_alloc(t, (size_t)rows * (size_t)steps * sizeof *by_row);
    int32_t *by_time = nn_alloc(t, (size_t)l->total * sizeof *by_time);
    if (t->failed) return;
    for (int r = 0; r < rows; r++)
        for (int s = 0; s < steps; s++) {
            bool there = r < l->active[s];
            by_row[r * steps + s] = there ? l->first[s] + r : -1;
            if (there) by_time[l->first[s] + r] = r * steps + s;
        }
    const int32_t *to_rows = by_row, *to_time = by_time;
    nn_var *h = nn_place(t, &u->h, &to_rows, 1, rows * steps), *alpha = NULL;
    h = nn_reshape(t, h, 3, (int[]){rows, steps, cap_lstm_set(d)->hidden});
    nn_var *z = cap_lstm_attention(t, d, m, l->memory_of, h, &alpha);
    z = z ? nn_reshape(t, z, 2, (int[]){rows * steps, nn_last(z)}) : NULL;
    u->context = cap_lstm_gated(t, d, u->h, nn_place(t, &z, &to_time, 1, l->total));
    alpha = alpha ? nn_reshape(t, alpha, 2, (int[]){rows * steps, m->states}) : NULL;
    alpha = nn_place(t, &alpha, &to_time, 1, l->total);
    for (int s = 0; s < steps; s++) u->alpha[s] = nn_slice(t, alpha, l->first[s], l->active[s]);
}

void cap_lstm_all_steps(nn_tape *t, const cap_decoder *decoder, const cap_memory *m, const cap_timeline *l,
                        cap_unrolled *out)
{
    const cap_lstm *d = cap_lstm_of(decoder);
    const cap_lstm_settings *c = cap_lstm_set(decoder);
    real drop = (real)c->dropout;
    bool fixed = c->match == NN_MATCH_NONE && c->peek;
    unrolled u = {.alpha = out->alpha};
    cap_decoder_state first;
    cap_lstm_start(t, decoder, m, l->memory_of, l->rows, &first);
    u.embedded = nn_dropout(t, nn_embedding(t, d->embedding, l->previous, l->total), drop);
    word_gates gates = share_gates(t, decoder, m, l, u.embedded);
    if (d->layer[0].context && (!fixed || d->gate_w)) {
        unroll_asking(t, decoder, m, l, cap_lstm_layer_of(&first, 0), &gates, &u);
    } else {
        if (fixed) u.context = nn_gather(t, cap_lstm_fixed_vector(decoder, m), l->memory, l->total);
        u.h = unroll_layer(t, decoder, 0, l, cap_lstm_layer_of(&first, 0), gates, u.context);
    }
    for (int i = 1; i < c->layers; i++) {
        gates =
            (word_gates){nn_linear(t, nn_dropout(t, u.h, drop), d->layer[i].input, d->layer[i].bias), NULL};
        nn_var *h = unroll_layer(t, decoder, i, l, cap_lstm_layer_of(&first, i), gates, u.context);
        u.h = c->residual ? nn_add(t, h, u.h) : h;
    }
    if (d->out_context && !d->layer[0].context) attend_output(t, decoder, m, l, &u);
    out->outlook[0] = u.h;
    out->outlook[1] = u.context;
    out->outlook[2] = u.embedded;
}
