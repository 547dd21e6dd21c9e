#include "captioner/force.h"

#include <math.h>
#include <string.h>

#include "captioner/search_state.h"
#include "datasets/vocab.h"
#include "src/nn/linear.h"

/* The decoder's state between steps, outside the tape's arena. */
typedef struct walker {
    nn_tape *tape;
    const cap_decoder *decoder;
    const cap_memory *memory;
    real *state; /* [layers][h, c][H] */
    cap_forced *out;
} walker;

static err_code check(const nn_tape *t, const cap_decoder *d, const cap_memory *m, const int32_t *word,
                      int words, error *err)
{
    if (t->recording || t->training)
        return err_set(err, ERR_ARGUMENT, "scoring a sentence needs a tape that neither records nor trains");
    if (t->failed || !m->values) return err_set(err, ERR_MEMORY, "out of memory before scoring a sentence");
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

static bool allocate(walker *w, const int32_t *word, int words, arena *results)
{
    cap_forced *f = w->out;
    size_t n = (size_t)words, state = (size_t)w->decoder->config.hidden * sizeof *w->state,
           layers = (size_t)w->decoder->config.layers;
    *f = (cap_forced){.as = {.words = words, .ended = true}};
    f->as.word = arena_array(results, n, sizeof *f->as.word);
    f->as.probability = arena_array(results, n, sizeof *f->as.probability);
    f->log_probability = arena_array(results, n + 1, sizeof *f->log_probability);
    f->rank = arena_array(results, n + 1, sizeof *f->rank);
    w->state = arena_array(results, 2 * layers, state);
    bool looks = w->decoder->config.match != NN_MATCH_NONE;
    if (looks) f->as.alpha = arena_array(results, n * (size_t)w->memory->states, sizeof *f->as.alpha);
    if (!f->as.word || !f->as.probability || !f->log_probability || !f->rank || !w->state ||
        (looks && !f->as.alpha))
        return false;
    memcpy(f->as.word, word, n * sizeof *word);
    return true;
}

static real *state_of(const walker *w, int layer, int part)
{
    return w->state + (2 * (size_t)layer + (size_t)part) * (size_t)w->decoder->config.hidden;
}

static void keep_state(walker *w, const cap_layers *s)
{
    if (w->tape->failed) return;
    size_t bytes = (size_t)w->decoder->config.hidden * sizeof *w->state;
    for (int i = 0; i < w->decoder->config.layers; i++) {
        memcpy(state_of(w, i, 0), s->layer[i].h->data, bytes);
        memcpy(state_of(w, i, 1), s->layer[i].c->data, bytes);
    }
}

static cap_layers kept_state(const walker *w)
{
    cap_layers s = {0};
    int shape[2] = {1, w->decoder->config.hidden};
    for (int i = 0; i < w->decoder->config.layers; i++)
        s.layer[i] = (nn_lstm_state){nn_input(w->tape, state_of(w, i, 0), 2, shape),
                                     nn_input(w->tape, state_of(w, i, 1), 2, shape)};
    return s;
}

/* How `word` stands among the logits; <pad> and <start> never follow and do not count. */
static void judge(walker *w, int at, const real *logits, int32_t word)
{
    int vocabulary = w->decoder->config.vocabulary, better = 0;
    for (int32_t i = DS_END; i < vocabulary; i++) better += logits[i] > logits[word];
    w->out->rank[at] = 1 + better;
    w->out->log_probability[at] = (double)logits[word] - cap_log_sum_exp(logits, vocabulary);
}

/* Reads `previous` and judges the word after it. */
static void take_step(walker *w, int at, int32_t previous)
{
    nn_tape *t = w->tape;
    const cap_decoder *d = w->decoder;
    cap_hypothesis *as = &w->out->as;
    cap_layers state = kept_state(w);
    nn_var *embedded = nn_embedding(t, d->embedding, &previous, 1);
    cap_step out = cap_decoder_step(t, d, w->memory, NULL, &state, cap_decoder_word_gates(t, d, embedded));
    nn_var *logits = cap_decoder_logits(t, d, out.h, out.context, embedded);
    if (t->failed) return;
    judge(w, at, logits->data, at < as->words ? as->word[at] : DS_END);
    size_t states = (size_t)w->memory->states;
    for (size_t i = 0; out.alpha && at < as->words && i < states; i++)
        as->alpha[(size_t)at * states + i] = (float)out.alpha->data[i];
    keep_state(w, &out.state);
}

static void walk(walker *w)
{
    nn_tape *t = w->tape;
    arena_mark mark = arena_save(t->mem);
    cap_layers first = cap_decoder_start(t, w->decoder, w->memory, NULL, 1);
    keep_state(w, &first);
    arena_rewind(t->mem, mark);
    for (int i = 0; i <= w->out->as.words && !t->failed; i++) {
        mark = arena_save(t->mem);
        take_step(w, i, i ? w->out->as.word[i - 1] : DS_START);
        arena_rewind(t->mem, mark);
    }
}

err_code cap_force(nn_tape *t, const cap_decoder *d, const cap_memory *m, const int32_t *word, int words,
                   arena *results, cap_forced *out, error *err)
{
    err_code code = check(t, d, m, word, words, err);
    if (code) return code;
    walker w = {.tape = t, .decoder = d, .memory = m, .out = out};
    bool room = allocate(&w, word, words, results);
    if (room) walk(&w);
    if (!room || t->failed) return err_set(err, ERR_MEMORY, "out of memory while scoring a sentence");
    for (int i = 0; i <= words; i++) {
        out->as.log_probability += out->log_probability[i];
        if (i < words) out->as.probability[i] = (float)exp(out->log_probability[i]);
    }
    if (!isfinite(out->as.log_probability)) return cap_no_numbers(err);
    out->as.score = out->as.log_probability / (words + 1);
    return ERR_OK;
}
