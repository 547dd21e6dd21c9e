#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "captioner/search/search_state.h"

/* ---- scores ---- */

static double no_penalty(int length, double alpha)
{
    (void)length;
    (void)alpha;
    return 1;
}

static double mean_penalty(int length, double alpha)
{
    (void)alpha;
    return length;
}

static double gnmt_penalty(int length, double alpha)
{
    return pow((5.0 + length) / 6.0, alpha);
}

const cap_length_row cap_lengths[CAP_LENGTHS] = {
    [CAP_LENGTH_NONE] = {"none", no_penalty, "log-probability as it is, which favours short sentences"},
    [CAP_LENGTH_MEAN] = {"average", mean_penalty, "mean per word"},
    [CAP_LENGTH_GNMT] = {"gnmt", gnmt_penalty, "over ((5 + length) / 6)^alpha (Wu et al. 2016)"},
};

/* Attention is never exactly 0 in theory; where rounding makes it so, its logarithm stays a number. */
static const double LEAST_ATTENTION = 1e-10;

static double coverage_of(const cap_state *s, int row)
{
    int states = s->memory->states, memory = s->now.memory[row];
    if (s->memory->length) states = s->memory->length[memory];
    const real *got = s->cover + (size_t)row * s->memory->states;
    double sum = 0;
    for (int i = 0; i < states; i++) sum += log(fmin(fmax((double)got[i], LEAST_ATTENTION), 1));
    return s->options->coverage * sum;
}

static double normalise_score(const cap_state *s, double log_p, int length)
{
    return log_p / cap_lengths[s->options->length].penalty(length, s->options->length_alpha);
}

static void keep_finished(cap_pool *p, int capacity, const cap_finished *f)
{
    if (p->count == capacity && !(f->score > p->list[p->count - 1].score)) return;
    int at = p->count < capacity ? p->count++ : p->count - 1;
    for (; at > 0 && f->score > p->list[at - 1].score; at--) p->list[at] = p->list[at - 1];
    p->list[at] = *f;
}

void cap_finish(cap_state *s, cap_ending ending, int row, int words, double log_p)
{
    bool ended = ending != CAP_CUT;
    double score = ending == CAP_SPARE ? log_p / (words + 1) : normalise_score(s, log_p, words + ended);
    if (s->covers) score += coverage_of(s, row);
    cap_finished f = {ended, ending == CAP_SPARE, words, row, log_p, score};
    keep_finished(cap_state_pool(s, ending, s->now.memory[row], s->now.at[row].group), s->capacity, &f);
}

/* It can only lose probability, the penalty of the length is largest at the end, and coverage adds 0 at most.
 */
bool cap_is_beaten(const cap_state *s, int memory, int group, double log_p)
{
    const cap_pool *kept = cap_state_pool(s, CAP_ENDED, memory, group);
    if (kept->count < s->capacity) return false;
    return kept->list[kept->count - 1].score >= normalise_score(s, log_p, s->options->max_words + 1);
}

/* ---- sentences that are cut ---- */

static bool holds_sentence(const cap_pool *p, const cap_finished *f)
{
    for (int i = 0; i < p->count; i++)
        if (p->list[i].row == f->row && p->list[i].words == f->words) return true;
    return false;
}

/* A cut hypothesis that would be among the best shows that the limit decides there, not the model. Behind the
 * ended ones that are better still, every place where any hypothesis could have ended competes then, as the
 * last of the words allowed is seldom a good one: by the mean per word, since scores that allow for length
 * less take the shortest ("a man": 200 photos in 8 words have CIDEr 22.3 by GNMT's score, 26.0 by the mean).
 * What is cut itself counts only where nothing can end. */
static void settle_group(cap_state *s, int memory, int group)
{
    cap_pool *ended = cap_state_pool(s, CAP_ENDED, memory, group);
    const cap_pool *cut = cap_state_pool(s, CAP_CUT, memory, group),
                   *spare = cap_state_pool(s, CAP_SPARE, memory, group);
    int better = 0;
    if (!cut->count) return;
    while (better < ended->count && ended->list[better].score >= cut->list[0].score) better++;
    ended->count = better;
    for (int i = 0; i < spare->count && ended->count < s->capacity; i++)
        if (!holds_sentence(ended, &spare->list[i])) ended->list[ended->count++] = spare->list[i];
    for (int i = 0; !ended->count && i < cut->count; i++) keep_finished(ended, s->capacity, &cut->list[i]);
}

