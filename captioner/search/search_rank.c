/* What may be said next, and how likely it is: the rules of search.h, the likeliest words, drawn ones. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "captioner/search/search_state.h"
#include "datasets/vocab.h"
#include "src/base/rng.h"
#include "src/math/kernels.h"

enum { CHUNK = 256, LANES = 16 };

/* ---- rules ---- */

typedef struct cap_prefix {
    const int32_t *word; /* [words] said so far, those that were given and max_words at most */
    int words;
    int given;    /* of them, the first ones, which the search was given: they are not counted */
    uint32_t met; /* bit i: must[i] was said */
    cap_rule_level level;
} cap_prefix;

static bool contains(const int32_t *list, int n, int32_t word)
{
    for (int i = 0; i < n; i++)
        if (list[i] == word) return true;
    return false;
}

static err_code check_list(const int32_t *list, int n, int vocabulary, const char *what, error *err)
{
    for (int i = 0; i < n; i++)
        if (list[i] < DS_SPECIALS || list[i] >= vocabulary)
            return err_set(err, ERR_ARGUMENT, "word number %d %s is none of the vocabulary", (int)list[i],
                           what);
    return ERR_OK;
}

err_code cap_rules_check(const cap_search_options *o, int vocabulary, error *err)
{
    for (int i = 0; i < o->begins; i++)
        if (o->begin[i] < DS_UNK || o->begin[i] >= vocabulary)
            return err_set(err, ERR_ARGUMENT, "word number %d to begin with is none of the vocabulary",
                           (int)o->begin[i]);
    err_code code = check_list(o->must, o->musts, vocabulary, "that must appear", err);
    if (!code) code = check_list(o->avoid, o->avoids, vocabulary, "to avoid", err);
    if (!code) code = check_list(o->dangling, o->danglings, vocabulary, "not to end with", err);
    if (!code) code = check_list(o->again, o->agains, vocabulary, "that may be said again", err);
    if (code) return code;
    for (int i = 0; i < o->musts; i++) {
        if (contains(o->must, i, o->must[i]))
            return err_set(err, ERR_ARGUMENT, "word number %d must appear twice over", (int)o->must[i]);
        if (contains(o->avoid, o->avoids, o->must[i]))
            return err_set(err, ERR_ARGUMENT, "word number %d must appear and must not", (int)o->must[i]);
    }
    int avoided = 0;
    for (int i = 0; i < o->avoids; i++) avoided += !contains(o->avoid, i, o->avoid[i]);
    if (avoided >= vocabulary - DS_SPECIALS)
        return err_set(err, ERR_ARGUMENT, "there is no word to say that is not to be avoided");
    return ERR_OK;
}

uint32_t cap_rules_meet(const cap_search_options *o, uint32_t met, int32_t word)
{
    for (int i = 0; i < o->musts; i++)
        if (o->must[i] == word) return met | 1u << i;
    return met;
}

/* -- room for what is missing -- */

static bool dangles(const cap_search_options *o, cap_rule_level level, int32_t word)
{
    return level < CAP_MAY_DANGLE && contains(o->dangling, o->danglings, word);
}

/* The fewest words that make a sentence complete: those of `must` that are missing, and one more when all of
 * them dangle, or when none is missing and the last word said does. */
static int words_needed(const cap_search_options *o, cap_rule_level level, uint32_t met, bool last_dangles)
{
    int missing = 0, firm = 0;
    for (int i = 0; i < o->musts; i++) {
        if (met >> i & 1) continue;
        missing++;
        firm += !dangles(o, level, o->must[i]);
    }
    if (firm) return missing;
    bool any = o->danglings && level < CAP_MAY_DANGLE;
    return missing + (any && (missing || last_dangles));
}

