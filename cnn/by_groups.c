/* Training along a net whose norms are constants, as an imported one's are: each norm moves into the weights
 * and the bias of its convolution, w' = w s and b' = beta - mean s with s = gamma / deviation, and gradients
 * find their way back by the chain rule:
 *
 *     dw = s dw',   dbeta = db',   dgamma = (sum of w dw' - mean db') / deviation
 *
 * Neither the convolutions' results before the norm nor their gradients are then kept or walked, which halves
 * the memory of a step. And a photo's results depend on no other photo's: the batch is cut into at most
 * CNN_GROUPS groups, by its size alone, and a task runs a group through the whole net on a tape of its own.
 * A group's maps are still in the cache when the next layer reads them. Each group has its own gradients of
 * the weights, which are added up in order.
 *
 * Until backward a group keeps the maps at the borders of segments of a few layers alone, a sixteenth of all;
 * a segment's other maps are made again right before its backward pass (Chen, Xu, Zhang, Guestrin 2016,
 * "Training deep nets with sublinear memory cost"), by the same products, hence to the same bits. Those maps,
 * and gradients of two segments, exist of as many groups as there are threads at a time. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cnn/blocks.h"

/* A unit with its norm inside. */
typedef struct folded_unit {
    nn_var weight, bias;
} folded_unit;

/* Blocks first..end-1. Between segments a group keeps its map. */
typedef struct segment {
    int first, end;
    int unit; /* of all units, its first */
} segment;

typedef struct group {
    nn_tape tape;
    folded_unit *units; /* data of all groups, gradients of this one */
    nn_var **border;    /* [segments + 1]: what goes into a segment; the result */
} group;

typedef struct groups_ctx {
    cnn_net *net;
    nn_tape *tape;
    nn_var *x, *y;
    int first;  /* block */
    int images; /* per group */
    int groups, units, segments;
    segment *segment;
    uint64_t turn;
    const cnn_unit **unit; /* [units] */
    real **scale;          /* [units][2][O]: gamma / deviation; room for sums */
    folded_unit *folded;   /* [units] */
    size_t size;           /* of all gradients of a group */
    group group[CNN_GROUPS];
} groups_ctx;

/* ---- units of the blocks, the shortcut before the path ---- */

static bool is_constant(const nn_tape *t, const cnn_unit *u)
{
    return !t->training || u->norm.momentum <= 0;
}

bool cnn_norms_are_constant(const cnn_net *net, const nn_tape *tape, int first)
{
    for (int i = first; i < net->count; i++) {
        const cnn_block *b = &net->blocks[i];
        if (b->projected && !is_constant(tape, &b->shortcut)) return false;
        for (int j = 0; j < b->length; j++)
            if (!is_constant(tape, &b->path[j])) return false;
    }
    return true;
}

static int units_of(const cnn_block *b)
{
    return b->length + (b->projected ? 1 : 0);
}

static int list_units(const cnn_net *net, int first, const cnn_unit **to)
{
    int count = 0;
    for (int i = first; i < net->count; i++) {
        const cnn_block *b = &net->blocks[i];
        int units = units_of(b);
        for (int j = 0; to && j < units; j++) to[count + j] = j < b->length ? &b->path[j] : &b->shortcut;
        count += units;
    }
    return count;
}

/* ---- folding ---- */

static void fold_unit(void *p, int index, int worker)
{
    (void)worker;
    groups_ctx *c = p;
    const cnn_unit *u = c->unit[index];
    const nn_batch_norm_params *n = &u->norm;
    folded_unit *f = &c->folded[index];
    int channels = nn_last(u->weight), taps = nn_rows(u->weight);
    real *scale = c->scale[index];
    for (int j = 0; j < channels; j++) {
        scale[j] =
            (real)((double)n->gamma->data[j] / sqrt((double)n->variance->data[j] + (double)n->epsilon));
        f->bias.data[j] = n->beta->data[j] - n->mean->data[j] * scale[j];
    }
    for (int k = 0; k < taps; k++) {
        size_t at = (size_t)k * (size_t)channels;
        for (int j = 0; j < channels; j++)
            f->weight.data[at + (size_t)j] = u->weight->data[at + (size_t)j] * scale[j];
    }
}

