#include "datasets/codec.h"

#include "datasets/codec_level.h"
#include "src/base/list.h"
#include "src/io/json.h"
#include "src/io/json_build.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const codec_level *const levels[DS_LEVELS] = {&codec_word_level, &codec_char_level, &codec_bpe_level};

err_code codec_no_memory(error *err)
{
    return err_no_memory(err, "while turning text into numbers");
}

/* ---- settings ---- */

const char *ds_level_name(ds_level level)
{
    return levels[level]->name;
}

err_code ds_codec_settings_parse(const char *name, ds_codec_settings *out, error *err)
{
    const char *digits = name + 4;
    *out = (ds_codec_settings){.min_count = 1};
    for (int i = 0; i < DS_BPE; i++) {
        if (strcmp(name, levels[i]->name)) continue;
        out->level = (ds_level)i;
        return ERR_OK;
    }
    if (!strncmp(name, "bpe:", 4) && *digits >= '1' && *digits <= '9' && strspn(digits, "0123456789") < 8) {
        char *end;
        long size = strtol(digits, &end, 10);
        *out = (ds_codec_settings){.level = DS_BPE, .size = (int32_t)size, .min_count = 1};
        if (!*end && size <= DS_BPE_MOST) return ERR_OK;
    }
    return err_set(err, ERR_ARGUMENT, "'%.40s' is no level: word, char or bpe:N, N from 1 to %d merges", name,
                   DS_BPE_MOST);
}

static err_code check_settings(const ds_codec_settings *s, error *err)
{
    if ((unsigned)s->level >= DS_LEVELS) return err_set(err, ERR_ARGUMENT, "there is no such level of text");
    if (s->level == DS_BPE && (s->size < 1 || s->size > DS_BPE_MOST))
        return err_set(err, ERR_ARGUMENT, "byte-pair encoding takes 1 to %d merges, not %d", DS_BPE_MOST,
                       (int)s->size);
    return ERR_OK;
}

/* ---- learning ---- */

err_code ds_codec_learn(const ds_codec_settings *settings, const char *const *lines, int32_t count,
                        ds_codec **out, error *err)
{
    err_code code = check_settings(settings, err);
    if (code) return code;
    ds_codec *c = calloc(1, sizeof *c);
    if (!c) return codec_no_memory(err);
    c->level = settings->level;
    code = levels[c->level]->learn(c, settings, lines, count, err);
    if (code)
        ds_codec_free(&c);
    else
        *out = c;
    return code;
}

void ds_codec_free(ds_codec **c)
{
    if (!*c) return;
    ds_vocab_free(&(*c)->vocab);
    ds_bpe_free(&(*c)->bpe);
    free((*c)->id);
    free(*c);
    *c = NULL;
}

ds_level ds_codec_level(const ds_codec *c)
{
    return c->level;
}

int32_t ds_codec_merges(const ds_codec *c)
{
    return c->bpe ? ds_bpe_merges(c->bpe) : 0;
}

const ds_vocab *ds_codec_vocab(const ds_codec *c)
{
    return c->vocab;
}

/* ---- lines ---- */

bool codec_put_id(codec_ids *ids, int32_t id)
{
    if (!LIST_ROOM(ids->id, ids->count, 1, ids->capacity)) return false;
    ids->id[ids->count++] = id;
    return true;
}

/* The line with U+FFFD for what is malformed. */
static void repair(const char *line, size_t size, text *out)
{
    for (const char *s = line, *end = line + size; s < end;) {
        int32_t point = text_utf8_next(&s, end);
        text_append_point(out, point < 0 ? 0xfffd : (uint32_t)point);
    }
}

err_code ds_codec_encode(const ds_codec *c, const char *utf8, arena *memory, int32_t **ids, int32_t *count,
                         error *err)
{
    size_t size = strlen(utf8);
    codec_ids found = {.codec = c};
    text repaired = {0};
    bool valid = text_utf8_valid(utf8, size, NULL);
    *ids = NULL;
    *count = 0;
    if (size > INT32_MAX / 4) return err_set(err, ERR_LIMIT, "a line of %zu bytes is too long", size);
    if (!valid) repair(utf8, size, &repaired);
    bool ok = !repaired.failed && levels[c->level]->encode(&found, valid ? utf8 : text_string(&repaired));
    text_release(&repaired);
    if (ok) *ids = arena_alloc(memory, ((size_t)found.count + 1) * sizeof **ids);
    if (*ids && found.count) memcpy(*ids, found.id, found.count * sizeof **ids);
    free(found.id);
    if (!*ids) return codec_no_memory(err);
    *count = (int32_t)found.count;
    return ERR_OK;
}

