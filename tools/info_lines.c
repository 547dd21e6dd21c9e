#include "tools/info.h"

#include <stdio.h>
#include <stdlib.h>

#include "tools/options.h"

enum { COLUMN = 14 };

void info_line(const char *name, const char *value)
{
    int column = printf("%-*s", COLUMN, name);
    opt_print_wrapped(stdout, value, column, COLUMN);
}

void info_append_clean(text *t, const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s >= 0x20 && *s != 0x7f) text_append_bytes(t, s, 1);
}

static void append_value(text *t, const json_t *value)
{
    if (json_is_string(value)) {
        info_append_clean(t, json_string_value(value));
        return;
    }
    if (json_is_real(value)) {
        text_printf(t, "%.4g", json_real_value(value));
        return;
    }
    char *other = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
    text_append(t, other ? other : "");
    free(other);
}

void info_record(const json_t *record)
{
    const char *key, *inner;
    json_t *value, *item;
    json_object_foreach((json_t *)record, key, value)
    {
        text name = {0}, line = {0};
        const char *comma = "";
        info_append_clean(&name, key);
        text_append(&name, " ");
        if (json_is_object(value)) {
            json_object_foreach(value, inner, item)
            {
                text_append(&line, comma);
                info_append_clean(&line, inner);
                text_append(&line, " ");
                append_value(&line, item);
                comma = ", ";
            }
        } else {
            append_value(&line, value);
        }
        info_line(text_string(&name), text_string(&line));
        text_release(&name);
        text_release(&line);
    }
}
