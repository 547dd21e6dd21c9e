/* Inside search: what its parts share. search.c runs the net and keeps the books; search_rank.c
 * says how likely the words are that may follow; a strategy (search_beam.c), which hypotheses live on;
 * search_finish.c ranks those that ended. */
#ifndef CAPTIONER_SEARCH_STATE_H
#define CAPTIONER_SEARCH_STATE_H

#include "captioner/search/search.h"

/* The rules that give way when nothing else is left to say, one after the other. */
typedef enum {
    CAP_ALL_RULES,     /* none has given way */
    CAP_MAY_SAY_AGAIN, /* any word may be said again */
    CAP_MAY_REPEAT,    /* and n-grams may repeat */
    CAP_MAY_DANGLE,    /* and the last word may be a dangling one */
    CAP_RULE_LEVELS,   /* how many there are */
} cap_rule_level;

typedef struct cap_row {
    int group;    /* diverse: of the beam; sample: which draw; else 0 */
    uint32_t met; /* bit i: must[i] was said */
    double log_p;
    bool greedy; /* said the likeliest word at every step */
    bool extra;  /* kept for being greedy only, beyond the beam */
} cap_row;

/* Living hypotheses, those of a memory side by side, within them those of a group, best first. */
typedef struct cap_rows {
    int count;
    int32_t *memory, *word; /* [rows] which one; the last word */
    cap_row *at;            /* [rows] */
} cap_rows;

typedef struct cap_link {
    int32_t parent; /* row before the step */
    int32_t word;
    float probability;
} cap_link;

/* What a step leaves behind for the way back. */
typedef struct cap_step_record {
    cap_link *links; /* [rows after it] */
    real *alpha;     /* [rows before it][L]; NULL when nobody asks */
} cap_step_record;

/* How a sentence comes to its end. */
typedef enum {
    CAP_ENDED,   /* said <end> where that was among the best of the beam, or behind the last word allowed */
    CAP_SPARE,   /* would have said <end> here, but went on: what there is to fall back on */
    CAP_CUT,     /* has as many words as are allowed */
    CAP_ENDINGS, /* how many there are */
} cap_ending;

/* A sentence that is over. */
typedef struct cap_finished {
    bool ended, limited;
    int words, row; /* row among those after step words - 1 */
    double log_p, score;
} cap_finished;

/* The best of a memory's group, best first. */
typedef struct cap_pool {
    int count;
    cap_finished *list; /* [capacity] */
} cap_pool;

/* A word that may follow a row. */
typedef struct cap_choice {
    double log_probability; /* of the word, by a softmax over the whole vocabulary; -infinity: may not; NaN:
                               the model computed no numbers */
    int32_t word;           /* -1: there are no more choices */
} cap_choice;

typedef struct cap_state {
    nn_tape *tape;
    const cap_decoder *decoder;
    const cap_memory *memory;
    const cap_search_options *options;
    arena mem;
    cap_walk walk; /* the living rows of the decoder */
    int vocabulary;
    int n_best;     /* 1 or more */
    int groups;     /* of a memory */
    int first_rows; /* a memory begins with: 1, or one a group */
    int most_rows;  /* a memory can have */
    int capacity;   /* of a pool */
    int choices;    /* ranked per row */
    bool looks, covers;
    bool broken;              /* the model computed no numbers */
    real *cover, *cover_next; /* [rows][L] attention got so far; NULL unless it counts */
    cap_rows now, next;       /* [M * most_rows] */
    cap_rule_level *level;    /* [M * groups] at this step */
    double *ending; /* [M * most_rows] log-probability of <end> at this step; -infinity: may not be said */
    cap_step_record *steps;       /* [max_words + 1]: the last one only ends */
    cap_pool *pools[CAP_ENDINGS]; /* [M][groups] */
} cap_state;

/* ERR_FORMAT: what came out of the net is infinite or not a number. */
err_code cap_no_numbers(error *err);

/* The words said by row `row` before step `step`, into word[step]. */
void cap_state_history(const cap_state *s, int step, int row, int32_t *word);

/* Row `row` lives on with `word`; `from` is changed into what it is after the word. */
void cap_state_grow(cap_state *s, int step, int row, cap_row from, int32_t word, double word_log_p);

static inline cap_pool *cap_state_pool(const cap_state *s, cap_ending ending, int memory, int group)
{
    return &s->pools[ending][(size_t)memory * (size_t)s->groups + (size_t)group];
}

/* One past the last row of the group (of its memory) that row `begin` is of. */
static inline int cap_state_group_end(const cap_state *s, int begin)
{
    const cap_rows *r = &s->now;
    int end = begin + 1;
    while (end < r->count && r->memory[end] == r->memory[begin] && r->at[end].group == r->at[begin].group)
        end++;
    return end;
}

/* ---- search_rank.c ---- */

/* The words of the options against a vocabulary: ARGUMENT when one is no word of it, is wanted twice, or both
 * wanted and avoided, or when none is left to say. */
err_code cap_rules_check(const cap_search_options *o, int vocabulary, error *err);

/* `met` after `word`. */
uint32_t cap_rules_meet(const cap_search_options *o, uint32_t met, int32_t word);

/* For each living row the choices that the rules leave, best first, equal ones by word number:
 * top[rows][choices], where the last `musts` are the missing words of `must` that are not among the others
 * already; and s->ending. `logits` [rows, V] lose what the rules forbid. A row whose logits are not numbers
 * has no choices. */
void cap_rank_rows(cap_state *s, int step, const nn_var *logits, cap_choice *top);

/* For each living row one choice, drawn among those that the rules leave: top[rows], the probability still
 * the model's; and s->ending. */
void cap_draw_rows(cap_state *s, int step, const nn_var *logits, cap_choice *top);

/* ln of the sum of e^logit, n >= 1; not finite when a logit is not a number. */
double cap_log_sum_exp(const real *logits, int n);

/* ---- search_beam.c: from choices to s->next and to finished ones ---- */

int cap_beam_places(const cap_state *s); /* of a memory, all groups together */
void cap_advance_beam(cap_state *s, int step, const cap_choice *top);
void cap_advance_draws(cap_state *s, int step, const cap_choice *top);

/* ---- search_finish.c ---- */

/* Row `row` of those now is over after `words` words; log_p with that of <end> unless it is cut. */
void cap_finish(cap_state *s, cap_ending ending, int row, int words, double log_p);

/* No continuation of a hypothesis with this log-probability can be among the best of its group. */
bool cap_is_beaten(const cap_state *s, int memory, int group, double log_p);

/* When all is over: what takes the place of hypotheses that were cut and would have been among the best. */
void cap_settle_all(cap_state *s);

/* best[M][n_best] from the pools. */
err_code cap_trace_all(const cap_state *s, arena *results, cap_hypothesis *best, error *err);

#endif
