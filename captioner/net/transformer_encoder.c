/* The encoder of texts that is a Transformer: the words of a line attend to each other. */
#include "captioner/net/transformer_rows.h"

_Static_assert(sizeof(cap_transformer_settings) <= CAP_ENCODER_BYTES, "the settings must fit a config");

static const io_field fields[] = {
    {CAP_TRANSFORMER_FIELD(vocabulary, IO_FIELD_INT), .least = 1, .most = 1 << 22},
    CAP_TRANSFORMER_FIELDS,
    {0},
};

static void defaults(void *settings)
{
    *(cap_transformer_settings *)settings = cap_transformer_defaults();
}

cap_transformer_settings *cap_transformer_encoder_settings(cap_encoder_config *c)
{
    return (cap_transformer_settings *)(void *)c->settings.bytes;
}

static err_code declare(cap_encoder *e, int input, const char *prefix, nn_params *params, error *err)
{
    cap_transformer_settings *s = cap_transformer_encoder_settings(&e->config);
    s->vocabulary = input;
    err_code code = io_fields_check(fields, s, "encoder setting", err);
    if (code || (code = cap_transformer_check(s, err))) return code;
    cap_transformer_declare(e->net, s, input, 0, prefix, params);
    e->width = s->hidden;
    return ERR_OK;
}

static cap_encoded encode(nn_tape *t, const cap_encoder *e, const cap_input *in)
{
    return (cap_encoded){.states = cap_transformer_read(t, e->net, in->lines, NULL),
                         .length = in->lines->length};
}

const cap_encoder_row cap_encoder_transformer = {.name = "transformer",
                                                 .about = "the words of a line attend to each other",
                                                 .reads = CAP_TEXT,
                                                 .fields = fields,
                                                 .settings_bytes = sizeof(cap_transformer_settings),
                                                 .net_bytes = sizeof(cap_transformer),
                                                 .defaults = defaults,
                                                 .declare = declare,
                                                 .encode = encode};
