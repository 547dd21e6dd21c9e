/* Training a decoder by teacher forcing. */
#include "captioner/decoder.h"
#include "captioner/decoder_parts.h"
#include "datasets/vocab.h"
#include "src/base/rng.h"
#include "src/nn/activation.h"
#include "src/nn/linear.h"

/* Pull on the attention's entropy while it is above what is allowed. Without it attention over regions whose
 * receptive fields overlap stays within a few percent of even for many epochs: each region knows enough. */
static const real FOCUS_WEIGHT = (real)0.5;

/* A batch laid out by time: step after step, each with the rows still active (rows are sorted by falling
 * length). */
typedef struct layout {
    int steps, total;
    int *active, *first;        /* [steps] rows at a step; where its rows begin */
    int32_t *previous, *target; /* [total] */
    int32_t *memory;            /* [total] which one it looks at */
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
    l->memory = nn_alloc(t, (size_t)l->total * sizeof *l->memory);
    if (t->failed) return false;
    for (int s = 0; s < l->steps; s++)
        for (int r = 0; r < l->active[s]; r++) {
            const int32_t *row = b->tokens + (size_t)r * ((size_t)b->max_len + 1);
            l->previous[l->first[s] + r] = row[s];
            l->target[l->first[s] + r] = row[s + 1];
            l->memory[l->first[s] + r] = b->row_image[r];
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
    nn_var *logits = cap_decoder_logits(t, d, last->h, last->context, embedded);
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

/* All steps, laid out by time. */
typedef struct unrolled {
    nn_var *embedded, *h, *context; /* [total, E] [total, H] [total, C] or NULL */
    nn_var **alpha;                 /* [steps], [active, L] each; alpha[0] NULL without attention */
} unrolled;

/* The steps one after the other: each may choose the words of the next. */
static void unroll_sampling(nn_tape *t, const cap_decoder *d, const cap_memory *m, const ds_batch *b,
                            layout *l, double chance, unrolled *u)
{
    size_t list = (size_t)l->steps * sizeof(nn_var *);
    nn_var **h = nn_alloc(t, list), **context = nn_alloc(t, list), **embedded = nn_alloc(t, list);
    cap_step step = {.state = cap_decoder_start(t, d, m, b->row_image, b->rows)};
    for (int s = 0; s < l->steps && !t->failed; s++) {
        int n = l->active[s], at = l->first[s];
        if (s > 0) sample_words(t, d, l, s, &step, embedded[s - 1], chance);
        embedded[s] =
            nn_dropout(t, nn_embedding(t, d->embedding, l->previous + at, n), (real)d->config.dropout);
        nn_var *words = cap_decoder_word_gates(t, d, embedded[s]);
        cap_layers state = {0};
        for (int i = 0; i < d->config.layers; i++) state.layer[i] = first_rows(t, step.state.layer[i], n);
        step = cap_decoder_step(t, d, m, b->row_image, &state, words);
        h[s] = step.h;
        context[s] = step.context;
        u->alpha[s] = step.alpha;
    }
    if (t->failed) return;
    u->embedded = nn_stack(t, embedded, l->steps);
    u->h = nn_stack(t, h, l->steps);
    u->context = context[0] ? nn_stack(t, context, l->steps) : NULL;
}

/* The words' shares of the lowest layer's gates: [total, 4H], or those of the vocabulary [V, 4H], of which
 * row i takes number of[i]. */
typedef struct word_gates {
    nn_var *gates;
    const int32_t *of;
} word_gates;

/* Made for the vocabulary where the batch has more words, each undisturbed. */
static word_gates share_gates(nn_tape *t, const cap_decoder *d, const layout *l, nn_var *embedded)
{
    bool all = t->recording && d->config.dropout <= 0 && d->config.vocabulary <= l->total;
    return (word_gates){cap_decoder_word_gates(t, d, all ? d->embedding : embedded),
                        all ? l->previous : NULL};
}

static nn_var *gates_of_step(nn_tape *t, const word_gates *w, const layout *l, int s)
{
    int first = l->first[s], n = l->active[s];
    return w->of ? nn_embedding(t, w->gates, w->of + first, n) : nn_slice(t, w->gates, first, n);
}

/* The lowest layer where its state makes the context that goes into it. */
static void unroll_asking(nn_tape *t, const cap_decoder *d, const cap_memory *m, const ds_batch *b,
                          const layout *l, nn_lstm_state state, const word_gates *gates, unrolled *u)
{
    size_t list = (size_t)l->steps * sizeof(nn_var *);
    nn_var **h = nn_alloc(t, list), **context = nn_alloc(t, list);
    for (int s = 0; s < l->steps && !t->failed; s++) {
        int n = l->active[s];
        state = first_rows(t, state, n);
        context[s] = cap_context(t, d, m, b->row_image, state.h, &u->alpha[s]);
        nn_var *words = gates_of_step(t, gates, l, s);
        state = cap_layer_step(t, &d->layer[0], words, context[s], state);
        h[s] = state.h;
    }
    if (t->failed) return;
    u->h = nn_stack(t, h, l->steps);
    u->context = nn_stack(t, context, l->steps);
}

/* A layer whose inputs are known for all steps: gates are the share of the layer below, or of the words. */
static nn_var *unroll_layer(nn_tape *t, const cap_decoder *d, int i, const layout *l, nn_lstm_state first,
                            word_gates in, nn_var *context)
{
    if (d->layer[i].context) {
        if (in.of) in.gates = nn_embedding(t, in.gates, in.of, l->total);
        in = (word_gates){nn_linear_onto(t, in.gates, context, d->layer[i].context), NULL};
    }
    return nn_lstm_sequence(t, in.gates, in.of, d->layer[i].state, first, l->active, l->steps).h;
}

/* Attention of all steps at once, for states that do not wait for its answer. */
static void attend_output(nn_tape *t, const cap_decoder *d, const cap_memory *m, const ds_batch *b,
                          const layout *l, unrolled *u)
{
    int rows = b->rows, steps = l->steps;
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
    h = nn_reshape(t, h, 3, (int[]){rows, steps, d->config.hidden});
    nn_var *z = cap_attention(t, d, m, b->row_image, h, &alpha);
    z = z ? nn_reshape(t, z, 2, (int[]){rows * steps, nn_last(z)}) : NULL;
    u->context = cap_gated(t, d, u->h, nn_place(t, &z, &to_time, 1, l->total));
    alpha = alpha ? nn_reshape(t, alpha, 2, (int[]){rows * steps, m->states}) : NULL;
    alpha = nn_place(t, &alpha, &to_time, 1, l->total);
    for (int s = 0; s < steps; s++) u->alpha[s] = nn_slice(t, alpha, l->first[s], l->active[s]);
}

/* The words are known: layer after layer, and whatever waits for no earlier step is one product for all. */
static void unroll_known(nn_tape *t, const cap_decoder *d, const cap_memory *m, const ds_batch *b,
                         const layout *l, unrolled *u)
{
    real drop = (real)d->config.dropout;
    bool fixed = d->config.match == NN_MATCH_NONE && d->config.peek;
    cap_layers first = cap_decoder_start(t, d, m, b->row_image, b->rows);
    u->embedded = nn_dropout(t, nn_embedding(t, d->embedding, l->previous, l->total), drop);
    word_gates gates = share_gates(t, d, l, u->embedded);
    if (d->layer[0].context && (!fixed || d->gate_w)) {
        unroll_asking(t, d, m, b, l, first.layer[0], &gates, u);
    } else {
        if (fixed) u->context = nn_gather(t, cap_fixed_vector(d, m), l->memory, l->total);
        u->h = unroll_layer(t, d, 0, l, first.layer[0], gates, u->context);
    }
    for (int i = 1; i < d->config.layers; i++) {
        gates =
            (word_gates){nn_linear(t, nn_dropout(t, u->h, drop), d->layer[i].input, d->layer[i].bias), NULL};
        nn_var *h = unroll_layer(t, d, i, l, first.layer[i], gates, u->context);
        u->h = d->config.residual ? nn_add(t, h, u->h) : h;
    }
    if (d->out_context && !d->layer[0].context) attend_output(t, d, m, b, l, u);
}

/* `loss` with what is asked of the attention. */
static nn_var *with_penalties(nn_tape *t, const unrolled *u, int steps, const cap_loss_options *options,
                              nn_var *loss)
{
    nn_var *parts[3] = {loss};
    real weights[3] = {1};
    int count = 1;
    if (options->coverage > 0) {
        parts[count] = nn_coverage_penalty(t, u->alpha, steps);
        weights[count++] = (real)options->coverage;
    }
    if (options->focus > 0 && options->focus < 1) {
        nn_var *entropy = nn_attention_entropy(t, u->alpha, steps);
        if (entropy &&
            (double)entropy->data[0] > options->focus) { /* a hinge: below, attention is left alone */
            parts[count] = entropy;
            weights[count++] = FOCUS_WEIGHT;
        }
    }
    return count > 1 ? nn_weighted_sum(t, parts, weights, count) : loss;
}

nn_var *cap_decoder_loss(nn_tape *t, const cap_decoder *d, const cap_memory *m, const ds_batch *batch,
                         const cap_loss_options *options, nn_loss_info *info)
{
    layout l = {0};
    unrolled u = {0};
    if (!lay_out(t, batch, &l)) return NULL;
    u.alpha = nn_alloc(t, (size_t)l.steps * sizeof(nn_var *));
    if (!u.alpha) return NULL;
    if (options->sampling > 0)
        unroll_sampling(t, d, m, batch, &l, options->sampling, &u);
    else
        unroll_known(t, d, m, batch, &l, &u);
    nn_var *logits = cap_decoder_logits(t, d, u.h, u.context, u.embedded);
    nn_var *loss = nn_cross_entropy(t, logits, l.target, DS_PAD, (real)options->smoothing, info);
    return loss && u.alpha[0] ? with_penalties(t, &u, l.steps, options, loss) : loss;
}
