#include "datasets/wordpiece_basic.h"

#include "src/base/letters.h"
#include "src/base/text.h"

typedef struct walk {
    bool lower;
    ds_basic_taker take;
    void *ctx;
    text word;
    int points; /* of the word */
} walk;

static bool end_word(walk *w)
{
    bool ok = !w->word.failed && (!w->points || w->take(w->ctx, text_string(&w->word), w->points));
    text_clear(&w->word);
    w->points = 0;
    return ok;
}

static void put(walk *w, uint32_t point)
{
    text_append_point(&w->word, point);
    w->points++;
}

static bool put_alone(walk *w, uint32_t point)
{
    if (!end_word(w)) return false;
    put(w, point);
    return end_word(w);
}

/* The blocks of unified and compatibility ideographs that BERT takes for words; kana and Hangul are none. */
static bool is_chinese(uint32_t point)
{
    static const struct {
        uint32_t first, last;
    } blocks[] = {{0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xF900, 0xFAFF},   {0x20000, 0x2A6DF},
                  {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F}, {0x2B820, 0x2CEAF}, {0x2F800, 0x2FA1F}};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        if (point >= blocks[i].first && point <= blocks[i].last) return true;
    return false;
}

/* ASCII symbols like $ and ^ count as marks, though Unicode does not call them so. */
static bool is_mark(uint32_t point)
{
    if (point < 0x80)
        return point > ' ' && point < 0x7F && !(point >= '0' && point <= '9') &&
               !((point | 0x20) >= 'a' && (point | 0x20) <= 'z');
    return text_kind_of(point) == TEXT_PUNCTUATION;
}

static bool put_part(walk *w, uint32_t point)
{
    if (is_mark(point)) return put_alone(w, point);
    put(w, point);
    return true;
}

/* Lower case comes first: what it makes may have accents of its own. */
static bool put_lowered(walk *w, uint32_t point)
{
    uint32_t part[TEXT_PARTS];
    int n = text_decompose(text_lower_point(point), part);
    for (int i = 0; i < n; i++)
        if (text_kind_of(part[i]) != TEXT_ACCENT && !put_part(w, part[i])) return false;
    return true;
}

static bool put_point(walk *w, uint32_t point)
{
    text_kind kind = text_kind_of(point);
    if (point == 0xFFFD || kind == TEXT_CONTROL) return true;
    if (kind == TEXT_SPACE) return end_word(w);
    bool apart = is_chinese(point);
    if (apart && !end_word(w)) return false;
    if (!(w->lower ? put_lowered(w, point) : put_part(w, point))) return false;
    return !apart || end_word(w);
}

bool ds_basic_words(const char *s, size_t size, bool lower, ds_basic_taker take, void *ctx)
{
    walk w = {.lower = lower, .take = take, .ctx = ctx};
    bool ok = true;
    for (const char *end = s + size; ok && s < end;) {
        int32_t point = text_utf8_next(&s, end);
        ok = point < 0 || put_point(&w, (uint32_t)point);
    }
    ok = ok && end_word(&w);
    text_release(&w.word);
    return ok;
}
