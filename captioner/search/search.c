#include "captioner/search/search.h"

#include <math.h>
#include <string.h>

#include "captioner/search/search_state.h"
#include "datasets/vocab.h"

enum { MAX_ROWS = 1 << 20 };

/* ---- options ---- */

const cap_strategy_row cap_strategies[CAP_STRATEGIES] = {
    [CAP_BEAM] = {"beam", "keeps the likeliest beginnings of sentences"},
    [CAP_GREEDY] = {"greedy", "takes the likeliest word each time"},
    [CAP_DIVERSE] = {"diverse", "several beams that avoid each other's words"},
    [CAP_SAMPLE] = {"sample", "draws words by their probability"},
};

cap_search_options cap_search_defaults(void)
{
    return (cap_search_options){.strategy = CAP_BEAM,
                                .beam = 3,
                                .n_best = 1,
                                .groups = 3,
                                .diversity = 0.5,
                                .temperature = 1,
                                .top_p = 1,
                                .seed = 1,
                                .min_words = 1,
                                .max_words = 20,
                                .length = CAP_LENGTH_GNMT,
                                .length_alpha = 0.7,
                                .no_repeat = 3};
}

static err_code check_sentences(const cap_search_options *o, error *err)
{
    if (o->beam < 1 || o->beam > CAP_MAX_BEAM)
        return err_set(err, ERR_ARGUMENT, "beam is %d, it must be 1 to %d", o->beam, CAP_MAX_BEAM);
    if (o->n_best < 0 || o->n_best > CAP_MAX_BEAM)
        return err_set(err, ERR_ARGUMENT, "the sentences wanted are %d, they must be 1 to %d", o->n_best,
                       CAP_MAX_BEAM);
    if (o->max_words < 1 || o->max_words > CAP_MAX_WORDS)
        return err_set(err, ERR_ARGUMENT, "the most words are %d, they must be 1 to %d", o->max_words,
                       CAP_MAX_WORDS);
    if (o->min_words < 1 || o->min_words > o->max_words)
        return err_set(err, ERR_ARGUMENT, "the least words are %d, they must be 1 to %d, the most words",
                       o->min_words, o->max_words);
    return ERR_OK;
}

static err_code check_scores(const cap_search_options *o, error *err)
{
    if ((unsigned)o->length >= CAP_LENGTHS)
        return err_set(err, ERR_ARGUMENT, "there is no length normalisation number %d", (int)o->length);
    if (!(o->length_alpha >= 0 && o->length_alpha <= 10))
        return err_set(err, ERR_ARGUMENT, "alpha of the length is %g, it must be 0 to 10", o->length_alpha);
    if (!(o->coverage >= 0 && o->coverage <= 10))
        return err_set(err, ERR_ARGUMENT, "the weight of coverage is %g, it must be 0 to 10", o->coverage);
    return ERR_OK;
}

static err_code check_strategy(const cap_search_options *o, error *err)
{
    if ((unsigned)o->strategy >= CAP_STRATEGIES)
        return err_set(err, ERR_ARGUMENT, "there is no search strategy number %d", (int)o->strategy);
    if (o->strategy == CAP_GREEDY && o->n_best > 1)
        return err_set(err, ERR_ARGUMENT, "a greedy search finds one sentence, not %d; use a beam",
                       o->n_best);
    if (o->strategy == CAP_DIVERSE && (o->groups < 1 || o->groups > o->beam))
        return err_set(err, ERR_ARGUMENT, "the groups are %d, they must be 1 to %d, the beam", o->groups,
                       o->beam);
    if (o->strategy == CAP_DIVERSE && !(o->diversity >= 0 && o->diversity <= 100))
        return err_set(err, ERR_ARGUMENT, "diversity is %g, it must be 0 to 100", o->diversity);
    if (o->strategy != CAP_SAMPLE) return ERR_OK;
    if (!(o->temperature > 0 && o->temperature <= 100))
        return err_set(err, ERR_ARGUMENT, "temperature is %g, it must be above 0, up to 100", o->temperature);
    if (o->top_k < 0) return err_set(err, ERR_ARGUMENT, "top-k is %d, it must be 0 or more", o->top_k);
    if (!(o->top_p > 0 && o->top_p <= 1))
        return err_set(err, ERR_ARGUMENT, "top-p is %g, it must be above 0, up to 1", o->top_p);
    return ERR_OK;
}

