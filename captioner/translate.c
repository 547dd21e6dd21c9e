#include "captioner/translate.h"

#include <stdlib.h>
#include <string.h>

#include "captioner/net/model.h"
#include "captioner/search/search_words.h"
#include "datasets/sources.h"

/* Lines that go through the net together, and what they may be padded to. */
enum { GROUP_LINES = 64, GROUP_WORDS = 8192 };

/* Lines go together whose lengths agree when rounded up to this: so the most words of a translation, which a
 * search has once for all its lines, depend on the line alone. */
enum { LENGTH_STEP = 8, MORE_WORDS = 10 };

struct cap_translator {
    cap_translator_settings settings;
    cap_model *model;
    pool *threads;
    arena step;           /* of the tape */
    cap_word_lists words; /* of settings.search */
};

/* The lines of one call. */
typedef struct job {
    cap_translator *t;
    cap_translation *out;
    error *errors;
    arena memory;
    ds_sources sources; /* of the lines that can be translated, by falling length */
    int32_t *line;      /* [sources] where they stood */
    int32_t *order;     /* [sources] 0, 1, ... */
} job;

cap_search_options cap_translate_defaults(void)
{
    cap_search_options o = cap_search_defaults();
    o.no_repeat = 0;
    o.max_words = CAP_MAX_WORDS;
    return o;
}

cap_translator_settings cap_translator_settings_default(void)
{
    return (cap_translator_settings){.search = cap_translate_defaults()};
}

static err_code no_memory(error *err)
{
    return err_set(err, ERR_MEMORY, "out of memory while translating");
}

/* ---- opening ---- */

err_code cap_translator_open(const char *path, const cap_translator_settings *settings, cap_translator **out,
                             error *err)
{
    *out = NULL;
    cap_translator *t = calloc(1, sizeof *t);
    if (!t) return no_memory(err);
    t->settings = settings ? *settings : cap_translator_settings_default();
    cap_search_options *search = &t->settings.search;
    err_code code = cap_search_check(search, err);
    if (!code && t->settings.threads < 0)
        code = err_set(err, ERR_ARGUMENT, "%d threads are not possible", t->settings.threads);
    if (!code) code = cap_precision_check(t->settings.precision, err);
    if (!code) code = cap_model_open(path, &t->model, err);
    if (!code) code = cap_model_need(t->model, CAP_TEXT, path, err);
    if (!code) {
        cap_packing packing = cap_packing_of(t->settings.precision);
        code = nn_params_pack(&t->model->params, "decoder.", packing.linear, packing.conv, err);
    }
    if (!code)
        code =
            cap_search_symbols(t->model->target, t->settings.must, t->settings.avoid, &t->words, search, err);
    if (!code) code = cap_search_check(search, err); /* the words, against the most words */
    if (!code && !(t->threads = pool_create(t->settings.threads)))
        code = err_set(err, ERR_MEMORY, "out of memory or threads");
    if (code) cap_translator_close(&t);
    *out = t;
    return code;
}

void cap_translator_close(cap_translator **tp)
{
    cap_translator *t = tp ? *tp : NULL;
    if (!t) return;
    cap_model_close(&t->model);
    pool_free(&t->threads);
    arena_release(&t->step);
    free(t);
    *tp = NULL;
}

bool cap_translator_attends(const cap_translator *t)
{
    return cap_decoder_attends(&t->model->decoder);
}

void cap_translation_release(cap_translation *t)
{
    arena_release(&t->memory);
    *t = (cap_translation){0};
}

/* ---- reading lines ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The line without the blanks around it, as the trainer saw its lines; NULL: out of memory. */
static const char *trim(const char *line, arena *memory)
{
    const char *end = line + strlen(line);
    while (is_blank(*line)) line++;
    while (end > line && is_blank(end[-1])) end--;
    return arena_strndup(memory, line, (size_t)(end - line));
}

static const char *unit_of(const ds_codec *c)
{
    static const char *const units[DS_LEVELS] = {"words", "characters", "pieces"};
    return units[ds_codec_level(c)];
}

/* A line of blanks is answered at once. */
static bool answer_blank(cap_translation *out)
{
    out->alternative = arena_array(&out->memory, 1, sizeof *out->alternative);
    if (!out->alternative) return false;
    out->best = *out->alternative = (cap_alternative){.sentence = "", .ended = true, .confidence = 1};
    out->alternatives = 1;
    return true;
}

/* The line's numbers, none for blanks; or why it cannot be translated, in *reason. */
static err_code read_line(job *j, const char *line, int32_t **ids, int32_t *count, error *reason, error *err)
{
    const ds_codec *codec = j->t->model->source;
    size_t fault;
    const char *plain = trim(line, &j->memory);
    *count = 0;
    if (!plain) return no_memory(err);
    if (!text_utf8_valid(line, strlen(line), &fault)) {
        err_set(reason, ERR_FORMAT, "not UTF-8 (byte %zu)", fault + 1);
        return ERR_OK;
    }
    err_code code = ds_codec_encode(codec, plain, &j->memory, ids, count, err);
    if (!code && *count > CAP_MAX_SOURCE)
        err_set(reason, ERR_LIMIT, "%d %s are too many, %d at most", (int)*count, unit_of(codec),
                CAP_MAX_SOURCE);
    return code;
}

