#include "datasets/codec_level.h"

#include "datasets/codec_word.h"

#include <stdlib.h>
#include <string.h>

typedef bool (*line_reader)(const char *line, ds_token_taker take, void *ctx);

typedef struct counting {
    ds_counter *counter;
    err_code code;
    error *err;
} counting;

static bool count_token(void *ctx, const char *token)
{
    counting *c = ctx;
    c->code = ds_counter_add(c->counter, token, 1, c->err);
    return !c->code;
}

/* A vocabulary of what `read` finds in the lines. */
static err_code learn_tokens(ds_codec *codec, const ds_codec_settings *s, const char *const *lines,
                             int32_t count, line_reader read, error *err)
{
    counting c = {.counter = ds_counter_create(), .err = err};
    bool ok = c.counter != NULL;
    for (int32_t i = 0; i < count && ok; i++) ok = read(lines[i], count_token, &c);
    if (!ok && !c.code) c.code = codec_no_memory(err);
    if (!c.code)
        c.code = ds_vocab_build(c.counter, &(ds_vocab_settings){s->min_count, s->size}, &codec->vocab, err);
    ds_counter_free(&c.counter);
    return c.code;
}

static bool put_token(void *ctx, const char *token)
{
    codec_ids *ids = ctx;
    return codec_put_id(ids, ds_vocab_id(ids->codec->vocab, token));
}

/* ---- words ---- */

static err_code learn_words(ds_codec *c, const ds_codec_settings *s, const char *const *lines, int32_t count,
                            error *err)
{
    return learn_tokens(c, s, lines, count, ds_words_of_line, err);
}

static bool encode_words(codec_ids *ids, const char *line)
{
    return ds_words_of_line(line, put_token, ids);
}

const codec_level codec_word_level = {"word", learn_words, encode_words, ds_word_join, ds_word_label};

/* ---- code points ---- */

static bool points_of_line(const char *line, ds_token_taker take, void *ctx)
{
    const char *end = line + strlen(line);
    for (const char *s = line; s < end;) {
        char point[5] = {0};
        const char *from = s;
        text_utf8_next(&s, end);
        memcpy(point, from, (s - from));
        if (!take(ctx, point)) return false;
    }
    return true;
}

static err_code learn_points(ds_codec *c, const ds_codec_settings *s, const char *const *lines, int32_t count,
                             error *err)
{
    return learn_tokens(c, s, lines, count, points_of_line, err);
}

static bool encode_points(codec_ids *ids, const char *line)
{
    return points_of_line(line, put_token, ids);
}

static void join_point(const char *word, bool *open, text *line)
{
    *open = false;
    text_append(line, word);
}

static void label_point(const char *word, text *out)
{
    text_append(out, !strcmp(word, " ") ? CODEC_BLANK_LABEL : word);
}

const codec_level codec_char_level = {"char", learn_points, encode_points, join_point, label_point};
