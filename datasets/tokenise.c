#include "datasets/tokenise.h"

#include "datasets/points.h"
#include "src/base/entity.h"

#include <string.h>

enum { TEXT_LIMIT = 16 << 20 };

static const char *const clitics[] = {"'s", "'re", "'ve", "'ll", "'d", "'m", "n't"};

enum { CLITICS = sizeof clitics / sizeof clitics[0] };

static uint32_t to_ascii_mark(uint32_t point)
{
    if (point == 0x2018 || point == 0x2019 || point == 0x02bc || point == 0xff07) return '\'';
    if (point == 0x2010 || point == 0x2011 || point == 0xff0d) return '-';
    return point;
}

/* The next character, which may be written as an HTML entity; what is malformed is U+FFFD. */
static uint32_t read_point(const char **s, const char *end)
{
    uint32_t point;
    size_t entity = text_entity_read(*s, &point);
    *s += entity;
    if (entity) return point;
    int32_t read = text_utf8_next(s, end);
    return read < 0 ? 0xfffd : (uint32_t)read;
}

/* Lower case, marks in ASCII, separators outside ASCII as blanks. */
static void normalise_text(const char *utf8, size_t size, text *out)
{
    for (const char *s = utf8, *end = utf8 + size; s < end;) {
        uint32_t point = to_ascii_mark(read_point(&s, end));
        if (ds_point_is_invisible(point)) continue;
        if (point >= 0x80 && ds_point_is_separator(point)) point = ' ';
        text_append_point(out, text_lower_point(point));
    }
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}

/* Does s[i] belong to a word? s[-1] and s[size] are readable and no letters. */
static bool is_inside(const char *s, size_t i)
{
    char c = s[i];
    if (is_letter(c)) return true;
    if (i == 0) return false;
    if (c == '\'' || c == '-') return is_letter(s[i - 1]) && is_letter(s[i + 1]);
    return (c == '.' || c == ',' || c == ':') && is_digit(s[i - 1]) && is_digit(s[i + 1]);
}

static bool is_clitic(const char *word, size_t size)
{
    for (size_t i = 0; i < CLITICS; i++)
        if (strlen(clitics[i]) == size && !memcmp(word, clitics[i], size)) return true;
    return false;
}

/* Bytes of the word before its clitic; the whole size when it has none. */
static size_t stem_size(const char *word, size_t size)
{
    for (size_t tail = 2; tail <= 3 && tail < size; tail++)
        if (is_clitic(word + size - tail, tail)) return size - tail;
    return size;
}

typedef struct writer {
    char *at;
    ds_tokens *out;
} writer;

static void put_word(writer *w, const char *word, size_t size)
{
    if (!size) return;
    w->out->word[w->out->count++] = w->at;
    memcpy(w->at, word, size);
    w->at += size;
    *w->at++ = 0;
}

static void split_words(const char *s, size_t size, writer *w)
{
    for (size_t i = 0, start; i < size; i++) {
        if (!is_inside(s, i)) continue;
        for (start = i; i < size && is_inside(s, i);) i++;
        size_t stem = stem_size(s + start, i - start);
        put_word(w, s + start, stem);
        put_word(w, s + start + stem, i - start - stem);
    }
}

err_code ds_tokenise(const char *utf8, arena *memory, ds_tokens *out, error *err)
{
    *out = (ds_tokens){0};
    size_t size = strlen(utf8);
    if (size > TEXT_LIMIT)
        return err_set(err, ERR_LIMIT, "a caption of %zu bytes is too long: 16 MiB at most", size);
    text plain = {0};
    normalise_text(utf8, size, &plain);
    /* Words need a separator between them or are clitics of two letters or more: at most one per byte. */
    writer w = {.at = arena_alloc(memory, 2 * plain.length + 1), .out = out};
    out->word = arena_alloc(memory, (plain.length + 1) * sizeof *out->word);
    bool failed = plain.failed || !w.at || !out->word;
    if (!failed) split_words(text_string(&plain), plain.length, &w);
    text_release(&plain);
    if (failed) return err_no_memory(err, "while splitting a caption into words");
    return ERR_OK;
}

void ds_detokenise(const char *const *word, int32_t count, text *out)
{
    for (int32_t i = 0; i < count; i++) {
        if (i && !is_clitic(word[i], strlen(word[i]))) text_append(out, " ");
        text_append(out, word[i]);
    }
}

bool ds_says_side(const char *const *word, int32_t count)
{
    static const char *const sides[] = {"left", "right", "left-hand", "right-hand", "leftmost", "rightmost"};
    for (int32_t i = 0; i < count; i++)
        for (size_t j = 0; j < sizeof sides / sizeof sides[0]; j++)
            if (!strcmp(word[i], sides[j])) return true;
    return false;
}
