/* A large JSON file read one value at a time: the outer objects and arrays are walked here, each value inside
 * them is parsed by jansson and freed by the caller, so memory stays at one element whatever the file's size.
 * (The whole tree of COCO's 590,000 captions takes more than ten times the file.)
 *
 *     ds_json_stream s = {.text = bytes, .size = size, .name = "captions.json"};
 *     bool more;
 *     if (ds_json_open(&s, '{', "", &err)) ...
 *     while (!(code = ds_json_next(&s, '}', "", &more, &err)) && more) {
 *         char *key;   ds_json_key(&s, "", &key, &err);   free(key);
 *         json_t *v;   ds_json_value(&s, "info", &v, &err);   json_decref(v);
 *     }
 *     ds_json_finish(&s, &err);
 *
 * Most files are one object whose members are arrays of objects; for them there is a shorter way:
 *
 *     ds_json_document(&s, take_member, &mine, &err);        take_member reads the value, perhaps so:
 *     ds_json_objects(&s, "images", take_image, &mine, &err);
 *
 * `place` names the value for messages: cannot read 'captions.json': line 3: images[4]: ... Every function
 * returns ERR_FORMAT for malformed text; the first error ends the reading. */
#ifndef DATASETS_JSON_STREAM_H
#define DATASETS_JSON_STREAM_H

#include "src/base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ds_json_stream {
    const char *text; /* UTF-8, need not end with NUL; kept by the caller */
    size_t size, at;  /* bytes; at = the next one to read */
    const char *name; /* for messages */
    bool fresh;       /* inside a container before its first element */
} ds_json_stream;

/* Takes off the byte order mark in front; a text in UTF-16 is refused by that name. */
err_code ds_json_skip_mark(ds_json_stream *s, error *err);

err_code ds_json_open(ds_json_stream *s, char bracket, const char *place, error *err); /* '{' or '[' */

/* Steps to the next element of the open container, or past its closing bracket: then *more is false. */
err_code ds_json_next(ds_json_stream *s, char closing, const char *place, bool *more, error *err);
err_code ds_json_key(ds_json_stream *s, const char *place, char **key,
                     error *err); /* and its ':'; free() it */
err_code ds_json_value(ds_json_stream *s, const char *place, json_t **value, error *err);
err_code ds_json_finish(ds_json_stream *s, error *err); /* nothing but blanks may follow */

/* The next byte that is not a blank, not taken; 0 at the end. */
char ds_json_peek(ds_json_stream *s);

err_code ds_json_skip(ds_json_stream *s, const char *place, error *err); /* over one value */

/* The whole text, a byte order mark in front or not: an object, whose members `take` reads one by one. */
typedef err_code (*ds_json_member)(void *ctx, const char *key, error *err);
err_code ds_json_document(ds_json_stream *s, ds_json_member take, void *ctx, error *err);

/* Member `key`: an array of objects. `take` gets each with its place, "images[4]", and does not keep it. */
typedef err_code (*ds_json_element)(void *ctx, const json_t *object, const char *place, error *err);
err_code ds_json_objects(ds_json_stream *s, const char *key, ds_json_element take, void *ctx, error *err);

/* ERR_FORMAT: cannot read 'captions.json': images[4]: not an object; or ...: images[4]: 'id' is missing. */
err_code ds_json_wrong(const ds_json_stream *s, const char *place, const char *problem, error *err);
err_code ds_json_wrong_key(const ds_json_stream *s, const char *place, const char *key, const char *problem,
                           error *err);

/* Member `key` of the object at `place`: a whole number within 2^53; a string, which stays the object's. */
err_code ds_json_id(const ds_json_stream *s, const json_t *object, const char *place, const char *key,
                    int64_t *id, error *err);
err_code ds_json_text(const ds_json_stream *s, const json_t *object, const char *place, const char *key,
                      const char **out, error *err);

#endif
