/* Errors: one list of codes and texts. Functions that can fail return an err_code and, on failure, describe
 * it in the caller's `error`; they never print and never exit.
 *
 *     error err = {0};
 *     if (io_read_file(path, &bytes, &err)) fprintf(stderr, "caption: %s\n", err.text);
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#define ERR_LIST(X)                                                                                          \
    X(OK, "no error")                                                                                        \
    X(MEMORY, "out of memory")                                                                               \
    X(IO, "reading or writing failed")                                                                       \
    X(MISSING, "not found")                                                                                  \
    X(FORMAT, "malformed or damaged data")                                                                   \
    X(UNSUPPORTED, "not supported by this build")                                                            \
    X(LIMIT, "over a stated limit")                                                                          \
    X(ARGUMENT, "invalid argument")                                                                          \
    X(MISMATCH, "does not fit the model")                                                                    \
    X(INTERRUPTED, "interrupted")

typedef enum {
#define X(code, text) ERR_##code,
    ERR_LIST(X)
#undef X
} err_code;

typedef struct error {
    err_code code;
    char text[512]; /* one sentence, lower case, problem first, subject quoted, no full stop, no newline */
} error;

/* Describes a failure (printf form) and returns `code`, so that `return err_set(...)` reads well. `e` may be
 * NULL. Control characters, as file names may have them, are shown as \n, \x1b (see text_show_next). */
err_code err_set(error *e, err_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The general text of a code, e.g. "out of memory". */
const char *err_name(err_code code);

#endif
