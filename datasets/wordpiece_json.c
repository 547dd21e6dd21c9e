/* Vocabularies of WordPiece as JSON: ours, and the file tokenizer.json of the package tokenizers. */
#include <stdlib.h>
#include <string.h>

#include "datasets/wordpiece_parts.h"
#include "src/io/json.h"
#include "src/io/json_build.h"

json_t *ds_wordpiece_to_json(const ds_wordpiece *w)
{
    io_json_build b = io_json_build_object();
    io_json_put_bool(&b, b.root, "lower", w->lower);
    json_t *list = io_json_put_array(&b, b.root, "vocabulary");
    for (int32_t i = 0; i < w->pieces.count; i++) io_json_put_string(&b, list, NULL, w->pieces.item[i].text);
    return io_json_take(&b);
}

static err_code load(ds_wordpiece *w, const json_t *object, error *err)
{
    json_t *list, *value;
    size_t i;
    int lower;
    err_code code = io_json_bool(object, "lower", "the pieces", &lower, err);
    if (!code) code = io_json_array(object, "vocabulary", "the pieces", &list, err);
    if (code) return code;
    w->lower = lower;
    json_array_foreach(list, i, value)
    {
        const char *piece = json_string_value(value);
        code = wordpiece_take(w, piece ? piece : "", (int64_t)i + 1, "the file", err);
        if (code) return code;
    }
    return wordpiece_finish(w, "the file", err);
}

err_code ds_wordpiece_from_json(const json_t *object, ds_wordpiece **out, error *err)
{
    ds_wordpiece *w = wordpiece_create(true);
    err_code code = w ? load(w, object, err) : err_no_memory(err, "for a vocabulary");
    if (code)
        ds_wordpiece_free(&w);
    else
        *out = w;
    return code;
}

/* ---- tokenizer.json ---- */

/* The pieces by their numbers, which must be 0 .. count - 1, each once: list[count]. */
static err_code sort_pieces(const json_t *vocabulary, const char **list, size_t count, const char *path,
                            error *err)
{
    const char *piece;
    json_t *number;
    json_object_foreach((json_t *)vocabulary, piece, number)
    {
        json_int_t at = json_is_integer(number) ? json_integer_value(number) : -1;
        if (at < 0 || at >= (json_int_t)count || list[at])
            return err_set(err, ERR_FORMAT, "'%.300s': the piece '%.40s' has no number of its own below %zu",
                           path, piece, count);
        list[at] = piece;
    }
    return ERR_OK;
}

static err_code take_sorted(ds_wordpiece *w, const json_t *vocabulary, const char *path, error *err)
{
    size_t count = json_object_size(vocabulary);
    const char **list = calloc(count + 1, sizeof *list);
    if (!list) return err_no_memory(err, "for a vocabulary");
    err_code code = sort_pieces(vocabulary, list, count, path, err);
    for (size_t i = 0; !code && i < count; i++) code = wordpiece_take(w, list[i], (int64_t)i + 1, path, err);
    free(list);
    return code ? code : wordpiece_finish(w, path, err);
}

static err_code read_tokenizer(ds_wordpiece *w, const json_t *root, const char *path, error *err)
{
    json_t *model, *vocabulary, *normalizer;
    const char *type;
    int lower = true;
    err_code code = io_json_object(root, "model", path, &model, err);
    if (!code) code = io_json_string_or(model, "type", path, "", &type, err);
    if (!code && strcmp(type, "WordPiece"))
        code =
            err_set(err, ERR_UNSUPPORTED, "'%.300s' is no tokeniser of WordPiece but of '%.40s'", path, type);
    if (!code) code = io_json_object(model, "vocab", path, &vocabulary, err);
    if (!code) code = io_json_object_or(root, "normalizer", path, &normalizer, err);
    if (!code && normalizer) code = io_json_bool_or(normalizer, "lowercase", path, true, &lower, err);
    w->lower = lower;
    return code ? code : take_sorted(w, vocabulary, path, err);
}

err_code ds_wordpiece_read_tokenizer(const char *path, ds_wordpiece **out, error *err)
{
    json_t *root = NULL;
    ds_wordpiece *w = wordpiece_create(true);
    err_code code = w ? io_json_load(path, IO_JSON_MAX, &root, err) : err_no_memory(err, "for a vocabulary");
    if (!code) code = read_tokenizer(w, root, path, err);
    json_decref(root);
    if (code)
        ds_wordpiece_free(&w);
    else
        *out = w;
    return code;
}
