/* The encoder of texts that is a Transformer: the words of a line attend to each other. */
#include <string.h>

#include "captioner/net/transformer_rows.h"
#include "src/nn/activation.h"
#include "src/nn/linear.h"

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

static nn_var *attend(nn_tape *t, const cap_transformer *n, int i, nn_var *x, const nn_scope *scope)
{
    const cap_transformer_layer *l = &n->layer[i];
    nn_var *in = cap_transformer_into(t, n, &l->self_norm, x);
    nn_var *query = cap_transformer_project(t, in, l->self.query_w, l->self.query_b);
    nn_var *keys = cap_transformer_project(t, in, l->self.key_w, l->self.key_b);
    nn_var *values = cap_transformer_project(t, in, l->self.value_w, l->self.value_b);
    return cap_transformer_onto(t, n, &l->self_norm, x,
                                cap_transformer_attend(t, &l->self, query, keys, values, scope, NULL));
}

/* What stands behind the end of a line may be anything: it is taken for <pad>, and nobody looks at it. */
static int32_t *words_of(nn_tape *t, const ds_source_batch *b)
{
    int32_t *word = nn_alloc(t, (size_t)b->rows * (size_t)b->max_len * sizeof *word);
    for (int r = 0; word && r < b->rows; r++) {
        size_t row = (size_t)r * (size_t)b->max_len;
        memcpy(word + row, b->tokens + row, (size_t)b->length[r] * sizeof *word);
    }
    return word;
}

static cap_encoded encode(nn_tape *t, const cap_encoder *e, const cap_input *in)
{
    const cap_transformer *n = e->net;
    const ds_source_batch *b = in->lines;
    int32_t *word = words_of(t, b);
    if (!word) return (cap_encoded){0};
    nn_scope scope = {.length = b->length,
                      .heads = n->set.self_attention == CAP_SELF_PLAIN ? 1 : n->set.heads};
    nn_var *x = cap_transformer_embed(t, n, word, b->rows * b->max_len, b->max_len, 0);
    x = nn_reshape(t, x, 3, (int[]){b->rows, b->max_len, n->set.hidden});
    for (int i = 0; i < n->set.layers; i++) x = cap_transformer_feed(t, n, i, attend(t, n, i, x, &scope));
    if (n->set.norm == CAP_NORM_PRE) x = cap_transformer_norm(t, &n->last, x);
    return (cap_encoded){.states = x, .length = b->length};
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
