#include "captioner/score/attention_stats.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "src/base/arena.h"

static void add_word(cap_attention_stats *s, const float *alpha, int regions)
{
    double entropy = 0, strongest = 0;
    for (int i = 0; i < regions; i++) {
        double p = (double)alpha[i];
        if (p > 0) entropy -= p * log(p);
        if (p > strongest) strongest = p;
    }
    s->entropy += entropy / log(regions);
    s->strongest += strongest;
    s->words++;
}

static void add_change(cap_attention_stats *s, const float *before, const float *alpha, int regions)
{
    double moved = 0;
    for (int i = 0; i < regions; i++) moved += fabs((double)alpha[i] - (double)before[i]);
    s->change += moved / 2; /* what one region loses another gains */
    s->changes++;
}

void cap_attention_add(cap_attention_stats *s, const float *alpha, int words, int regions)
{
    if (!alpha || words < 1 || regions < 2) return;
    s->captions++;
    for (int i = 0; i < words; i++) {
        const float *row = alpha + (size_t)i * (size_t)regions;
        add_word(s, row, regions);
        if (i) add_change(s, row - regions, row, regions);
    }
}

/* What the weights of a word leave of 1. */
static double rest_of(const cap_description *d, int word)
{
    int regions = d->grid_h * d->grid_w, concepts = d->concept_attention ? d->concepts : 0;
    double rest = 1;
    for (int i = 0; i < regions; i++) rest -= (double)d->attention[word * regions + i];
    for (int i = 0; i < concepts; i++) rest -= (double)d->concept_attention[word * concepts + i];
    return rest > 0 ? rest : 0;
}

/* A row gets the weights of regions and concepts, and the rest where there is room. */
static void join_row(const cap_description *d, int word, float *row, int states)
{
    int regions = d->grid_h * d->grid_w, concepts = d->concept_attention ? d->concepts : 0;
    if (regions) memcpy(row, d->attention + (size_t)word * (size_t)regions, (size_t)regions * sizeof *row);
    for (int i = 0; i < concepts; i++) row[regions + i] = d->concept_attention[word * concepts + i];
    if (states > regions + concepts) row[states - 1] = (float)rest_of(d, word);
}

bool cap_attention_add_description(cap_attention_stats *s, const cap_description *d)
{
    static const double rounding = 1e-4; /* leaves less of 1 */
    arena mem = {0};
    int words = d->best.words, states = d->grid_h * d->grid_w + (d->concept_attention ? d->concepts : 0);
    bool rest = false, told = d->attention || d->concept_attention;
    for (int i = 0; told && i < words; i++) rest = rest || rest_of(d, i) > rounding;
    states += rest;
    float *alpha = arena_array(&mem, (size_t)words * (size_t)states, sizeof *alpha);
    for (int i = 0; alpha && told && i < words; i++)
        join_row(d, i, alpha + (size_t)i * (size_t)states, states);
    if (alpha) cap_attention_add(s, told ? alpha : NULL, words, states);
    arena_release(&mem);
    return alpha;
}

void cap_attention_merge(cap_attention_stats *s, const cap_attention_stats *more)
{
    s->captions += more->captions;
    s->words += more->words;
    s->changes += more->changes;
    s->entropy += more->entropy;
    s->strongest += more->strongest;
    s->change += more->change;
}

cap_attention cap_attention_summary(const cap_attention_stats *s)
{
    cap_attention a = {.captions = s->captions, .words = s->words};
    if (s->words) {
        a.entropy = s->entropy / (double)s->words;
        a.strongest = s->strongest / (double)s->words;
        a.flat = a.entropy > CAP_FLAT_ENTROPY;
    }
    if (s->changes) {
        a.change = s->change / (double)s->changes;
        a.frozen = a.change < CAP_FROZEN_CHANGE;
    }
    return a;
}
