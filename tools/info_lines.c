#include "tools/info.h"

#include <stdio.h>
#include <stdlib.h>

#include "src/io/json.h"
#include "tools/options.h"
#include "tools/verbs.h"

enum { COLUMN = 14 };

bool info_line(const char *name, const char *value)
{
    text first = {0}, second = {0};
    text_append_shown(&first, name);
    text_append_shown(&second, value);
    bool good = !first.failed && !second.failed;
    if (good)
        opt_print_wrapped(stdout, text_string(&second), printf("%-*s", COLUMN, text_string(&first)), COLUMN);
    text_release(&first);
    text_release(&second);
    return good;
}

bool info_text_line(const char *name, text *value)
{
    bool good = !value->failed && info_line(name, text_string(value));
    text_release(value);
    return good;
}

int info_verdict(bool good)
{
    error err = {0};
    if (good) return VERB_DONE;
    err_no_memory(&err, "while printing");
    return verb_fail(&err);
}

bool info_decoder(const cap_decoder_config *c, size_t parameters)
{
    text line = {0};
    text_printf(&line, "%s, ", c->row->name);
    if (c->row->judge)
        text_append(&line, "counted: ");
    else
        text_printf(&line, "%zu parameters: ", parameters);
    io_fields_print(c->row->fields, c->settings.bytes, &line);
    return info_text_line("decoder", &line);
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
    char *other = io_json_text(value, JSON_REAL_PRECISION(6));
    if (other)
        text_append(t, other);
    else
        t->failed = true;
    free(other);
}

static void append_members(text *line, const json_t *object)
{
    const char *key, *comma = "";
    json_t *item;
    json_object_foreach((json_t *)object, key, item)
    {
        text_append(line, comma);
        text_append(line, key);
        text_append(line, " ");
        append_value(line, item);
        comma = ", ";
    }
}

bool info_record(const json_t *record)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)record, key, value)
    {
        text name = {0}, line = {0};
        text_append(&name, key);
        text_append(&name, " ");
        if (json_is_object(value))
            append_members(&line, value);
        else
            append_value(&line, value);
        line.failed |= name.failed;
        bool good = info_text_line(text_string(&name), &line);
        text_release(&name);
        if (!good) return false;
    }
    return true;
}