static bool make_folded(nn_tape *t, groups_ctx *c)
{
    for (int i = 0; i < c->units && !t->failed; i++) {
        const cnn_unit *u = c->unit[i];
        folded_unit *f = &c->folded[i];
        bool learns = nn_wants(t, u->weight) || nn_wants(t, u->norm.gamma) || nn_wants(t, u->norm.beta);
        size_t weights = nn_count(u->weight), channels = (size_t)nn_last(u->weight);
        f->weight = *u->weight;
        f->bias = *u->norm.beta;
        f->weight.grad = f->bias.grad = NULL;
        f->weight.packed = NULL;
        f->weight.wants_grad = f->bias.wants_grad = learns;
        f->weight.data = nn_scratch(t, weights * sizeof(real));
        f->bias.data = nn_scratch(t, channels * sizeof(real));
        c->scale[i] = nn_scratch(t, 2 * channels * sizeof(real));
        if (learns) c->size += weights + channels;
    }
    if (!t->failed) pool_run(t->threads, c->units, fold_unit, c);
    return !t->failed;
}

/* ---- forward ---- */

typedef struct join_ctx {
    nn_var *y, *x;
    nn_act act;
} join_ctx;

static void join_backward(nn_tape *t, void *p)
{
    join_ctx *c = p;
    if (!c->y->grad) return;
    size_t n = nn_count(c->y);
    real beta, *dx = nn_grad(t, c->x, &beta);
    if (c->act != NN_LINEAR)
        t->k->rectify_back(c->y->data, nn_activation_of(c->act)->high, c->y->grad, (int)n);
    if (dx && beta == 0)
        memcpy(dx, c->y->grad, n * sizeof *dx);
    else if (dx)
        t->k->add(c->y->grad, dx, (int)n);
}

/* y = act(y + x) in place: y is the result of a convolution without activation, which does not need it again,
 * and is used by nothing else. */
static void join(nn_tape *t, nn_var *y, nn_var *x, nn_act act)
{
    if (t->failed || !y || !x) return;
    int n = (int)nn_count(y);
    t->k->add(x->data, y->data, n);
    if (act != NN_LINEAR) t->k->rectify(y->data, nn_activation_of(act)->high, y->data, n);
    join_ctx *c = nn_alloc(t, sizeof *c);
    if (!c) return;
    *c = (join_ctx){y, x, act};
    nn_record(t, join_backward, c);
}

static nn_var *convolve(nn_tape *t, nn_var *x, const cnn_unit *u, folded_unit *f, nn_act act)
{
    return u->depthwise ? cnn_depthwise(t, x, &f->weight, &f->bias, u->win, act)
                        : cnn_conv2d(t, x, &f->weight, &f->bias, u->win, act);
}

/* The block's result goes into the arena `to`. */
static nn_var *block_forward(nn_tape *t, nn_var *x, const cnn_block *b, folded_unit *f, arena *to)
{
    nn_var *residual = b->residual ? x : NULL;
    if (b->projected) residual = convolve(t, x, &b->shortcut, f + b->length, b->shortcut.act);
    for (int i = 0; i < b->length; i++) {
        bool last = i == b->length - 1, joins = residual && last;
        if (last) t->mem = to;
        x = convolve(t, x, &b->path[i], f + i, joins ? NN_LINEAR : b->path[i].act);
        if (joins) join(t, x, residual, b->path[i].act);
    }
    return x;
}

/* Maps within the segment go into the arena `mem`, its result into `to`. */
static nn_var *segment_forward(const groups_ctx *c, group *g, int index, bool recording, arena *mem,
                               arena *to)
{
    const segment *s = &c->segment[index];
    nn_tape *t = &g->tape;
    nn_var *x = g->border[index];
    folded_unit *f = g->units + s->unit;
    t->recording = recording;
    t->last = NULL;
    for (int i = s->first; i < s->end; i++) {
        const cnn_block *b = &c->net->blocks[i];
        t->mem = mem;
        x = block_forward(t, x, b, f, i == s->end - 1 ? to : mem);
        f += units_of(b);
    }
    return x;
}

static int first_image(const groups_ctx *c, int index)
{
    int first = index * c->images;
    return first < c->x->dim[0] ? first : c->x->dim[0];
}

static size_t per_image(const nn_var *v)
{
    return nn_count(v) / (size_t)v->dim[0];
}

