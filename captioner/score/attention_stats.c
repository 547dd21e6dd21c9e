#include "captioner/score/attention_stats.h"

#include <math.h>
#include <stddef.h>

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
