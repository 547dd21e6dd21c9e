/* The numbers of a saved state, as rows: each must be there, of its type, and within what it can be.
 *
 *     static const cap_field rows[] = {{"epoch", offsetof(place, epoch), CAP_WHOLE, 0, 100000}, ...};
 *     if (cap_fields_read(o, "'m.state'", rows, sizeof rows / sizeof *rows, &at, &err)) ...
 *
 * For the trainers (train*.c, pretrain*.c) alone. */
#ifndef CAPTIONER_TRAIN_FIELDS_H
#define CAPTIONER_TRAIN_FIELDS_H

#include <stddef.h>

#include "src/io/json_build.h"

typedef enum {
    CAP_WHOLE, /* an integer, for an int64_t */
    CAP_COUNT, /* a whole number, for a double */
    CAP_SUM    /* any finite number, for a double */
} cap_field_kind;

typedef struct cap_field {
    const char *name;
    size_t offset;
    cap_field_kind kind;
    double least, most;
} cap_field;

/* `where` is the file in quotes. Reads all of them, or says which is wrong: ERR_FORMAT. */
err_code cap_fields_read(const json_t *o, const char *where, const cap_field *rows, size_t count, void *into,
                         error *err);

/* The other way round: adds a member for each row. */
void cap_fields_put(io_json_build *b, json_t *o, const cap_field *rows, size_t count, const void *from);

/* ERR_FORMAT: the field `name` cannot be, beside the others. */
err_code cap_field_impossible(const char *where, const char *name, error *err);

/* No field but those of the rows and the further names, of which the last is NULL. */
err_code cap_fields_only(const json_t *o, const char *where, const cap_field *rows, size_t count,
                         const char *const *further, error *err);

#endif