/* The segments' results stay with the group, what lies between is the thread's, and soon overwritten. */
static void run_group(void *p, int index, int worker)
{
    groups_ctx *c = p;
    group *g = &c->group[index];
    nn_tape *t = &g->tape;
    arena *maps = &c->net->maps[index], *own = c->net->own + CNN_OWN * worker;
    t->mem = maps;
    nn_begin(t);
    int first = first_image(c, index), count = first_image(c, index + 1) - first;
    const int *dim = c->x->dim;
    g->border[0] =
        nn_input(t, c->x->data + (size_t)first * per_image(c->x), 4, (int[]){count, dim[1], dim[2], dim[3]});
    for (int i = 0; i < c->segments && !t->failed; i++) {
        arena_reset(own);
        nn_var *y = g->border[i + 1] = segment_forward(c, g, i, false, own, maps);
        if (y) y->wants_grad = true;
    }
    if (t->failed) return;
    const nn_var *y = g->border[c->segments];
    memcpy(c->y->data + (size_t)first * per_image(c->y), y->data, nn_count(y) * sizeof *y->data);
}

static void run_groups(nn_tape *t, groups_ctx *c)
{
    c->turn = ++c->net->turn;
    pool_run(t->threads, c->groups, run_group, c);
    for (int i = 0; i < c->groups; i++) t->failed |= c->group[i].tape.failed;
}

/* ---- backward ---- */

/* From the last segment to the first. Of the two arenas for gradients, which take turns, one holds the
 * gradient of the segment's result, and what the other held of the segment after it is needed no more. */
static void backward_group(void *p, int index, int worker)
{
    groups_ctx *c = p;
    group *g = &c->group[index];
    nn_tape *t = &g->tape;
    arena *own = c->net->own + CNN_OWN * worker, *grads = own + 1;
    g->border[c->segments]->grad = c->y->grad + (size_t)first_image(c, index) * per_image(c->y);
    for (int i = c->segments - 1; i >= 0 && !t->failed; i--) {
        arena_reset(own);
        nn_var *y = segment_forward(c, g, i, true, own, own);
        if (y) y->grad = g->border[i + 1]->grad;
        t->mem = &grads[i & 1];
        arena_reset(t->mem);
        nn_backward_from_grads(t);
    }
}

/* Sums of the groups' gradients go where the unit's parameters have theirs. */
static void unfold_unit(void *p, int index, int worker)
{
    (void)worker;
    groups_ctx *c = p;
    const cnn_unit *u = c->unit[index];
    const nn_batch_norm_params *n = &u->norm;
    const folded_unit *f = &c->group[0].units[index];
    if (!f->weight.wants_grad) return;
    size_t channels = (size_t)nn_last(u->weight), weights = nn_count(u->weight);
    real *dw = f->weight.grad, *db = f->bias.grad, *own = u->weight->wants_grad ? u->weight->grad : NULL;
    for (int i = 1; i < c->groups; i++) {
        const folded_unit *other = &c->group[i].units[index];
        c->tape->k->add(other->weight.grad, dw, (int)weights);
        c->tape->k->add(other->bias.grad, db, (int)channels);
    }
    real *dot = c->scale[index] + channels;
    memset(dot, 0, channels * sizeof *dot);
    for (size_t at = 0; at < weights; at += channels) {
        c->tape->k->product_add(u->weight->data + at, dw + at, dot, (int)channels);
        if (own) c->tape->k->product_add(c->scale[index], dw + at, own + at, (int)channels);
    }
    real *dgamma = n->gamma->wants_grad ? n->gamma->grad : NULL;
    real *dbeta = n->beta->wants_grad ? n->beta->grad : NULL;
    for (size_t j = 0; j < channels; j++) {
        double inverse = 1 / sqrt((double)n->variance->data[j] + (double)n->epsilon);
        if (dgamma)
            dgamma[j] += (real)(inverse * ((double)dot[j] - (double)n->mean->data[j] * (double)db[j]));
        if (dbeta) dbeta[j] += db[j];
    }
}

/* Gradients of the folded units of every group, zeroed. */
static void make_grads(nn_tape *t, groups_ctx *c)
{
    for (int i = 0; i < c->groups; i++) {
        real *at = nn_alloc(t, c->size * sizeof *at);
        for (int k = 0; at && k < c->units; k++) {
            folded_unit *f = &c->group[i].units[k];
            if (!f->weight.wants_grad) continue;
            f->weight.grad = at;
            at += nn_count(&f->weight);
            f->bias.grad = at;
            at += nn_count(&f->bias);
        }
    }
}

