#include "datasets/sources.h"

#include "src/base/list.h"

#include <stdlib.h>
#include <string.h>

static const char while_numbering[] = "while turning lines into numbers";

/* The numbers of all lines while they grow. */
typedef struct gatherer {
    int32_t *words;
    int64_t *first; /* [lines+1] */
    int64_t count, capacity, unknown;
} gatherer;

static bool put_words(gatherer *g, const int32_t *ids, int32_t count)
{
    if (!LIST_ROOM(g->words, g->count, count, g->capacity)) return false;
    for (int32_t i = 0; i < count; i++) g->unknown += ids[i] == DS_UNK;
    if (count) memcpy(g->words + g->count, ids, count * sizeof *ids);
    g->count += count;
    return true;
}

/* All lines; `most` > 0 cuts the longer ones and counts them in *cut; `end` appends <end> to each. */
static err_code gather_words(gatherer *g, const ds_codec *codec, const char *const *lines, int32_t count,
                             int32_t most, bool end, int32_t *cut, error *err)
{
    static const int32_t last = DS_END;
    arena scratch = {0};
    err_code code = ERR_OK;
    for (int32_t i = 0; i < count && !code; i++) {
        int32_t *ids, n;
        arena_reset(&scratch);
        code = ds_codec_encode(codec, lines[i], &scratch, &ids, &n, err);
        if (code) break;
        if (most > 0 && n > most) {
            n = most;
            ++*cut;
        }
        if (!put_words(g, ids, n) || (end && !put_words(g, &last, 1)))
            code = err_no_memory(err, while_numbering);
        g->first[i + 1] = g->count;
    }
    arena_release(&scratch);
    return code;
}

/* Moves the words into `memory`; NULL when there is no room. */
static int32_t *keep_words(gatherer *g, arena *memory)
{
    int32_t *words = arena_array(memory, (size_t)g->count + 1, sizeof *words);
    if (words && g->count) memcpy(words, g->words, g->count * sizeof *words);
    return words;
}

err_code ds_sources_encode(const ds_codec *codec, const char *const *lines, int32_t count, int32_t most,
                           arena *memory, ds_sources *out, error *err)
{
    gatherer g = {.first = arena_array(memory, (size_t)count + 1, sizeof *g.first)};
    *out = (ds_sources){.count = count, .first = g.first};
    if (!g.first) return err_no_memory(err, while_numbering);
    err_code code = gather_words(&g, codec, lines, count, most, true, &out->cut, err);
    if (!code && !(out->words = keep_words(&g, memory))) code = err_no_memory(err, while_numbering);
    free(g.words);
    if (code) {
        *out = (ds_sources){0};
        return code;
    }
    out->unknown = g.unknown;
    for (int32_t i = 0; i < count; i++) {
        int32_t length = (int32_t)(g.first[i + 1] - g.first[i]);
        if (length > out->longest) out->longest = length;
    }
    return ERR_OK;
}

err_code ds_targets_encode(const ds_codec *codec, const char *const *lines, int32_t count, arena *memory,
                           ds_encoded *out, error *err)
{
    gatherer g = {.first = arena_array(memory, (size_t)count + 1, sizeof *g.first)};
    int32_t *image = arena_array(memory, (size_t)count + 1, sizeof *image), cut = 0;
    bool *sided = arena_array(memory, (size_t)count + 1, sizeof *sided);
    *out = (ds_encoded){0};
    if (!g.first || !image || !sided) return err_no_memory(err, while_numbering);
    err_code code = gather_words(&g, codec, lines, count, 0, false, &cut, err);
    int32_t *words = code ? NULL : keep_words(&g, memory);
    free(g.words);
    if (code) return code;
    if (!words) return err_no_memory(err, while_numbering);
    for (int32_t i = 0; i < count; i++) image[i] = i;
    *out = (ds_encoded){.captions = count,
                        .images = count,
                        .image = image,
                        .first = g.first,
                        .words = words,
                        .sided = sided,
                        .unknown = g.unknown};
    return ERR_OK;
}

err_code ds_sources_batch(const ds_sources *s, const int32_t *which, int32_t n, arena *memory,
                          ds_source_batch *out, error *err)
{
    *out = (ds_source_batch){.rows = n, .length = arena_array(memory, n, sizeof *out->length)};
    if (!out->length) return err_no_memory(err, while_numbering);
    for (int32_t r = 0; r < n; r++) {
        out->length[r] = (int32_t)(s->first[which[r] + 1] - s->first[which[r]]);
        if (out->length[r] > out->max_len) out->max_len = out->length[r];
    }
    out->tokens = arena_array(memory, (size_t)n * out->max_len, sizeof *out->tokens);
    if (!out->tokens) return err_no_memory(err, while_numbering);
    for (int32_t r = 0; r < n; r++) {
        int32_t *row = out->tokens + (int64_t)r * out->max_len;
        memcpy(row, s->words + s->first[which[r]], out->length[r] * sizeof *row);
        for (int32_t t = out->length[r]; t < out->max_len; t++) row[t] = DS_PAD;
    }
    return ERR_OK;
}
