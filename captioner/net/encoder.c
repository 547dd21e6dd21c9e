/* What all encoders share: settings with their JSON, and the way to a row. */
#include "captioner/net/encoder.h"

#include <stdlib.h>
#include <string.h>

const cap_encoder_row *cap_encoder_find(cap_kind reads, const char *name)
{
    for (const cap_encoder_row *const *r = cap_encoder_rows; *r; r++)
        if ((*r)->reads == reads && (!name || !strcmp((*r)->name, name))) return *r;
    return NULL;
}

cap_encoder_config cap_encoder_defaults_of(const cap_encoder_row *row)
{
    cap_encoder_config c = {.row = row};
    row->defaults(c.settings.bytes);
    return c;
}

cap_encoder_config cap_encoder_text_defaults(void)
{
    return cap_encoder_defaults_of(cap_encoder_find(CAP_TEXT, NULL));
}

json_t *cap_encoder_config_to_json(const cap_encoder_config *c)
{
    if (c->row->to_json) return c->row->to_json(c->settings.bytes);
    io_json_build b = io_json_build_object();
    io_json_put_string(&b, b.root, "kind", c->row->name);
    io_fields_write(c->row->fields, c->settings.bytes, &b, b.root);
    return io_json_take(&b);
}

/* A value that names no kind is of the first row: the first files had no other. */
err_code cap_encoder_config_from_json(const json_t *value, cap_kind reads, const char *where,
                                      cap_encoder_config *c, error *err)
{
    const char *kind = NULL;
    err_code code =
        json_object_get(value, "kind") ? io_json_string(value, "kind", where, &kind, err) : ERR_OK;
    if (code) return code;
    const cap_encoder_row *row = cap_encoder_find(reads, kind);
    if (!row)
        return err_set(err, ERR_FORMAT, "%s: there is no encoder '%.40s' in this program", where,
                       kind ? kind : "");
    *c = cap_encoder_defaults_of(row);
    return row->from_json ? row->from_json(value, where, c->settings.bytes, err)
                          : io_fields_read(row->fields, value, where, c->settings.bytes, err);
}

void cap_encoder_config_print(const cap_encoder_config *c, text *line)
{
    if (c->row->print)
        c->row->print(c, line);
    else
        io_fields_print(c->row->fields, c->settings.bytes, line);
}

err_code cap_encoder_declare(cap_encoder *e, const cap_encoder_config *c, int input, const char *prefix,
                             nn_params *params, error *err)
{
    *e = (cap_encoder){.config = *c, .net = calloc(1, c->row->net_bytes + 1)};
    if (!e->net) return err_no_memory(err, "for an encoder");
    return c->row->declare(e, input, prefix, params, err);
}

void cap_encoder_release(cap_encoder *e)
{
    if (e->net && e->config.row->release) e->config.row->release(e);
    free(e->net);
    *e = (cap_encoder){0};
}

err_code cap_encoder_prepare(cap_encoder *e, error *err)
{
    return e->config.row->prepare ? e->config.row->prepare(e, err) : ERR_OK;
}

const real *cap_encoder_factors(const cap_encoder *e, const nn_var *weight)
{
    return e->config.row->factors ? e->config.row->factors(e, weight) : NULL;
}
