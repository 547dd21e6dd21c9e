#include "cnn/backbone.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cnn/blocks.h"

static const real epsilon = (real)1e-5, momentum = (real)0.1;

static const cnn_backbone_row rows[] = {
    {"small", "small residual network, to be trained from scratch", 160, 16, 256, cnn_build_small,
     cnn_small_stages},
    {"mobilenet_v2", "MobileNetV2, with weights learned from ImageNet", 224, 32, 1280, cnn_build_mobilenet_v2,
     cnn_mobilenet_v2_stages},
};

const cnn_backbone_row *cnn_backbone_rows(int *count)
{
    *count = (int)(sizeof rows / sizeof *rows);
    return rows;
}

const cnn_backbone_row *cnn_backbone_find(const char *name)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!strcmp(rows[i].name, name)) return &rows[i];
    return NULL;
}

/* ---- building ---- */

cnn_block *cnn_add_block(cnn_net *net, const char *name, int number, bool residual)
{
    if (net->count == net->capacity) {
        int capacity = net->capacity ? 2 * net->capacity : 16;
        cnn_block *blocks = realloc(net->blocks, (size_t)capacity * sizeof *blocks);
        if (!blocks) {
            net->failed = true;
            return NULL;
        }
        net->blocks = blocks;
        net->capacity = capacity;
    }
    cnn_block *b = &net->blocks[net->count++];
    *b = (cnn_block){.residual = residual};
    if (number > 0)
        snprintf(b->name, sizeof b->name, "%s%d", name, number);
    else
        snprintf(b->name, sizeof b->name, "%s", name);
    return b;
}

typedef struct naming {
    const cnn_net *net;
    const cnn_block *block;
    const char *unit;
} naming;

static nn_var *declare(naming n, const char *member, int rank, const int *dim, nn_init init, int flags)
{
    char name[sizeof((nn_param *)0)->name];
    snprintf(name, sizeof name, "%s%s%s%s.%s", n.net->prefix, n.block->name, n.unit ? "." : "",
             n.unit ? n.unit : "", member);
    return nn_params_add(n.net->params, name, rank, dim, init, flags);
}

/* The convolution that sees the pixels, and a narrow one right after it: a small part of the work, and the
 * source of most of the difference between captions in bf16 and in f32 (tools/SPEED.md). */
static bool near_pixels(const cnn_net *net, cnn_unit_shape s)
{
    return net->count == 1 || (net->count == 2 && s.kernel == 1 && s.out < s.in);
}

static cnn_unit new_unit(naming n, cnn_unit_shape s)
{
    int dense[4] = {s.kernel, s.kernel, s.in, s.out}, deep[3] = {s.kernel, s.kernel, s.out};
    int fan_in = s.kernel * s.kernel * (s.depthwise ? 1 : s.in);
    cnn_unit u = {.win = {s.kernel, s.stride, s.kernel / 2}, .act = s.act, .depthwise = s.depthwise};
    u.weight = declare(n, "weight", s.depthwise ? 3 : 4, s.depthwise ? deep : dense, nn_init_relu(fan_in),
                       NN_DECAY | (near_pixels(n.net, s) ? NN_PRECISE : 0));
    nn_init zero = nn_init_constant(0), one = nn_init_constant(1);
    u.norm = (nn_batch_norm_params){
        .gamma = declare(n, "gamma", 1, &s.out, s.zero_gamma ? zero : one, 0),
        .beta = declare(n, "beta", 1, &s.out, zero, 0),
        .mean = declare(n, "mean", 1, &s.out, zero, NN_BUFFER),
        .variance = declare(n, "variance", 1, &s.out, one, NN_BUFFER),
        .epsilon = epsilon,
        .momentum = momentum,
    };
    return u;
}

void cnn_add_unit(cnn_net *net, cnn_block *block, const char *name, cnn_unit_shape shape)
{
    if (block) block->path[block->length++] = new_unit((naming){net, block, name}, shape);
}

void cnn_add_shortcut(cnn_net *net, cnn_block *block, const char *name, cnn_unit_shape shape)
{
    if (!block) return;
    block->shortcut = new_unit((naming){net, block, name}, shape);
    block->projected = true;
}