void cap_settle_all(cap_state *s)
{
    for (int memory = 0; memory < s->memory->memories; memory++)
        for (int group = 0; group < s->groups; group++) settle_group(s, memory, group);
}

/* ---- results ---- */

/* Walks back from a finished hypothesis to its first word. */
static bool trace_sentence(const cap_state *s, const cap_finished *f, arena *results, cap_hypothesis *out)
{
    size_t words = f->words, states = s->memory->states;
    *out = (cap_hypothesis){.words = f->words,
                            .word = arena_array(results, words, sizeof *out->word),
                            .probability = arena_array(results, words, sizeof *out->probability),
                            .log_probability = f->log_p,
                            .score = f->score,
                            .ended = f->ended,
                            .limited = f->limited};
    if (s->looks) out->alpha = arena_array(results, words * states, sizeof *out->alpha);
    if (!out->word || !out->probability || (s->looks && !out->alpha)) return false;
    for (int i = f->words - 1, row = f->row; i >= 0; i--) {
        cap_link l = s->steps[i].links[row];
        out->word[i] = l.word;
        out->probability[i] = l.probability;
        row = l.parent;
        for (size_t j = 0; s->looks && j < states; j++)
            out->alpha[i * states + j] = (float)s->steps[i].alpha[row * states + j];
    }
    return true;
}

/* Two groups can find the same sentence; two draws may be the same. */
static bool is_new(const cap_state *s, const cap_hypothesis *list, int n)
{
    const cap_hypothesis *last = &list[n];
    for (int i = 0; i < n && s->options->strategy != CAP_SAMPLE; i++)
        if (list[i].words == last->words && list[i].ended == last->ended &&
            !memcmp(list[i].word, last->word, last->words * sizeof *last->word))
            return false;
    return true;
}

static int compare_scores(const void *a, const void *b)
{
    const cap_hypothesis *x = a, *y = b;
    if (x->limited != y->limited) return x->limited ? 1 : -1;
    return x->score < y->score ? 1 : x->score > y->score ? -1 : 0;
}

static bool is_better(const cap_finished *a, const cap_finished *b)
{
    return a->limited != b->limited ? b->limited : a->score > b->score;
}

/* Groups in the order of their place-th sentence; those that have none come last. */
static int order_groups(const cap_state *s, int memory, int place, const cap_finished **order)
{
    int n = 0;
    for (int g = 0; g < s->groups; g++) {
        const cap_pool *kept = cap_state_pool(s, CAP_ENDED, memory, g);
        if (place >= kept->count) continue;
        const cap_finished *f = &kept->list[place];
        int at = n++;
        for (; at > 0 && is_better(f, order[at - 1]); at--) order[at] = order[at - 1];
        order[at] = f;
    }
    return n;
}

/* The best of each group, then the second of each, until there are enough. False: out of memory. */
static bool trace_memory(const cap_state *s, int memory, arena *results, cap_hypothesis *out)
{
    const cap_finished *order[CAP_MAX_BEAM];
    int n = 0;
    for (int i = 0; i < s->n_best; i++) out[i] = (cap_hypothesis){0};
    for (int place = 0; place < s->capacity && n < s->n_best; place++) {
        int found = order_groups(s, memory, place, order);
        for (int i = 0; i < found && n < s->n_best; i++) {
            if (!trace_sentence(s, order[i], results, &out[n])) return false;
            if (is_new(s, out, n))
                n++;
            else
                out[n] = (cap_hypothesis){0};
        }
    }
    qsort(out, n, sizeof *out, compare_scores);
    return true;
}

err_code cap_trace_all(const cap_state *s, arena *results, cap_hypothesis *best, error *err)
{
    arena_mark mark = arena_save(results);
    for (int i = 0; i < s->memory->memories; i++) {
        cap_hypothesis *of_memory = best + (size_t)i * s->n_best;
        err_code code = ERR_OK;
        if (!trace_memory(s, i, results, of_memory))
            code = err_no_memory(err, "while searching for words");
        else if (!of_memory->words)
            code = err_set(err, ERR_FORMAT, "the model computes no numbers: its weights are damaged");
        if (code) {
            arena_rewind(results, mark);
            return code;
        }
    }
    return ERR_OK;
}
