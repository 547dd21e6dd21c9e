#include "captioner/search.h"

#include <math.h>
#include <string.h>

#include "captioner/search_rank.h"
#include "datasets/vocab.h"
#include "src/nn/linear.h"

enum { MAX_ROWS = 1 << 20 };

/* The living hypotheses, those of a photo side by side, best first. */
typedef struct beam_rows {
    int count;
    int32_t *photo, *word; /* [rows] which memory; the last word */
    double *log_p;         /* [rows] */
} beam_rows;

typedef struct link {
    int32_t parent; /* row before the step */
    int32_t word;
    float probability;
} link;

/* What a step leaves behind for the way back. */
typedef struct step_record {
    link *links; /* [rows after it] */
    real *alpha; /* [rows before it][L]; NULL when nobody asks */
} step_record;

/* The best finished hypothesis of a photo. */
typedef struct finished {
    bool exists, ended;
    int words, row; /* row among those after step words - 1 */
    double log_p, score;
} finished;

typedef struct candidate {
    double log_p, word_log_p;
    int32_t word;
    int row;
} candidate;

typedef struct beam_search {
    nn_tape *tape;
    const cap_decoder *decoder;
    const cap_memory *memory;
    const cap_search_options *options;
    arena mem;
    int hidden;
    real *h, *c; /* [rows][H] of the living */
    beam_rows now, next;
    step_record *steps; /* [max_words] */
    finished *best;     /* [M] */
} beam_search;

cap_search_options cap_search_defaults(void)
{
    return (cap_search_options){.beam = 3, .min_words = 1, .max_words = 20, .length_power = 1};
}

err_code cap_search_check(const cap_search_options *o, error *err)
{
    if (o->beam < 1 || o->beam > CAP_MAX_BEAM)
        return err_set(err, ERR_ARGUMENT, "beam is %d, it must be 1 to %d", o->beam, CAP_MAX_BEAM);
    if (o->max_words < 1 || o->max_words > CAP_MAX_WORDS)
        return err_set(err, ERR_ARGUMENT, "the most words are %d, they must be 1 to %d", o->max_words,
                       CAP_MAX_WORDS);
    if (o->min_words < 1 || o->min_words > o->max_words)
        return err_set(err, ERR_ARGUMENT, "the least words are %d, they must be 1 to %d", o->min_words,
                       o->max_words);
    if (!(o->length_power >= 0 && o->length_power <= 10))
        return err_set(err, ERR_ARGUMENT, "the length power is %g, it must be 0 to 10", o->length_power);
    return ERR_OK;
}

static err_code check_input(const nn_tape *t, const cap_decoder *d, const cap_memory *m,
                            const cap_search_options *o, error *err)
{
    err_code code = cap_search_check(o, err);
    if (code) return code;
    if (d->config.vocabulary <= DS_SPECIALS)
        return err_set(err, ERR_ARGUMENT, "the vocabulary has no words to say");
    if (t->recording || t->training)
        return err_set(err, ERR_ARGUMENT, "searching needs a tape that neither records nor trains");
    if (t->failed || !m->values) return err_set(err, ERR_MEMORY, "out of memory before the search");
    if (m->memories > MAX_ROWS / o->beam)
        return err_set(err, ERR_LIMIT, "%d photos with %d hypotheses each are too many at once", m->memories,
                       o->beam);
    return ERR_OK;
}

static bool allocate_rows(arena *a, size_t n, beam_rows *rows)
{
    rows->photo = arena_array(a, n, sizeof *rows->photo);
    rows->word = arena_array(a, n, sizeof *rows->word);
    rows->log_p = arena_array(a, n, sizeof *rows->log_p);
    return rows->photo && rows->word && rows->log_p;
}

static bool allocate(beam_search *s)
{
    size_t photos = (size_t)s->memory->memories, most = photos * (size_t)s->options->beam;
    size_t state = (size_t)s->hidden * sizeof(real);
    s->h = arena_array(&s->mem, most, state);
    s->c = arena_array(&s->mem, most, state);
    s->steps = arena_array(&s->mem, (size_t)s->options->max_words, sizeof *s->steps);
    s->best = arena_array(&s->mem, photos, sizeof *s->best);
    return allocate_rows(&s->mem, most, &s->now) && allocate_rows(&s->mem, most, &s->next) && s->h && s->c &&
           s->steps && s->best;
}

