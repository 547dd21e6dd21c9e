#include "src/io/fields.h"

#include <string.h>

static void *place(const io_field *f, const void *settings)
{
    return (char *)(uintptr_t)settings + f->offset;
}

int *io_field_int(const io_field *field, const void *settings)
{
    return place(field, settings);
}

int64_t *io_field_whole(const io_field *field, const void *settings)
{
    return place(field, settings);
}

double *io_field_number(const io_field *field, const void *settings)
{
    return place(field, settings);
}

bool *io_field_switch(const io_field *field, const void *settings)
{
    return place(field, settings);
}

const io_field *io_fields_find(const io_field *fields, const char *name)
{
    for (; fields->name; fields++)
        if (!strcmp(fields->name, name)) return fields;
    return NULL;
}

int io_field_value(const io_field *field, const char *name)
{
    for (int i = 0; field->choice(i); i++)
        if (!strcmp(field->choice(i), name)) return i;
    return -1;
}

static int count_choices(const io_field *f)
{
    int n = 0;
    while (f->choice(n)) n++;
    return n;
}

/* ---- ranges ---- */

err_code io_fields_check(const io_field *fields, const void *settings, const char *what, error *err)
{
    for (const io_field *f = fields; f->name; f++) {
        if (f->kind == IO_FIELD_INT) {
            int n = *io_field_int(f, settings);
            if (n < f->least || n > f->most)
                return err_set(err, ERR_ARGUMENT, "%s '%s' is %d, it must be %.0f to %.0f", what, f->name, n,
                               f->least, f->most);
        } else if (f->kind == IO_FIELD_WHOLE) {
            double n = (double)*io_field_whole(f, settings);
            if (!(n >= f->least && n <= f->most))
                return err_set(err, ERR_ARGUMENT, "%s '%s' is %.0f, it must be %.0f to %.0f", what, f->name,
                               n, f->least, f->most);
        } else if (f->kind == IO_FIELD_NUMBER) {
            double x = *io_field_number(f, settings);
            if (!(x >= f->least && x <= f->most))
                return err_set(err, ERR_ARGUMENT, "%s '%s' is %g, it must be %g to %g", what, f->name, x,
                               f->least, f->most);
        } else if (f->kind == IO_FIELD_CHOICE) {
            int n = *io_field_int(f, settings);
            if (n < 0 || n >= count_choices(f))
                return err_set(err, ERR_ARGUMENT, "%s '%s' has no value %d", what, f->name, n);
        }
    }
    return ERR_OK;
}

/* ---- JSON ---- */

static void write_field(const io_field *f, const void *settings, io_json_build *b, json_t *object)
{
    switch (f->kind) {
    case IO_FIELD_INT:
        io_json_put_int(b, object, f->name, *io_field_int(f, settings));
        break;
    case IO_FIELD_WHOLE:
        io_json_put_int(b, object, f->name, *io_field_whole(f, settings));
        break;
    case IO_FIELD_NUMBER:
        io_json_put_number(b, object, f->name, *io_field_number(f, settings));
        break;
    case IO_FIELD_SWITCH:
        io_json_put_bool(b, object, f->name, *io_field_switch(f, settings));
        break;
    default:
        io_json_put_string(b, object, f->name, f->choice(*io_field_int(f, settings)));
    }
}

void io_fields_write(const io_field *fields, const void *settings, io_json_build *b, json_t *object)
{
    for (const io_field *f = fields; f->name; f++) write_field(f, settings, b, object);
}

static err_code read_whole(const io_field *f, const json_t *o, const char *where, void *settings, error *err)
{
    int64_t n;
    err_code code = io_json_int(o, f->name, where, &n, err);
    if (code) return code;
    if ((double)n < f->least || (double)n > f->most)
        return err_set(err, ERR_FORMAT, "%.300s: '%s' must be an integer from %.0f to %.0f", where, f->name,
                       f->least, f->most);
    if (f->kind == IO_FIELD_INT)
        *io_field_int(f, settings) = (int)n;
    else
        *io_field_whole(f, settings) = n;
    return ERR_OK;
}

static err_code read_number(const io_field *f, const json_t *o, const char *where, void *settings, error *err)
{
    double x;
    err_code code = io_json_number(o, f->name, where, &x, err);
    if (code) return code;
    if (!(x >= f->least && x <= f->most))
        return err_set(err, ERR_FORMAT, "%.300s: '%s' must be a number from %g to %g", where, f->name,
                       f->least, f->most);
    *io_field_number(f, settings) = x;
    return ERR_OK;
}

static err_code read_switch(const io_field *f, const json_t *o, const char *where, void *settings, error *err)
{
    int on;
    err_code code = io_json_bool(o, f->name, where, &on, err);
    if (!code) *io_field_switch(f, settings) = on;
    return code;
}

static err_code read_choice(const io_field *f, const json_t *o, const char *where, void *settings, error *err)
{
    const char *name;
    err_code code = io_json_string(o, f->name, where, &name, err);
    if (code) return code;
    int value = io_field_value(f, name);
    if (value < 0)
        return err_set(err, ERR_FORMAT, "%.300s: '%s' has a value that is not known", where, f->name);
    *io_field_int(f, settings) = value;
    return ERR_OK;
}

