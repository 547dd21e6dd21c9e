/* Lines of text: how they become encoder states, and what is said of their words. */
#include "captioner/session.h"

#include <stdlib.h>
#include <string.h>

#include "captioner/lines.h"
#include "datasets/sources.h"

/* Lines that go through the net together, and what they may be padded to. */
enum { GROUP_LINES = 64, GROUP_WORDS = 8192 };

/* Lines go together whose lengths agree when rounded up to this: so the most words of a translation, which a
 * search has once for all its lines, depend on the line alone. */
enum { LENGTH_STEP = 8, MORE_WORDS = 10 };

/* The lines of one call. */
typedef struct job {
    cap_session *s;
    const cap_wishes *wishes;
    cap_translation *out;
    error *errors;
    arena memory;
    ds_sources sources; /* of the lines that can be translated, by falling length */
    int32_t *line;      /* [sources] where they stood */
    int32_t *order;     /* [sources] 0, 1, ... */
} job;

static err_code no_memory(error *err)
{
    return err_no_memory(err, "while translating");
}

void cap_translation_release(cap_translation *t)
{
    cap_result_release(&t->memory);
    *t = (cap_translation){0};
}

/* ---- reading lines ---- */

/* A line of blanks is answered at once. */
static bool answer_blank(cap_translation *out)
{
    arena *memory = cap_result_memory(&out->memory);
    out->alternative = memory ? arena_array(memory, 1, sizeof *out->alternative) : NULL;
    if (!out->alternative) return false;
    out->best = *out->alternative = (cap_alternative){.sentence = "", .ended = true, .confidence = 1};
    out->alternatives = 1;
    return true;
}

/* ---- one group through the net ---- */

static const char **words_of(const ds_codec *c, const int32_t *ids, int count, arena *memory)
{
    const char **word = arena_array(memory, (size_t)count, sizeof *word);
    for (int i = 0; word && i < count; i++)
        if (!(word[i] = arena_strdup(memory, ds_vocab_word(ds_codec_vocab(c), ids[i])))) return NULL;
    return word;
}

/* list[n_best]; the first one is the translation. Attention of a group is padded to its longest source. */
static bool fill(const cap_model *m, const cap_hypothesis *list, int n_best, const int32_t *source,
                 int sources, int padded, cap_translation *out)
{
    cap_found found;
    arena *memory = cap_result_memory(&out->memory);
    if (!memory || !cap_found_fill(m, list, n_best, padded, sources, memory, &found)) return false;
    out->best = found.best;
    out->alternatives = found.alternatives;
    out->alternative = found.alternative;
    out->attention = found.best.attention;
    out->sources = sources;
    out->source = words_of(m->source, source, sources, memory);
    out->source_label = cap_line_labels(m->source, source, sources, memory);
    out->label = cap_line_labels(m->target, list->word, list->words, memory);
    return out->source && out->source_label && out->label;
}

static int round_length(int64_t length)
{
    return (int)((length + LENGTH_STEP - 1) / LENGTH_STEP) * LENGTH_STEP;
}

/* The search for a group whose longest source has `length` words. */
static cap_search_options options_for(const cap_wishes *w, int length)
{
    cap_search_options o = w->search;
    int most = 2 * round_length(length) + MORE_WORDS;
    if (o.max_words > most) o.max_words = most > o.min_words ? most : o.min_words;
    return o;
}

static err_code search(const job *j, const ds_source_batch *batch, arena *results, cap_hypothesis *best,
                       error *err)
{
    int states;
    cap_search_options options = options_for(j->wishes, batch->max_len);
    nn_tape tape = cap_session_begin(j->s);
    cap_encoded read = cap_model_encode_text(&tape, j->s->model, batch);
    return cap_session_search(j->s, &tape, &read, &options, results, best, &states, err);
}

/* The sources at .. at + rows - 1. */
static err_code run_group(job *j, int at, int rows, error *err)
{
    size_t n_best = (size_t)cap_wishes_count(j->wishes);
    arena results = {0};
    ds_source_batch batch;
    cap_hypothesis *best = arena_array(&results, (size_t)rows * n_best, sizeof *best);
    err_code code =
        best ? ds_sources_batch(&j->sources, j->order + at, rows, &results, &batch, err) : no_memory(err);
    if (!code) code = search(j, &batch, &results, best, err);
    for (int i = 0; !code && i < rows; i++) {
        const int32_t *source = batch.tokens + (size_t)i * (size_t)batch.max_len;
        if (!fill(j->s->model, &best[(size_t)i * n_best], (int)n_best, source, batch.length[i], batch.max_len,
                  &j->out[j->line[at + i]]))
            code = no_memory(err);
    }
    arena_release(&results);
    return code;
}