static err_code check_rules(const cap_search_options *o, error *err)
{
    if (o->no_repeat < 0 || o->no_repeat > 20)
        return err_set(err, ERR_ARGUMENT, "n-grams of %d words cannot be kept from repeating, 0 to 20 can",
                       o->no_repeat);
    if (o->musts < 0 || o->musts > CAP_MAX_MUST)
        return err_set(err, ERR_ARGUMENT, "%d words must appear, at most %d can", o->musts, CAP_MAX_MUST);
    if (o->musts > o->max_words)
        return err_set(err, ERR_ARGUMENT, "%d words must appear in a sentence of at most %d", o->musts,
                       o->max_words);
    if (o->avoids < 0 || o->avoids > CAP_MAX_AVOID)
        return err_set(err, ERR_ARGUMENT, "%d words to avoid, at most %d can be", o->avoids, CAP_MAX_AVOID);
    if (o->danglings < 0 || o->danglings > CAP_MAX_DANGLING)
        return err_set(err, ERR_ARGUMENT, "%d dangling words, at most %d can be", o->danglings,
                       CAP_MAX_DANGLING);
    if (o->agains < 0 || o->agains > CAP_MAX_AGAIN)
        return err_set(err, ERR_ARGUMENT, "%d words that may be said again, at most %d can be", o->agains,
                       CAP_MAX_AGAIN);
    return ERR_OK;
}

err_code cap_search_check(const cap_search_options *o, error *err)
{
    err_code code = check_sentences(o, err);
    if (!code) code = check_scores(o, err);
    if (!code) code = check_strategy(o, err);
    return code ? code : check_rules(o, err);
}

/* ---- setting up ---- */

/* How a strategy goes about it. */
typedef struct method {
    bool grouped; /* a memory begins with one row a group */
    void (*rank)(cap_state *s, int step, const nn_var *logits, cap_choice *top);
    void (*advance)(cap_state *s, int step, const cap_choice *top);
} method;

static const method methods[CAP_STRATEGIES] = {
    [CAP_BEAM] = {false, cap_rank_rows, cap_advance_beam},
    [CAP_GREEDY] = {false, cap_rank_rows, cap_advance_beam},
    [CAP_DIVERSE] = {true, cap_rank_rows, cap_advance_beam},
    [CAP_SAMPLE] = {true, cap_draw_rows, cap_advance_draws},
};

err_code cap_no_numbers(error *err)
{
    return err_set(err, ERR_FORMAT, "the model computes no numbers: its weights are damaged");
}

static const char while_searching[] = "while searching for words";

static err_code check_input(const nn_tape *t, const cap_decoder *d, const cap_search_options *o, error *err)
{
    err_code code = cap_search_check(o, err);
    if (code) return code;
    if (d->config.vocabulary <= DS_SPECIALS)
        return err_set(err, ERR_ARGUMENT, "the vocabulary has no words to say");
    if ((code = cap_rules_check(o, d->config.vocabulary, err))) return code;
    if (t->recording || t->training)
        return err_set(err, ERR_ARGUMENT, "searching needs a tape that neither records nor trains");
    if (t->failed) return err_no_memory(err, "before the search");
    return ERR_OK;
}

static void measure_beam(cap_state *s)
{
    const cap_search_options *o = s->options;
    bool draws = o->strategy == CAP_SAMPLE, attends = cap_decoder_attends(s->decoder);
    int words = s->vocabulary - DS_SPECIALS + 1;
    s->n_best = o->n_best ? o->n_best : 1;
    s->groups = draws ? s->n_best : o->strategy == CAP_DIVERSE ? o->groups : 1;
    s->first_rows = methods[o->strategy].grouped ? s->groups : 1;
    s->capacity = draws ? 1 : s->n_best;
    int places = draws ? s->n_best : cap_beam_places(s);
    s->most_rows = places + !draws; /* the greedy one */
    int keep = places + o->musts;
    s->choices = draws ? 1 : (keep < words ? keep : words) + o->musts;
    s->looks = o->attention && attends;
    s->covers = o->coverage > 0 && attends;
}

static bool allocate_rows(arena *a, size_t n, cap_rows *rows)
{
    rows->memory = arena_array(a, n, sizeof *rows->memory);
    rows->word = arena_array(a, n, sizeof *rows->word);
    rows->at = arena_array(a, n, sizeof *rows->at);
    return rows->memory && rows->word && rows->at;
}

