/* Lines of an endless input, one after the other, as they come.
 *
 *     line_reader r = {.fd = STDIN_FILENO, .name = "standard input"};
 *     read_line line;
 *     while (!lines_next(&r, &line, &err) && line.text) ...
 *     lines_release(&r);
 *
 * Memory stays at one line of at most LINE_MOST bytes, however long the input. */
#ifndef TOOLS_LINES_H
#define TOOLS_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/error.h"

enum { LINE_MOST = 1 << 16 }; /* bytes */

typedef struct line_reader {
    int fd;
    const char *name; /* for messages */
    char *buffer;     /* [2 * LINE_MOST + 2] */
    size_t start, end;
    bool ended;     /* the input has no more */
    int64_t number; /* of the last line, from 1 */
} line_reader;

typedef struct read_line {
    char *text;     /* without its newline, NUL-terminated, valid until the next call; NULL at the end */
    int64_t number; /* from 1 */
    bool too_long;  /* over LINE_MOST bytes: it was passed over and text is empty */
    bool has_zero;  /* a zero byte among them */
} read_line;

/* Errors: IO, MEMORY, FORMAT (UTF-16, as its byte order mark says; that of UTF-8 is taken off). A newline at the end of the input begins no further line. */
err_code lines_next(line_reader *r, read_line *out, error *err);

/* Would lines_next have to wait for whoever writes the input? */
bool lines_must_wait(const line_reader *r);

void lines_release(line_reader *r);

#endif
