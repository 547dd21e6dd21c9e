#include "datasets/wordpiece.h"

#include <stdlib.h>
#include <string.h>

#include "datasets/text_lines.h"
#include "datasets/wordpiece_basic.h"
#include "datasets/wordpiece_parts.h"
#include "src/base/bounds.h"
#include "src/base/list.h"
#include "src/base/text.h"

enum { WORD_POINTS = 100 }; /* longer words are [UNK], as in BERT's own tokeniser */

static const char *const special_names[DS_WP_SPECIALS] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};

/* ---- vocabularies ---- */

ds_wordpiece *wordpiece_create(bool lower)
{
    ds_wordpiece *w = calloc(1, sizeof *w);
    if (w) w->lower = lower;
    return w;
}

void ds_wordpiece_free(ds_wordpiece **w)
{
    if (!*w) return;
    ds_words_release(&(*w)->pieces);
    free(*w);
    *w = NULL;
}

static int points_of(const char *piece)
{
    int count = 0;
    for (const char *s = piece, *end = s + strlen(s); s < end; count++) text_utf8_next(&s, end);
    return count;
}

bool wordpiece_put(ds_wordpiece *w, const char *piece)
{
    w->longest = max_int(w->longest, points_of(piece));
    return ds_words_put(&w->pieces, piece) >= 0;
}

bool wordpiece_put_specials(ds_wordpiece *w)
{
    bool ok = true;
    for (int i = 0; ok && i < DS_WP_SPECIALS; i++) ok = wordpiece_put(w, special_names[i]);
    return ok;
}

err_code wordpiece_finish(ds_wordpiece *w, const char *where, error *err)
{
    for (int i = 0; i < DS_WP_SPECIALS; i++) {
        w->special[i] = ds_words_find(&w->pieces, special_names[i]);
        if (w->special[i] < 0)
            return err_set(err, ERR_FORMAT, "%.300s is no vocabulary of WordPiece: the piece %s is missing",
                           where, special_names[i]);
    }
    return ERR_OK;
}

err_code wordpiece_take(ds_wordpiece *w, const char *piece, int64_t number, const char *where, error *err)
{
    if (!*piece)
        return err_set(err, ERR_FORMAT, "%.300s is no vocabulary of WordPiece: piece %lld is empty", where,
                       (long long)number);
    if (ds_words_find(&w->pieces, piece) >= 0)
        return err_set(err, ERR_FORMAT,
                       "%.300s is no vocabulary of WordPiece: piece %lld, '%.40s', is there twice", where,
                       (long long)number, piece);
    if (number > DS_WP_MOST)
        return err_set(err, ERR_LIMIT, "%.300s has more than %d pieces", where, DS_WP_MOST);
    return wordpiece_put(w, piece) ? ERR_OK : err_no_memory(err, "for a vocabulary");
}

static err_code read_pieces(ds_wordpiece *w, const char *path, arena *memory, error *err)
{
    ds_text_lines l;
    err_code code = ds_text_lines_open(&l, path, memory, err);
    while (!code && !(code = ds_text_lines_next(&l, err)) && l.line) {
        if (l.size && l.line[l.size - 1] == '\r') l.line[l.size - 1] = 0;
        code = wordpiece_take(w, l.line, l.number, path, err);
    }
    return code ? code : wordpiece_finish(w, path, err);
}

err_code ds_wordpiece_read(const char *path, bool lower, ds_wordpiece **out, error *err)
{
    arena memory = {0};
    ds_wordpiece *w = wordpiece_create(lower);
    err_code code = w ? read_pieces(w, path, &memory, err) : err_no_memory(err, "for a vocabulary");
    arena_release(&memory);
    if (code)
        ds_wordpiece_free(&w);
    else
        *out = w;
    return code;
}

int32_t ds_wordpiece_size(const ds_wordpiece *w)
{
    return w->pieces.count;
}

bool ds_wordpiece_lowers(const ds_wordpiece *w)
{
    return w->lower;
}

int32_t ds_wordpiece_special(const ds_wordpiece *w, ds_special which)
{
    return w->special[which];
}

