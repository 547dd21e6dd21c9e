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
#include <string.h>

#include "cnn/nodes.h"

/* Weight and bias of a node with its norm inside; data NULL: a node without any. */
typedef struct folded_node {
    nn_var weight, bias;
} folded_node;

/* Nodes first..end-1, the last of which is a cut. Between segments a group keeps its map. */
typedef struct segment {
    int first, end;
} segment;

typedef struct group {
    nn_tape tape;
    folded_node *folded; /* [count] data of all groups, gradients of this one */
    nn_var **result;     /* [count] of the nodes of a segment, and of those at the borders */
} group;

typedef struct groups_ctx {
    const cnn_net *net;
    workspace *space;
    nn_tape *tape;
    nn_var *x, *y;
    int first;  /* node */
    int images; /* per group */
    int groups, segments;
    segment *segment;
    uint64_t keeps;      /* of the workspace, when the maps went there */
    real **scale;        /* [count][2][O]: gamma / deviation; room for sums */
    folded_node *folded; /* [count] */
    size_t size;         /* of all gradients of a group */
    group group[CNN_GROUPS];
} groups_ctx;

/* ---- folding ---- */

static void fold_node(void *p, int index, int worker)
{
    (void)worker;
    groups_ctx *c = p;
    const cnn_node *node = &c->net->node[index];
    const nn_batch_norm_params *n = &node->norm;
    folded_node *f = &c->folded[index];
    if (index < c->first || !node->weight) return;
    int channels = nn_last(node->weight), taps = nn_rows(node->weight);
    real *scale = c->scale[index];
    for (int j = 0; j < channels; j++) {
        scale[j] =
            node->biased
                ? 1
                : (real)((double)n->gamma->data[j] / sqrt((double)n->variance->data[j] + (double)n->epsilon));
        f->bias.data[j] = node->biased ? n->beta->data[j] : n->beta->data[j] - n->mean->data[j] * scale[j];
    }
    for (int k = 0; k < taps; k++) {
        size_t at = (size_t)k * channels;
        for (int j = 0; j < channels; j++) f->weight.data[at + j] = node->weight->data[at + j] * scale[j];
    }
}

static bool make_folded(nn_tape *t, groups_ctx *c)
{
    for (int i = c->first; i < c->net->count && !t->failed; i++) {
        const cnn_node *n = &c->net->node[i];
        folded_node *f = &c->folded[i];
        if (!n->weight) continue;
        bool learns = cnn_node_learns(t, n);
        size_t weights = nn_count(n->weight), channels = nn_last(n->weight);
        f->weight = *n->weight;
        f->bias = *n->norm.beta;
        f->weight.grad = f->bias.grad = NULL;
        f->weight.packed = NULL;
        f->weight.wants_grad = f->bias.wants_grad = learns;
        f->weight.data = nn_scratch(t, weights * sizeof(real));
        f->bias.data = nn_scratch(t, channels * sizeof(real));
        c->scale[i] = nn_scratch(t, 2 * channels * sizeof(real));
        if (learns) c->size += weights + channels;
    }
    if (!t->failed) pool_run(t->threads, c->net->count, fold_node, c);
    return !t->failed;
}

/* ---- forward ---- */

/* Maps within the segment go into the arena `mem`, its result into `to`. */
static nn_var *segment_forward(const groups_ctx *c, group *g, int index, bool recording, arena *mem,
                               arena *to)
{
    const segment *s = &c->segment[index];
    nn_tape *t = &g->tape;
    nn_var *in[CNN_MAX_INPUTS];
    t->recording = recording;
    t->last = NULL;
    for (int i = s->first; i < s->end; i++) {
        const cnn_node *n = &c->net->node[i];
        folded_node *f = &g->folded[i];
        t->mem = i == s->end - 1 ? to : mem;
        cnn_inputs_of(n, g->result, in);
        g->result[i] = n->weight ? cnn_node_forward_with(t, n, in, &f->weight, &f->bias)
                                 : cnn_node_forward(t, n, in, true);
    }
    return g->result[s->end - 1];
}

