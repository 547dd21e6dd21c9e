#include "cnn/backbone.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cnn/bytes.h"
#include "cnn/nodes.h"

extern const cnn_backbone_row cnn_small, cnn_mobilenet_v2, cnn_efficientnet_lite2, cnn_yolox_nano;

static const cnn_backbone_row *const rows[] = {&cnn_small, &cnn_mobilenet_v2, &cnn_efficientnet_lite2,
                                               &cnn_yolox_nano};

enum { ROWS = sizeof rows / sizeof *rows };

const cnn_backbone_row *const *cnn_backbone_rows(int *count)
{
    *count = ROWS;
    return rows;
}

static const cnn_backbone_row *find(const char *name)
{
    for (int i = 0; i < ROWS; i++)
        if (!strcmp(rows[i]->name, name)) return rows[i];
    return NULL;
}

const cnn_backbone_row *cnn_backbone_find(const char *name)
{
    const cnn_backbone_row *row = find(name);
    return row && !row->classes ? row : NULL;
}

const cnn_backbone_row *cnn_detector_find(const char *name)
{
    const cnn_backbone_row *row = find(name);
    return row && row->classes ? row : NULL;
}

/* ---- life ---- */

static err_code unknown(const char *architecture, error *err)
{
    char names[256] = "";
    size_t used = 0, count = sizeof rows / sizeof *rows;
    for (size_t i = 0; i < count && used < sizeof names; i++)
        used += snprintf(names + used, sizeof names - used, "%s'%s'",
                         !i              ? ""
                         : i + 1 < count ? ", "
                                         : " or ",
                         rows[i]->name);
    return err_set(err, ERR_MISSING, "unknown network '%s': choose %s", architecture, names);
}

err_code cnn_net_create_from(const cnn_backbone_row *row, const char *prefix, nn_params *params,
                             cnn_net **out, error *err)
{
    *out = NULL;
    cnn_net *net = calloc(1, sizeof *net);
    if (!net) return err_no_memory(err, "for the network '%s'", row->name);
    net->row = row;
    cnn_build_begin(net);
    row->build(net);
    cnn_build_finish(net, prefix, params);
    if (!net->refusal.code && params->failed) err_no_memory(&net->refusal, "for the network '%s'", row->name);
    if (net->refusal.code) {
        err_code code = err_set(err, net->refusal.code, "%s", net->refusal.text);
        cnn_net_free(&net);
        return code;
    }
    *out = net;
    return ERR_OK;
}

err_code cnn_net_create(const char *architecture, const char *prefix, nn_params *params, cnn_net **out,
                        error *err)
{
    *out = NULL;
    const cnn_backbone_row *row = find(architecture);
    return row ? cnn_net_create_from(row, prefix, params, out, err) : unknown(architecture, err);
}

void cnn_net_free(cnn_net **net)
{
    if (!net || !*net) return;
    workspace_release(&(*net)->scratch);
    cnn_bytes_free(&(*net)->bytes);
    free((*net)->node);
    free(*net);
    *net = NULL;
}

const cnn_backbone_row *cnn_net_row(const cnn_net *net)
{
    return net->row;
}

/* ---- sizes ---- */

void cnn_net_map_size(const cnn_net *net, int input, int *gh, int *gw, int *channels)
{
    cnn_extent extent[CNN_MAX_NODES] = {{input, input}};
    bool fits = cnn_extents(net, extent);
    *gh = fits ? extent[net->count - 1].height : 0;
    *gw = fits ? extent[net->count - 1].width : 0;
    *channels = net->row->channels;
}

/* Every weight is used once for each place of the output, depthwise or not. */
double cnn_net_products(const cnn_net *net, int input)
{
    cnn_extent extent[CNN_MAX_NODES] = {{input, input}};
    double sum = 0;
    if (!cnn_extents(net, extent)) return 0;
    for (int i = 1; i < net->count; i++)
        if (net->node[i].weight)
            sum += (double)extent[i].height * extent[i].width * (double)nn_count(net->node[i].weight);
    return sum;
}

/* ---- norms ---- */

void cnn_net_freeze_norm(cnn_net *net, bool frozen)
{
    for (int i = 1; i < net->count; i++)
        if (cnn_has_norm(&net->node[i])) net->node[i].norm.momentum = frozen ? 0 : (real)CNN_MOMENTUM;
}

enum { FOLD_CHANNELS = 64 };

/* (w x - mean) / deviation * gamma + beta = (w s) x + (beta - mean s), s = gamma / deviation. A few channels
 * at a time, so that the weights are walked along their rows. */
static bool fold_node(cnn_node *node)
{
    nn_batch_norm_params *n = &node->norm;
    int channels = nn_last(node->weight), taps = nn_rows(node->weight);
    double s[FOLD_CHANNELS];
    for (int first = 0, count; first < channels; first += count) {
        count = channels - first < FOLD_CHANNELS ? channels - first : FOLD_CHANNELS;
        for (int i = 0; i < count; i++) {
            int c = first + i;
            double variance = (double)n->variance->data[c];
            if (!(variance >= 0)) return false;
            s[i] = (double)n->gamma->data[c] / sqrt(variance + (double)n->epsilon);
            n->beta->data[c] = (real)((double)n->beta->data[c] - (double)n->mean->data[c] * s[i]);
            n->gamma->data[c] = node->weight->data ? 1 : (real)s[i];
            n->mean->data[c] = 0;
            n->variance->data[c] = 1 - n->epsilon;
        }
        for (int k = 0; node->weight->data && k < taps; k++) {
            real *w = node->weight->data + (size_t)k * channels + first;
            for (int i = 0; i < count; i++) w[i] = (real)((double)w[i] * s[i]);
        }
    }
    return true;
}

err_code cnn_net_fold(cnn_net *net, error *err)
{
    for (int i = 1; i < net->count; i++)
        if (cnn_has_norm(&net->node[i]) && !fold_node(&net->node[i]))
            return err_set(err, ERR_FORMAT, "'%s' of the network '%s' has a running variance below 0",
                           net->node[i].name, net->row->name);
    return ERR_OK;
}

const real *cnn_net_fold_factors(const cnn_net *net, const nn_var *weight)
{
    for (int i = 1; i < net->count; i++)
        if (net->node[i].weight == weight && cnn_has_norm(&net->node[i]))
            return net->node[i].norm.gamma->data;
    return NULL;
}