void ds_codec_decode(const ds_codec *c, const int32_t *ids, int32_t count, text *out)
{
    bool open = true;
    for (int32_t i = 0; i < count; i++)
        if (ids[i] >= DS_UNK) levels[c->level]->join(ds_vocab_word(c->vocab, ids[i]), &open, out);
}

void ds_codec_label(const ds_codec *c, int32_t id, text *out)
{
    const char *word = ds_vocab_word(c->vocab, id);
    if (id == DS_END)
        text_append(out, "\xC2\xB6"); /* U+00B6: one letter, which a narrow map has room for */
    else if (id < DS_SPECIALS)
        text_append(out, word);
    else
        levels[c->level]->label(word, out);
}

/* ---- JSON ---- */

static json_t *merges_to_json(const ds_bpe *b)
{
    io_json_build list = io_json_build_array();
    text pair = {0};
    for (int32_t i = 0; i < ds_bpe_merges(b); i++) {
        const ds_merge *m = ds_bpe_merge_at(b, i);
        text_clear(&pair);
        text_printf(&pair, "%s %s", ds_bpe_text(b, m->left), ds_bpe_text(b, m->right));
        io_json_put(&list, list.root, NULL, pair.failed ? NULL : json_string(text_string(&pair)));
    }
    text_release(&pair);
    return io_json_take(&list);
}

json_t *ds_codec_to_json(const ds_codec *c)
{
    io_json_build b = io_json_build_object();
    io_json_put_string(&b, b.root, "level", levels[c->level]->name);
    io_json_put(&b, b.root, "vocabulary", ds_vocab_to_json(c->vocab));
    if (c->bpe) io_json_put(&b, b.root, "merges", merges_to_json(c->bpe));
    return io_json_take(&b);
}

static err_code load_merge(ds_bpe *b, size_t i, const json_t *value, error *err)
{
    const char *pair = json_string_value(value), *blank = pair ? strchr(pair, ' ') : NULL;
    if (!blank || blank == pair || !blank[1] || strchr(blank + 1, ' '))
        return err_set(err, ERR_FORMAT,
                       "cannot read the codec: merge %zu is not two pieces with a blank between", i);
    char *left = strndup(pair, (blank - pair));
    if (!left) return codec_no_memory(err);
    err_code code = ds_bpe_merge(b, left, blank + 1, err);
    free(left);
    return code;
}

/* Pieces are code points or made by merges: others tell of merges that are lost or altered. */
static err_code check_pieces(const ds_bpe *b, error *err)
{
    for (int32_t i = 0; i < ds_bpe_symbols(b); i++) {
        const char *piece = ds_bpe_text(b, i), *after = piece;
        text_utf8_next(&after, piece + strlen(piece));
        if (*after && !ds_bpe_made_by(b, i))
            return err_set(err, ERR_FORMAT, "cannot read the codec: no merge makes the piece '%.40s'", piece);
    }
    return ERR_OK;
}

static err_code load_merges(ds_codec *c, const json_t *object, error *err)
{
    json_t *array;
    err_code code = io_json_array(object, "merges", "the codec", &array, err);
    if (code) return code;
    if (json_array_size(array) > DS_BPE_MOST)
        return err_set(err, ERR_FORMAT, "cannot read the codec: more than %d merges", DS_BPE_MOST);
    c->bpe = ds_bpe_create();
    if (!c->bpe) return codec_no_memory(err);
    for (int32_t id = DS_SPECIALS; id < ds_vocab_size(c->vocab); id++)
        if (ds_bpe_symbol(c->bpe, ds_vocab_word(c->vocab, id)) < 0) return codec_no_memory(err);
    for (size_t i = 0; i < json_array_size(array) && !code; i++)
        code = load_merge(c->bpe, i, json_array_get(array, i), err);
    if (!code) code = check_pieces(c->bpe, err);
    return code ? code : codec_bpe_number(c, err);
}

static err_code load_level(ds_codec *c, const json_t *object, error *err)
{
    const char *name;
    json_t *words;
    int level = 0;
    err_code code = io_json_string(object, "level", "the codec", &name, err);
    if (!code) code = io_json_array(object, "vocabulary", "the codec", &words, err);
    if (code) return code;
    while (level < DS_LEVELS && strcmp(levels[level]->name, name)) level++;
    if (level == DS_LEVELS)
        return err_set(err, ERR_FORMAT, "cannot read the codec: there is no level '%.40s'", name);
    c->level = (ds_level)level;
    code = ds_vocab_from_json(words, &c->vocab, err);
    return !code && c->level == DS_BPE ? load_merges(c, object, err) : code;
}

err_code ds_codec_from_json(const json_t *object, ds_codec **out, error *err)
{
    ds_codec *c = calloc(1, sizeof *c);
    if (!c) return codec_no_memory(err);
    err_code code = load_level(c, object, err);
    if (code)
        ds_codec_free(&c);
    else
        *out = c;
    return code;
}
