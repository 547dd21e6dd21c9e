#include "src/io/json_build.h"

#include "src/base/text.h"

#include <math.h>
#include <string.h>

static void give_up(io_json_build *b)
{
    b->failed = true;
    json_decref(b->root);
    b->root = NULL;
}

static io_json_build begin_build(json_t *root)
{
    return (io_json_build){.root = root, .failed = !root};
}

io_json_build io_json_build_object(void)
{
    return begin_build(json_object());
}

io_json_build io_json_build_array(void)
{
    return begin_build(json_array());
}

void io_json_put(io_json_build *b, json_t *parent, const char *key, json_t *value)
{
    if (!b->root) { /* the parent is gone with the root */
        json_decref(value);
        b->failed = true;
    } else if (key ? json_object_set_new(parent, key, value) : json_array_append_new(parent, value)) {
        give_up(b);
    }
}

void io_json_put_int(io_json_build *b, json_t *parent, const char *key, int64_t value)
{
    io_json_put(b, parent, key, json_integer(value));
}

void io_json_put_number(io_json_build *b, json_t *parent, const char *key, double value)
{
    io_json_put(b, parent, key, isfinite(value) ? json_real(value) : json_null());
}

void io_json_put_bool(io_json_build *b, json_t *parent, const char *key, bool value)
{
    io_json_put(b, parent, key, json_boolean(value));
}

void io_json_put_null(io_json_build *b, json_t *parent, const char *key)
{
    io_json_put(b, parent, key, json_null());
}

static json_t *mended_string(const char *s, const char *end)
{
    text clean = {0};
    while (s < end) {
        int32_t point = text_utf8_next(&s, end);
        text_append_point(&clean, point < 0 ? 0xFFFD : (uint32_t)point);
    }
    json_t *o = clean.failed ? NULL : json_string(text_string(&clean));
    text_release(&clean);
    return o;
}

void io_json_put_string(io_json_build *b, json_t *parent, const char *key, const char *value)
{
    size_t length = value ? strlen(value) : 0;
    if (!value)
        io_json_put_null(b, parent, key);
    else if (text_utf8_valid(value, length, NULL))
        io_json_put(b, parent, key, json_stringn_nocheck(value, length));
    else
        io_json_put(b, parent, key, mended_string(value, value + length));
}

json_t *io_json_put_object(io_json_build *b, json_t *parent, const char *key)
{
    json_t *child = json_object();
    io_json_put(b, parent, key, child);
    return b->root ? child : NULL;
}

json_t *io_json_put_array(io_json_build *b, json_t *parent, const char *key)
{
    json_t *child = json_array();
    io_json_put(b, parent, key, child);
    return b->root ? child : NULL;
}

void io_json_put_strings(io_json_build *b, json_t *parent, const char *key, const char *const *values,
                         size_t count)
{
    json_t *list = io_json_put_array(b, parent, key);
    for (size_t i = 0; i < count; i++) io_json_put_string(b, list, NULL, values[i]);
}

void io_json_put_floats(io_json_build *b, json_t *parent, const char *key, const float *values, size_t count)
{
    json_t *list = io_json_put_array(b, parent, key);
    for (size_t i = 0; i < count; i++) io_json_put_number(b, list, NULL, (double)values[i]);
}

void io_json_put_members(io_json_build *b, json_t *object, const json_t *from)
{
    /* jansson counts references in what it reads, and so takes it as not const. */
    if (!b->root || json_object_update(object, (json_t *)(uintptr_t)from)) give_up(b);
}

json_t *io_json_take(io_json_build *b)
{
    json_t *root = b->root;
    *b = (io_json_build){.failed = true};
    return root;
}

err_code io_json_done(io_json_build *b, const char *what, json_t **out, error *err)
{
    *out = io_json_take(b);
    return *out ? ERR_OK : err_no_memory(err, "while making %.200s", what);
}