static int first_image(const groups_ctx *c, int index)
{
    int first = index * c->images;
    return first < c->x->dim[0] ? first : c->x->dim[0];
}

static size_t per_image(const nn_var *v)
{
    return nn_count(v) / v->dim[0];
}

/* The segments' results stay with the group, what lies between is the thread's, and soon overwritten. */
static void run_group(void *p, int index, int worker)
{
    groups_ctx *c = p;
    group *g = &c->group[index];
    nn_tape *t = &g->tape;
    arena *maps = workspace_slot(c->space, 0, CNN_SLOT_GROUP + index);
    t->mem = maps;
    nn_begin(t);
    int first = first_image(c, index), count = first_image(c, index + 1) - first;
    const int *dim = c->x->dim;
    g->result[c->first - 1] =
        nn_input(t, c->x->data + first * per_image(c->x), 4, (int[]){count, dim[1], dim[2], dim[3]});
    for (int i = 0; i < c->segments && !t->failed; i++) {
        arena *own = workspace_slot(c->space, worker, CNN_SLOT_SEGMENT);
        nn_var *y = segment_forward(c, g, i, false, own, maps);
        if (y) y->wants_grad = true;
    }
    if (t->failed) return;
    const nn_var *y = g->result[c->net->count - 1];
    memcpy(c->y->data + first * per_image(c->y), y->data, nn_count(y) * sizeof *y->data);
}

static void run_groups(nn_tape *t, groups_ctx *c)
{
    c->keeps = ++c->space->keeps;
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
    g->result[c->net->count - 1]->grad = c->y->grad + first_image(c, index) * per_image(c->y);
    for (int i = c->segments - 1; i >= 0 && !t->failed; i--) {
        real *grad = g->result[c->segment[i].end - 1]->grad;
        arena *own = workspace_slot(c->space, worker, CNN_SLOT_SEGMENT);
        nn_var *y = segment_forward(c, g, i, true, own, own);
        if (y) y->grad = grad;
        t->mem = workspace_slot(c->space, worker, CNN_SLOT_GRADS + (i & 1));
        nn_backward_from_grads(t);
    }
}

static void add_groups(const groups_ctx *c, int index, real *dw, real *db)
{
    for (int i = 1; i < c->groups; i++) {
        const folded_node *other = &c->group[i].folded[index];
        c->tape->k->vector.add(other->weight.grad, dw, (int)nn_count(&other->weight));
        c->tape->k->vector.add(other->bias.grad, db, (int)nn_count(&other->bias));
    }
}

static real *wanted(const nn_var *v)
{
    return v && v->wants_grad ? v->grad : NULL;
}

/* Sums of the groups' gradients go where the node's parameters have theirs. */
static void unfold_node(void *p, int index, int worker)
{
    (void)worker;
    groups_ctx *c = p;
    const cnn_node *node = &c->net->node[index];
    const nn_batch_norm_params *n = &node->norm;
    const folded_node *f = &c->group[0].folded[index];
    if (index < c->first || !f->weight.wants_grad) return;
    size_t channels = nn_last(node->weight), weights = nn_count(node->weight);
    real *dw = f->weight.grad, *db = f->bias.grad, *own = wanted(node->weight);
    add_groups(c, index, dw, db);
    real *dot = c->scale[index] + channels;
    memset(dot, 0, channels * sizeof *dot);
    for (size_t at = 0; at < weights; at += channels) {
        c->tape->k->vector.product_add(node->weight->data + at, dw + at, dot, (int)channels);
        if (own) c->tape->k->vector.product_add(c->scale[index], dw + at, own + at, (int)channels);
    }
    real *dgamma = wanted(n->gamma), *dbeta = wanted(n->beta);
    for (size_t j = 0; dgamma && j < channels; j++) {
        double inverse = 1 / sqrt((double)n->variance->data[j] + (double)n->epsilon);
        dgamma[j] += (real)(inverse * ((double)dot[j] - (double)n->mean->data[j] * (double)db[j]));
    }
    for (size_t j = 0; dbeta && j < channels; j++) dbeta[j] += db[j];
}