static err_code unknown(const char *architecture, error *err)
{
    char names[256] = "";
    size_t used = 0, count = sizeof rows / sizeof *rows;
    for (size_t i = 0; i < count && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s'%s'",
                                 !i              ? ""
                                 : i + 1 < count ? ", "
                                                 : " or ",
                                 rows[i].name);
    return err_set(err, ERR_MISSING, "unknown backbone '%s': choose %s", architecture, names);
}

err_code cnn_net_create(const char *architecture, const char *prefix, nn_params *params, cnn_net **out,
                        error *err)
{
    *out = NULL;
    const cnn_backbone_row *row = cnn_backbone_find(architecture);
    if (!row) return unknown(architecture, err);
    cnn_net *net = calloc(1, sizeof *net);
    if (!net) return err_set(err, ERR_MEMORY, "out of memory for the backbone '%s'", architecture);
    net->row = row;
    net->params = params;
    net->prefix = prefix;
    row->build(net, row->stages);
    net->params = NULL;
    net->prefix = NULL;
    if (net->failed || params->failed) {
        cnn_net_free(&net);
        return err_set(err, ERR_MEMORY, "out of memory for the backbone '%s'", architecture);
    }
    *out = net;
    return ERR_OK;
}

void cnn_net_free(cnn_net **net)
{
    if (!net || !*net) return;
    for (int i = 0; i < 2 * (*net)->scratches; i++) arena_release(&(*net)->scratch[i / 2].turn[i % 2]);
    free((*net)->scratch);
    for (int i = 0; i < CNN_GROUPS; i++) arena_release(&(*net)->maps[i]);
    for (int i = 0; i < CNN_OWN * (*net)->threads; i++) arena_release(&(*net)->own[i]);
    free((*net)->own);
    free((*net)->blocks);
    free(*net);
    *net = NULL;
}

const cnn_backbone_row *cnn_net_row(const cnn_net *net)
{
    return net->row;
}

/* ---- running ---- */

typedef struct sum_ctx {
    real *y;
    const real *x;
    real low, high;
} sum_ctx;

static void sum_chunk(void *p, size_t begin, size_t end)
{
    const sum_ctx *s = p;
    for (size_t i = begin; i < end; i++) {
        real v = s->y[i] + s->x[i];
        v = v > s->low ? v : s->low;
        s->y[i] = v < s->high ? v : s->high;
    }
}

/* y = act(y + x), in place: only for folded nets, which record nothing. */
static void sum_into(nn_tape *t, nn_var *y, const nn_var *x, nn_act act)
{
    if (t->failed || !y || !x) return;
    sum_ctx s = {y->data, x->data, nn_activation_of(act)->low, nn_activation_of(act)->high};
    nn_parallel(t, nn_count(y), 1 << 14, sum_chunk, &s);
}

static nn_var *convolve(nn_tape *t, nn_var *x, const cnn_unit *u, nn_var *bias, nn_act act)
{
    return u->depthwise ? cnn_depthwise(t, x, u->weight, bias, u->win, act)
                        : cnn_conv2d(t, x, u->weight, bias, u->win, act);
}

static nn_var *unit_forward(nn_tape *t, nn_var *x, const cnn_unit *u, nn_var *residual, bool folded)
{
    if (!folded) return nn_batch_norm(t, convolve(t, x, u, NULL, NN_LINEAR), &u->norm, residual, u->act);
    nn_var *y = convolve(t, x, u, u->norm.beta, residual ? NN_LINEAR : u->act);
    if (residual) sum_into(t, y, residual, u->act);
    return y;
}

nn_var *cnn_block_forward(nn_tape *t, nn_var *x, const cnn_block *b, bool folded)
{
    if (folded && cnn_bands_suit(t, b)) return cnn_forward_by_bands(t, x, b);
    nn_var *residual = b->residual ? x : NULL;
    if (b->projected) residual = unit_forward(t, x, &b->shortcut, NULL, folded);
    for (int i = 0; i < b->length; i++)
        x = unit_forward(t, x, &b->path[i], i == b->length - 1 ? residual : NULL, folded);
    return x;
}

static bool unit_learns(const nn_tape *t, const cnn_unit *u)
{
    return nn_wants(t, u->weight) || nn_wants(t, u->norm.gamma) || nn_wants(t, u->norm.beta);
}

