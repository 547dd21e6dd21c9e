/* Language models: what comes behind a beginning. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "captioner/lines.h"
#include "captioner/search/search_state.h"
#include "captioner/session.h"

static err_code no_memory(error *err)
{
    return err_no_memory(err, "while completing");
}

void cap_completion_release(cap_completion *c)
{
    cap_result_release(&c->memory);
    *c = (cap_completion){0};
}

/* ---- sentences behind a beginning ---- */

/* What `words` more words add to the text of a beginning, whose own form is not touched: a word that the
 * model does not know stays as it was written. NULL: out of memory. */
static const char *added(const ds_codec *c, const cap_line *given, const int32_t *word, int words,
                         arena *memory)
{
    text before = {0}, whole = {0};
    int32_t *all = arena_array(memory, (size_t)given->words + (size_t)words, sizeof *all);
    const char *kept = NULL;
    for (int i = 0; all && i < given->words; i++) all[i] = given->word[i];
    for (int i = 0; all && i < words; i++) all[given->words + i] = word[i];
    if (all) ds_codec_decode(c, all, given->words, &before);
    if (all) ds_codec_decode(c, all, given->words + words, &whole);
    if (all && !before.failed && !whole.failed)
        kept = arena_strdup(memory, text_string(&whole) + before.length);
    text_release(&before);
    text_release(&whole);
    return kept;
}

static const char *joined(const char *a, const char *b, arena *memory)
{
    size_t n = strlen(a), m = strlen(b);
    char *both = arena_array(memory, n + m + 1, 1);
    if (!both) return NULL;
    memcpy(both, a, n);
    memcpy(both + n, b, m);
    return both;
}

static bool fill(const cap_model *m, const cap_line *given, const cap_hypothesis *list, int n_best,
                 arena *memory, cap_completion *out)
{
    cap_found found;
    if (!cap_found_fill(m, list, n_best, 0, 0, memory, &found)) return false;
    out->alternatives = found.alternatives;
    out->alternative = found.alternative;
    for (int i = 0; i < found.alternatives; i++) {
        const char *more = added(m->target, given, list[i].word, list[i].words, memory);
        if (!more) return false;
        out->alternative[i].sentence = more;
    }
    out->best = out->alternative[0];
    out->label = cap_line_labels(m->target, list->word, list->words, memory);
    out->text = joined(given->plain, out->best.sentence, memory);
    return out->label && out->text;
}

static err_code search(cap_session *s, const cap_wishes *w, const cap_line *given, arena *memory,
                       cap_completion *out, error *err)
{
    arena results = {0};
    int states, n_best = cap_wishes_count(w);
    cap_search_options options = w->search;
    options.begin = given->word;
    options.begins = given->words;
    cap_hypothesis *best = arena_array(&results, (size_t)n_best, sizeof *best);
    nn_tape tape = cap_session_begin(s);
    const cap_encoded nothing = {.memories = 1};
    err_code code = best ? cap_session_search(s, &tape, &nothing, &options, &results, best, &states, err)
                         : no_memory(err);
    if (!code && !fill(s->model, given, best, n_best, memory, out)) code = no_memory(err);
    arena_release(&results);
    return code;
}

/* ---- the table of next words ---- */

typedef struct candidate {
    real logit;
    int32_t word;
} candidate;

static int likelier_first(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->logit < y->logit || x->logit > y->logit) return x->logit < y->logit ? 1 : -1;
    return (x->word > y->word) - (x->word < y->word);
}

static const char *word_label(const ds_codec *c, int32_t word, arena *memory)
{
    if (word == DS_END) return ds_vocab_word(ds_codec_vocab(c), word);
    const char **label = cap_line_labels(c, &word, 1, memory);
    return label ? label[0] : NULL;
}