/* One row a photo, its last word <start>. */
static void begin(beam_search *s)
{
    beam_rows *r = &s->now;
    r->count = s->memory->memories;
    for (int i = 0; i < r->count; i++) {
        r->photo[i] = i;
        r->word[i] = DS_START;
        r->log_p[i] = 0;
    }
    arena_mark mark = arena_save(s->tape->mem);
    nn_lstm_state first = cap_decoder_start(s->tape, s->decoder, s->memory, r->photo, r->count);
    if (!s->tape->failed) {
        size_t bytes = (size_t)r->count * (size_t)s->hidden * sizeof(real);
        memcpy(s->h, first.h->data, bytes);
        memcpy(s->c, first.c->data, bytes);
    }
    arena_rewind(s->tape->mem, mark);
}

/* ---- ranking ---- */

static double score_of(const cap_search_options *o, double log_p, int length)
{
    return log_p / pow(length, o->length_power);
}

static void finish(beam_search *s, int photo, bool ended, int words, int row, double log_p)
{
    finished f = {true, ended, words, row, log_p, score_of(s->options, log_p, words + ended)};
    finished *best = &s->best[photo];
    if (!best->exists || f.score > best->score) *best = f;
}

static bool is_better(const candidate *a, const candidate *b)
{
    if (a->log_p != b->log_p) return a->log_p > b->log_p;
    return a->word != b->word ? a->word < b->word : a->row < b->row;
}

/* Puts c among the n best, at most `keep`; returns the new n, or -1 when c is worse than all of `keep`. */
static int insert(candidate *list, int n, int keep, const candidate *c)
{
    if (n == keep && !is_better(c, &list[n - 1])) return -1;
    int at = n < keep ? n++ : keep - 1;
    for (; at > 0 && is_better(c, &list[at - 1]); at--) list[at] = list[at - 1];
    list[at] = *c;
    return n;
}

/* The best continuations of the rows begin..end-1, which are one photo's. A row's choices come best first, so
 * the first one that is not good enough ends the row. */
static int merge_rows(const beam_search *s, const cap_choice *top, int keep, int begin, int end,
                      candidate *list)
{
    int n = 0;
    for (int r = begin; r < end; r++)
        for (const cap_choice *c = top + (size_t)r * (size_t)keep, *last = c + keep; c < last; c++) {
            if (c->word < 0) break;
            candidate next = {s->now.log_p[r] + c->log_probability, c->log_probability, c->word, r};
            int more = insert(list, n, s->options->beam, &next);
            if (more < 0) break;
            n = more;
        }
    return n;
}

/* A living hypothesis can only lose probability, so its score stays below what it has now over the largest
 * length. */
static bool is_beaten(const beam_search *s, int photo, double log_p)
{
    const finished *best = &s->best[photo];
    return best->exists && best->score >= score_of(s->options, log_p, s->options->max_words + 1);
}

/* Splits a photo's candidates into finished ones and rows that live on. */
static void select_rows(beam_search *s, int step, const candidate *list, int n)
{
    int photo = s->now.photo[list[0].row];
    for (int i = 0; i < n; i++)
        if (list[i].word == DS_END) finish(s, photo, true, step, list[i].row, list[i].log_p);
    beam_rows *next = &s->next;
    for (int i = 0; i < n; i++) {
        if (list[i].word == DS_END || is_beaten(s, photo, list[i].log_p)) continue;
        int r = next->count++;
        next->photo[r] = photo;
        next->word[r] = list[i].word;
        next->log_p[r] = list[i].log_p;
        s->steps[step].links[r] = (link){list[i].row, list[i].word, (float)exp(list[i].word_log_p)};
    }
}

static void rank(beam_search *s, int step, const cap_choice *top, int keep)
{
    candidate list[CAP_MAX_BEAM];
    s->next.count = 0;
    for (int begin = 0, end; begin < s->now.count; begin = end) {
        for (end = begin + 1; end < s->now.count && s->now.photo[end] == s->now.photo[begin];) end++;
        int n = merge_rows(s, top, keep, begin, end, list);
        if (n) select_rows(s, step, list, n);
    }
}

/* ---- a step ---- */

static void gather_rows(real *to, const nn_var *from, const link *links, int rows)
{
    size_t width = (size_t)nn_last(from);
    for (int r = 0; r < rows; r++)
        memcpy(to + (size_t)r * width, from->data + (size_t)links[r].parent * width, width * sizeof *to);
}

static bool keep_alpha(beam_search *s, step_record *record, const nn_var *alpha)
{
    if (!s->options->attention || !alpha) return true;
    record->alpha = arena_alloc(&s->mem, nn_count(alpha) * sizeof(real));
    if (record->alpha) memcpy(record->alpha, alpha->data, nn_count(alpha) * sizeof(real));
    return record->alpha;
}