static bool allocate_pools(cap_state *s, size_t pools)
{
    size_t capacity = s->capacity;
    for (int e = 0; e < CAP_ENDINGS; e++) {
        cap_finished *all = arena_array(&s->mem, pools * capacity, sizeof *all);
        s->pools[e] = arena_array(&s->mem, pools, sizeof *s->pools[e]);
        if (!all || !s->pools[e]) return false;
        for (size_t i = 0; i < pools; i++) s->pools[e][i].list = all + i * capacity;
    }
    s->level = arena_array(&s->mem, pools, sizeof *s->level);
    return s->level;
}

static bool make_room(cap_state *s)
{
    size_t memories = s->memory->memories, most = memories * s->most_rows;
    size_t looks = s->memory->states * sizeof(real);
    s->walk = (cap_walk){.tape = s->tape,
                         .decoder = s->decoder,
                         .memory = s->memory,
                         .mem = &s->mem,
                         .most = s->memory->memories * s->most_rows};
    if (s->covers) {
        s->cover = arena_array(&s->mem, most, looks);
        s->cover_next = arena_array(&s->mem, most, looks);
        if (!s->cover || !s->cover_next) return false;
    }
    s->steps = arena_array(&s->mem, (size_t)s->options->max_words + 1, sizeof *s->steps);
    s->ending = arena_array(&s->mem, most, sizeof *s->ending);
    return allocate_rows(&s->mem, most, &s->now) && allocate_rows(&s->mem, most, &s->next) && s->steps &&
           s->ending && allocate_pools(s, memories * s->groups);
}

/* The rows say the beginning, but for its last word, which the first step reads. */
static void say_beginning(cap_state *s)
{
    const cap_search_options *o = s->options;
    cap_rows *r = &s->now;
    for (int i = 0; i < o->begins && !s->tape->failed; i++) {
        arena_mark mark = arena_save(s->tape->mem);
        cap_step out = cap_walk_step(&s->walk, r->memory, r->word);
        cap_walk_keep(&s->walk, &out, NULL, r->count);
        arena_rewind(s->tape->mem, mark);
        for (int row = 0; row < r->count; row++) r->word[row] = o->begin[i];
    }
}

/* The last word of every row is <start>, or that of the beginning. */
static void begin_rows(cap_state *s)
{
    cap_rows *r = &s->now;
    r->count = s->memory->memories * s->first_rows;
    for (int i = 0; i < r->count; i++) {
        int group = i % s->first_rows;
        r->memory[i] = i / s->first_rows;
        r->word[i] = DS_START;
        r->at[i] = (cap_row){.group = group, .greedy = !group};
    }
    cap_walk_begin(&s->walk, r->memory, r->count);
    say_beginning(s);
}

/* ---- rows ---- */

void cap_state_history(const cap_state *s, int step, int row, int32_t *word)
{
    for (int i = step - 1; i >= 0; i--) {
        word[i] = s->steps[i].links[row].word;
        row = s->steps[i].links[row].parent;
    }
}

void cap_state_grow(cap_state *s, int step, int row, cap_row from, int32_t word, double word_log_p)
{
    cap_rows *next = &s->next;
    int r = next->count++;
    next->memory[r] = s->now.memory[row];
    next->word[r] = word;
    next->at[r] = from;
    s->steps[step].links[r] = (cap_link){row, word, (float)exp(word_log_p)};
}

/* Adds where this word looked to what the words before it looked at. */
static void gather_cover(cap_state *s, const nn_var *alpha, const cap_link *links, int rows)
{
    size_t width = s->memory->states;
    for (int r = 0; r < rows; r++) {
        size_t from = links[r].parent * width;
        for (size_t i = 0; i < width; i++)
            s->cover_next[r * width + i] = s->cover[from + i] + alpha->data[from + i];
    }
    real *swap = s->cover;
    s->cover = s->cover_next;
    s->cover_next = swap;
}

static bool keep_alpha(cap_state *s, cap_step_record *record, const nn_var *alpha)
{
    if (!s->looks) return true;
    record->alpha = arena_alloc(&s->mem, nn_count(alpha) * sizeof(real));
    if (record->alpha) memcpy(record->alpha, alpha->data, nn_count(alpha) * sizeof(real));
    return record->alpha;
}

/* ---- a step ---- */

/* Loosens the rules of groups that have no sentence yet and nothing left to say. True: there were any. */
static bool loosen_rules(cap_state *s, const cap_choice *top)
{
    bool any = false;
    for (int begin = 0, end; begin < s->now.count; begin = end) {
        end = cap_state_group_end(s, begin);
        size_t first = (size_t)begin * s->choices, last = (size_t)end * s->choices;
        while (first < last && top[first].word < 0) first++;
        int memory = s->now.memory[begin], group = s->now.at[begin].group;
        cap_rule_level *level = &s->level[(size_t)memory * s->groups + group];
        if (first < last || cap_state_pool(s, CAP_ENDED, memory, group)->count ||
            *level + 1 == CAP_RULE_LEVELS)
            continue;
        ++*level;
        any = true;
    }
    return any;
}

