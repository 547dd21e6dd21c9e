#include "captioner/train/ngram_learn.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/arena.h"

/* Of the n-grams of one length. */
typedef struct counts {
    uint32_t *times;                      /* [count] in the text; then what Kneser-Ney counts, a(v) */
    int32_t first_of_start, end_of_start; /* those that begin with <start> lie side by side */
} counts;

typedef struct job {
    const ds_encoded *corpus;
    int order, vocabulary;
    cap_smoothing smoothing;
    arena memory;
    int32_t tokens;
    int32_t *token; /* [tokens] line after line: <start> w1 .. wn <end> */
    uint8_t *room;  /* [tokens] tokens from here to the end of the line, N at most */
    int32_t *place; /* [tokens] in the order of the N tokens that begin there */
    counts counts[CAP_NGRAM_MOST];
    int32_t *shorter; /* [longest n-grams] which the model does not keep */
    cap_ngram *model;
    cap_ngram_report *report;
} job;

static err_code no_memory(error *err)
{
    return err_no_memory(err, "while counting n-grams");
}

/* ---- the text ---- */

static err_code lay_out(job *j, error *err)
{
    const ds_encoded *e = j->corpus;
    int64_t all = e->first[e->captions] + 2 * (int64_t)e->captions;
    if (!e->captions) return err_set(err, ERR_ARGUMENT, "there is no line to count the words of");
    if (all >= INT32_MAX) return err_set(err, ERR_LIMIT, "%lld words are too many to count", (long long)all);
    j->tokens = (int32_t)all;
    j->token = arena_alloc(&j->memory, (size_t)all * sizeof *j->token);
    j->room = arena_alloc(&j->memory, (size_t)all);
    j->place = arena_alloc(&j->memory, (size_t)all * sizeof *j->place);
    if (!j->token || !j->room || !j->place) return no_memory(err);
    int32_t at = 0;
    for (int32_t i = 0; i < e->captions; i++) {
        int32_t words = (int32_t)(e->first[i + 1] - e->first[i]), end = at + words + 2;
        j->token[at] = DS_START;
        memcpy(j->token + at + 1, e->words + e->first[i], (size_t)words * sizeof *j->token);
        j->token[end - 1] = DS_END;
        for (; at < end; at++) j->room[at] = (uint8_t)(end - at < j->order ? end - at : j->order);
    }
    return ERR_OK;
}

/* ---- sorting: by the last of the N tokens first, each time keeping the order of what is equal ---- */

/* The token `offset` behind a place, from 1; 0: the line is over before. */
static int32_t key_of(const job *j, int32_t place, int offset)
{
    return offset < j->room[place] ? j->token[place + offset] + 1 : 0;
}

static err_code sort_places(job *j, error *err)
{
    arena_mark mark = arena_save(&j->memory);
    size_t keys = (size_t)j->vocabulary + 1;
    int32_t *from = j->place, *to = arena_alloc(&j->memory, (size_t)j->tokens * sizeof *to);
    int32_t *next = arena_alloc(&j->memory, (keys + 1) * sizeof *next);
    if (!to || !next) return no_memory(err);
    for (int32_t i = 0; i < j->tokens; i++) from[i] = i;
    for (int offset = j->order - 1; offset >= 0; offset--) {
        memset(next, 0, (keys + 1) * sizeof *next);
        for (int32_t i = 0; i < j->tokens; i++) next[key_of(j, i, offset) + 1]++;
        for (size_t k = 0; k < keys; k++) next[k + 1] += next[k];
        for (int32_t i = 0; i < j->tokens; i++) to[next[key_of(j, from[i], offset)]++] = from[i];
        int32_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != j->place) memcpy(j->place, from, (size_t)j->tokens * sizeof *from);
    arena_rewind(&j->memory, mark);
    return ERR_OK;
}

/* ---- the trie ---- */

/* How many tokens the n-grams at sorted places i - 1 and i begin alike. */
static int same_tokens(const job *j, int32_t i)
{
    if (!i) return 0;
    int32_t a = j->place[i - 1], b = j->place[i];
    int most = j->room[a] < j->room[b] ? j->room[a] : j->room[b], same = 0;
    while (same < most && j->token[a + same] == j->token[b + same]) same++;
    return same;
}

