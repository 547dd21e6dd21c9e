#include "captioner/chain.h"

#include <string.h>

#include "captioner/session.h"
#include "captioner/show/alt_text.h"

/* ---- which word looked at which ---- */

static double letters_of(const char *word)
{
    double n = 0;
    for (; *word; word++) n += (*word & 0xC0) != 0x80 && *word != ' ';
    return n > 0 ? n : 0.01; /* a mark alone has a place, too */
}

/* Where each word lies in a sentence of length 1: start[0..count]. */
static void measure(const char *const *word, int count, double *start)
{
    start[0] = 0;
    for (int i = 0; i < count; i++) start[i + 1] = start[i] + letters_of(word[i]);
    for (int i = 0; i <= count; i++) start[i] /= start[count];
}

static double shared(const double *a, int i, const double *b, int j)
{
    double from = a[i] > b[j] ? a[i] : b[j], to = a[i + 1] < b[j + 1] ? a[i + 1] : b[j + 1];
    return to > from ? (to - from) / (a[i + 1] - a[i]) : 0;
}

static void make_rows_one(float *weight, int rows, int columns)
{
    for (int t = 0; t < rows; t++, weight += columns) {
        float sum = 0;
        for (int c = 0; c < columns; c++) sum += weight[c];
        for (int c = 0; c < columns; c++) weight[c] = sum > 0 ? weight[c] / sum : 1.0F / (float)columns;
    }
}

void cap_chain_weights(const float *attention, int targets, int sources, const char *const *source, int words,
                       const char *const *word, float *weight)
{
    int given = sources - 1; /* the last one is the end */
    double a[CAP_MAX_SOURCE + 1], b[CAP_MAX_WORDS + 1];
    memset(weight, 0, (size_t)targets * (size_t)words * sizeof *weight);
    bool alike =
        given == words; /* word for word, then, whatever a translator calls a word that it does not know */
    if (!alike) measure(source, given, a);
    if (!alike) measure(word, words, b);
    for (int t = 0; t < targets; t++)
        for (int s = 0; s < given; s++)
            for (int c = alike ? s : 0; c < (alike ? s + 1 : words); c++)
                weight[t * words + c] += attention[t * sources + s] * (alike ? 1 : (float)shared(a, s, b, c));
    make_rows_one(weight, targets, words);
}

/* ---- one sentence ---- */

/* weight[targets][words] times what the words have, [words][width]; NULL: they have nothing. */
static bool carry(const float *weight, int targets, int words, const float *from, int width, arena *memory,
                  float **out)
{
    *out = NULL;
    if (!from || !weight || width < 1) return true;
    *out = arena_array(memory, (size_t)targets * (size_t)width, sizeof **out);
    if (!*out) return false;
    for (int t = 0; t < targets; t++)
        for (int c = 0; c < words; c++)
            for (int k = 0; k < width; k++)
                (*out)[t * width + k] += weight[t * words + c] * from[c * width + k];
    return true;
}

static const char *keep_sentence(const cap_translation *t, bool alt_text, arena *memory)
{
    text alt = {0};
    if (alt_text)
        cap_alt_text(t->best.sentence, CAP_ALT_TEXT, &alt);
    else
        text_append(&alt, t->best.sentence);
    const char *kept = alt.failed ? NULL : arena_strndup(memory, text_string(&alt), alt.length);
    text_release(&alt);
    return kept;
}

static bool keep_words(const cap_translation *t, arena *memory, cap_alternative *a)
{
    size_t n = (size_t)t->best.words;
    a->words = t->best.words;
    a->word = arena_array(memory, n, sizeof *a->word);
    a->probability = arena_array(memory, n, sizeof *a->probability);
    if (!a->word || !a->probability) return false;
    memcpy(a->probability, t->best.probability, n * sizeof *a->probability);
    for (size_t i = 0; i < n; i++)
        if (!(a->word[i] = arena_strdup(memory, t->label[i]))) return false;
    return true;
}