/* ---- one group through the net ---- */

static const char *keep_label(const ds_codec *c, int32_t id, arena *memory)
{
    text label = {0};
    ds_codec_label(c, id, &label);
    const char *kept = label.failed ? NULL : arena_strdup(memory, text_string(&label));
    text_release(&label);
    return kept;
}

static const char **labels_of(const ds_codec *c, const int32_t *ids, int count, arena *memory)
{
    const char **label = arena_array(memory, (size_t)count, sizeof *label);
    for (int i = 0; label && i < count; i++)
        if (!(label[i] = keep_label(c, ids[i], memory))) return NULL;
    return label;
}

static const char **words_of(const ds_codec *c, const int32_t *ids, int count, arena *memory)
{
    const char **word = arena_array(memory, (size_t)count, sizeof *word);
    for (int i = 0; word && i < count; i++)
        if (!(word[i] = arena_strdup(memory, ds_vocab_word(ds_codec_vocab(c), ids[i])))) return NULL;
    return word;
}

/* The weights of a group are padded to its longest source. */
static bool keep_attention(const cap_hypothesis *h, int padded, cap_translation *out)
{
    size_t words = (size_t)h->words, sources = (size_t)out->sources;
    if (!h->alpha) return true;
    out->attention = arena_array(&out->memory, words * sources, sizeof *out->attention);
    for (size_t i = 0; out->attention && i < words; i++)
        memcpy(out->attention + i * sources, h->alpha + i * (size_t)padded, sources * sizeof *out->attention);
    return out->attention;
}

/* list[n_best]; the first one is the translation. */
static bool fill(const cap_model *m, const cap_hypothesis *list, int n_best, const int32_t *source,
                 int sources, int padded, cap_translation *out)
{
    out->sources = sources;
    out->alternative = arena_array(&out->memory, (size_t)n_best, sizeof *out->alternative);
    bool good = out->alternative && keep_attention(list, padded, out);
    for (int i = 0; good && i < n_best && list[i].words; i++)
        good = cap_alternative_fill(m, &list[i], &out->memory, &out->alternative[out->alternatives++]);
    if (!good) return false;
    out->best = *out->alternative;
    out->source = words_of(m->source, source, sources, &out->memory);
    out->source_label = labels_of(m->source, source, sources, &out->memory);
    out->label = labels_of(m->target, list->word, list->words, &out->memory);
    return out->source && out->source_label && out->label;
}

static int round_length(int64_t length)
{
    return (int)((length + LENGTH_STEP - 1) / LENGTH_STEP) * LENGTH_STEP;
}

/* The search for a group whose longest source has `length` words. */
static cap_search_options options_for(const cap_translator *t, int length)
{
    cap_search_options o = t->settings.search;
    int most = 2 * round_length(length) + MORE_WORDS;
    if (o.max_words > most) o.max_words = most > o.min_words ? most : o.min_words;
    return o;
}

static err_code search(cap_translator *t, const ds_source_batch *batch, arena *results, cap_hypothesis *best,
                       error *err)
{
    nn_tape tape = {.mem = &t->step, .threads = t->threads};
    cap_search_options options = options_for(t, batch->max_len);
    nn_begin(&tape);
    cap_encoded encoded = cap_model_encode_text(&tape, t->model, batch);
    cap_memory memory = cap_decoder_remember(&tape, &t->model->decoder, &encoded);
    if (tape.failed) return no_memory(err);
    return cap_search(&tape, &t->model->decoder, &memory, &options, results, best, err);
}

/* The sources at .. at + rows - 1. */
static err_code run_group(job *j, int at, int rows, error *err)
{
    size_t n_best = (size_t)(j->t->settings.search.n_best ? j->t->settings.search.n_best : 1);
    arena results = {0};
    ds_source_batch batch;
    cap_hypothesis *best = arena_array(&results, (size_t)rows * n_best, sizeof *best);
    err_code code =
        best ? ds_sources_batch(&j->sources, j->order + at, rows, &results, &batch, err) : no_memory(err);
    if (!code) code = search(j->t, &batch, &results, best, err);
    for (int i = 0; !code && i < rows; i++) {
        const int32_t *source = batch.tokens + (size_t)i * (size_t)batch.max_len;
        if (!fill(j->t->model, &best[(size_t)i * n_best], (int)n_best, source, batch.length[i], batch.max_len,
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
        f->line = i;
        code = read_line(j, lines[i], &f->ids, &f->length, &j->errors[i], err);
        if (code || j->errors[i].code) continue;
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

err_code cap_translate(cap_translator *t, const char *const *lines, int count, cap_translation *out,
                       error *errors, error *err)
{
    job j = {.t = t, .out = out, .errors = errors};
    for (int i = 0; i < count; i++) {
        out[i] = (cap_translation){0};
        errors[i] = (error){0};
    }
    err_code code = run(&j, lines, count, err);
    arena_release(&j.memory);
    for (int i = 0; code && i < count; i++) cap_translation_release(&out[i]);
    return code;
}