static err_code make_levels(job *j, error *err)
{
    int32_t count[CAP_NGRAM_MOST] = {j->vocabulary};
    for (int32_t i = 0; i < j->tokens; i++)
        for (int k = same_tokens(j, i) + 1; k <= j->room[j->place[i]]; k++) count[k - 1] += k > 1;
    err_code code = cap_ngram_allocate(j->model, j->order, count, err);
    for (int k = 1; k <= j->order && !code; k++) {
        j->counts[k - 1].times = arena_array(&j->memory, (size_t)count[k - 1] + 1, sizeof *j->counts->times);
        if (!j->counts[k - 1].times) code = no_memory(err);
    }
    return code;
}

/* Counts of continuations become places. */
static void add_up(int32_t *first, int32_t count)
{
    int32_t sum = 0;
    for (int32_t i = 0; i <= count; i++) {
        int32_t here = first[i];
        first[i] = sum;
        sum += here;
    }
}

static void fill_levels(job *j)
{
    cap_ngram_level *level = j->model->level;
    int32_t made[CAP_NGRAM_MOST] = {0}, at[CAP_NGRAM_MOST] = {0};
    for (int32_t i = 0; i < j->tokens; i++) {
        int32_t place = j->place[i];
        int room = j->room[place];
        for (int k = same_tokens(j, i) + 1; k <= room; k++) {
            int32_t word = j->token[place + k - 1];
            at[k - 1] = k == 1 ? word : made[k - 1]++;
            if (k == 1) continue;
            level[k - 1].word[at[k - 1]] = word;
            level[k - 2].first[at[k - 2]]++;
        }
        for (int k = 1; k <= room; k++) j->counts[k - 1].times[at[k - 1]]++;
    }
    for (int k = 1; k < j->order; k++) add_up(level[k - 1].first, level[k - 1].count);
}

static int32_t *shorter_of(const job *j, int k)
{
    return k == j->order ? j->shorter : j->model->level[k - 1].shorter;
}

/* The continuations of an n-gram are among those of the one without its first word, in the same order. */
static void link_continuations(const job *j, int k, int32_t parent)
{
    const cap_ngram_level *above = &j->model->level[k - 2], *here = &j->model->level[k - 1];
    int32_t *shorter = shorter_of(j, k);
    if (k == 2) {
        for (int32_t i = above->first[parent]; i < above->first[parent + 1]; i++) shorter[i] = here->word[i];
        return;
    }
    int32_t from = j->model->level[k - 3].first[above->shorter[parent]];
    for (int32_t i = above->first[parent]; i < above->first[parent + 1]; i++) {
        while (above->word[from] != here->word[i]) from++;
        shorter[i] = from;
    }
}

static err_code link_levels(job *j, error *err)
{
    int32_t longest = j->model->level[j->order - 1].count;
    j->shorter = arena_array(&j->memory, (size_t)longest + 1, sizeof *j->shorter);
    if (!j->shorter) return no_memory(err);
    for (int k = 2; k <= j->order; k++)
        for (int32_t i = 0; i < j->model->level[k - 2].count; i++) link_continuations(j, k, i);
    return ERR_OK;
}

/* ---- what is counted ---- */

/* <start> never follows anything: it is no word of the first level. */
static void count_start(job *j)
{
    j->counts[0].times[DS_START] = 0;
    j->counts[0].first_of_start = DS_START;
    j->counts[0].end_of_start = DS_START + 1;
    for (int k = 2; k <= j->order; k++) {
        const int32_t *first = j->model->level[k - 2].first;
        j->counts[k - 1].first_of_start = first[j->counts[k - 2].first_of_start];
        j->counts[k - 1].end_of_start = first[j->counts[k - 2].end_of_start];
    }
}

/* The different words in front of an n-gram, where it does not begin with <start>: each made a longer one. */
static void count_words_before(job *j)
{
    for (int k = 1; k < j->order; k++) {
        counts *c = &j->counts[k - 1];
        const int32_t *shorter = shorter_of(j, k + 1);
        for (int32_t i = 0; i < j->model->level[k - 1].count; i++)
            if (i < c->first_of_start || i >= c->end_of_start) c->times[i] = 0;
        for (int32_t i = 0; i < j->model->level[k].count; i++) c->times[shorter[i]]++;
    }
}

/* ---- discounts ---- */

