#include "src/io/json.h"

#include "src/base/text.h"
#include "src/io/file.h"
#include "src/io/json_memory.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

const char *io_json_problem(const json_error_t *fault)
{
    switch (json_error_code(fault)) {
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "a text holds a zero byte (\\u0000)";
    default:
        return fault->text;
    }
}

err_code io_json_parse(const char *bytes, size_t length, const char *name, json_t **out, error *err)
{
    json_error_t fault;
    *out = NULL;
    int mark = text_byte_order_mark(bytes, length);
    if (mark < 0) return err_set(err, ERR_FORMAT, "cannot read '%.300s': " TEXT_IS_UTF16, name);
    bytes += mark;
    length -= mark;
    bool no_memory;
    *out = io_json_read(bytes, length, 0, &fault, &no_memory);
    if (*out) return ERR_OK;
    if (no_memory) return err_no_memory(err, "while reading '%.300s'", name);
    return err_set(err, ERR_FORMAT, "cannot read '%.300s': line %d, column %d: %s", name, fault.line,
                   fault.column, io_json_problem(&fault));
}

err_code io_json_load(const char *path, size_t max_bytes, json_t **out, error *err)
{
    uint8_t *bytes;
    size_t size;
    *out = NULL;
    err_code code = io_read_file(path, max_bytes, &bytes, &size, err);
    if (code) return code;
    code = io_json_parse((const char *)bytes, size, path, out, err);
    free(bytes);
    return code;
}

/* ---- ids ---- */

static err_code read_digits(const char *s, int64_t *id)
{
    const char *digits = s + (*s == '-');
    if (!*digits || strspn(digits, "0123456789") != strlen(digits)) return ERR_FORMAT;
    errno = 0;
    *id = strtoll(s, NULL, 10);
    return errno ? ERR_LIMIT : ERR_OK;
}

err_code io_json_id(const json_t *value, int64_t *id)
{
    static const int64_t most = (int64_t)1 << 53;
    double number = json_real_value(value);
    err_code code = ERR_OK;
    *id = 0;
    if (json_is_integer(value))
        *id = json_integer_value(value);
    else if (json_is_string(value))
        code = read_digits(json_string_value(value), id);
    else if (!json_is_real(value) || number != floor(number))
        code = ERR_FORMAT;
    else if (fabs(number) > (double)most)
        code = ERR_LIMIT;
    else
        *id = (int64_t)number;
    if (code) return code;
    return *id > most || *id < -most ? ERR_LIMIT : ERR_OK;
}

/* ---- typed members ---- */

/* The kind of value that is looked for. */
typedef enum { WANT_INT, WANT_NUMBER, WANT_BOOL, WANT_STRING, WANT_ARRAY, WANT_OBJECT } want;

static const char *want_name(want w)
{
    static const char *const names[] = {"an integer", "a number", "true or false",
                                        "a string",   "an array", "an object"};
    return names[w];
}

static const char *type_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
        return "an integer";
    case JSON_REAL:
        return "a fraction";
    case JSON_NULL:
        return "null";
    default:
        return "true or false";
    }
}

static bool fits(const json_t *value, want w)
{
    switch (w) {
    case WANT_INT:
        return json_is_integer(value);
    case WANT_NUMBER:
        return json_is_number(value);
    case WANT_BOOL:
        return json_is_boolean(value);
    case WANT_STRING:
        return json_is_string(value);
    case WANT_ARRAY:
        return json_is_array(value);
    default:
        return json_is_object(value);
    }
}

/* Finds the member and checks its type. Absent or null: *out is NULL, which is an error when required. */
static err_code member(const json_t *object, const char *key, const char *where, want w, bool required,
                       json_t **out, error *err)
{
    *out = NULL;
    if (!json_is_object(object))
        return err_set(err, ERR_FORMAT, "%.300s: is %s, an object with '%s' is needed", where,
                       object ? type_name(object) : "missing", key);
    json_t *value = json_object_get(object, key);
    if (!value && required)
        return err_set(err, ERR_FORMAT, "%.300s: '%s' is missing, %s is needed", where, key, want_name(w));
    if (!value || (json_is_null(value) && !required)) return ERR_OK;
    if (!fits(value, w))
        return err_set(err, ERR_FORMAT, "%.300s: '%s' is %s, %s is needed", where, key, type_name(value),
                       want_name(w));
    *out = value;
    return ERR_OK;
}

/* One type: the required and the optional form. `get` turns the checked value into the C type. */
#define GETTER(name, type, kind, get)                                                                        \
    err_code io_json_##name(const json_t *object, const char *key, const char *where, type *out, error *err) \
    {                                                                                                        \
        json_t *value;                                                                                       \
        err_code code = member(object, key, where, kind, true, &value, err);                                 \
        if (!code) *out = get(value);                                                                        \
        return code;                                                                                         \
    }                                                                                                        \
    err_code io_json_##name##_or(const json_t *object, const char *key, const char *where, type fallback,    \
                                 type *out, error *err)                                                      \
    {                                                                                                        \
        json_t *value;                                                                                       \
        err_code code = member(object, key, where, kind, false, &value, err);                                \
        if (!code) *out = value ? get(value) : fallback;                                                     \
        return code;                                                                                         \
    }

GETTER(int, int64_t, WANT_INT, json_integer_value)
GETTER(number, double, WANT_NUMBER, json_number_value)
GETTER(bool, int, WANT_BOOL, json_boolean_value)
GETTER(string, const char *, WANT_STRING, json_string_value)

err_code io_json_array(const json_t *object, const char *key, const char *where, json_t **out, error *err)
{
    return member(object, key, where, WANT_ARRAY, true, out, err);
}

err_code io_json_object(const json_t *object, const char *key, const char *where, json_t **out, error *err)
{
    return member(object, key, where, WANT_OBJECT, true, out, err);
}

err_code io_json_array_or(const json_t *object, const char *key, const char *where, json_t **out, error *err)
{
    return member(object, key, where, WANT_ARRAY, false, out, err);
}

err_code io_json_object_or(const json_t *object, const char *key, const char *where, json_t **out, error *err)
{
    return member(object, key, where, WANT_OBJECT, false, out, err);
}

char *io_json_text(const json_t *root, size_t flags)
{
    return io_json_write(root, flags);
}
