#include "captioner/score/text_score.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "captioner/score/ptb_chars.h"
#include "captioner/score/score_caption.h"
#include "src/base/text.h"

/* ---- tokens: the substitutions of mteval-v13a, one after the other ---- */

/* Every `what` becomes `as`, which is no longer, from left to right. */
static void replace(char *s, const char *what, const char *as)
{
    size_t n = strlen(what), m = strlen(as);
    char *to = s;
    while (*s) {
        if (strncmp(s, what, n)) {
            *to++ = *s++;
            continue;
        }
        memcpy(to, as, m);
        to += m;
        s += n;
    }
    *to = 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_no_digit(char c)
{
    return !is_digit(c);
}

static bool is_point(char c)
{
    return c == '.' || c == ',';
}

static bool is_dash(char c)
{
    return c == '-';
}

/* ASCII punctuation but for ' , - and . */
static bool is_symbol(char c)
{
    return (c >= ' ' && c <= '&') || (c >= '(' && c <= '+') || c == '/' || (c >= ':' && c <= '@') ||
           (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

static void part_symbols(const char *s, text *out)
{
    for (; *s; s++) {
        char apart[] = {' ', *s, ' '};
        text_append_bytes(out, is_symbol(*s) ? apart : s, is_symbol(*s) ? 3 : 1);
    }
}

/* Two neighbours are parted, blanks around the one that `lone` names; a pair is never looked at twice. */
static void part_pairs(const char *s, bool (*first)(char), bool (*second)(char), int lone, text *out)
{
    while (*s) {
        if (!first(s[0]) || !s[1] || !second(s[1])) {
            text_append_bytes(out, s++, 1);
            continue;
        }
        char apart[] = {' ', s[0], ' ', s[1], ' '};
        text_append_bytes(out, apart + lone, 4);
        s += 2;
    }
}

static void split_words(const char *s, size_t bytes, arena *a, cap_tokens *out)
{
    const char *end = s + bytes, *begin = NULL;
    out->token = arena_array(a, bytes / 2 + 1, sizeof *out->token);
    while (out->token && s <= end) {
        const char *at = s;
        int32_t c = s < end ? text_utf8_next(&s, end) : ' ';
        bool blank = c >= 0 && cap_char_is_blank((uint32_t)c);
        if (!blank && !begin) begin = at;
        if (blank && begin) {
            const char *token = arena_strndup(a, begin, (at - begin));
            if (!token) break;
            out->token[out->count++] = token;
            begin = NULL;
        }
        if (at == end) return;
    }
    out->token = NULL;
}

err_code cap_13a_tokens(const char *line, arena *a, cap_tokens *out, error *err)
{
    static const char *const entities[][2] = {
        {"<skipped>", ""}, {"&quot;", "\""}, {"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"}};
    text now = {0}, next = {0};
    *out = (cap_tokens){0};
    if (strnlen(line, CAP_PTB_MAX_BYTES + 1) > CAP_PTB_MAX_BYTES)
        return err_set(err, ERR_LIMIT, "a line of more than %d bytes: no sentence is that long",
                       CAP_PTB_MAX_BYTES);
    text_printf(&now, " %s ", line);
    for (size_t i = 0; now.data && i < sizeof entities / sizeof entities[0]; i++)
        replace(now.data, entities[i][0], entities[i][1]);
    part_symbols(text_string(&now), &next);
    text_clear(&now);
    part_pairs(text_string(&next), is_no_digit, is_point, 1, &now);
    bool failed = now.failed || next.failed;
    text_clear(&next);
    part_pairs(text_string(&now), is_point, is_no_digit, 0, &next);
    text_clear(&now);
    part_pairs(text_string(&next), is_digit, is_dash, 1, &now);
    if (!failed && !now.failed && !next.failed) split_words(text_string(&now), now.length, a, out);
    text_release(&now);
    text_release(&next);
    return out->token ? ERR_OK : err_no_memory(err, "for the words of a line");
}

/* ---- counting ---- */

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static size_t trim(const char **s)
{
    while (is_blank(**s)) ++*s;
    size_t n = strlen(*s);
    while (n && is_blank((*s)[n - 1])) n--;
    return n;
}

static bool is_equal(const char *a, const char *b)
{
    size_t n = trim(&a), m = trim(&b);
    return n == m && !memcmp(a, b, n);
}

static err_code read_line(cap_scored *to, cap_ngrams *g, const char *line, arena *memory, error *err)
{
    cap_tokens t;
    err_code code = cap_13a_tokens(line, memory, &t, err);
    return code ? code : cap_scored_tokens(to, g, &t, memory, err);
}

static err_code count_line(cap_text_counts *c, const char *hypothesis, const char *const *references,
                           int count, cap_ngrams *g, arena *memory, error *err)
{
    cap_scored *all = arena_array(memory, (size_t)count + 1, sizeof *all);
    const cap_scored **refs = arena_array(memory, (size_t)count + 1, sizeof *refs);
    if (!all || !refs) return err_no_memory(err, "for a line");
    int n = 0;
    bool exact = false;
    err_code code = read_line(&all[count], g, hypothesis, memory, err);
    for (int i = 0; !code && i < count; i++) {
        if (!references[i][0]) continue;
        exact |= is_equal(hypothesis, references[i]);
        code = read_line(&all[i], g, references[i], memory, err);
        refs[n++] = &all[i];
    }
    if (code) return code;
    if (!n) return err_set(err, ERR_ARGUMENT, "no reference");
    cap_count_hits(&c->of, &all[count], refs, n);
    c->fewest_references = c->lines && c->fewest_references < n ? c->fewest_references : n;
    c->most_references = c->most_references > n ? c->most_references : n;
    c->exact += exact;
    c->lines++;
    return ERR_OK;
}

err_code cap_text_add(cap_text_counts *c, const char *hypothesis, const char *const *references, int count,
                      error *err)
{
    cap_ngrams g = {0};
    arena memory = {0};
    err_code code = count_line(c, hypothesis, references, count, &g, &memory, err);
    cap_ngrams_release(&g);
    arena_release(&memory);
    return code;
}

/* ---- the score ---- */

cap_text_bleu cap_text_score(const cap_text_counts *c)
{
    const cap_metrics *m = &c->of;
    cap_text_bleu b = {.brevity = 1};
    double halves = 1, logs = 0;
    bool all = true;
    if (m->hypothesis_words < m->reference_words)
        b.brevity =
            m->hypothesis_words ? exp(1 - (double)m->reference_words / (double)m->hypothesis_words) : 0;
    if (!m->correct[0]) return b; /* nothing matches: no smoothing makes that a score */
    for (int n = 0; n < CAP_NGRAM_MAX; n++) {
        all = all && m->guess[n];
        if (!all) break;
        if (!m->correct[n]) halves *= 2; /* 1/2, 1/4, ... of a hit for each order without one */
        double hits = m->correct[n] ? (double)m->correct[n] : 1 / halves;
        b.precision[n] = 100 * hits / (double)m->guess[n];
        logs += log(b.precision[n]) / CAP_NGRAM_MAX;
    }
    if (all) b.score = b.brevity * exp(logs);
    return b;
}