/* ---- all lines ---- */

typedef struct found_line {
    int32_t length, line;
    int32_t *ids;
} found_line;

static int compare_lengths(const void *left, const void *right)
{
    const found_line *a = left, *b = right;
    if (a->length != b->length) return a->length < b->length ? 1 : -1;
    return a->line < b->line ? -1 : a->line > b->line;
}

/* The lines that can be translated as sources, the longest first. */
static err_code gather(job *j, const found_line *found, int count, error *err)
{
    int64_t total = 0;
    for (int i = 0; i < count; i++) total += found[i].length + 1;
    int32_t *words = arena_array(&j->memory, (size_t)total + 1, sizeof *words);
    int64_t *first = arena_array(&j->memory, (size_t)count + 1, sizeof *first);
    j->line = arena_array(&j->memory, (size_t)count + 1, sizeof *j->line);
    j->order = arena_array(&j->memory, (size_t)count + 1, sizeof *j->order);
    if (!words || !first || !j->line || !j->order) return no_memory(err);
    for (int i = 0; i < count; i++) {
        memcpy(words + first[i], found[i].ids, (size_t)found[i].length * sizeof *words);
        first[i + 1] = first[i] + found[i].length + 1;
        words[first[i + 1] - 1] = DS_END;
        j->line[i] = found[i].line;
        j->order[i] = i;
    }
    j->sources = (ds_sources){.count = count, .first = first, .words = words};
    return ERR_OK;
}

/* Reads the lines and answers those of blanks; `found` gets the others. */
static err_code read_lines(job *j, const char *const *lines, int count, found_line *found, int *kept,
                           error *err)
{
    err_code code = ERR_OK;
    *kept = 0;
    for (int i = 0; i < count && !code; i++) {
        found_line *f = &found[*kept];
        cap_line line;
        code = cap_line_read(j->s->model->source, lines[i], CAP_MAX_SOURCE, &j->memory, &line, &j->errors[i],
                             err);
        if (code || j->errors[i].code) continue;
        *f = (found_line){.length = line.words, .line = i, .ids = line.word};
        if (f->length)
            ++*kept;
        else if (!answer_blank(&j->out[i]))
            code = no_memory(err);
    }
    return code;
}

static int32_t length_of(const job *j, int source)
{
    return (int32_t)(j->sources.first[source + 1] - j->sources.first[source]);
}

/* How many sources from `at` on go together. */
static int group_size(const job *j, int at)
{
    int rows = 1, longest = length_of(j, at);
    while (rows < GROUP_LINES && at + rows < j->sources.count && (rows + 1) * longest <= GROUP_WORDS &&
           round_length(length_of(j, at + rows)) == round_length(longest))
        rows++;
    return rows;
}

static err_code run(job *j, const char *const *lines, int count, error *err)
{
    int kept;
    found_line *found = arena_array(&j->memory, (size_t)count + 1, sizeof *found);
    err_code code = found ? read_lines(j, lines, count, found, &kept, err) : no_memory(err);
    if (code) return code;
    qsort(found, (size_t)kept, sizeof *found, compare_lengths);
    code = gather(j, found, kept, err);
    for (int at = 0, rows; at < kept && !code; at += rows) {
        rows = group_size(j, at);
        code = run_group(j, at, rows, err);
    }
    return code;
}

cap_code cap_translate(cap_session *s, const cap_request *request, const char *const *lines, int count,
                       cap_translation *out, cap_error *errors, cap_error *err)
{
    cap_wishes wishes;
    job j = {.s = s, .wishes = &wishes, .out = out, .errors = errors};
    for (int i = 0; i < count; i++) {
        out[i] = (cap_translation){0};
        errors[i] = (error){0};
    }
    err_code code = cap_wishes_read(s->model, request, CAP_LINES, &wishes, err);
    if (!code) code = run(&j, lines, count, err);
    arena_release(&j.memory);
    for (int i = 0; code && i < count; i++) cap_translation_release(&out[i]);
    return code;
}