static void groups_backward(nn_tape *t, void *p)
{
    groups_ctx *c = p;
    if (!c->y->grad) return;
    make_grads(t, c);
    /* Parameters always have their gradients; others get them here, before the tasks, which may not. */
    for (int i = 0; i < c->units; i++) {
        nn_var *all[] = {c->unit[i]->weight, c->unit[i]->norm.gamma, c->unit[i]->norm.beta};
        for (int k = 0; k < 3; k++) nn_grad_add(t, all[k]);
    }
    if (t->failed) return;
    if (c->turn != c->net->turn) run_groups(t, c); /* another pass has used the memory since */
    if (!t->failed) pool_run(t->threads, c->groups, backward_group, c);
    for (int i = 0; i < c->groups; i++) t->failed |= c->group[i].tape.failed;
    if (!t->failed) pool_run(t->threads, c->units, unfold_unit, c);
}

/* ---- the op ---- */

void cnn_pass_block(const cnn_block *b, int dim[4])
{
    for (int i = 0; i < b->length; i++) {
        for (int side = 1; side <= 2; side++) dim[side] = cnn_out_size(dim[side], b->path[i].win);
        dim[3] = nn_last(b->path[i].weight);
    }
}

static nn_var *make_result(nn_tape *t, const groups_ctx *c)
{
    int dim[4] = {c->x->dim[0], c->x->dim[1], c->x->dim[2], c->x->dim[3]};
    for (int i = c->first; i < c->net->count; i++) cnn_pass_block(&c->net->blocks[i], dim);
    return nn_result(t, 4, dim, true);
}

static size_t map_size(const int dim[4])
{
    return (size_t)dim[1] * (size_t)dim[2] * (size_t)dim[3];
}

/* A segment ends where the map is at most twice the one it began with: larger ones are dear to keep. */
static void make_segments(nn_tape *t, groups_ctx *c)
{
    int dim[4] = {1, c->x->dim[1], c->x->dim[2], c->x->dim[3]}, unit = 0;
    c->segment = nn_scratch(t, (size_t)(c->net->count - c->first) * sizeof *c->segment);
    for (int i = c->first; i < c->net->count && !t->failed;) {
        segment *s = &c->segment[c->segments++];
        size_t in = map_size(dim);
        *s = (segment){.first = i, .unit = unit};
        do {
            cnn_pass_block(&c->net->blocks[i], dim);
            unit += units_of(&c->net->blocks[i++]);
        } while (i < c->net->count && map_size(dim) > 2 * in);
        s->end = i;
    }
}

static bool make_arenas(cnn_net *net, int threads)
{
    if (threads <= net->threads) return true;
    arena *more = realloc(net->own, CNN_OWN * (size_t)threads * sizeof *more);
    if (!more) return false;
    memset(more + CNN_OWN * net->threads, 0, CNN_OWN * (size_t)(threads - net->threads) * sizeof *more);
    net->own = more;
    net->threads = threads;
    return true;
}

static void make_groups(nn_tape *t, groups_ctx *c)
{
    c->images = (c->x->dim[0] + CNN_GROUPS - 1) / CNN_GROUPS;
    c->groups = (c->x->dim[0] + c->images - 1) / c->images;
    for (int i = 0; i < c->groups && !t->failed; i++) {
        group *g = &c->group[i];
        g->units = nn_scratch(t, (size_t)c->units * sizeof *g->units);
        g->border = nn_scratch(t, (size_t)(c->segments + 1) * sizeof(nn_var *));
        if (g->units) memcpy(g->units, c->folded, (size_t)c->units * sizeof *g->units);
        g->tape = *t;
        g->tape.threads = NULL;
        g->tape.inside_task = true;
    }
}

nn_var *cnn_forward_by_groups(cnn_net *net, nn_tape *tape, nn_var *x, int first)
{
    groups_ctx *c = nn_alloc(tape, sizeof *c);
    int units = list_units(net, first, NULL);
    const cnn_unit **unit = nn_scratch(tape, (size_t)units * sizeof *unit);
    folded_unit *folded = nn_scratch(tape, (size_t)units * sizeof *folded);
    real **scale = nn_scratch(tape, (size_t)units * sizeof *scale);
    if (tape->failed) return NULL;
    list_units(net, first, unit);
    *c = (groups_ctx){.net = net,
                      .tape = tape,
                      .x = x,
                      .first = first,
                      .units = units,
                      .unit = unit,
                      .scale = scale,
                      .folded = folded};
    c->y = make_result(tape, c);
    if (!make_arenas(net, pool_threads(tape->threads))) tape->failed = true;
    if (tape->failed || !make_folded(tape, c)) return NULL;
    make_segments(tape, c);
    make_groups(tape, c);
    if (!tape->failed) run_groups(tape, c);
    nn_record(tape, groups_backward, c);
    return tape->failed ? NULL : c->y;
}
