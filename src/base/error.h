/* Errors: one list of codes and texts. Functions that can fail return an err_code and, on failure, describe
 * it in the caller's `error`; they never print and never exit.
 *
 *     error err = {0};
 *     if (io_read_file(path, &bytes, &err)) fprintf(stderr, "caption: %s\n", err.text);
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "captioner/caption.h"

/* The codes and the struct are those of the library's users: one error from the lowest floor to the face. */
typedef cap_code err_code;
typedef cap_error error;

#define ERR_OK CAP_OK
#define ERR_MEMORY CAP_ERROR_MEMORY
#define ERR_IO CAP_ERROR_IO
#define ERR_MISSING CAP_ERROR_MISSING
#define ERR_FORMAT CAP_ERROR_FORMAT
#define ERR_UNSUPPORTED CAP_ERROR_UNSUPPORTED
#define ERR_LIMIT CAP_ERROR_LIMIT
#define ERR_ARGUMENT CAP_ERROR_ARGUMENT
#define ERR_MISMATCH CAP_ERROR_MISMATCH
#define ERR_INTERRUPTED CAP_ERROR_INTERRUPTED

/* Describes a failure (printf form) and returns `code`, so that `return err_set(...)` reads well. `e` may be
 * NULL. Control characters, as file names may have them, are shown as \n, \x1b (see text_show_next). */
err_code err_set(error *e, err_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* ERR_MEMORY: "out of memory ", then for what, in printf form: "for a model", "while reading '%s'". */
err_code err_no_memory(error *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The general text of a code, e.g. "out of memory". */
const char *err_name(err_code code);

#endif