/* `said` is what *a is before. */
static bool replace(const cap_description *d, const cap_translation *t, bool alt_text, arena *memory,
                    cap_alternative *a, float **weight)
{
    const cap_alternative said = *a;
    int targets = t->best.words, words = said.words;
    *weight = NULL;
    if (t->attention) {
        *weight = arena_array(memory, (size_t)targets * (size_t)words, sizeof **weight);
        if (!*weight) return false;
        cap_chain_weights(t->attention, targets, t->sources, t->source_label, words, said.word, *weight);
    }
    a->sentence = keep_sentence(t, alt_text, memory);
    a->log_probability = t->best.log_probability;
    a->confidence = t->best.confidence;
    a->ended = t->best.ended;
    return a->sentence && keep_words(t, memory, a) &&
           carry(*weight, targets, words, said.trust, 1, memory, &a->trust) &&
           carry(*weight, targets, words, said.attention, d->grid_h * d->grid_w, memory, &a->attention) &&
           carry(*weight, targets, words, said.concept_attention, d->concepts, memory, &a->concept_attention);
}

/* ---- all of them ---- */

typedef struct chain {
    cap_description *d;
    cap_chained *source;
    error *errors;
    int count;
    bool alt_text;
    const char **line;  /* [lines] */
    cap_translation *t; /* [lines] */
    error *reason;      /* [lines] */
    int lines;
} chain;

static bool takes_part(const chain *c, int i)
{
    return !c->errors[i].code && c->d[i].alternatives;
}

static bool gather(chain *c, arena *memory)
{
    int most = 0;
    for (int i = 0; i < c->count; i++) most += takes_part(c, i) ? c->d[i].alternatives : 0;
    c->line = arena_array(memory, (size_t)most, sizeof *c->line);
    c->t = arena_array(memory, (size_t)most, sizeof *c->t);
    c->reason = arena_array(memory, (size_t)most, sizeof *c->reason);
    if (!c->line || !c->t || !c->reason) return false;
    for (int i = 0; i < c->count; i++)
        for (int k = 0; takes_part(c, i) && k < c->d[i].alternatives; k++)
            c->line[c->lines++] = c->d[i].alternative[k].sentence;
    return true;
}

/* Description i, whose first line is number `at`. */
static err_code put(chain *c, int i, int at, error *err)
{
    cap_description *d = &c->d[i];
    arena *memory = cap_result_memory(&d->memory);
    c->source[i] = (cap_chained){.said = d->best};
    for (int k = 0; k < d->alternatives; k++) {
        float *weight;
        const cap_translation *t = &c->t[at + k];
        if (c->reason[at + k].code || !t->best.words) {
            c->errors[i] = c->reason[at + k];
            if (!c->errors[i].code)
                err_set(&c->errors[i], ERR_MISMATCH, "'%.200s' has no translation", c->line[at + k]);
            cap_description_release(d);
            return ERR_OK;
        }
        if (!memory || !replace(d, t, c->alt_text, memory, &d->alternative[k], &weight))
            return err_no_memory(err, "for a translation");
        if (!k) c->source[i].alignment = weight;
    }
    d->best = *d->alternative;
    d->attention = d->best.attention;
    d->concept_attention = d->best.concept_attention;
    return ERR_OK;
}

err_code cap_chain(cap_session *translator, bool alt_text, cap_description *d, int count, cap_chained *source,
                   error *errors, error *err)
{
    arena memory = {0};
    chain c = {.d = d, .source = source, .errors = errors, .count = count, .alt_text = alt_text};
    cap_request request = cap_request_defaults(CAP_LINES);
    request.attention = true;
    err_code code = gather(&c, &memory) ? ERR_OK : err_no_memory(err, "for translations");
    if (!code && c.lines) code = cap_translate(translator, &request, c.line, c.lines, c.t, c.reason, err);
    for (int i = 0, at = 0; i < count && !code; i++) {
        if (!takes_part(&c, i)) continue;
        int lines = d[i].alternatives;
        code = put(&c, i, at, err);
        at += lines;
    }
    for (int i = 0; i < c.lines; i++) cap_translation_release(&c.t[i]);
    arena_release(&memory);
    return code;
}
