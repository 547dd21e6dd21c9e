/* What is named in photos as states beside the regions, and the glance: a summary of both. */
#include <math.h>

#include "captioner/net/lstm_decoder.h"
#include "src/nn/activation.h"
#include "src/nn/linear.h"

/* ---- states of concepts ---- */

/* The concepts of all memories, one after the other. */
typedef struct named {
    int count;             /* C */
    int32_t *first, *last; /* [C] words */
    real *traits;          /* [C][CAP_NAMERS * CAP_LSTM_TRAITS] */
} named;

static int count_of(const cap_memory *m, int memory)
{
    return m->source.concepts ? m->source.concepts->count[memory] : 0;
}

static int regions_of(const cap_memory *m, int memory)
{
    return m->regions && m->source.length ? m->source.length[memory] : m->regions;
}

/* Into the columns of its namer; the others stay 0. */
static void put_traits(const cap_concept *c, real *row)
{
    real *x = row + (size_t)c->namer * CAP_LSTM_TRAITS;
    float width = c->box[2] - c->box[0], height = c->box[3] - c->box[1];
    x[0] = 1;
    x[1] = (real)c->confidence;
    x[2] = (real)sqrt((double)c->confidence);
    if (width <= 0 || height <= 0) return;
    x[3] = (real)sqrt((double)width * (double)height);
    x[4] = (real)(c->box[0] + c->box[2]) / 2;
    x[5] = (real)(c->box[1] + c->box[3]) / 2;
    x[6] = 1;
}

static named list_named(nn_tape *t, const cap_memory *m)
{
    named n = {0};
    for (int i = 0; i < m->memories; i++) n.count += count_of(m, i);
    n.first = nn_alloc(t, (size_t)n.count * sizeof *n.first);
    n.last = nn_alloc(t, (size_t)n.count * sizeof *n.last);
    n.traits = nn_alloc(t, (size_t)n.count * CAP_NAMERS * CAP_LSTM_TRAITS * sizeof *n.traits);
    if (t->failed) return n;
    for (int i = 0, at = 0; i < m->memories; i++)
        for (int j = 0; j < count_of(m, i); j++, at++) {
            const cap_concept *c =
                m->source.concepts->list + (size_t)i * (size_t)m->source.concepts->most + j;
            n.first[at] = c->first;
            n.last[at] = c->last;
            put_traits(c, n.traits + (size_t)at * CAP_NAMERS * CAP_LSTM_TRAITS);
        }
    return n;
}

/* [C, P]; the embedding's numbers have a variance of 1 / E, which is made 1. */
static nn_var *states_of(nn_tape *t, const cap_lstm *d, const named *n)
{
    real factor = (real)(sqrt((double)nn_last(d->embedding)) / 2);
    nn_var *word = nn_add(t, nn_embedding(t, d->embedding, n->first, n->count),
                          nn_embedding(t, d->embedding, n->last, n->count));
    nn_var *traits = nn_input(t, n->traits, 2, (int[]){n->count, CAP_NAMERS * CAP_LSTM_TRAITS});
    nn_var *x = nn_linear(t, traits, d->concept_traits, NULL);
    return nn_activate(t, nn_linear_onto(t, x, nn_scale(t, word, factor), d->concept_word), NN_RELU);
}

/* Row `place` of the states of all memories takes row number of the stack: all regions, null, all concepts;
 * -1 where a memory has no more states. */
static int32_t *lay_out(nn_tape *t, const cap_memory *m, int32_t *length)
{
    int rows = m->memories * m->states, null = m->memories * m->regions, concept = null + 1;
    int32_t *row = nn_alloc(t, (size_t)rows * sizeof *row);
    if (!row) return NULL;
    for (int i = 0; i < rows; i++) row[i] = -1;
    for (int i = 0; i < m->memories; i++) {
        int32_t *place = row + (size_t)i * (size_t)m->states;
        for (int j = 0; j < regions_of(m, i); j++) *place++ = i * m->regions + j;
        *place++ = null;
        for (int j = 0; j < count_of(m, i); j++) *place++ = concept ++;
        length[i] = (int32_t)(place - row) - i * m->states;
    }
    return row;
}

