#include "datasets/codec_word.h"

#include "datasets/chunks.h"

#include <string.h>

static bool is_joiner(const char *s, size_t size)
{
    return size >= DS_JOINER_BYTES && !memcmp(s, DS_JOINER, DS_JOINER_BYTES);
}

/* A joiner in the text itself would be taken for one of ours: it is left away. */
static void append_plain(text *out, const ds_chunk *c)
{
    for (int32_t i = 0; i < c->size; i++) {
        if (is_joiner(c->text + i, (c->size - i)))
            i += DS_JOINER_BYTES - 1;
        else
            text_append_bytes(out, c->text + i, 1);
    }
}

/* Marks, clitics and the rest of an overlong word carry the joiner to the left, a mark in front of a word the
 * one to the right. */
static void write_token(const ds_chunk *c, ds_chunk_kind before, ds_chunk_kind after, text *out)
{
    bool touches = before != DS_CHUNK_NONE && before != DS_CHUNK_BLANK;
    text_clear(out);
    append_plain(out, c);
    if (!out->length) return;
    text_clear(out);
    if (touches && (c->kind != DS_CHUNK_LETTERS || before != DS_CHUNK_MARK)) text_append(out, DS_JOINER);
    append_plain(out, c);
    if (c->kind == DS_CHUNK_MARK && after == DS_CHUNK_LETTERS) text_append(out, DS_JOINER);
}

bool ds_words_of_line(const char *line, ds_token_taker take, void *ctx)
{
    ds_chunker it = {.at = line};
    ds_chunk chunk, next;
    ds_chunk_kind before = DS_CHUNK_NONE;
    text token = {0};
    bool ok = true, more = ds_chunk_next(&it, &chunk);
    while (more && ok) {
        more = ds_chunk_next(&it, &next);
        if (chunk.kind != DS_CHUNK_BLANK) {
            write_token(&chunk, before, more ? next.kind : DS_CHUNK_NONE, &token);
            if (token.failed)
                ok = false;
            else if (token.length)
                ok = take(ctx, text_string(&token));
        }
        before = chunk.kind;
        chunk = next;
    }
    text_release(&token);
    return ok;
}

/* The token between its joiners: *size bytes from the result on. */
static const char *inner(const char *token, size_t *size)
{
    *size = strlen(token);
    if (is_joiner(token, *size)) {
        token += DS_JOINER_BYTES;
        *size -= DS_JOINER_BYTES;
    }
    if (*size >= DS_JOINER_BYTES && is_joiner(token + *size - DS_JOINER_BYTES, DS_JOINER_BYTES))
        *size -= DS_JOINER_BYTES;
    return token;
}

void ds_word_join(const char *token, bool *open, text *line)
{
    size_t size;
    const char *word = inner(token, &size);
    if (!*open && word == token) text_append(line, " ");
    text_append_bytes(line, word, size);
    *open = word[size] != 0;
}

void ds_word_label(const char *token, text *out)
{
    size_t size;
    const char *word = inner(token, &size);
    text_append_bytes(out, word, size);
}
