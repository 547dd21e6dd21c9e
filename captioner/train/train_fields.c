#include "captioner/train/train_fields.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "src/io/json.h"

err_code cap_field_impossible(const char *where, const char *name, error *err)
{
    return err_set(err, ERR_FORMAT,
                   "cannot resume from %.300s: '%s' is not possible beside the rest; the file is damaged",
                   where, name);
}

static err_code read_field(const json_t *o, const char *where, const cap_field *f, void *into, error *err)
{
    int64_t whole = 0;
    double value = 0;
    err_code code = f->kind == CAP_WHOLE ? io_json_int(o, f->name, where, &whole, err)
                                         : io_json_number(o, f->name, where, &value, err);
    if (code) return code;
    if (f->kind == CAP_WHOLE) value = (double)whole;
    if (!(value >= f->least && value <= f->most) || (f->kind == CAP_COUNT && floor(value) < value))
        return err_set(err, ERR_FORMAT,
                       "cannot resume from %.300s: '%s' is %.9g, which is not possible; the file is damaged",
                       where, f->name, value);
    if (f->kind == CAP_WHOLE)
        memcpy((char *)into + f->offset, &whole, sizeof whole);
    else
        memcpy((char *)into + f->offset, &value, sizeof value);
    return ERR_OK;
}

err_code cap_fields_read(const json_t *o, const char *where, const cap_field *rows, size_t count, void *into,
                         error *err)
{
    err_code code = ERR_OK;
    for (size_t i = 0; !code && i < count; i++) code = read_field(o, where, &rows[i], into, err);
    return code;
}

void cap_fields_put(io_json_build *b, json_t *o, const cap_field *rows, size_t count, const void *from)
{
    for (size_t i = 0; i < count; i++) {
        int64_t whole;
        double value;
        memcpy(&whole, (const char *)from + rows[i].offset, sizeof whole);
        memcpy(&value, (const char *)from + rows[i].offset, sizeof value);
        if (rows[i].kind == CAP_WHOLE)
            io_json_put_int(b, o, rows[i].name, whole);
        else
            io_json_put_number(b, o, rows[i].name, value);
    }
}

static bool is_listed(const char *name, const cap_field *rows, size_t count, const char *const *further)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(rows[i].name, name)) return true;
    for (; *further; further++)
        if (!strcmp(*further, name)) return true;
    return false;
}

err_code cap_fields_only(const json_t *o, const char *where, const cap_field *rows, size_t count,
                         const char *const *further, error *err)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)o, key, value)
    {
        if (!is_listed(key, rows, count, further))
            return err_set(err, ERR_FORMAT, "cannot resume from %.300s: this program knows no field '%.60s'",
                           where, key);
    }
    return ERR_OK;
}
