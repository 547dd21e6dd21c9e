/* jansson when memory is short. Its reader ignores that the text of the token it reads could not grow: words
 * lose letters, and an assertion or a stray pointer may end the program. Here a failed allocation is
 * remembered, and the reader's text grows in memory set aside beforehand until the reader stops.
 *
 * This wraps the process's jansson allocation functions, once, round those that were set before. */
#ifndef IO_JSON_MEMORY_H
#define IO_JSON_MEMORY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* json_loadb(), which is called nowhere else. NULL on failure: *no_memory tells whether memory ran out, and
 * otherwise `fault` holds the place and the problem. */
json_t *io_json_read(const char *text, size_t length, size_t flags, json_error_t *fault, bool *no_memory);

/* json_dumps(), which is called nowhere else; the caller frees the text. NULL: memory ran out. */
char *io_json_write(const json_t *root, size_t flags);

#endif
