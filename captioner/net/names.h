/* A list of names that a model carries: of the things that a namer can name, of the styles of a decoder.
 *
 *     cap_names n = {0};
 *     if (!cap_names_copy(&n, (const char *const[]){"dog", "cat"}, 2)) ...     out of memory
 *     int i = cap_names_find(&n, "cat");
 *     cap_names_release(&n);
 */
#ifndef CAPTIONER_NAMES_H
#define CAPTIONER_NAMES_H

#include <jansson.h>
#include <stdbool.h>

#include "src/base/error.h"
#include "src/io/json_build.h"

typedef struct cap_names {
    char **list; /* [count] UTF-8; one piece of memory with the letters behind it */
    int count;
} cap_names;

bool cap_names_copy(cap_names *out, const char *const *list, int count); /* false: out of memory */
void cap_names_release(cap_names *n);                                    /* zeroed ones are fine */
int cap_names_find(const cap_names *n, const char *name);                /* -1: it is not there */

void cap_names_put(const cap_names *n, io_json_build *b, json_t *parent, const char *key);

/* Of an array of 1 to `most` distinct strings that are not empty. Errors: FORMAT, with `where` in front;
 * MEMORY. */
err_code cap_names_read(const json_t *array, const char *where, int most, cap_names *out, error *err);

#endif