/* One more word for every living hypothesis. False: out of memory. */
static bool take_step(beam_search *s, int step)
{
    nn_tape *t = s->tape;
    const cap_decoder *d = s->decoder;
    beam_rows *now = &s->now;
    int shape[2] = {now->count, s->hidden};
    nn_lstm_state state = {nn_input(t, s->h, 2, shape), nn_input(t, s->c, 2, shape)};
    nn_var *embedded = nn_embedding(t, d->embedding, now->word, now->count);
    nn_var *gates = cap_decoder_word_gates(t, d, embedded);
    cap_step out = cap_decoder_step(t, d, s->memory, now->photo, state, gates);
    nn_var *logits = cap_decoder_logits(t, d, out.state.h, out.context, embedded);

    bool may_end = step >= s->options->min_words;
    int choices = d->config.vocabulary - DS_SPECIALS + may_end;
    int keep = choices < s->options->beam ? choices : s->options->beam;
    cap_choice *top = nn_scratch(t, (size_t)now->count * (size_t)keep * sizeof *top);
    step_record *record = &s->steps[step];
    size_t most = (size_t)s->memory->memories * (size_t)s->options->beam;
    record->links = arena_array(&s->mem, most, sizeof *record->links);
    if (t->failed || !record->links || !keep_alpha(s, record, out.alpha)) return false;

    cap_rank_rows(t, logits, may_end, keep, top);
    rank(s, step, top, keep);
    gather_rows(s->h, out.state.h, record->links, s->next.count);
    gather_rows(s->c, out.state.c, record->links, s->next.count);
    beam_rows swap = s->now;
    s->now = s->next;
    s->next = swap;
    return true;
}

static err_code run(beam_search *s, error *err)
{
    if (!allocate(s)) return err_set(err, ERR_MEMORY, "out of memory while searching for words");
    begin(s);
    for (int step = 0; step < s->options->max_words && s->now.count && !s->tape->failed; step++) {
        arena_mark mark = arena_save(s->tape->mem);
        bool good = take_step(s, step);
        arena_rewind(s->tape->mem, mark);
        if (!good) return err_set(err, ERR_MEMORY, "out of memory while searching for words");
    }
    if (s->tape->failed) return err_set(err, ERR_MEMORY, "out of memory while searching for words");
    for (int r = 0; r < s->now.count; r++)
        finish(s, s->now.photo[r], false, s->options->max_words, r, s->now.log_p[r]);
    return ERR_OK;
}

/* ---- results ---- */

/* Walks back from a finished hypothesis to its first word. */
static bool trace(const beam_search *s, const finished *f, arena *results, cap_hypothesis *out)
{
    size_t words = (size_t)f->words, states = (size_t)s->memory->states;
    *out = (cap_hypothesis){.words = f->words,
                            .word = arena_array(results, words, sizeof *out->word),
                            .probability = arena_array(results, words, sizeof *out->probability),
                            .log_probability = f->log_p,
                            .score = f->score,
                            .ended = f->ended};
    bool looks = s->steps[0].alpha;
    if (looks) out->alpha = arena_array(results, words * states, sizeof *out->alpha);
    if (!out->word || !out->probability || (looks && !out->alpha)) return false;
    for (int i = f->words - 1, row = f->row; i >= 0; i--) {
        link l = s->steps[i].links[row];
        out->word[i] = l.word;
        out->probability[i] = l.probability;
        row = l.parent;
        for (size_t j = 0; looks && j < states; j++)
            out->alpha[(size_t)i * states + j] = (float)s->steps[i].alpha[(size_t)row * states + j];
    }
    return true;
}

static err_code trace_all(const beam_search *s, arena *results, cap_hypothesis *best, error *err)
{
    arena_mark mark = arena_save(results);
    for (int i = 0; i < s->memory->memories; i++) {
        err_code code = ERR_OK;
        if (!s->best[i].exists)
            code = err_set(err, ERR_FORMAT, "the model computes no numbers: its weights are damaged");
        else if (!trace(s, &s->best[i], results, &best[i]))
            code = err_set(err, ERR_MEMORY, "out of memory while searching for words");
        if (code) {
            arena_rewind(results, mark);
            return code;
        }
    }
    return ERR_OK;
}

err_code cap_search(nn_tape *t, const cap_decoder *d, const cap_memory *m, const cap_search_options *o,
                    arena *results, cap_hypothesis *best, error *err)
{
    err_code code = check_input(t, d, m, o, err);
    if (code) return code;
    beam_search s = {.tape = t, .decoder = d, .memory = m, .options = o, .hidden = d->config.hidden};
    code = run(&s, err);
    if (!code) code = trace_all(&s, results, best, err);
    arena_release(&s.mem);
    return code;
}
