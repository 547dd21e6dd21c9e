/* Learning pieces: byte-pair encoding over the words of the basic tokeniser, of whose merges the results are
 * kept. */
#include <stdlib.h>
#include <string.h>

#include "datasets/bpe.h"
#include "datasets/wordpiece_basic.h"
#include "datasets/wordpiece_parts.h"
#include "src/base/text.h"

/* In front of every word, so that pieces that begin one are others than those that continue one. No word has
 * it: the basic tokeniser leaves control characters away. */
#define BEGINS "\x01"

enum { LEAST_COUNT = 2 }; /* of a code point */

typedef struct learning {
    ds_words words, points; /* with their counts */
    text word;
    ds_wordpiece *w;
    int32_t pieces;
} learning;

static bool add(ds_words *list, const char *what, int64_t times)
{
    int32_t at = ds_words_put(list, what);
    if (at >= 0) list->item[at].count += times;
    return at >= 0;
}

static bool count_word(void *ctx, const char *word, int points)
{
    learning *l = ctx;
    if (points >= DS_BPE_SYMBOLS) return true; /* no word of a language */
    text_clear(&l->word);
    text_append(&l->word, BEGINS);
    text_append(&l->word, word);
    return !l->word.failed && add(&l->words, text_string(&l->word), 1);
}

static bool count_points(learning *l)
{
    for (int32_t i = 0; i < l->words.count; i++) {
        const char *s = l->words.item[i].text + strlen(BEGINS), *end = s + strlen(s);
        while (s < end) {
            char point[5] = {0};
            const char *from = s;
            text_utf8_next(&s, end);
            memcpy(point, from, (size_t)(s - from));
            if (!add(&l->points, point, l->words.item[i].count)) return false;
        }
    }
    return true;
}

/* A symbol as a piece: with BEGINS it begins a word, which alone is none. */
static bool put_symbol(learning *l, const char *symbol)
{
    bool begins = !strncmp(symbol, BEGINS, strlen(BEGINS));
    const char *letters = symbol + (begins ? strlen(BEGINS) : 0);
    if (!*letters) return true;
    text_clear(&l->word);
    if (!begins) text_append(&l->word, WORDPIECE_GOES_ON);
    text_append(&l->word, letters);
    return !l->word.failed && wordpiece_put(l->w, text_string(&l->word));
}

static bool put_alphabet(learning *l)
{
    bool ok = wordpiece_put_specials(l->w);
    for (int32_t i = 0; ok && i < l->points.count; i++)
        if (l->points.item[i].count >= LEAST_COUNT)
            ok = wordpiece_put(l->w, l->points.item[i].text) && put_symbol(l, l->points.item[i].text);
    return ok;
}

static err_code put_merges(learning *l, error *err)
{
    ds_bpe *b = ds_bpe_create();
    err_code code =
        b ? ds_bpe_learn(b, &l->words, l->pieces, err) : err_no_memory(err, "while learning pieces");
    for (int32_t i = 0; !code && i < ds_bpe_merges(b) && l->w->pieces.count < l->pieces; i++)
        if (!put_symbol(l, ds_bpe_text(b, ds_bpe_merge_at(b, i)->whole)))
            code = err_no_memory(err, "while learning pieces");
    ds_bpe_free(&b);
    return code;
}

static err_code learn(learning *l, const char *const *lines, int32_t count, bool lower, error *err)
{
    bool ok = l->w != NULL;
    for (int32_t i = 0; ok && i < count; i++)
        ok = ds_basic_words(lines[i], strlen(lines[i]), lower, count_word, l);
    if (!ok || !count_points(l) || !put_alphabet(l)) return err_no_memory(err, "while learning pieces");
    int32_t least = l->w->pieces.count;
    if (least == DS_WP_SPECIALS) return err_set(err, ERR_ARGUMENT, "no letter occurs twice in the texts");
    if (least > l->pieces)
        return err_set(err, ERR_ARGUMENT,
                       "the letters of the texts alone take %d pieces, more than the %d asked for",
                       (int)least, (int)l->pieces);
    err_code code = put_merges(l, err);
    return code ? code : wordpiece_finish(l->w, "what was learned", err);
}

err_code ds_wordpiece_learn(const char *const *lines, int32_t count, int32_t pieces, bool lower,
                            ds_wordpiece **out, error *err)
{
    learning l = {.w = wordpiece_create(lower), .pieces = pieces < DS_WP_MOST ? pieces : DS_WP_MOST};
    err_code code = learn(&l, lines, count, lower, err);
    ds_words_release(&l.words);
    ds_words_release(&l.points);
    text_release(&l.word);
    if (code)
        ds_wordpiece_free(&l.w);
    else
        *out = l.w;
    return code;
}