/* Only words of `must` that are missing may follow, and of these only such as leave room for the rest. */
static void ban_all_but_missing(const cap_search_options *o, int vocabulary, const cap_prefix *p, int room,
                                real *x)
{
    real kept[CAP_MAX_MUST];
    for (int i = 0; i < o->musts; i++) kept[i] = x[o->must[i]];
    for (int w = 0; w < vocabulary; w++) x[w] = -(real)INFINITY;
    for (int i = 0; i < o->musts; i++) {
        bool is_last = dangles(o, p->level, o->must[i]);
        if (!(p->met >> i & 1) && words_needed(o, p->level, p->met | 1u << i, is_last) <= room)
            x[o->must[i]] = kept[i];
    }
}

/* Dangling words may not follow, but for those of `must` that are missing: each of these takes its own room.
 */
static void ban_dangling(const cap_search_options *o, const cap_prefix *p, real *x)
{
    for (int i = 0; i < o->danglings; i++) {
        bool wanted = cap_rules_meet(o, p->met, o->dangling[i]) != p->met;
        if (!wanted) x[o->dangling[i]] = -(real)INFINITY;
    }
}

static void leave_room(const cap_search_options *o, int vocabulary, const cap_prefix *p, real *x)
{
    int room = o->max_words - (p->words - p->given) - 1; /* behind the next word */
    if (words_needed(o, p->level, p->met, false) > room)
        ban_all_but_missing(o, vocabulary, p, room, x);
    else if (words_needed(o, p->level, p->met, true) > room)
        ban_dangling(o, p, x);
}

/* -- repeats -- */

/* A word that would complete an n-gram said before. */
static void ban_repeats(int n, const cap_prefix *p, real *x)
{
    const int32_t *tail = p->word + p->words - (n - 1);
    for (int i = 0; i + n <= p->words; i++) {
        int same = 0;
        while (same < n - 1 && p->word[i + same] == tail[same]) same++;
        if (same == n - 1) x[p->word[i + n - 1]] = -(real)INFINITY;
    }
}

/* The words said so far, but those that may be said again. One of `must` that is missing was never said. */
static void ban_said_words(const cap_search_options *o, const cap_prefix *p, real *x)
{
    for (int i = 0; i < p->words; i++)
        if (!contains(o->again, o->agains, p->word[i])) x[p->word[i]] = -(real)INFINITY;
}

static bool may_end(const cap_search_options *o, const cap_prefix *p)
{
    bool all_met = p->met + 1 == 1u << o->musts;
    int said = p->words - p->given;
    return said >= o->min_words && said && all_met && !dangles(o, p->level, p->word[p->words - 1]);
}

/* Sets logits[vocabulary] of what may not be said after the prefix to -infinity, <end> included. */
static void ban_words(const cap_search_options *o, int vocabulary, const cap_prefix *p, real *x)
{
    x[DS_PAD] = x[DS_START] = x[DS_UNK] = -(real)INFINITY;
    for (int i = 0; i < o->avoids; i++) x[o->avoid[i]] = -(real)INFINITY;
    if (o->no_repeat && p->level < CAP_MAY_REPEAT && p->words >= o->no_repeat)
        ban_repeats(o->no_repeat, p, x);
    if (o->agains && !o->repeat_words && p->level < CAP_MAY_SAY_AGAIN) ban_said_words(o, p, x);
    real end = x[DS_END];
    leave_room(o, vocabulary, p, x);
    x[DS_END] = may_end(o, p) ? end : -(real)INFINITY;
}

/* ---- likelihoods ---- */

/* Of n numbers; in lanes, as one comparison or sum after the other waits four cycles for each. */
static real largest(const real *x, int n)
{
    real most[LANES];
    int whole = n / LANES * LANES;
    for (int j = 0; j < LANES; j++) most[j] = x[j < n ? j : 0];
    for (int i = 0; i < whole; i += LANES)
        for (int j = 0; j < LANES; j++) most[j] = x[i + j] > most[j] ? x[i + j] : most[j];
    for (int i = whole; i < n; i++)
        if (x[i] > most[0]) most[0] = x[i];
    for (int j = 1; j < LANES; j++)
        if (most[j] > most[0]) most[0] = most[j];
    return most[0];
}

