/* Which hypotheses live on. Beams: plain, greedy (a beam of 1), in diverse groups, and split into banks when
 * words must appear; draws. */
#include <math.h>
#include <string.h>

#include "captioner/search/search_state.h"
#include "datasets/vocab.h"

enum { BANKS = CAP_MAX_MUST + 1 };

typedef struct candidate {
    double rank; /* log_p, less what saying others' words costs */
    double log_p, word_log_p;
    int32_t word;
    int row;
    uint32_t met;
} candidate;

/* The best candidates of a group, apart by how many words of `must` they hold. */
typedef struct banks {
    int count, slots; /* banks in use; the most candidates of all together, and of each */
    int held[BANKS];
    candidate list[BANKS][CAP_MAX_BEAM];
} banks;

/* What a memory's groups chose at this step. */
typedef struct chosen_words {
    int count;
    int32_t word[CAP_MAX_BEAM * BANKS]; /* every group has a place for each bank */
} chosen_words;

/* Higher rank first; equal ones by word number, then by row. */
static bool is_better(const candidate *a, const candidate *b)
{
    if (a->rank != b->rank) return a->rank > b->rank;
    return a->word != b->word ? a->word < b->word : a->row < b->row;
}

static void insert_candidate(banks *b, const candidate *c)
{
    int bank = __builtin_popcount(c->met), n = b->held[bank];
    candidate *list = b->list[bank];
    if (n == b->slots && !is_better(c, &list[n - 1])) return;
    int at = n < b->slots ? b->held[bank]++ : n - 1;
    for (; at > 0 && is_better(c, &list[at - 1]); at--) list[at] = list[at - 1];
    list[at] = *c;
}

static candidate continue_row(const cap_state *s, int row, const cap_choice *c)
{
    const cap_row *from = &s->now.at[row];
    double log_p = from->log_p + c->log_probability;
    uint32_t met = cap_rules_meet(s->options, from->met, c->word);
    return (candidate){log_p, log_p, c->log_probability, c->word, row, met};
}

static double cost_of_word(const cap_state *s, const chosen_words *others, int32_t word)
{
    int times = 0;
    for (int i = 0; i < others->count; i++) times += others->word[i] == word;
    return times ? s->options->diversity * times : 0;
}

static void collect_candidates(const cap_state *s, const cap_choice *top, int begin, int end,
                               const chosen_words *others, banks *b)
{
    for (int r = begin; r < end; r++) {
        if (s->now.at[r].extra) continue;
        for (int i = 0; i < s->choices; i++) {
            const cap_choice *choice = &top[(size_t)r * s->choices + i];
            if (choice->word < 0) continue;
            candidate c = continue_row(s, r, choice);
            c.rank -= cost_of_word(s, others, c.word);
            insert_candidate(b, &c);
        }
    }
}

/* Beam places of group g: the beam dealt out, at least one place for each bank. */
static int slots_of(const cap_state *s, int group)
{
    const cap_search_options *o = s->options;
    int beam = o->strategy == CAP_GREEDY ? 1 : o->beam > s->n_best ? o->beam : s->n_best;
    int slots = beam / s->groups + (group < beam % s->groups);
    return slots > o->musts + 1 ? slots : o->musts + 1;
}

int cap_beam_places(const cap_state *s)
{
    int places = 0;
    for (int g = 0; g < s->groups; g++) places += slots_of(s, g);
    return places;
}

/* Deals the places out evenly over the banks, the odd ones and those that a bank cannot fill to the banks
 * that hold most words. take[bank] is how many of its best live on. */
static void deal_places(const banks *b, int *take)
{
    int left = b->slots, share = b->slots / b->count;
    for (int i = 0; i < b->count; i++) {
        take[i] = b->held[i] < share ? b->held[i] : share;
        left -= take[i];
    }
    for (int i = b->count - 1; i >= 0; i--) {
        int more = b->held[i] - take[i] < left ? b->held[i] - take[i] : left;
        take[i] += more;
        left -= more;
    }
}