/* logits[V] become the table of what is possible. <pad> and <start> never follow. */
static err_code rank(const cap_model *m, const real *logits, int top, arena *memory, cap_completion *out,
                     error *err)
{
    const ds_vocab *v = cap_model_vocab(m);
    int vocabulary = ds_vocab_size(v), count = vocabulary - DS_END;
    double total = cap_log_sum_exp(logits, vocabulary);
    if (!isfinite(total)) return cap_no_numbers(err);
    int most = top < count ? top : count;
    out->next = arena_array(memory, (size_t)most, sizeof *out->next);
    candidate *all = malloc((size_t)count * sizeof *all);
    bool good = out->next && all;
    for (int i = 0; good && i < count; i++) all[i] = (candidate){logits[DS_END + i], DS_END + i};
    if (good) qsort(all, (size_t)count, sizeof *all, likelier_first);
    for (int i = 0; good && i < most && isfinite(all[i].logit); i++) {
        const char *word = arena_strdup(memory, ds_vocab_word(v, all[i].word));
        const char *label = word_label(m->target, all[i].word, memory);
        out->next[i] = (cap_next_word){word, arena_strdup(memory, label), (double)all[i].logit - total};
        good = word && out->next[i].label;
        out->nexts = i + 1;
    }
    free(all);
    return good ? ERR_OK : no_memory(err);
}

/* The logits behind the beginning, on the tape; NULL: out of memory. */
static const nn_var *logits_behind(nn_tape *t, const cap_decoder *d, const cap_memory *m,
                                   const cap_line *given, arena *rows)
{
    cap_walk w = {.tape = t, .decoder = d, .memory = m, .mem = rows, .most = 1};
    int32_t word = DS_START;
    cap_walk_begin(&w, NULL, 1);
    for (int i = 0; i < given->words && !t->failed; i++) {
        arena_mark mark = arena_save(t->mem);
        cap_step out = cap_walk_step(&w, NULL, &word);
        cap_walk_keep(&w, &out, NULL, 1);
        arena_rewind(t->mem, mark);
        word = given->word[i];
    }
    cap_step last = cap_walk_step(&w, NULL, &word);
    return cap_decoder_logits(t, d, &last);
}

static err_code list_next(cap_session *s, const cap_line *given, int top, arena *memory, cap_completion *out,
                          error *err)
{
    arena rows = {0};
    cap_memory m = {0};
    nn_tape tape = cap_session_begin(s);
    err_code code = cap_session_remember(s, &tape, &(cap_encoded){.memories = 1}, &m, err);
    const nn_var *logits = code ? NULL : logits_behind(&tape, &s->model->decoder, &m, given, &rows);
    if (!code) code = logits ? rank(s->model, logits->data, top, memory, out, err) : no_memory(err);
    out->text = given->plain;
    arena_release(&rows);
    return code;
}

/* ---- both ---- */

static err_code read_beginning(const cap_model *m, const char *beginning, arena *memory, cap_line *out,
                               error *err)
{
    error reason = {0};
    err_code code = cap_line_read(m->target, beginning, CAP_MAX_WORDS, memory, out, &reason, err);
    if (!code && reason.code) code = err_set(err, reason.code, "%s", reason.text);
    return code;
}

cap_code cap_complete(cap_session *s, const cap_request *request, const char *beginning, int top,
                      cap_completion *out, cap_error *err)
{
    cap_wishes wishes;
    cap_line given = {0};
    *out = (cap_completion){0};
    if (top < 0) return err_set(err, ERR_ARGUMENT, "a table of %d words is not possible", top);
    err_code code = cap_wishes_read(s->model, request, CAP_BEGINNINGS, &wishes, err);
    arena *memory = code ? NULL : cap_result_memory(&out->memory);
    if (!code) code = memory ? read_beginning(s->model, beginning, memory, &given, err) : no_memory(err);
    out->beginning = given.plain;
    out->given = given.words;
    for (int i = 0; i < given.words; i++) out->unknown += given.word[i] == DS_UNK;
    if (!code)
        code =
            top ? list_next(s, &given, top, memory, out, err) : search(s, &wishes, &given, memory, out, err);
    if (code) cap_completion_release(out);
    return code;
}
