/* Training a decoder by teacher forcing. */
#include <string.h>

#include "captioner/net/guide.h"
#include "datasets/vocab.h"
#include "src/base/rng.h"
#include "src/nn/activation.h"
#include "src/nn/attention_penalty.h"

/* Pull on the attention's entropy while it is above what is allowed. Without it attention over regions whose
 * receptive fields overlap stays within a few percent of even for many epochs: each region knows enough. */
static const real FOCUS_WEIGHT = (real)0.5;

/* A batch laid out by time. */
static bool lay_out(nn_tape *t, const ds_batch *b, cap_timeline *l)
{
    *l = (cap_timeline){.rows = b->rows, .steps = b->max_len, .memory_of = b->row_image};
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

/* Replaces some previous words of step s by the model's own most probable ones (not recorded: no gradient
 * flows through a choice). */
static void sample_words(nn_tape *t, const cap_decoder *d, cap_timeline *l, int s, const cap_step *last,
                         double chance)
{
    bool recording = t->recording, training = t->training;
    t->recording = t->training = false;
    nn_var *logits = cap_decoder_logits(t, d, last);
    t->recording = recording;
    t->training = training;
    rng r = {.seed = t->seed ^ 0x5eed, .stream = cap_sampling_stream(t->step, s)};
    for (int i = 0; logits && i < l->active[s]; i++) {
        const real *x = logits->data + (size_t)i * (size_t)logits->dim[1];
        int best = DS_SPECIALS;
        for (int j = DS_SPECIALS; j < logits->dim[1]; j++)
            if (x[j] > x[best]) best = j;
        if (rng_uniform(&r) < chance) l->previous[l->first[s] + i] = best;
    }
}

/* The first n rows of every part. */
static cap_decoder_state first_rows(nn_tape *t, const cap_decoder_state *s, int n)
{
    cap_decoder_state first = {.rows = n, .parts = s->parts};
    for (int i = 0; i < s->parts; i++) first.part[i] = nn_slice(t, s->part[i], 0, n);
    return first;
}

/* The steps one after the other: each may choose the words of the next. */
static void step_by_step(nn_tape *t, const cap_decoder *d, const cap_memory *m, cap_timeline *l,
                         double chance, cap_unrolled *u)
{
    nn_var **outlook[CAP_MAX_OUTLOOK];
    for (int i = 0; i < CAP_MAX_OUTLOOK; i++) outlook[i] = nn_alloc(t, (size_t)l->steps * sizeof(nn_var *));
    cap_step step = {.state = cap_decoder_start(t, d, m, l->memory_of, l->rows)};
    for (int s = 0; s < l->steps && !t->failed; s++) {
        if (s > 0 && chance > 0) sample_words(t, d, l, s, &step, chance);
        cap_decoder_state state = first_rows(t, &step.state, l->active[s]);
        step = cap_decoder_step(t, d, m, l->memory_of, &state, l->previous + l->first[s]);
        for (int i = 0; i < CAP_MAX_OUTLOOK; i++) outlook[i][s] = step.outlook[i];
        u->alpha[s] = step.alpha;
    }
    for (int i = 0; i < CAP_MAX_OUTLOOK && !t->failed; i++)
        u->outlook[i] = outlook[i][0] ? nn_stack(t, outlook[i], l->steps) : NULL;
}

/* How many states each row's memory has; NULL: all. */
static const int32_t *lengths_of(nn_tape *t, const cap_memory *m, const ds_batch *b)
{
    int32_t *length = m->length ? nn_alloc(t, (size_t)b->rows * sizeof *length) : NULL;
    for (int r = 0; length && r < b->rows; r++) length[r] = m->length[b->row_image[r]];
    return length;
}

/* The weight of each word is that of its caption. */
static const real *word_weights(nn_tape *t, const cap_timeline *l, const real *of_rows)
{
    real *weight = of_rows ? nn_alloc(t, (size_t)l->total * sizeof *weight) : NULL;
    for (int s = 0; weight && s < l->steps; s++)
        memcpy(weight + l->first[s], of_rows, (size_t)l->active[s] * sizeof *weight);
    return weight;
}

/* `loss` with what is asked of the attention. */
static nn_var *with_penalties(nn_tape *t, const cap_memory *m, const ds_batch *batch, const cap_timeline *l,
                              nn_var *const *alpha, const cap_loss_options *options, nn_var *loss)
{
    nn_var *parts[4] = {loss};
    real weights[4] = {1};
    int count = 1, steps = l->steps;
    const int32_t *length = lengths_of(t, m, batch);
    if (options->coverage > 0) {
        parts[count] = nn_coverage_penalty(t, alpha, length, steps);
        weights[count++] = (real)options->coverage;
    }
    if (options->focus > 0 && options->focus < 1) {
        nn_var *entropy = nn_attention_entropy(t, alpha, length, steps);
        if (entropy &&
            (double)entropy->data[0] > options->focus) { /* a hinge: below, attention is left alone */
            parts[count] = entropy;
            weights[count++] = FOCUS_WEIGHT;
        }
    }
    if (options->guide > 0) {
        cap_guide g = {.objects = options->objects, .regions = !options->lent};
        parts[count] = cap_guide_loss(t, &g, m, batch, l, alpha);
        weights[count++] = (real)options->guide;
    }
    return count > 1 ? nn_weighted_sum(t, parts, weights, count) : loss;
}

/* All steps of the words, which l has. */
static bool unroll(nn_tape *t, const cap_decoder *d, const cap_memory *m, cap_timeline *l, double sampling,
                   cap_unrolled *u)
{
    *u = (cap_unrolled){.alpha = nn_alloc(t, (size_t)l->steps * sizeof(nn_var *))};
    if (!u->alpha) return false;
    if (sampling > 0 || !d->config.row->all_steps)
        step_by_step(t, d, m, l, sampling, u);
    else
        d->config.row->all_steps(t, d, m, l, u);
    return !t->failed;
}

nn_var *cap_decoder_batch_logits(nn_tape *t, const cap_decoder *d, const cap_memory *m, const ds_batch *batch,
                                 cap_timeline *l)
{
    cap_unrolled u;
    if (!lay_out(t, batch, l) || !unroll(t, d, m, l, 0, &u)) return NULL;
    return d->config.row->logits(t, d, u.outlook);
}

nn_var *cap_decoder_loss(nn_tape *t, const cap_decoder *d, const cap_memory *m, const ds_batch *batch,
                         const cap_loss_options *options, nn_loss_info *info)
{
    cap_timeline l;
    cap_unrolled u;
    if (!lay_out(t, batch, &l) || !unroll(t, d, m, &l, options->sampling, &u)) return NULL;
    nn_var *logits = d->config.row->logits(t, d, u.outlook);
    const real *weight = word_weights(t, &l, options->weight);
    nn_var *loss =
        nn_weighted_cross_entropy(t, logits, l.target, weight, DS_PAD, (real)options->smoothing, info);
    if (!loss || !u.alpha[0]) return loss;
    return with_penalties(t, m, batch, &l, u.alpha, options, loss);
}