nn_var *cap_lstm_join(nn_tape *t, const cap_decoder *decoder, cap_memory *m, nn_var *regions)
{
    const cap_lstm *d = cap_lstm_of(decoder);
    int width = nn_last(d->concept_null), count = 0, rows;
    int32_t *length = nn_alloc(t, (size_t)m->memories * sizeof *length);
    named n = list_named(t, m);
    if (t->failed) return NULL;
    m->states = m->regions + 1 + (m->source.concepts ? m->source.concepts->most : 0);
    m->length = length;
    const int32_t *row = lay_out(t, m, length);
    nn_var *part[3];
    if (regions) part[count++] = nn_reshape(t, regions, 2, (int[]){m->memories * m->regions, width});
    part[count++] = nn_reshape(t, d->concept_null, 2, (int[]){1, width});
    if (n.count) part[count++] = states_of(t, d, &n);
    rows = m->memories * m->states;
    nn_var *all = nn_stack(t, part, count);
    return nn_reshape(t, nn_place(t, &all, &row, 1, rows), 3, (int[]){m->memories, m->states, width});
}

const int32_t *cap_lstm_regions(nn_tape *t, const cap_memory *m)
{
    int32_t *count = nn_alloc(t, (size_t)m->memories * sizeof *count);
    for (int i = 0; count && i < m->memories; i++) count[i] = regions_of(m, i);
    return count;
}

/* ---- the glance ---- */

/* Added to the sum of weights of concepts: a single doubtful one is not all there is to say. */
static const double DOUBT = 0.5;

static void weigh_concepts(const cap_memory *m, int memory, real *weight)
{
    const cap_concept *list = m->source.concepts->list + (size_t)memory * (size_t)m->source.concepts->most;
    double sum = DOUBT;
    int count = count_of(m, memory);
    weight += regions_of(m, memory) + 1;
    for (int i = 0; i < count; i++) sum += sqrt((double)list[i].confidence);
    for (int i = 0; i < count; i++) weight[i] = (real)(sqrt((double)list[i].confidence) / sum);
}

/* Weights of the states [M, Q, L] in the mean of the regions and, Q = 2, in that of the concepts. */
static nn_var *weights_of(nn_tape *t, const cap_memory *m, int queries)
{
    size_t states = (size_t)m->states, line = (size_t)queries * states;
    real *weight = nn_alloc(t, (size_t)m->memories * line * sizeof *weight);
    for (int i = 0; weight && i < m->memories; i++) {
        real *to = weight + (size_t)i * line;
        int regions = regions_of(m, i);
        for (int j = 0; j < regions; j++) to[j] = 1 / (real)regions;
        if (queries > 1 && m->source.concepts) weigh_concepts(m, i, to + states);
    }
    return nn_input(t, weight, 3, (int[]){m->memories, queries, m->states});
}

nn_var *cap_lstm_glance(nn_tape *t, const cap_decoder *decoder, const cap_memory *m, nn_var *states)
{
    const cap_lstm *d = cap_lstm_of(decoder);
    int queries = cap_lstm_set(decoder)->concepts ? 2 : 1;
    nn_scope scope = {.length = m->length};
    nn_var *seen = nn_aggregate(t, weights_of(t, m, queries), states, &scope);
    if (!seen) return NULL;
    seen = nn_reshape(t, seen, 2, (int[]){m->memories, queries * nn_last(seen)});
    nn_var *y = nn_linear(t, seen, d->glance_w, m->regions ? d->glance_b : d->glance_blind);
    if (d->glance_style) {
        const int32_t *style = m->source.style;
        if (!style) style = nn_alloc(t, (size_t)m->memories * sizeof *style);
        y = style ? nn_add(t, y, nn_embedding(t, d->glance_style, style, m->memories)) : NULL;
    }
    return nn_activate(t, y, NN_TANH);
}
