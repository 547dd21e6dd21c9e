#include "tools/field_options.h"

#include <stdio.h>
#include <string.h>

static const char *const yes_no[] = {"no", "yes"};

static void name_option(const io_field *field, char name[32])
{
    snprintf(name, 32, "%s", field->name);
    for (char *c = name; *c; c++)
        if (*c == '_') *c = '-';
}

static void list_choices(const io_field *field, char list[120])
{
    size_t at = 0;
    for (int i = 0; field->choice(i); i++) {
        int n = snprintf(list + at, 120 - at, "%s%s", i ? "|" : "", field->choice(i));
        at += (size_t)n < 120 - at ? (size_t)n : 0;
    }
}

/* Row i of the options; a number's own place takes what is parsed, a word becomes a value afterwards. */
static opt option_of(field_options *f, int i, const io_field *field)
{
    opt o = {.name = f->name[i], .metavar = "N", .help = field->help};
    name_option(field, f->name[i]);
    o.min = field->least;
    o.max = field->most;
    if (field->kind == IO_FIELD_INT) {
        o.kind = OPT_INT;
        o.value = io_field_int(field, f->settings);
    } else if (field->kind == IO_FIELD_NUMBER) {
        o.kind = OPT_DOUBLE;
        o.metavar = "X";
        o.value = io_field_number(field, f->settings);
    } else if (field->kind == IO_FIELD_SWITCH && !field->asked) {
        o = (opt){o.name, .kind = OPT_FLAG, .value = io_field_switch(field, f->settings), .help = o.help};
    } else {
        bool choice = field->kind == IO_FIELD_CHOICE;
        if (choice) list_choices(field, f->choices[i]);
        f->chosen[i] = choice ? field->choice(*io_field_int(field, f->settings))
                              : yes_no[*io_field_switch(field, f->settings)];
        f->first[i] = f->chosen[i];
        o = (opt){o.name, .kind = OPT_CHOICE, .metavar = choice ? f->choices[i] : "yes|no",
                  .value = &f->chosen[i], .help = o.help};
    }
    return o;
}

static bool is_option(const field_options *f, const io_field *field)
{
    return field->help && !(f->but && io_fields_find(f->but, field->name));
}

int field_options_fill(field_options *f, const io_field *fields, const io_field *but, void *settings,
                       opt *table)
{
    int n = 0;
    *f = (field_options){.fields = fields, .but = but, .settings = settings};
    for (const io_field *field = fields; field->name && n < FIELD_OPTIONS_MOST; field++)
        if (is_option(f, field)) {
            table[n] = option_of(f, n, field);
            n++;
        }
    return n;
}

void field_options_apply(const field_options *f)
{
    int i = -1;
    for (const io_field *field = f->fields; field && field->name; field++) {
        if (!is_option(f, field)) continue;
        if (++i >= FIELD_OPTIONS_MOST || !f->chosen[i] || f->chosen[i] == f->first[i]) continue;
        if (field->kind == IO_FIELD_CHOICE)
            *io_field_int(field, f->settings) = io_field_value(field, f->chosen[i]);
        else
            *io_field_switch(field, f->settings) = !strcmp(f->chosen[i], "yes");
    }
}
