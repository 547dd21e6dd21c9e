#include "tools/info.h"

#include <stdio.h>
#include <stdlib.h>

#include "tools/options.h"

enum { COLUMN = 14 };

void info_line(const char *name, const char *value)
{
    text shown = {0};
    text_append_shown(&shown, name);
    int column = printf("%-*s", COLUMN, text_string(&shown));
    text_clear(&shown);
    text_append_shown(&shown, value);
    opt_print_wrapped(stdout, text_string(&shown), column, COLUMN);
    text_release(&shown);
}

void info_decoder(const cap_decoder_config *c, size_t parameters)
{
    text line = {0};
    text_printf(&line, "%s, %zu parameters: ", c->row->name, parameters);
    io_fields_print(c->row->fields, c->settings.bytes, &line);
    info_line("decoder", text_string(&line));
    text_release(&line);
}

static void append_value(text *t, const json_t *value)
{
    if (json_is_string(value)) {
        text_append(t, json_string_value(value));
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
        text_append(&name, key);
        text_append(&name, " ");
        if (json_is_object(value)) {
            json_object_foreach(value, inner, item)
            {
                text_append(&line, comma);
                text_append(&line, inner);
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
