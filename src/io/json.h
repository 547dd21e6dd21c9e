/* JSON: jansson, with errors that name the file and the place, and getters that check types. Trees are built
 * with src/io/json_build.h.
 *
 *     json_t *root = NULL;
 *     if (io_json_load("captions.json", IO_JSON_MAX, &root, &err)) return err.code;
 *     json_t *images;
 *     int64_t id;
 *     if (!io_json_array(root, "images", "'captions.json'", &images, &err) &&
 *         !io_json_int(json_array_get(images, 0), "id", "'captions.json': images[0]", &id, &err)) ...
 *     json_decref(root);
 *
 * Of keys given twice the last one counts. A tree takes 5 to 6 times the bytes of its text, which is held
 * beside it while it is parsed: 98 MB made like the captions of full COCO peak at 630 MB. jansson limits
 * nesting to 2048 levels. */
#ifndef IO_JSON_H
#define IO_JSON_H

#include "src/base/error.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#define IO_JSON_MAX ((size_t)512 << 20) /* bytes of text; the captions of full COCO are 90 MB */

/* Both give a tree the caller ends with json_decref, or set *out to NULL and describe the error:
 *     cannot read 'x.json': line 12, column 5: unexpected token near '}'
 * The text must be UTF-8; a byte order mark in front is skipped. `name` stands for the path in the error. */
err_code io_json_load(const char *path, size_t max_bytes, json_t **out, error *err);
err_code io_json_parse(const char *text, size_t length, const char *name, json_t **out, error *err);

/* What is wrong, without the words of the library's own interface. */
const char *io_json_problem(const json_error_t *fault);

/* The id that a value stands for: a whole number, also as other programs write one, 1.0 or "1". FORMAT: it is
 * none; LIMIT: it is beyond 2^53, where programs that keep numbers as fractions round it. */
err_code io_json_id(const json_t *value, int64_t *id);

/* Member `key` of `object`. `where` names the object in the error, ready to print:
 *     'x.json': images[3]: 'id' is a string, an integer is needed
 * A NULL or non-object `object` is the same kind of error. Trees and strings stay owned by the object. A
 * number may be written as an integer. */
err_code io_json_int(const json_t *object, const char *key, const char *where, int64_t *out, error *err);
err_code io_json_number(const json_t *object, const char *key, const char *where, double *out, error *err);
err_code io_json_bool(const json_t *object, const char *key, const char *where, int *out, error *err);
err_code io_json_string(const json_t *object, const char *key, const char *where, const char **out,
                        error *err);
err_code io_json_array(const json_t *object, const char *key, const char *where, json_t **out, error *err);
err_code io_json_object(const json_t *object, const char *key, const char *where, json_t **out, error *err);

/* The optional forms: absent or null gives `fallback` (arrays and objects: NULL); a wrong type stays an
 * error. */
err_code io_json_int_or(const json_t *object, const char *key, const char *where, int64_t fallback,
                        int64_t *out, error *err);
err_code io_json_number_or(const json_t *object, const char *key, const char *where, double fallback,
                           double *out, error *err);
err_code io_json_bool_or(const json_t *object, const char *key, const char *where, int fallback, int *out,
                         error *err);
err_code io_json_string_or(const json_t *object, const char *key, const char *where, const char *fallback,
                           const char **out, error *err);
err_code io_json_array_or(const json_t *object, const char *key, const char *where, json_t **out, error *err);
err_code io_json_object_or(const json_t *object, const char *key, const char *where, json_t **out,
                           error *err);

/* The text of a tree; flags are jansson's (JSON_COMPACT, JSON_INDENT(2), ...), members keep their order. The
 * caller frees it; NULL when memory is out. */
char *io_json_text(const json_t *root, size_t flags);

#endif