/* log of the sum of e^x, the sum in double: a vocabulary has thousands of small terms. */
double cap_log_sum_exp(const real *x, int n)
{
    const kernels *k = kernels_best();
    real most = largest(x, n), e[CHUNK];
    double lane[LANES] = {0}, sum = 0;
    for (int i = 0; i < n; i += CHUNK) {
        int m = n - i < CHUNK ? n - i : CHUNK, whole = (m + LANES - 1) / LANES * LANES;
        for (int j = 0; j < m; j++) e[j] = x[i + j] - most;
        k->vector.exp(e, e, m);
        for (int j = m; j < whole; j++) e[j] = 0;
        for (int j = 0; j < whole; j += LANES)
            for (int l = 0; l < LANES; l++) lane[l] += (double)e[j + l];
    }
    for (int l = 0; l < LANES; l++) sum += lane[l];
    return (double)most + log(sum);
}

typedef struct rank_job {
    const cap_state *s; /* of which the rows' endings are filled */
    int step;
    real *logits;
    real *sorted; /* [rows][V] room to sort in; NULL: every word may be drawn */
    cap_choice *top;
} rank_job;

/* The logits of row r without what the rules forbid; *total is the logarithm of the sum over all of them.
 * Notes what it takes to end here. */
static real *allowed_logits(const rank_job *j, size_t r, double *total)
{
    const cap_state *s = j->s;
    const cap_row *row = &s->now.at[r];
    int32_t history[2 * CAP_MAX_WORDS];
    int given = s->options->begins;
    real *x = j->logits + r * s->vocabulary;
    *total = cap_log_sum_exp(x, s->vocabulary);
    for (int i = 0; i < given; i++) history[i] = s->options->begin[i];
    cap_state_history(s, j->step, (int)r, history + given);
    cap_rule_level level = s->level[(size_t)s->now.memory[r] * s->groups + row->group];
    cap_prefix p = {history, given + j->step, given, row->met, level};
    ban_words(s->options, s->vocabulary, &p, x);
    s->ending[r] = isfinite(*total) ? (double)x[DS_END] - *total : -INFINITY;
    return x;
}

/* ---- the likeliest ---- */

/* Puts (value, word) into the `n` best found so far, at most `keep`; returns the new n. Words come in rising
 * order, so what is equal stays behind what is there. */
static int insert_choice(cap_choice *top, int n, int keep, double value, int32_t word)
{
    int at = n < keep ? n++ : keep - 1;
    while (at > 0 && top[at - 1].log_probability < value) {
        top[at] = top[at - 1];
        at--;
    }
    top[at] = (cap_choice){value, word};
    return n;
}

static bool is_listed(const cap_choice *top, int n, int32_t word)
{
    for (int i = 0; i < n; i++)
        if (top[i].word == word) return true;
    return false;
}

/* The words that must appear are choices however unlikely they are. */
static void add_wanted(const cap_search_options *o, uint32_t met, const real *x, cap_choice *top, int keep)
{
    for (int i = 0; i < o->musts; i++) {
        int32_t word = o->must[i];
        bool missing = !(met >> i & 1) && x[word] > -(real)INFINITY;
        if (missing && !is_listed(top, keep, word)) top[keep + i] = (cap_choice){(double)x[word], word};
    }
}

static void rank_row(const rank_job *j, size_t r)
{
    const cap_state *s = j->s;
    cap_choice *top = j->top + r * s->choices;
    int keep = s->choices - s->options->musts, n = 0;
    double total, floor = -INFINITY;
    const real *x = allowed_logits(j, r, &total);
    for (int i = 0; i < s->choices; i++) top[i] = (cap_choice){-INFINITY, -1};
    for (int32_t word = DS_END; word < s->vocabulary && isfinite(total); word++) {
        if (!((double)x[word] > floor)) continue;
        n = insert_choice(top, n, keep, (double)x[word], word);
        if (n == keep) floor = top[n - 1].log_probability;
    }
    if (isfinite(total)) add_wanted(s->options, s->now.at[r].met, x, top, keep);
    for (int i = 0; i < s->choices; i++) top[i].log_probability -= isfinite(total) ? total : (double)NAN;
}

/* ---- draws ---- */