static bool block_learns(const nn_tape *t, const cnn_block *b)
{
    for (int i = 0; i < b->length; i++)
        if (unit_learns(t, &b->path[i])) return true;
    return b->projected && unit_learns(t, &b->shortcut);
}

nn_var *cnn_net_forward(cnn_net *net, nn_tape *tape, nn_var *pixels)
{
    if (tape->failed || !pixels) return NULL;
    int quiet = 0;
    while (quiet < net->count && !nn_wants(tape, pixels) && !block_learns(tape, &net->blocks[quiet])) quiet++;
    nn_var *x = quiet ? cnn_forward_in_scratch(net, tape, pixels, quiet) : pixels;
    if (x && quiet < net->count && !nn_wants(tape, pixels) && cnn_norms_are_constant(net, tape, quiet))
        return cnn_forward_by_groups(net, tape, x, quiet);
    for (int i = quiet; i < net->count; i++) x = cnn_block_forward(tape, x, &net->blocks[i], false);
    return x;
}

void cnn_net_map_size(const cnn_net *net, int input, int *gh, int *gw, int *channels)
{
    int size = input;
    for (int i = 0; i < net->count; i++)
        for (int j = 0; j < net->blocks[i].length; j++) size = cnn_out_size(size, net->blocks[i].path[j].win);
    *gh = *gw = size;
    *channels = net->row->channels;
}

/* ---- norms ---- */

void cnn_net_freeze_norm(cnn_net *net, bool frozen)
{
    for (int i = 0; i < net->count; i++) {
        cnn_block *b = &net->blocks[i];
        for (int j = 0; j < b->length; j++) b->path[j].norm.momentum = frozen ? 0 : momentum;
        b->shortcut.norm.momentum = frozen ? 0 : momentum;
    }
}

enum { FOLD_CHANNELS = 64 };

/* (w x - mean) / deviation * gamma + beta = (w s) x + (beta - mean s), s = gamma / deviation. A few channels
 * at a time, so that the weights are walked along their rows. */
static bool fold_unit(cnn_unit *u)
{
    nn_batch_norm_params *n = &u->norm;
    int channels = nn_last(u->weight), taps = nn_rows(u->weight);
    double s[FOLD_CHANNELS];
    for (int first = 0, count; first < channels; first += count) {
        count = channels - first < FOLD_CHANNELS ? channels - first : FOLD_CHANNELS;
        for (int i = 0; i < count; i++) {
            int c = first + i;
            double variance = (double)n->variance->data[c];
            if (!(variance >= 0)) return false;
            s[i] = (double)n->gamma->data[c] / sqrt(variance + (double)n->epsilon);
            n->beta->data[c] = (real)((double)n->beta->data[c] - (double)n->mean->data[c] * s[i]);
            n->gamma->data[c] = u->weight->data ? 1 : (real)s[i];
            n->mean->data[c] = 0;
            n->variance->data[c] = 1 - n->epsilon;
        }
        for (int k = 0; u->weight->data && k < taps; k++) {
            real *w = u->weight->data + (size_t)k * (size_t)channels + (size_t)first;
            for (int i = 0; i < count; i++) w[i] = (real)((double)w[i] * s[i]);
        }
    }
    return true;
}

err_code cnn_net_fold(cnn_net *net, error *err)
{
    for (int i = 0; i < net->count; i++) {
        cnn_block *b = &net->blocks[i];
        bool good = !b->projected || fold_unit(&b->shortcut);
        for (int j = 0; good && j < b->length; j++) good = fold_unit(&b->path[j]);
        if (!good)
            return err_set(err, ERR_FORMAT, "'%s' of the backbone '%s' has a running variance below 0",
                           b->name, net->row->name);
    }
    net->folded = true;
    return ERR_OK;
}

const real *cnn_net_fold_factors(const cnn_net *net, const nn_var *weight)
{
    for (int i = 0; i < net->count; i++) {
        const cnn_block *b = &net->blocks[i];
        if (b->projected && b->shortcut.weight == weight) return b->shortcut.norm.gamma->data;
        for (int j = 0; j < b->length; j++)
            if (b->path[j].weight == weight) return b->path[j].norm.gamma->data;
    }
    return NULL;
}
