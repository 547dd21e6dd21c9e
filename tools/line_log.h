/* A file of lines that runs add to, and that a killed run leaves sound: each write is whole lines, and what a
 * kill in the midst of one left, a torn last line, is cut off when the file is opened again. One run at a
 * time: the file is locked for as long as it is open.
 *
 *     line_log log;
 *     uint8_t *bytes; size_t size;
 *     if (line_log_open(&log, "captions.csv", &bytes, &size, &err)) ...
 *     ... reads what is there, and finds that the first `sound` bytes of it are good ...
 *     if (line_log_cut(&log, sound, &err)) ...
 *     if (line_log_add(&log, "a.jpg,a dog runs\n", 17, &err)) ...
 *     if (line_log_close(&log, &err)) ... */
#ifndef TOOLS_LINE_LOG_H
#define TOOLS_LINE_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "src/base/error.h"

typedef struct line_log {
    const char *path; /* NULL: not open */
    int fd;
    int64_t end; /* bytes of whole lines */
} line_log;

/* Opens or creates the file, and reads it: *bytes has *size bytes and a NUL behind them, the caller frees it.
 * Errors: ARGUMENT (no regular file; another run has it), MISSING, IO, LIMIT (over 4 GiB), MEMORY; then
 * nothing is open. */
err_code line_log_open(line_log *l, const char *path, uint8_t **bytes, size_t *size, error *err);

/* Cuts the file to its first `size` bytes. */
err_code line_log_cut(line_log *l, size_t size, error *err);

/* Adds whole lines, in one piece; what does not fit on the disk is taken back. */
err_code line_log_add(line_log *l, const char *lines, size_t size, error *err);

/* Sees to it that what was added survives a loss of power, and closes; a closed one is fine. */
err_code line_log_close(line_log *l, error *err);

#endif
