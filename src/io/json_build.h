/* Building JSON trees: every setter is checked, and nobody has to look until the end.
 *
 *     io_json_build b = io_json_build_object();
 *     io_json_put_int(&b, b.root, "epoch", 3);
 *     io_json_put_number(&b, b.root, "loss", loss);             NaN and infinity become null
 *     json_t *mean = io_json_put_array(&b, b.root, "mean");     owned by its parent
 *     for (int i = 0; i < 3; i++) io_json_put_number(&b, mean, NULL, v[i]);
 *     json_t *o = NULL;
 *     err_code code = io_json_done(&b, "the log", &o, err);     or o = io_json_take(&b), NULL when it failed
 *
 * A zeroed io_json_build has failed. After a failure, which is always that memory ran out, the other calls
 * do nothing and give NULL, which they all accept as parent: a tree is complete or not there at all. A helper
 * that adds members takes `io_json_build *b, json_t *parent`. A tree made elsewhere is put in with
 * io_json_put(), which takes it over and understands NULL as the failure it stands for. */
#ifndef IO_JSON_BUILD_H
#define IO_JSON_BUILD_H

#include "src/base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct io_json_build {
    json_t *root; /* NULL once failed */
    bool failed;
} io_json_build;

io_json_build io_json_build_object(void);
io_json_build io_json_build_array(void);

/* The member `key` of an object, or, with key NULL, the next item of an array. A member that is there is
 * replaced. `parent` is the root or what io_json_put_object() and _array() gave. */
void io_json_put_int(io_json_build *b, json_t *parent, const char *key, int64_t value);
void io_json_put_number(io_json_build *b, json_t *parent, const char *key, double value);
void io_json_put_bool(io_json_build *b, json_t *parent, const char *key, bool value);
void io_json_put_null(io_json_build *b, json_t *parent, const char *key);
/* NULL becomes null; bytes that are not UTF-8 become U+FFFD. */
void io_json_put_string(io_json_build *b, json_t *parent, const char *key, const char *value);
void io_json_put_strings(io_json_build *b, json_t *parent, const char *key, const char *const *values,
                         size_t count);
void io_json_put_floats(io_json_build *b, json_t *parent, const char *key, const float *values, size_t count);
json_t *io_json_put_object(io_json_build *b, json_t *parent, const char *key);
json_t *io_json_put_array(io_json_build *b, json_t *parent, const char *key);
/* Takes over one reference of `value` (json_incref() what is to be shared), also on failure. */
void io_json_put(io_json_build *b, json_t *parent, const char *key, json_t *value);
/* Puts all members of `from` into `object`; `from` stays the caller's. NULL is a failure. */
void io_json_put_members(io_json_build *b, json_t *object, const json_t *from);

/* The tree, which the caller ends with json_decref, or NULL when building failed. Empties the builder. */
json_t *io_json_take(io_json_build *b);

/* The tree, or a message: `what` is what could not be made, "the log". *out is NULL on failure. */
err_code io_json_done(io_json_build *b, const char *what, json_t **out, error *err);

#endif