err_code io_fields_read(const io_field *fields, const json_t *object, const char *where, void *settings,
                        error *err)
{
    static err_code (*const readers[])(const io_field *, const json_t *, const char *, void *, error *) = {
        [IO_FIELD_INT] = read_whole,     [IO_FIELD_WHOLE] = read_whole,   [IO_FIELD_NUMBER] = read_number,
        [IO_FIELD_SWITCH] = read_switch, [IO_FIELD_CHOICE] = read_choice,
    };
    err_code code = ERR_OK;
    int has = 0;
    for (const io_field *f = fields; f->name; f++)
        if (f->later > has && json_object_get(object, f->name)) has = f->later;
    for (const io_field *f = fields; f->name && !code; f++)
        if (f->later <= has) code = readers[f->kind](f, object, where, settings, err);
    return code;
}

err_code io_fields_only(const io_field *fields, const json_t *object, const char *const *further,
                        const char *where, error *err)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        const char *const *name = further;
        while (*name && strcmp(*name, key) != 0) name++;
        if (!*name && !io_fields_find(fields, key))
            return err_set(err, ERR_FORMAT, "%.300s: this program knows no field '%.60s'", where, key);
    }
    return ERR_OK;
}

/* ---- for people, and between tables ---- */

void io_field_print(const io_field *f, const void *settings, text *line)
{
    switch (f->kind) {
    case IO_FIELD_INT:
        text_printf(line, "%d", *io_field_int(f, settings));
        break;
    case IO_FIELD_WHOLE:
        text_printf(line, "%lld", (long long)*io_field_whole(f, settings));
        break;
    case IO_FIELD_NUMBER:
        text_printf(line, "%g", *io_field_number(f, settings));
        break;
    case IO_FIELD_SWITCH:
        text_append(line, *io_field_switch(f, settings) ? "yes" : "no");
        break;
    default:
        text_append(line, f->choice(*io_field_int(f, settings)));
    }
}

static bool is_unsaid(const io_field *f, const void *settings)
{
    if (!f->unsaid) return false;
    text value = {0};
    io_field_print(f, settings, &value);
    bool same = !strcmp(text_string(&value), f->unsaid);
    text_release(&value);
    return same;
}

void io_fields_print(const io_field *fields, const void *settings, text *line)
{
    const char *comma = "";
    for (const io_field *f = fields; f->name; f++) {
        bool off = f->kind == IO_FIELD_SWITCH && !*io_field_switch(f, settings);
        if (off || is_unsaid(f, settings)) continue;
        text_printf(line, "%s%s", comma, f->name);
        if (f->kind != IO_FIELD_SWITCH) text_append(line, " "), io_field_print(f, settings, line);
        comma = ", ";
    }
}

static bool same_value(const io_field *f, const void *a, const void *b)
{
    if (f->kind == IO_FIELD_SWITCH) return *io_field_switch(f, a) == *io_field_switch(f, b);
    if (f->kind == IO_FIELD_WHOLE) return *io_field_whole(f, a) == *io_field_whole(f, b);
    if (f->kind != IO_FIELD_NUMBER) return *io_field_int(f, a) == *io_field_int(f, b);
    return !(*io_field_number(f, a) < *io_field_number(f, b) ||
             *io_field_number(f, a) > *io_field_number(f, b));
}

const io_field *io_fields_differ(const io_field *fields, const void *a, const void *b)
{
    for (const io_field *f = fields; f->name; f++)
        if (!f->of_training && !same_value(f, a, b)) return f;
    return NULL;
}

static void copy_field(const io_field *f, void *to, const io_field *g, const void *from)
{
    if (f->kind == IO_FIELD_SWITCH)
        *io_field_switch(f, to) = *io_field_switch(g, from);
    else if (f->kind == IO_FIELD_WHOLE)
        *io_field_whole(f, to) = *io_field_whole(g, from);
    else if (f->kind == IO_FIELD_NUMBER)
        *io_field_number(f, to) = *io_field_number(g, from);
    else
        *io_field_int(f, to) = *io_field_int(g, from);
}

static void copy_fields(const io_field *to_fields, void *to, const io_field *from_fields, const void *from,
                        bool training_alone)
{
    for (const io_field *f = to_fields; f->name; f++) {
        const io_field *g = io_fields_find(from_fields, f->name);
        if (!g || g->kind != f->kind || is_unsaid(g, from)) continue;
        if (f->of_training || !training_alone) copy_field(f, to, g, from);
    }
}

void io_fields_copy(const io_field *to_fields, void *to, const io_field *from_fields, const void *from)
{
    copy_fields(to_fields, to, from_fields, from, false);
}

void io_fields_copy_training(const io_field *to_fields, void *to, const io_field *from_fields,
                             const void *from)
{
    copy_fields(to_fields, to, from_fields, from, true);
}
