#include "src/base/error.h"

#include <stdarg.h>
#include <stdio.h>

err_code err_set(error *e, err_code code, const char *format, ...)
{
    if (e) {
        va_list args;
        va_start(args, format);
        vsnprintf(e->text, sizeof e->text, format, args);
        va_end(args);
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
