#include "captioner/search/force.h"

#include <math.h>
#include <string.h>

#include "captioner/net/decoder_row.h"
#include "captioner/search/search_state.h"
#include "datasets/vocab.h"

static err_code check_input(const nn_tape *t, const cap_decoder *d, const cap_memory *m, const int32_t *word,
                            int words, error *err)
{
    if (t->recording || t->training)
        return err_set(err, ERR_ARGUMENT, "scoring a sentence needs a tape that neither records nor trains");
    if (t->failed) return err_no_memory(err, "before scoring a sentence");
    if (m->memories != 1)
        return err_set(err, ERR_ARGUMENT, "a sentence is scored for one input, not for %d", m->memories);
    if (words < 1 || words > CAP_MAX_WORDS)
        return err_set(err, ERR_ARGUMENT, "a sentence of %d words cannot be scored: 1 to %d are possible",
                       words, CAP_MAX_WORDS);
    for (int i = 0; i < words; i++)
        if (word[i] < DS_UNK || word[i] >= d->config.vocabulary)
            return err_set(err, ERR_ARGUMENT, "%d is no word of this model", (int)word[i]);
    return ERR_OK;
}

static bool make_room(cap_forced *f, const int32_t *word, int words, int states, arena *results)
{
    size_t n = words;
    *f = (cap_forced){.as = {.words = words, .ended = true}};
    f->as.word = arena_array(results, n, sizeof *f->as.word);
    f->as.probability = arena_array(results, n, sizeof *f->as.probability);
    f->log_probability = arena_array(results, n + 1, sizeof *f->log_probability);
    f->rank = arena_array(results, n + 1, sizeof *f->rank);
    if (states) f->as.alpha = arena_array(results, n * states, sizeof *f->as.alpha);
    if (!f->as.word || !f->as.probability || !f->log_probability || !f->rank || (states && !f->as.alpha))
        return false;
    memcpy(f->as.word, word, n * sizeof *word);
    return true;
}

/* How `word` stands among the logits; <pad> and <start> never follow and do not count. */
static void judge_word(cap_forced *f, int at, const real *logits, int vocabulary, int32_t word)
{
    int better = 0;
    for (int32_t i = DS_END; i < vocabulary; i++) better += logits[i] > logits[word];
    f->rank[at] = 1 + better;
    f->log_probability[at] = (double)logits[word] - cap_log_sum_exp(logits, vocabulary);
}

/* Reads `previous` and judges the word after it. */
static void take_step(cap_walk *w, cap_forced *f, int at, int32_t previous)
{
    cap_step out = cap_walk_step(w, NULL, &previous);
    nn_var *logits = cap_decoder_logits(w->tape, w->decoder, &out);
    if (w->tape->failed) return;
    judge_word(f, at, logits->data, nn_last(logits), at < f->as.words ? f->as.word[at] : DS_END);
    size_t states = w->memory->states;
    for (size_t i = 0; f->as.alpha && at < f->as.words && i < states; i++)
        f->as.alpha[at * states + i] = (float)out.alpha->data[i];
    cap_walk_keep(w, &out, NULL, 1);
}

static void follow_words(cap_walk *w, cap_forced *f)
{
    nn_tape *t = w->tape;
    cap_walk_begin(w, NULL, 1);
    for (int i = 0; i <= f->as.words && !t->failed; i++) {
        arena_mark mark = arena_save(t->mem);
        take_step(w, f, i, i ? f->as.word[i - 1] : DS_START);
        arena_rewind(t->mem, mark);
    }
}

err_code cap_force(nn_tape *t, const cap_decoder *d, const cap_memory *m, const int32_t *word, int words,
                   arena *results, cap_forced *out, error *err)
{
    err_code code = check_input(t, d, m, word, words, err);
    if (code) return code;
    cap_walk walk = {.tape = t, .decoder = d, .memory = m, .mem = results, .most = 1};
    bool room = make_room(out, word, words, cap_decoder_attends(d) ? m->states : 0, results);
    if (room) follow_words(&walk, out);
    if (!room || t->failed) return err_no_memory(err, "while scoring a sentence");
    for (int i = 0; i <= words; i++) {
        out->as.log_probability += out->log_probability[i];
        if (i < words) out->as.probability[i] = (float)exp(out->log_probability[i]);
    }
    if (!isfinite(out->as.log_probability)) return cap_no_numbers(err);
    out->as.score = out->as.log_probability / (words + 1);
    return ERR_OK;
}

/* ---- a batch ---- */

typedef struct batch_job {
    const cap_timeline *line;
    const real *logits; /* [total][V] */
    int vocabulary, width;
    double *log_p;
} batch_job;

/* The words of step s. */
static void judge_step(batch_job *j, int s)
{
    const cap_timeline *l = j->line;
    for (int r = 0; r < l->active[s]; r++) {
        int at = l->first[s] + r;
        const real *x = j->logits + (size_t)at * (size_t)j->vocabulary;
        j->log_p[r * j->width + s] = (double)x[l->target[at]] - cap_log_sum_exp(x, j->vocabulary);
    }
}

static void judge_steps(void *ctx, size_t begin, size_t end)
{
    for (size_t s = begin; s < end; s++) judge_step(ctx, (int)s);
}

err_code cap_force_batch(nn_tape *t, const cap_decoder *d, const cap_memory *m, const ds_batch *batch,
                         double *log_p, error *err)
{
    cap_timeline line;
    nn_var *logits = cap_decoder_batch_logits(t, d, m, batch, &line);
    if (!logits) return err_no_memory(err, "while scoring sentences");
    batch_job job = {.line = &line,
                     .logits = logits->data,
                     .vocabulary = nn_last(logits),
                     .width = batch->max_len,
                     .log_p = log_p};
    nn_parallel(t, (size_t)line.steps, 1, judge_steps, &job);
    for (int r = 0; r < batch->rows; r++)
        for (int s = 0; s < batch->length[r]; s++)
            if (isnan(log_p[r * batch->max_len + s])) return cap_no_numbers(err);
    return ERR_OK;
}