static void find_discounts(const job *j, int k, double discount[3])
{
    double t[5] = {0}; /* n-grams that were counted once, twice, ... */
    const counts *c = &j->counts[k - 1];
    for (int32_t i = 0; i < j->model->level[k - 1].count; i++)
        if (c->times[i] < 5) t[c->times[i]]++;
    bool good = t[1] > 0 && t[2] > 0 && t[3] > 0;
    double y = t[1] / (t[1] + 2 * t[2]);
    for (int i = 1; good && i <= 3; i++) {
        discount[i - 1] = i - (i + 1) * y * t[i + 1] / t[i];
        good = discount[i - 1] > 0 && discount[i - 1] <= i;
    }
    j->report->fallen_back[k - 1] = !good;
    for (int i = 0; !good && i < 3; i++) discount[i] = 0.5 * (i + 1);
}

/* ---- probabilities ---- */

/* The continuations of one context: numbers first .. end - 1 of a level. */
typedef struct group {
    int32_t first, end;
    const uint32_t *times;
    const double *discount; /* NULL: no smoothing */
    double sum, kept;       /* how often anything followed; what the shorter context gets of 1: gamma */
} group;

static void weigh(group *g)
{
    double with[4] = {0};
    g->sum = g->kept = 0;
    for (int32_t i = g->first; i < g->end; i++) {
        g->sum += g->times[i];
        with[g->times[i] < 3 ? g->times[i] : 3]++;
    }
    for (int i = 1; g->discount && i <= 3; i++) g->kept += g->discount[i - 1] * with[i];
    if (g->sum > 0) g->kept /= g->sum;
}

static double share_of(const group *g, int32_t i)
{
    uint32_t times = g->times[i];
    if (!times || !(g->sum > 0)) return 0;
    double less = g->discount ? g->discount[(times < 3 ? times : 3) - 1] : 0;
    return (times - less) / g->sum;
}

/* Of single words: below them, each of those that may follow has the same share. */
static void estimate_words(job *j, const double *discount, double *p)
{
    cap_ngram_level *l = &j->model->level[0];
    group g = {.end = l->count, .times = j->counts[0].times, .discount = discount};
    weigh(&g);
    for (int32_t i = 0; i < l->count; i++) {
        bool follows = i != DS_PAD && i != DS_START;
        p[i] = follows ? share_of(&g, i) + g.kept / (l->count - 2) : 0;
        l->log_p[i] = (float)log(p[i]);
    }
}

/* p[level k] from those of the level before. */
static void estimate_level(job *j, int k, const double *discount, const double *before, double *p)
{
    cap_ngram_level *above = &j->model->level[k - 2], *l = &j->model->level[k - 1];
    const int32_t *shorter = shorter_of(j, k);
    for (int32_t i = 0; i < above->count; i++) {
        group g = {above->first[i], above->first[i + 1], j->counts[k - 1].times, discount, 0, 0};
        if (g.first == g.end) continue; /* no context: what follows is the shorter one's */
        weigh(&g);
        above->backoff[i] = (float)log(g.kept);
        for (int32_t c = g.first; c < g.end; c++) {
            p[c] = share_of(&g, c) + g.kept * before[shorter[c]];
            l->log_p[c] = (float)log(p[c]);
        }
    }
}

static err_code estimate(job *j, error *err)
{
    const double *before = NULL;
    for (int k = 1; k <= j->order; k++) {
        double *discount = j->smoothing == CAP_SMOOTH_NONE ? NULL : j->report->discount[k - 1];
        double *p = arena_alloc(&j->memory, (size_t)(j->model->level[k - 1].count + 1) * sizeof *p);
        if (!p) return no_memory(err);
        if (discount) find_discounts(j, k, discount);
        if (k == 1)
            estimate_words(j, discount, p);
        else
            estimate_level(j, k, discount, before, p);
        before = p;
    }
    return ERR_OK;
}

static err_code count_and_estimate(job *j, error *err)
{
    err_code code = lay_out(j, err);
    if (!code) code = sort_places(j, err);
    if (!code) code = make_levels(j, err);
    if (code) return code;
    fill_levels(j);
    if ((code = link_levels(j, err))) return code;
    count_start(j);
    if (j->smoothing == CAP_SMOOTH_KNESER_NEY) count_words_before(j);
    return estimate(j, err);
}

err_code cap_ngram_learn(const ds_encoded *corpus, int vocabulary, const cap_ngram_settings *s,
                         cap_ngram *out, cap_ngram_report *report, error *err)
{
    job j = {.corpus = corpus,
             .order = s->order,
             .vocabulary = vocabulary,
             .smoothing = s->smoothing,
             .model = out,
             .report = report};
    *out = (cap_ngram){0};
    *report = (cap_ngram_report){0};
    err_code code = count_and_estimate(&j, err);
    if (code) cap_ngram_release(out);
    arena_release(&j.memory);
    return code;
}