const char *ds_wordpiece_piece(const ds_wordpiece *w, int32_t id)
{
    bool there = id >= 0 && id < w->pieces.count;
    return w->pieces.item[there ? id : w->special[DS_WP_UNK]].text;
}

/* ---- lines ---- */

typedef struct encoding {
    const ds_wordpiece *w;
    int32_t *id;
    int64_t count, capacity;
    text piece;
} encoding;

static bool put_id(encoding *e, int32_t id)
{
    if (!LIST_ROOM(e->id, e->count, 1, e->capacity)) return false;
    e->id[e->count++] = id;
    return true;
}

/* Where the code points of the word begin, and its end: at[points + 1]. */
static void find_points(const char *word, int points, int *at)
{
    const char *s = word, *end = s + strlen(s);
    for (int i = 0; i < points; i++) {
        at[i] = (int)(s - word);
        text_utf8_next(&s, end);
    }
    at[points] = (int)(end - word);
}

/* The longest piece that the word goes on with at its code point `from`, -1 if there is none; *to is behind
 * it. */
static int32_t longest_piece(encoding *e, const char *word, const int *at, int points, int from, int *to)
{
    int most = min_int(points, from + e->w->longest);
    for (*to = most; *to > from; --*to) {
        text_clear(&e->piece);
        if (from) text_append(&e->piece, WORDPIECE_GOES_ON);
        text_append_bytes(&e->piece, word + at[from], (size_t)(at[*to] - at[from]));
        int32_t id = e->piece.failed ? -1 : ds_words_find(&e->w->pieces, text_string(&e->piece));
        if (id >= 0) return id;
    }
    return -1;
}

static bool spell(void *ctx, const char *word, int points)
{
    encoding *e = ctx;
    int at[WORD_POINTS + 1], to = 0;
    int64_t before = e->count;
    if (points > WORD_POINTS) return put_id(e, e->w->special[DS_WP_UNK]);
    find_points(word, points, at);
    for (int from = 0; from < points; from = to) {
        int32_t id = longest_piece(e, word, at, points, from, &to);
        if (e->piece.failed) return false;
        if (id < 0) {
            e->count = before;
            return put_id(e, e->w->special[DS_WP_UNK]);
        }
        if (!put_id(e, id)) return false;
    }
    return true;
}

/* The special piece that is named at s; -1: none is. */
static int special_at(const char *s)
{
    for (int i = 0; *s == '[' && i < DS_WP_SPECIALS; i++)
        if (!strncmp(s, special_names[i], strlen(special_names[i]))) return i;
    return -1;
}

static bool encode_line(encoding *e, const char *line)
{
    const ds_wordpiece *w = e->w;
    bool ok = put_id(e, w->special[DS_WP_CLS]);
    const char *begin = line, *s = line;
    while (ok && *s) {
        int special = special_at(s);
        if (special < 0) {
            s++;
            continue;
        }
        ok = ds_basic_words(begin, (size_t)(s - begin), w->lower, spell, e) && put_id(e, w->special[special]);
        begin = s += strlen(special_names[special]);
    }
    return ok && ds_basic_words(begin, strlen(begin), w->lower, spell, e) && put_id(e, w->special[DS_WP_SEP]);
}

err_code ds_wordpiece_encode(const ds_wordpiece *w, const char *utf8, arena *memory, int32_t **ids,
                             int32_t *count, error *err)
{
    encoding e = {.w = w};
    size_t size = strlen(utf8);
    *ids = NULL;
    *count = 0;
    if (size > INT32_MAX / 4) return err_set(err, ERR_LIMIT, "a line of %zu bytes is too long", size);
    if (encode_line(&e, utf8)) *ids = arena_alloc(memory, (size_t)e.count * sizeof **ids);
    if (*ids) memcpy(*ids, e.id, (size_t)e.count * sizeof **ids);
    *count = *ids ? (int32_t)e.count : 0;
    text_release(&e.piece);
    free(e.id);
    return *ids ? ERR_OK : err_no_memory(err, "while turning text into pieces");
}
