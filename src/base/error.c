#include "src/base/error.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

/* File names may hold anything: a line break would make two sentences of one, an escape sequence would
 * recolour the terminal. U+0080 to U+009F, as UTF-8 C2 80 to C2 9F, are control characters too. */
static void blank_controls(char *s)
{
    for (unsigned char *p = (unsigned char *)s; *p; p++) {
        bool pair = p[0] == 0xC2 && p[1] >= 0x80 && p[1] < 0xA0;
        if (pair) *p++ = '?';
        if (pair || *p < 0x20 || *p == 0x7F) *p = '?';
    }
}

err_code err_set(error *e, err_code code, const char *format, ...)
{
    if (e) {
        va_list args;
        va_start(args, format);
        vsnprintf(e->text, sizeof e->text, format, args);
        va_end(args);
        blank_controls(e->text);
        e->code = code;
    }
    return code;
}

const char *err_name(err_code code)
{
    static const char *const names[] = {
#define X(name, text) text,
        ERR_LIST(X)
#undef X
    };
    return (unsigned)code < sizeof names / sizeof names[0] ? names[code] : "unknown error";
}