static bool are_numbers(cap_state *s, const cap_choice *top)
{
    for (int r = 0; r < s->now.count && !s->broken; r++)
        s->broken = isnan(top[(size_t)r * s->choices].log_probability);
    return !s->broken;
}

/* What may follow each row. Ranking spends the logits, so where rules give way they are computed again. NULL:
 * out of memory, or no numbers. */
static cap_choice *choose_words(cap_state *s, int step, const cap_step *out)
{
    nn_tape *t = s->tape;
    size_t pools = (size_t)s->memory->memories * s->groups;
    cap_choice *top = nn_scratch(t, (size_t)s->now.count * s->choices * sizeof *top);
    memset(s->level, 0, pools * sizeof *s->level);
    do {
        nn_var *logits = cap_decoder_logits(t, s->decoder, out);
        if (t->failed) return NULL;
        methods[s->options->strategy].rank(s, step, logits, top);
        if (t->failed || !are_numbers(s, top)) return NULL;
    } while (loosen_rules(s, top));
    return top;
}

/* Every hypothesis could end here: kept in case that those that go on never do. */
static void spare_endings(cap_state *s, int step)
{
    for (int r = 0; r < s->now.count; r++)
        if (s->ending[r] > -INFINITY) cap_finish(s, CAP_SPARE, r, step, s->now.at[r].log_p + s->ending[r]);
}

static void turn_rows(cap_state *s, const cap_link *links, const cap_step *out)
{
    int32_t *parent = nn_scratch(s->tape, s->next.count * sizeof *parent);
    for (int i = 0; parent && i < s->next.count; i++) parent[i] = links[i].parent;
    cap_walk_keep(&s->walk, out, parent, s->next.count);
    if (s->covers) gather_cover(s, out->alpha, links, s->next.count);
    cap_rows swap = s->now;
    s->now = s->next;
    s->next = swap;
}

/* One more word for every living hypothesis, or <end>; nothing but <end> may follow max_words words. False:
 * out of memory, or no numbers. */
static bool take_step(cap_state *s, int step)
{
    cap_step out = cap_walk_step(&s->walk, s->now.memory, s->now.word);
    cap_choice *top = choose_words(s, step, &out);

    cap_step_record *record = &s->steps[step];
    size_t most = (size_t)s->memory->memories * s->most_rows;
    record->links = arena_array(&s->mem, most, sizeof *record->links);
    if (!top || !record->links || !keep_alpha(s, record, out.alpha)) return false;
    s->next.count = 0;
    spare_endings(s, step);
    methods[s->options->strategy].advance(s, step, top);
    turn_rows(s, record->links, &out);
    return true;
}

static err_code run_search(cap_state *s, error *err)
{
    if (!make_room(s)) return err_no_memory(err, while_searching);
    begin_rows(s);
    int most = s->options->max_words;
    for (int step = 0; step <= most && s->now.count && !s->tape->failed; step++) {
        for (int r = 0; step == most && r < s->now.count; r++)
            cap_finish(s, CAP_CUT, r, step, s->now.at[r].log_p);
        arena_mark mark = arena_save(s->tape->mem);
        bool good = take_step(s, step);
        arena_rewind(s->tape->mem, mark);
        if (s->broken) return cap_no_numbers(err);
        if (!good) return err_no_memory(err, while_searching);
    }
    if (s->tape->failed) return err_no_memory(err, while_searching);
    cap_settle_all(s);
    return ERR_OK;
}

err_code cap_search(nn_tape *t, const cap_decoder *d, const cap_memory *m, const cap_search_options *o,
                    arena *results, cap_hypothesis *best, error *err)
{
    err_code code = check_input(t, d, o, err);
    if (code) return code;
    cap_state s = {.tape = t, .decoder = d, .memory = m, .options = o};
    s.vocabulary = d->config.vocabulary;
    measure_beam(&s);
    if (m->memories > MAX_ROWS / s.most_rows)
        return err_set(err, ERR_LIMIT, "%d inputs with %d hypotheses each are too many at once", m->memories,
                       s.most_rows);
    code = run_search(&s, err);
    if (!code) code = cap_trace_all(&s, results, best, err);
    arena_release(&s.mem);
    return code;
}
