#include "captioner/net/cnn_encoder.h"

#include <stdio.h>
#include <string.h>

#include "src/nn/activation.h"

typedef struct cnn_settings {
    char architecture[32];
} cnn_settings;

_Static_assert(sizeof(cnn_settings) <= CAP_ENCODER_BYTES, "the settings must fit a config");

/* cap_encoder.net */
typedef struct cnn_part {
    cnn_net *net;
} cnn_part;

static const cnn_settings *settings_of(const cap_encoder_config *c)
{
    return (const cnn_settings *)(const void *)c->settings.bytes;
}

cap_encoder_config cap_cnn_config(const char *architecture)
{
    cap_encoder_config c = {.row = &cap_encoder_cnn};
    snprintf(((cnn_settings *)(void *)c.settings.bytes)->architecture, sizeof(cnn_settings), "%s",
             architecture);
    return c;
}

cnn_net *cap_cnn_net(const cap_encoder *e)
{
    return e->config.row == &cap_encoder_cnn && e->net ? ((const cnn_part *)e->net)->net : NULL;
}

const char *cap_cnn_architecture(const cap_encoder_config *c)
{
    return c->row == &cap_encoder_cnn ? settings_of(c)->architecture : NULL;
}

static void defaults(void *settings)
{
    *(cnn_settings *)settings = (cnn_settings){"small"};
}

/* A file has the bare name. */
static json_t *to_json(const void *settings)
{
    return json_string(((const cnn_settings *)settings)->architecture);
}

static err_code from_json(const json_t *value, const char *where, void *settings, error *err)
{
    const char *name = json_string_value(value);
    if (!name) return err_set(err, ERR_FORMAT, "%.330s is no name of a network", where);
    if (!cnn_backbone_find(name))
        return err_set(err, ERR_UNSUPPORTED, "%.330s is '%.40s', a network that this program does not have",
                       where, name);
    snprintf(((cnn_settings *)settings)->architecture, sizeof(cnn_settings), "%s", name);
    return ERR_OK;
}

static void print(const cap_encoder_config *c, text *line)
{
    const cnn_backbone_row *row = cnn_backbone_find(settings_of(c)->architecture);
    text_append(line, row ? row->about : "");
}

static err_code declare(cap_encoder *e, int input, const char *prefix, nn_params *params, error *err)
{
    cnn_part *part = e->net;
    const char *architecture = settings_of(&e->config)->architecture;
    err_code code = cnn_net_create(architecture, prefix, params, &part->net, err);
    if (code) return code;
    cnn_net_map_size(part->net, input, &e->grid_h, &e->grid_w, &e->width);
    if (e->grid_h < 1 || e->grid_w < 1)
        return err_set(err, ERR_ARGUMENT, "photos of %d pixels are too small for encoder '%s'", input,
                       architecture);
    return ERR_OK;
}

static cap_encoded encode(nn_tape *t, const cap_encoder *e, const cap_input *in)
{
    nn_var *map = cnn_net_forward(cap_cnn_net(e), t, in->pixels);
    if (!map) return (cap_encoded){0};
    int shape[3] = {in->count, map->dim[1] * map->dim[2], map->dim[3]};
    return (cap_encoded){.states = nn_reshape(t, map, 3, shape)};
}

static err_code prepare(cap_encoder *e, error *err)
{
    return cnn_net_fold(cap_cnn_net(e), err);
}

static const real *factors(const cap_encoder *e, const nn_var *weight)
{
    return cnn_net_fold_factors(cap_cnn_net(e), weight);
}

static void release(cap_encoder *e)
{
    cnn_net_free(&((cnn_part *)e->net)->net);
}

const cap_encoder_row cap_encoder_cnn = {.name = "cnn",
                                         .about = "a convolutional network: its map of regions",
                                         .reads = CAP_IMAGE,
                                         .settings_bytes = sizeof(cnn_settings),
                                         .net_bytes = sizeof(cnn_part),
                                         .defaults = defaults,
                                         .to_json = to_json,
                                         .from_json = from_json,
                                         .print = print,
                                         .declare = declare,
                                         .encode = encode,
                                         .prepare = prepare,
                                         .factors = factors,
                                         .release = release};
