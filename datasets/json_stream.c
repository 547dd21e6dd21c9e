#include "datasets/json_stream.h"

#include "src/base/text.h"
#include "src/io/json.h"
#include "src/io/json_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Line and column (in bytes) from 1; data sets often are a single line of megabytes. */
static void locate(const ds_json_stream *s, size_t *line, size_t *column)
{
    *line = *column = 1;
    for (size_t i = 0; i < s->at && i < s->size; i++) {
        bool end = s->text[i] == '\n';
        *line += end;
        *column = end ? 1 : *column + 1;
    }
}

static err_code malformed(const ds_json_stream *s, const char *place, const char *problem, error *err)
{
    size_t line, column;
    locate(s, &line, &column);
    return err_set(err, ERR_FORMAT, "cannot read '%s': line %zu, column %zu: %s%s%s", s->name, line, column,
                   place, *place ? ": " : "", problem);
}

err_code ds_json_skip_mark(ds_json_stream *s, error *err)
{
    int mark = text_byte_order_mark(s->text, s->size);
    if (mark < 0) return err_set(err, ERR_FORMAT, "cannot read '%s': " TEXT_IS_UTF16, s->name);
    s->at = mark;
    return ERR_OK;
}

char ds_json_peek(ds_json_stream *s)
{
    while (s->at < s->size && memchr(" \t\r\n", s->text[s->at], 4)) s->at++;
    return s->at < s->size ? s->text[s->at] : 0;
}

static err_code take_char(ds_json_stream *s, char wanted, const char *place, error *err)
{
    char problem[32] = "'?' expected", found = ds_json_peek(s);
    problem[1] = wanted;
    if (found != wanted || s->at == s->size) return malformed(s, place, problem, err);
    s->at++;
    return ERR_OK;
}

err_code ds_json_open(ds_json_stream *s, char bracket, const char *place, error *err)
{
    s->fresh = true;
    return take_char(s, bracket, place, err);
}

err_code ds_json_next(ds_json_stream *s, char closing, const char *place, bool *more, error *err)
{
    bool first = s->fresh;
    s->fresh = false;
    *more = ds_json_peek(s) != closing;
    if (!*more) return take_char(s, closing, place, err);
    if (first) return ERR_OK;
    if (take_char(s, ',', place, NULL)) {
        char problem[] = "',' or '?' expected";
        problem[strlen("',' or '")] = closing;
        return malformed(s, place, problem, err);
    }
    return ERR_OK;
}

err_code ds_json_value(ds_json_stream *s, const char *place, json_t **value, error *err)
{
    json_error_t problem;
    if (!ds_json_peek(s)) return malformed(s, place, "the file ends here", err);
    size_t flags = JSON_DISABLE_EOF_CHECK | JSON_DECODE_ANY | JSON_REJECT_DUPLICATES;
    bool no_memory;
    *value = io_json_read(s->text + s->at, s->size - s->at, flags, &problem, &no_memory);
    if (*value) {
        s->at += problem.position;
        return ERR_OK;
    }
    if (no_memory) return err_no_memory(err, "while reading '%s'", s->name);
    if (problem.position > 0) s->at += problem.position;
    return malformed(s, place, io_json_problem(&problem), err);
}

err_code ds_json_key(ds_json_stream *s, const char *place, char **key, error *err)
{
    if (ds_json_peek(s) != '"') return malformed(s, place, "a key in quotes expected", err);
    json_t *value;
    err_code code = ds_json_value(s, place, &value, err);
    if (code) return code;
    *key = strdup(json_string_value(value));
    json_decref(value);
    if (!*key) return err_no_memory(err, "while reading '%s'", s->name);
    code = take_char(s, ':', place, err);
    if (code) {
        free(*key);
        *key = NULL;
    }
    return code;
}

err_code ds_json_finish(ds_json_stream *s, error *err)
{
    if (ds_json_peek(s) || s->at < s->size) return malformed(s, "", "the end of the file expected", err);
    return ERR_OK;
}

err_code ds_json_skip(ds_json_stream *s, const char *place, error *err)
{
    json_t *ignored = NULL;
    err_code code = ds_json_value(s, place, &ignored, err);
    if (!code) json_decref(ignored);
    return code;
}

err_code ds_json_document(ds_json_stream *s, ds_json_member take, void *ctx, error *err)
{
    bool more;
    err_code code = ds_json_skip_mark(s, err);
    if (!code) code = ds_json_open(s, '{', "", err);
    while (!code) {
        char *key;
        code = ds_json_next(s, '}', "", &more, err);
        if (code || !more) break;
        code = ds_json_key(s, "", &key, err);
        if (code) break;
        code = take(ctx, key, err);
        free(key);
    }
    return code ? code : ds_json_finish(s, err);
}

err_code ds_json_objects(ds_json_stream *s, const char *key, ds_json_element take, void *ctx, error *err)
{
    char place[64];
    bool more;
    if (ds_json_peek(s) != '[') return ds_json_wrong(s, key, "not an array", err);
    err_code code = ds_json_open(s, '[', key, err);
    for (size_t i = 0; !code; i++) {
        json_t *element = NULL;
        snprintf(place, sizeof place, "%s[%zu]", key, i);
        code = ds_json_next(s, ']', place, &more, err);
        if (code || !more) break;
        code = ds_json_value(s, place, &element, err);
        if (code) break;
        code = json_is_object(element) ? take(ctx, element, place, err)
                                       : ds_json_wrong(s, place, "not an object", err);
        json_decref(element);
    }
    return code;
}

err_code ds_json_wrong(const ds_json_stream *s, const char *place, const char *problem, error *err)
{
    return err_set(err, ERR_FORMAT, "cannot read '%s': %s: %s", s->name, place, problem);
}

err_code ds_json_wrong_key(const ds_json_stream *s, const char *place, const char *key, const char *problem,
                           error *err)
{
    return err_set(err, ERR_FORMAT, "cannot read '%s': %s: '%s' %s", s->name, place, key, problem);
}

err_code ds_json_id(const ds_json_stream *s, const json_t *object, const char *place, const char *key,
                    int64_t *id, error *err)
{
    const json_t *value = json_object_get(object, key);
    if (!value) return ds_json_wrong_key(s, place, key, "is missing", err);
    err_code code = io_json_id(value, id);
    if (code == ERR_LIMIT) return ds_json_wrong_key(s, place, key, "is beyond 2^53", err);
    return code ? ds_json_wrong_key(s, place, key, "is not a whole number", err) : ERR_OK;
}

err_code ds_json_text(const ds_json_stream *s, const json_t *object, const char *place, const char *key,
                      const char **out, error *err)
{
    const json_t *value = json_object_get(object, key);
    if (!value) return ds_json_wrong_key(s, place, key, "is missing", err);
    *out = json_string_value(value);
    return *out ? ERR_OK : ds_json_wrong_key(s, place, key, "is not a string", err);
}
