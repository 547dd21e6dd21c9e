/* A saved state with one thing altered at a time, each of which must be refused. To be included after
 * cmocka.h. */
#ifndef TESTS_ALTERED_H
#define TESTS_ALTERED_H

#include "src/io/json.h"
#include "src/io/safetensors.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* `state` is refused; `what` says what is odd about it. */
typedef void altered_fn(void *ctx, const char *state, const char *what);

typedef struct alteration {
    const json_t *root;
    altered_fn *expect;
    void *ctx;
} alteration;

/* `value` in the place of member `key` of `o`, which is somewhere in the root; NULL: the member is left out.
 */
static inline void try_member(const alteration *a, json_t *o, const char *key, json_t *value, const char *how)
{
    char what[200];
    json_t *kept = json_incref(json_object_get(o, key));
    if (value)
        json_object_set_new(o, key, value);
    else
        json_object_del(o, key);
    char *json = io_json_text(a->root, JSON_COMPACT);
    assert_non_null(json);
    snprintf(what, sizeof what, "'%s' %s", key, how);
    a->expect(a->ctx, json, what);
    free(json);
    if (kept)
        json_object_set_new(o, key, kept);
    else
        json_object_del(o, key);
}

static inline void try_members(const alteration *a, json_t *o)
{
    json_t *copy = json_copy(o), *value;
    const char *key;
    json_object_foreach(copy, key, value)
    {
        bool fraction = json_is_real(value);
        try_member(a, o, key, NULL, "missing");
        try_member(a, o, key, json_is_string(value) ? json_integer(7) : json_string("7"), "of another type");
        try_member(a, o, key, json_null(), "null");
        if (!json_is_number(value)) continue;
        try_member(a, o, key, fraction ? json_real(-0.5) : json_integer(-3), "negative");
        try_member(a, o, key, fraction ? json_real(1e300) : json_integer(INT64_MAX), "huge");
    }
    json_decref(copy);
    try_member(a, o, "surprise", json_integer(1), "added");
}

/* Every member of the state's object and of its settings. */
static inline void alter_members(const char *state, altered_fn *expect, void *ctx)
{
    json_t *root = NULL;
    assert_int_equal(io_json_parse(state, strlen(state), "a state", &root, NULL), ERR_OK);
    alteration a = {root, expect, ctx};
    expect(ctx, "{\"epoch\": NaN}", "with NaN");
    expect(ctx, "[]", "no object");
    try_members(&a, root);
    try_members(&a, json_object_get(root, "settings"));
    json_decref(root);
}

/* A copy of `file` at `path` with this metadata, and with other bytes for one tensor; raw NULL: without it.
 */
static inline void write_altered(const io_tensors *file, const char *path, const io_metadata *pair,
                                 const char *tensor, const void *raw)
{
    size_t count = io_tensors_count(file), kept = 0;
    io_tensor_entry *entry = calloc(count, sizeof *entry);
    assert_non_null(entry);
    for (size_t i = 0; i < count; i++) {
        const io_tensor *t = io_tensors_at(file, i);
        bool altered = tensor && !strcmp(t->name, tensor);
        if (altered && !raw) continue;
        entry[kept++] = (io_tensor_entry){.name = t->name,
                                          .dtype = t->dtype,
                                          .rank = t->rank,
                                          .shape = t->shape,
                                          .raw = altered ? raw : t->data};
    }
    error err = {0};
    if (io_tensors_save(path, entry, kept, pair, 1, &err)) fail_msg("%s", err.text);
    free(entry);
}

#endif