/* Gradients of the folded nodes of every group, zeroed. */
static void make_grads(nn_tape *t, groups_ctx *c)
{
    for (int i = 0; i < c->groups; i++) {
        real *at = nn_alloc(t, c->size * sizeof *at);
        for (int k = c->first; at && k < c->net->count; k++) {
            folded_node *f = &c->group[i].folded[k];
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
    for (int i = c->first; i < c->net->count; i++) {
        const cnn_node *n = &c->net->node[i];
        nn_var *all[] = {n->weight, n->norm.gamma, n->norm.beta};
        for (int k = 0; k < 3; k++) nn_grad_add(t, all[k]);
    }
    if (t->failed) return;
    if (c->keeps != c->space->keeps) run_groups(t, c); /* another pass has used the memory since */
    if (!t->failed) pool_run(t->threads, c->groups, backward_group, c);
    for (int i = 0; i < c->groups; i++) t->failed |= c->group[i].tape.failed;
    if (!t->failed) pool_run(t->threads, c->net->count, unfold_node, c);
}

/* ---- the op ---- */

static double map_size(const cnn_net *net, const cnn_extent *extent, int i)
{
    return (double)extent[i].height * extent[i].width * net->node[i].channels;
}

/* A segment ends at a cut where the map is at most twice the one it began with, as larger ones are dear to
 * keep, and where the next cut's is not smaller. */
static void make_segments(nn_tape *t, groups_ctx *c, const cnn_extent *extent)
{
    const cnn_net *net = c->net;
    c->segment = nn_scratch(t, (net->count - c->first) * sizeof *c->segment);
    for (int first = c->first, cut = 0, next; first < net->count && !t->failed; first = cut + 1) {
        double in = map_size(net, extent, first - 1);
        for (cut = first; cut < net->count - 1; cut = next) {
            for (next = cut + 1; !net->node[next].cut; next++) continue;
            double size = map_size(net, extent, cut);
            if (net->node[cut].cut && size <= 2 * in && size <= map_size(net, extent, next)) break;
        }
        c->segment[c->segments++] = (segment){first, cut + 1};
    }
}

static void make_groups(nn_tape *t, groups_ctx *c)
{
    c->images = (c->x->dim[0] + CNN_GROUPS - 1) / CNN_GROUPS;
    c->groups = (c->x->dim[0] + c->images - 1) / c->images;
    for (int i = 0; i < c->groups && !t->failed; i++) {
        group *g = &c->group[i];
        size_t count = c->net->count;
        g->folded = nn_scratch(t, count * sizeof *g->folded);
        g->result = nn_alloc(t, count * sizeof(nn_var *));
        if (g->folded) memcpy(g->folded, c->folded, count * sizeof *g->folded);
        g->tape = *t;
        g->tape.threads = NULL;
        g->tape.inside_task = true;
    }
}

nn_var *cnn_forward_by_groups(cnn_net *net, nn_tape *tape, nn_var *x, int first, const cnn_extent *extent)
{
    size_t count = net->count;
    cnn_extent out = extent[net->count - 1];
    groups_ctx *c = nn_alloc(tape, sizeof *c);
    folded_node *folded = nn_alloc(tape, count * sizeof *folded);
    real **scale = nn_alloc(tape, count * sizeof *scale);
    if (tape->failed) return NULL;
    *c = (groups_ctx){.net = net, .tape = tape, .x = x, .first = first, .scale = scale, .folded = folded};
    c->space = cnn_workspace_of(net, tape);
    c->y = nn_result(tape, 4, (int[]){x->dim[0], out.height, out.width, net->node[count - 1].channels}, true);
    if (!workspace_reserve(c->space, pool_threads(tape->threads), CNN_SLOT_RESULT)) tape->failed = true;
    if (tape->failed || !make_folded(tape, c)) return NULL;
    make_segments(tape, c, extent);
    make_groups(tape, c);
    if (!tape->failed) run_groups(tape, c);
    nn_record(tape, groups_backward, c);
    return tape->failed ? NULL : c->y;
}