static int compare_falling(const void *a, const void *b)
{
    real x = *(const real *)a, y = *(const real *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* What may be drawn: words above `least`, and the first `ties` of those that equal it. */
typedef struct draw_cut {
    real least;
    int ties;
} draw_cut;

/* top_k first, then top_p of what that leaves. */
static draw_cut cut_of(const cap_search_options *o, const real *x, int vocabulary, real *sorted)
{
    memcpy(sorted, x, vocabulary * sizeof *sorted);
    qsort(sorted, vocabulary, sizeof *sorted, compare_falling);
    int n = o->top_k && o->top_k < vocabulary ? o->top_k : vocabulary, m = 0;
    double all = 0, sum = 0;
    for (int i = 0; i < n; i++) all += exp((double)(sorted[i] - sorted[0]) / o->temperature);
    while (m < n && (!m || sum < o->top_p * all))
        sum += exp((double)(sorted[m++] - sorted[0]) / o->temperature);
    draw_cut cut = {sorted[m - 1], 0};
    for (int i = m - 1; i >= 0 && !(sorted[i] > cut.least); i--) cut.ties++;
    return cut;
}

/* Words are walked by number, not by likelihood, so that two nearly equal ones do not change places with the
 * last bits of their logits, which depend on the batch. */
static int32_t draw_word(const real *x, int vocabulary, real most, double temperature, draw_cut cut, double u)
{
    double sum = 0, so_far = 0;
    int ties = cut.ties;
    int32_t word = -1;
    for (int pass = 0; pass < 2; pass++, ties = cut.ties)
        for (int32_t w = DS_END; w < vocabulary; w++) {
            bool drawn = x[w] > cut.least || (!(x[w] < cut.least) && ties-- > 0);
            if (!drawn || !(x[w] > -(real)INFINITY)) continue;
            double weight = exp((double)(x[w] - most) / temperature);
            if (!pass) {
                sum += weight;
                continue;
            }
            word = w;
            so_far += weight;
            if (so_far > u * sum) return word;
        }
    return word;
}

static void draw_row(const rank_job *j, size_t r)
{
    const cap_state *s = j->s;
    const cap_search_options *o = s->options;
    double total;
    const real *x = allowed_logits(j, r, &total);
    real most = -(real)INFINITY;
    for (int w = DS_END; w < s->vocabulary; w++)
        if (x[w] > most) most = x[w];
    j->top[r] = (cap_choice){isfinite(total) ? -INFINITY : (double)NAN, -1};
    if (!isfinite(total) || !(most > -(real)INFINITY)) return;
    draw_cut cut = {-(real)INFINITY, 0};
    if (j->sorted) cut = cut_of(o, x, s->vocabulary, j->sorted + r * s->vocabulary);
    rng random = {o->seed, (uint64_t)s->now.at[r].group, 2 * (uint64_t)j->step};
    int32_t word = draw_word(x, s->vocabulary, most, o->temperature, cut, rng_uniform(&random));
    j->top[r] = (cap_choice){(double)x[word] - total, word};
}

/* ---- both ---- */

static void rank_chunk(void *ctx, size_t begin, size_t end)
{
    for (size_t r = begin; r < end; r++) rank_row(ctx, r);
}

static void draw_chunk(void *ctx, size_t begin, size_t end)
{
    for (size_t r = begin; r < end; r++) draw_row(ctx, r);
}

void cap_rank_rows(cap_state *s, int step, const nn_var *logits, cap_choice *top)
{
    rank_job j = {s, step, logits->data, NULL, top};
    nn_parallel(s->tape, s->now.count, 4, rank_chunk, &j);
}

void cap_draw_rows(cap_state *s, int step, const nn_var *logits, cap_choice *top)
{
    rank_job j = {s, step, logits->data, NULL, top};
    bool cuts = s->options->top_k || s->options->top_p < 1;
    if (cuts) j.sorted = nn_scratch(s->tape, nn_count(logits) * sizeof *j.sorted);
    if (!cuts || j.sorted) nn_parallel(s->tape, s->now.count, 4, draw_chunk, &j);
}
