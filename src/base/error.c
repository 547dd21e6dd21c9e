#include "src/base/error.h"

#include "src/base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* File names may hold anything: a line break would make two sentences of one, an escape sequence would
 * recolour the terminal. What does not fit any more is left out. */
static void keep_shown(char *to, size_t size, const char *from)
{
    size_t used = 0;
    for (const char *end = from + strlen(from); from < end;) {
        char shown[TEXT_SHOWN];
        size_t n = text_show_next(&from, end, shown);
        if (n >= size - used) break;
        memcpy(to + used, shown, n);
        used += n;
    }
    to[used] = 0;
}

/* Describes `code` by `beginning` and the formatted rest. */
__attribute__((format(printf, 4, 0))) static err_code describe(error *e, err_code code, const char *beginning,
                                                               const char *format, va_list args)
{
    char raw[sizeof e->text];
    size_t begun = strlen(beginning);
    memcpy(raw, beginning, begun);
    vsnprintf(raw + begun, sizeof raw - begun, format, args);
    keep_shown(e->text, sizeof e->text, raw);
    return e->code = code;
}

err_code err_set(error *e, err_code code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (e) describe(e, code, "", format, args);
    va_end(args);
    return code;
}

err_code err_no_memory(error *e, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (e) describe(e, ERR_MEMORY, "out of memory ", format, args);
    va_end(args);
    return ERR_MEMORY;
}

const char *err_name(err_code code)
{
    static const char *const names[] = {
        [ERR_OK] = "no error",
        [ERR_MEMORY] = "out of memory",
        [ERR_IO] = "reading or writing failed",
        [ERR_MISSING] = "not found",
        [ERR_FORMAT] = "malformed or damaged data",
        [ERR_UNSUPPORTED] = "not supported by this build",
        [ERR_LIMIT] = "over a stated limit",
        [ERR_ARGUMENT] = "invalid argument",
        [ERR_MISMATCH] = "does not fit the model",
        [ERR_INTERRUPTED] = "interrupted",
    };
    return (unsigned)code < sizeof names / sizeof names[0] ? names[code] : "unknown error";
}
