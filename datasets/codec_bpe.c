#include "datasets/chunks.h"
#include "datasets/codec_level.h"
#include "datasets/words.h"

#include <stdlib.h>
#include <string.h>

/* A line as words for byte-pair encoding: each chunk, with the blank in front of it as U+2581. The line
 * itself counts as standing behind a blank, so that its first word is the word it would be anywhere else. */
#define BLANK "\xE2\x96\x81"
#define CONTINUED "\xC2\xB7" /* U+00B7 in front of a label that continues a word */

enum { BLANK_BYTES = 3 };

typedef bool (*word_taker)(void *ctx, const char *word);

static bool is_space(const ds_chunk *c)
{
    return c->kind == DS_CHUNK_BLANK && c->text[0] == ' ';
}

static bool take_words(const char *line, word_taker take, void *ctx)
{
    ds_chunker it = {.at = line};
    ds_chunk c;
    text word = {0};
    bool ok = true;
    if (!*line) return true;
    text_append(&word, BLANK);
    while (ok && ds_chunk_next(&it, &c)) {
        bool space = is_space(&c);
        if (!space) text_append_bytes(&word, c.text, c.size);
        ok = !word.failed && (!word.length || take(ctx, text_string(&word)));
        text_clear(&word);
        if (space) text_append(&word, BLANK);
    }
    if (ok && word.length) ok = take(ctx, text_string(&word));
    ok = ok && !word.failed;
    text_release(&word);
    return ok;
}

static bool count_word(void *ctx, const char *word)
{
    ds_words *words = ctx;
    int32_t at = ds_words_put(words, word);
    if (at >= 0) words->item[at].count++;
    return at >= 0;
}

/* ---- learning ---- */

/* How often each symbol is used to spell the words. */
static void count_symbols(const ds_bpe *b, const ds_words *words, int64_t *count)
{
    int32_t symbols[DS_BPE_SYMBOLS];
    for (int32_t w = 0; w < words->count; w++) {
        int32_t n = ds_bpe_spell(b, words->item[w].text, symbols);
        for (int32_t i = 0; i < n; i++) count[symbols[i]] += words->item[w].count;
    }
}

/* A piece too rare to be learned is spelled with the two it was made of, which may be rare themselves. */
static void give_up_rare(const ds_bpe *b, int64_t min_count, int64_t *count)
{
    for (int32_t s = ds_bpe_symbols(b) - 1; s >= 0; s--) {
        const ds_merge *m = ds_bpe_made_by(b, s);
        if (!m || count[s] >= min_count) continue;
        count[m->left] += count[s];
        count[m->right] += count[s];
        count[s] = 0;
    }
}

/* The pieces in use, and every code point, also one that pieces have absorbed: new words may need it. */
static err_code choose_symbols(const ds_bpe *b, const int64_t *count, ds_vocab **vocab, error *err)
{
    ds_counter *counter = ds_counter_create();
    err_code code = counter ? ERR_OK : codec_no_memory(err);
    for (int32_t s = 0; s < ds_bpe_symbols(b) && !code; s++)
        if (count[s] || !ds_bpe_made_by(b, s))
            code = ds_counter_add(counter, ds_bpe_text(b, s), count[s], err);
    if (!code) code = ds_vocab_build(counter, &(ds_vocab_settings){0}, vocab, err);
    ds_counter_free(&counter);
    return code;
}

static err_code build_vocab(ds_codec *c, const ds_words *words, int64_t min_count, error *err)
{
    int64_t *count = calloc((size_t)ds_bpe_symbols(c->bpe) + 1, sizeof *count);
    if (!count) return codec_no_memory(err);
    count_symbols(c->bpe, words, count);
    give_up_rare(c->bpe, min_count, count);
    err_code code = choose_symbols(c->bpe, count, &c->vocab, err);
    free(count);
    return code;
}

err_code codec_bpe_number(ds_codec *c, error *err)
{
    int32_t symbols = ds_bpe_symbols(c->bpe);
    c->id = malloc(((size_t)symbols + 1) * sizeof *c->id);
    if (!c->id) return codec_no_memory(err);
    for (int32_t s = 0; s < symbols; s++) c->id[s] = ds_vocab_id(c->vocab, ds_bpe_text(c->bpe, s));
    return ERR_OK;
}

static err_code learn_pieces(ds_codec *c, const ds_codec_settings *s, const char *const *lines, int32_t count,
                             error *err)
{
    ds_words words = {0};
    bool ok = (c->bpe = ds_bpe_create()) != NULL;
    for (int32_t i = 0; i < count && ok; i++) ok = take_words(lines[i], count_word, &words);
    err_code code = ok ? ds_bpe_learn(c->bpe, &words, s->size, err) : codec_no_memory(err);
    if (!code) code = build_vocab(c, &words, s->min_count, err);
    if (!code) code = codec_bpe_number(c, err);
    ds_words_release(&words);
    return code;
}

/* ---- lines ---- */

/* Merges make longer symbols of shorter ones, so this ends. */
static bool put_symbol(codec_ids *ids, int32_t symbol)
{
    const ds_codec *c = ids->codec;
    int32_t id = symbol < 0 ? DS_UNK : c->id[symbol];
    const ds_merge *m = id == DS_UNK && symbol >= 0 ? ds_bpe_made_by(c->bpe, symbol) : NULL;
    if (m) return put_symbol(ids, m->left) && put_symbol(ids, m->right);
    return codec_put_id(ids, id);
}

static bool put_word(void *ctx, const char *word)
{
    codec_ids *ids = ctx;
    int32_t symbols[DS_BPE_SYMBOLS];
    int32_t n = ds_bpe_spell(ids->codec->bpe, word, symbols);
    for (int32_t i = 0; i < n; i++)
        if (!put_symbol(ids, symbols[i])) return false;
    return true;
}

static bool encode_pieces(codec_ids *ids, const char *line)
{
    return take_words(line, put_word, ids);
}

static bool begins_blank(const char *piece)
{
    return !strncmp(piece, BLANK, BLANK_BYTES);
}

static void append_piece(const char *piece, text *out)
{
    for (const char *s = piece; *s;) {
        bool blank = begins_blank(s);
        text_append_bytes(out, blank ? " " : s, 1);
        s += blank ? BLANK_BYTES : 1;
    }
}

static void join_piece(const char *piece, bool *open, text *line)
{
    append_piece(*open && begins_blank(piece) ? piece + BLANK_BYTES : piece, line);
    *open = false;
}

static void label_piece(const char *piece, text *out)
{
    if (!strcmp(piece, BLANK)) {
        text_append(out, CODEC_BLANK_LABEL);
    } else {
        if (!begins_blank(piece)) text_append(out, CONTINUED);
        append_piece(begins_blank(piece) ? piece + BLANK_BYTES : piece, out);
    }
}

const codec_level codec_bpe_level = {"bpe", learn_pieces, encode_pieces, join_piece, label_piece};
