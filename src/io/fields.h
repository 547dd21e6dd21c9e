/* Fields: one table says what a struct of settings holds, and gives its JSON, its range checks, its options
 * on the command line (tools/field_options.h) and the line that people read.
 *
 *     typedef struct sizes { int hidden; bool gate; double dropout; } sizes;
 *     static const io_field fields[] = {
 *         {"hidden", IO_FIELD_INT, offsetof(sizes, hidden), 1, 16384},
 *         {"gate", IO_FIELD_SWITCH, offsetof(sizes, gate)},
 *         {"dropout", IO_FIELD_NUMBER, offsetof(sizes, dropout), 0, 0.95},
 *         {0},
 *     };
 *     if (io_fields_read(fields, object, "'m.safetensors': decoder", &s, &err)) ...
 */
#ifndef IO_FIELDS_H
#define IO_FIELDS_H

#include <stdbool.h>

#include "src/base/text.h"
#include "src/io/json.h"
#include "src/io/json_build.h"

typedef enum {
    IO_FIELD_INT,    /* int */
    IO_FIELD_WHOLE,  /* int64_t, or uint64_t that is small enough; never an option */
    IO_FIELD_NUMBER, /* double */
    IO_FIELD_SWITCH, /* bool */
    IO_FIELD_CHOICE  /* an enumeration whose values are 0, 1, 2, ... */
} io_field_kind;

typedef struct io_field {
    const char *name; /* in files; on the command line with '-' for '_'. NULL ends a table */
    io_field_kind kind;
    size_t offset;
    double least, most;               /* of int, whole and number, both included */
    const char *(*choice)(int value); /* of a choice: its names; NULL from one past the last on */
    int later; /* 0: in every file; else the first files had no such field, 1 came before 2: a file has all up
                  to a number or is older, then those above it stay as they were */
    bool of_training; /* it changes how a network learns, not what it is: a training that starts from a model
                         may have another value */
    bool asked;       /* a switch that is given as yes or no, for its default may be yes */
    const char *unsaid; /* a value that goes without saying where people read, as it is printed; NULL: none */
    const char *help;   /* of the option; NULL: there is none */
} io_field;

/* ERR_ARGUMENT names the first field of *settings that is out of range: `what` 'hidden' is 0, it must be ...
 */
err_code io_fields_check(const io_field *fields, const void *settings, const char *what, error *err);

/* Puts every field into the object, of a tree that is being built. */
void io_fields_write(const io_field *fields, const void *settings, io_json_build *b, json_t *object);

/* Sets every field. ERR_FORMAT, with `where` in front, for one that is absent, a wrong type, a value out of
 * range or an unknown choice. */
err_code io_fields_read(const io_field *fields, const json_t *object, const char *where, void *settings,
                        error *err);

/* ERR_FORMAT: the object has a member that is neither a field nor one of the further names, up to a NULL. */
err_code io_fields_only(const io_field *fields, const json_t *object, const char *const *further,
                        const char *where, error *err);

/* The first field with two values, those of training aside; NULL: there is none. */
const io_field *io_fields_differ(const io_field *fields, const void *a, const void *b);

/* Appends the value of a field as it is written for people. */
void io_field_print(const io_field *field, const void *settings, text *line);

/* Appends "match sigmoid, hidden 512, gate": switches that are off are left out, and what is unsaid. */
void io_fields_print(const io_field *fields, const void *settings, text *line);

/* Every field of `to` that `from` has, too, by name and kind, takes its value, unless that goes without
 * saying: it is no wish then. */
void io_fields_copy(const io_field *to_fields, void *to, const io_field *from_fields, const void *from);
void io_fields_copy_training(const io_field *to_fields, void *to, const io_field *from_fields,
                             const void *from); /* those of training alone */

const io_field *io_fields_find(const io_field *fields, const char *name); /* NULL: there is none */

/* The value of a choice by its name; -1: it has none of this name. */
int io_field_value(const io_field *field, const char *name);

/* Where a field is. Only the one that fits its kind. An enumeration without negative values is as wide as an
 * int. */
int *io_field_int(const io_field *field, const void *settings); /* of a choice, too */
int64_t *io_field_whole(const io_field *field, const void *settings);
double *io_field_number(const io_field *field, const void *settings);
bool *io_field_switch(const io_field *field, const void *settings);

#endif