static bool is_greedy_choice(const cap_state *s, const cap_choice *top, const candidate *c)
{
    return s->now.at[c->row].greedy && top[(size_t)c->row * s->choices].word == c->word;
}

static void let_live_on(cap_state *s, int step, const candidate *c, bool greedy, bool extra)
{
    cap_row row = s->now.at[c->row];
    if (cap_is_beaten(s, s->now.memory[c->row], row.group, c->log_p)) return;
    row.log_p = c->log_p;
    row.met = c->met;
    row.greedy = greedy;
    row.extra = extra;
    cap_state_grow(s, step, c->row, row, c->word, c->word_log_p);
}

/* The greedy row goes on even where the beam has no place for it. */
static void keep_greedy(cap_state *s, int step, const cap_choice *top, int begin, int end)
{
    for (int r = begin; r < end; r++) {
        const cap_choice *best = &top[(size_t)r * s->choices];
        if (!s->now.at[r].greedy || best->word < 0) continue;
        candidate c = continue_row(s, r, best);
        if (c.word == DS_END)
            cap_finish(s, CAP_ENDED, r, step, c.log_p);
        else
            let_live_on(s, step, &c, true, true);
    }
}

static int merge_banks(const banks *b, candidate *list)
{
    int take[BANKS], n = 0;
    deal_places(b, take);
    for (int i = 0; i < b->count; i++)
        for (int j = 0; j < take[i]; j++) {
            int at = n++;
            for (; at > 0 && is_better(&b->list[i][j], &list[at - 1]); at--) list[at] = list[at - 1];
            list[at] = b->list[i][j];
        }
    return n;
}

static void advance_group(cap_state *s, int step, const cap_choice *top, int begin, int end,
                          chosen_words *others)
{
    banks b;
    candidate list[CAP_MAX_BEAM];
    b.count = s->options->musts + 1;
    b.slots = slots_of(s, s->now.at[begin].group);
    memset(b.held, 0, sizeof b.held);
    collect_candidates(s, top, begin, end, others, &b);
    int n = merge_banks(&b, list);
    bool greedy_kept = false;
    for (int i = 0; i < n; i++) { /* first those that end: they may beat others */
        if (list[i].word != DS_END) continue;
        cap_finish(s, CAP_ENDED, list[i].row, step, list[i].log_p);
        greedy_kept |= is_greedy_choice(s, top, &list[i]);
    }
    for (int i = 0; i < n; i++) {
        if (list[i].word == DS_END) continue;
        bool greedy = is_greedy_choice(s, top, &list[i]);
        greedy_kept |= greedy;
        let_live_on(s, step, &list[i], greedy, false);
        others->word[others->count++] = list[i].word;
    }
    if (!greedy_kept) keep_greedy(s, step, top, begin, end);
}

void cap_advance_beam(cap_state *s, int step, const cap_choice *top)
{
    chosen_words others = {0};
    for (int begin = 0, end; begin < s->now.count; begin = end) {
        end = cap_state_group_end(s, begin);
        if (begin && s->now.memory[begin] != s->now.memory[begin - 1]) others.count = 0;
        advance_group(s, step, top, begin, end, &others);
    }
}

/* ---- draws ---- */

/* Every row is a draw of its own. */
void cap_advance_draws(cap_state *s, int step, const cap_choice *top)
{
    for (int r = 0; r < s->now.count; r++) {
        if (top[r].word < 0) continue;
        cap_row row = s->now.at[r];
        row.log_p += top[r].log_probability;
        row.met = cap_rules_meet(s->options, row.met, top[r].word);
        if (top[r].word == DS_END)
            cap_finish(s, CAP_ENDED, r, step, row.log_p);
        else
            cap_state_grow(s, step, r, row, top[r].word, top[r].log_probability);
    }
}
