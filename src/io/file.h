/* Files: mapped, read whole, written all or nothing, appended to by the line.
 *
 *     io_map m;
 *     if (io_map_open(&m, "model.safetensors", &err)) return err.code;
 *     ... m.data[0 .. m.size-1] ...
 *     io_map_close(&m);
 *
 *     io_writer *w = io_writer_open("model.safetensors", &err);
 *     if (!w) return err.code;
 *     io_writer_write(w, bytes, n, NULL);        a failure is remembered, close reports it
 *     return io_writer_close(&w, &err);          now the file is there, complete, or the old one is untouched
 *
 * Errors name the path and the system's reason: ERR_MISSING (no such file or folder), ERR_LIMIT (larger than
 * allowed), ERR_MEMORY, ERR_IO (everything else). */
#ifndef IO_FILE_H
#define IO_FILE_H

#include "src/base/error.h"

#include <stddef.h>
#include <stdint.h>

/* A read-only view of a regular file. An empty file is size 0 and data NULL. The file must not shrink while
 * it is mapped: files written by io_writer never do, they are replaced. */
typedef struct io_map {
    const uint8_t *data;
    size_t size; /* bytes */
} io_map;

err_code io_map_open(io_map *m, const char *path, error *err); /* on failure *m is {NULL, 0} */
void io_map_close(io_map *m);                                  /* closing a zeroed or closed map is fine */

/* Reads a file (or pipe) whole. *bytes gets size + 1 bytes, the last one NUL; the caller frees it. Over
 * max_bytes: ERR_LIMIT. On failure *bytes is NULL and *size 0. */
err_code io_read_file(const char *path, size_t max_bytes, uint8_t **bytes, size_t *size, error *err);

/* Atomic writing: the bytes go to a temporary file in the same folder (PATH.caption-N.tmp), which close puts
 * in the place of `path`. One that a killed writer left is removed by the next writer of the same path. The
 * permission bits are those a plain open would give (umask, or those of the file replaced); a symbolic link
 * is written through. A path that is a device or pipe is written directly. */
typedef struct io_writer io_writer;

io_writer *io_writer_open(const char *path, error *err); /* NULL on failure */

/* Buffered. The first failure is final: further writes do nothing and repeat it, close fails with it. */
err_code io_writer_write(io_writer *w, const void *bytes, size_t n, error *err);

/* Flush, sync, rename, sync of the folder; frees the writer and sets *w to NULL, also on failure, and then
 * the temporary file is gone and `path` is as it was. */
err_code io_writer_close(io_writer **w, error *err);
void io_writer_abort(io_writer **w); /* removes the temporary file; NULL and pointer to NULL are fine */

/* Writes `n` bytes as the whole new content of `path`, atomically. */
err_code io_write_file(const char *path, const void *bytes, size_t n, error *err);

/* The same for thousands of small files that can be made again: all or nothing whatever happens to this program,
 * but the disk is not waited for, so that a loss of power may leave a new file empty. */
err_code io_write_file_unsynced(const char *path, const void *bytes, size_t n, error *err);

/* Creates the folder and its parents; one that exists already is fine. */
err_code io_make_dirs(const char *path, error *err);

/* Adds `text` and a newline at the end of a log, which is created when absent. Lines of several processes do
 * not mix; a line that does not fit on the disk is taken back; a half line left by a crash is ended first. */
err_code io_append_line(const char *path, const char *text, error *err);

#endif
