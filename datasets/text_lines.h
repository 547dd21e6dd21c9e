/* A text file, read whole, line by line: what the readers of pairs and of captions share.
 *
 *     ds_text_lines l;
 *     if (ds_text_lines_open(&l, path, &memory, &err)) ...
 *     while (!(code = ds_text_lines_next(&l, &err)) && l.line) use(l.line, l.number);
 *
 * The lines are the file's bytes in `memory`, with a NUL in place of each newline: they stay after the walk,
 * and may be cut up. A byte order mark of UTF-8 is passed over. Refused (ERR_FORMAT), with file and line:
 * UTF-16, malformed UTF-8, a zero byte. Refused (ERR_LIMIT): a line over DS_LINE_BYTES. */
#ifndef DATASETS_TEXT_LINES_H
#define DATASETS_TEXT_LINES_H

#include "src/base/arena.h"
#include "src/base/error.h"

#include <stddef.h>
#include <stdint.h>

enum { DS_LINE_BYTES = 1 << 16 }; /* bytes of one line at most, some 10,000 words */

typedef struct ds_text_lines {
    const char *path;
    char *at, *end; /* what has not been read */
    char *line;     /* the current one, [size] and NUL; NULL: there is none */
    size_t size;
    int64_t number; /* its number, from 1 */
} ds_text_lines;

err_code ds_text_lines_open(ds_text_lines *l, const char *path, arena *memory,
                            error *err); /* may be a pipe */

/* Moves to the next line; l->line is NULL at the end of the file. */
err_code ds_text_lines_next(ds_text_lines *l, error *err);

/* The text without blanks, tabs and carriage returns around it, in place. */
char *ds_text_trim(char *s);

#endif
