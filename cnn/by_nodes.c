/* One node after the other: every op there is, recorded (all photos at once) or not (in slices). */
#include <string.h>

#include "cnn/bytes.h"
#include "cnn/maps.h"
#include "cnn/nodes.h"

enum { GRAIN = 1 << 14 };

/* ---- the sum behind a convolution ---- */

typedef struct join_ctx {
    const kernels *k;
    nn_var *y, *x;
    nn_act act;
} join_ctx;

static void join_chunk(void *p, size_t begin, size_t end)
{
    const join_ctx *c = p;
    real *y = c->y->data + begin;
    int n = (int)(end - begin);
    c->k->vector.add(c->x->data + begin, y, n);
    nn_activation_of(c->act)->forward(c->k, y, y, n);
}

static void join_backward(nn_tape *t, void *p)
{
    join_ctx *c = p;
    if (!c->y->grad) return;
    size_t n = nn_count(c->y);
    real beta, *dx = nn_grad(t, c->x, &beta);
    if (c->act != NN_LINEAR)
        t->k->vector.rectify_back(c->y->data, nn_activation_of(c->act)->high, c->y->grad, (int)n);
    if (dx && beta == 0)
        memcpy(dx, c->y->grad, n * sizeof *dx);
    else if (dx)
        t->k->vector.add(c->y->grad, dx, (int)n);
}

/* y = act(y + x) in place: y is the result of a convolution without activation, which does not need it again,
 * and is used by nothing else. */
static nn_var *join(nn_tape *t, nn_var *y, nn_var *x, nn_act act)
{
    if (t->failed || !y || !x) return NULL;
    bool wants = y->wants_grad || nn_wants(t, x), apart = wants && !nn_activation_of(act)->clips;
    join_ctx now = {t->k, y, x, apart ? NN_LINEAR : act};
    nn_parallel(t, nn_count(y), GRAIN, join_chunk, &now);
    y->wants_grad = wants;
    join_ctx *c = wants ? nn_alloc(t, sizeof *c) : NULL;
    if (c) {
        *c = now;
        nn_record(t, join_backward, c);
    }
    return apart ? nn_activate(t, y, act) : y;
}

/* ---- nodes ---- */

static nn_var *convolve(nn_tape *t, const cnn_node *n, nn_var *x, nn_var *weight, nn_var *bias, nn_act act)
{
    return n->op == CNN_DEPTHWISE ? cnn_depthwise(t, x, weight, bias, n->win, act)
                                  : cnn_conv2d(t, x, weight, bias, n->win, act);
}

nn_var *cnn_node_forward_with(nn_tape *t, const cnn_node *n, nn_var *const *input, nn_var *weight,
                              nn_var *bias)
{
    if (n->inputs == 1) return convolve(t, n, input[0], weight, bias, n->act);
    return join(t, convolve(t, n, input[0], weight, bias, NN_LINEAR), input[1], n->act);
}

static nn_var *convolution(nn_tape *t, const cnn_node *n, nn_var *const *input, bool bare)
{
    if (bare || n->biased) return cnn_node_forward_with(t, n, input, n->weight, n->norm.beta);
    return nn_batch_norm(t, convolve(t, n, input[0], n->weight, NULL, NN_LINEAR), &n->norm,
                         n->inputs == 2 ? input[1] : NULL, n->act);
}

static nn_var *mean(nn_tape *t, nn_var *x)
{
    nn_var *y = cnn_global_mean(t, x);
    return y ? nn_reshape(t, y, 4, (int[]){x->dim[0], 1, 1, x->dim[3]}) : NULL;
}

nn_var *cnn_node_forward(nn_tape *t, const cnn_node *n, nn_var *const *input, bool bare)
{
    for (int i = 0; i < n->inputs; i++)
        if (!input[i]) return NULL;
    switch (n->op) {
    case CNN_CONV:
    case CNN_DEPTHWISE:
        return convolution(t, n, input, bare);
    case CNN_MAX_POOL:
        return cnn_max_pool(t, input[0], n->win);
    case CNN_MEAN:
        return mean(t, input[0]);
    case CNN_ADD:
        return nn_add(t, input[0], input[1]);
    case CNN_SCALE:
        return cnn_scale(t, input[0], input[1]);
    case CNN_CONCAT:
        return cnn_concat(t, input, n->inputs);
    case CNN_UPSAMPLE:
        return cnn_upsample(t, input[0]);
    case CNN_SPACE_TO_DEPTH:
        return cnn_space_to_depth(t, input[0]);
    case CNN_STACK:
        return cnn_stack(t, input, n->inputs);
    case CNN_ACTIVATE:
        return nn_activate(t, input[0], n->act);
    case CNN_PIXELS:
    case CNN_OPS:
        break;
    }
    t->failed = true; /* refused when the network was built */
    return NULL;
}

void cnn_inputs_of(const cnn_node *n, nn_var *const *result, nn_var *input[CNN_MAX_INPUTS])
{
    for (int k = 0; k < n->inputs; k++) input[k] = result[n->input[k]];
}

nn_var *cnn_forward_by_nodes(const cnn_net *net, nn_tape *t, nn_var *x, int first, const bool *bare)
{
    nn_var *result[CNN_MAX_NODES], *in[CNN_MAX_INPUTS];
    result[first - 1] = x;
    for (int i = first; i < net->count; i++) {
        cnn_inputs_of(&net->node[i], result, in);
        result[i] = cnn_node_forward(t, &net->node[i], in, bare[i]);
    }
    return result[net->count - 1];
}

/* ---- nodes that nobody records ---- */

/* Where photos do not depend on each other they go a few at a time, which bounds the memory, and threads take
 * different ones: no thread waits for another after every layer, and a slice's maps stay in the cache of one
 * core. How photos are cut depends on their number alone. The memory is that of the tape's workspace, so that
 * many threads may run one net. */

enum { SLICE = 4 }; /* photos at a time, fewer than twice as many: no less than conv_taps.h takes */

typedef struct slices_ctx {
    const cnn_net *net;
    workspace *space; /* an arena for each result that is still to be read, of each thread */
    nn_tape tape;     /* as a task has it */
    const nn_var *x;
    nn_var *y;
    int last, slices;
    const bool *bare;
    const cnn_extent *extent;
    bool *failed; /* [slices] */
} slices_ctx;

int cnn_free_slot(const cnn_net *net, const int *holder, int i)
{
    int slot = 0;
    while (holder[slot] && net->node[holder[slot]].last_reader >= i) slot++;
    return slot;
}

static nn_var *run_nodes(const slices_ctx *c, int worker, nn_tape *t, nn_var *x)
{
    const cnn_net *net = c->net;
    nn_var *result[CNN_MAX_NODES], *in[CNN_MAX_INPUTS];
    int holder[CNN_MAX_NODES] = {0};
    result[0] = x;
    for (int first = 1, last; first <= c->last && !t->failed; first = last + 1) {
        const cnn_node *n = &net->node[first];
        int taken = cnn_bands_take(net, t, first, c->bare), slot = cnn_free_slot(net, holder, first);
        last = taken ? first + taken - 1 : first;
        holder[slot] = last;
        t->mem = workspace_slot(c->space, worker, CNN_SLOT_RESULT + slot);
        cnn_inputs_of(n, result, in);
        result[last] = taken ? cnn_forward_by_bands(net, t, in[0], first, taken)
                             : cnn_node_forward(t, n, in, c->bare[first]);
    }
    return t->failed ? NULL : result[c->last];
}

static size_t per_photo(const nn_var *v)
{
    return nn_count(v) / v->dim[0];
}

static void run_slice(void *p, int index, int worker)
{
    const slices_ctx *c = p;
    int photos = c->x->dim[0], first = photos * index / c->slices, last = photos * (index + 1) / c->slices;
    int dim[4] = {last - first, c->x->dim[1], c->x->dim[2], c->x->dim[3]};
    nn_var part = {.data = c->x->data + first * per_photo(c->x), .rank = 4};
    memcpy(part.dim, dim, sizeof dim);
    nn_tape t = c->tape;
    if (cnn_bytes_take(c->net, &t, c->last)) {
        real *to = c->y->data + first * per_photo(c->y);
        c->failed[index] = !cnn_forward_by_bytes(c->net, &t, c->space, worker, &part, c->extent, to);
        return;
    }
    const nn_var *y = run_nodes(c, worker, &t, &part);
    c->failed[index] = t.failed || !y;
    if (!c->failed[index])
        memcpy(c->y->data + first * per_photo(c->y), y->data, nn_count(y) * sizeof *y->data);
}

nn_var *cnn_forward_by_slices(cnn_net *net, nn_tape *t, const nn_var *x, int last, const bool *bare,
                              const cnn_extent *extent)
{
    int photos = x->dim[0];
    slices_ctx c = {.net = net, .tape = *t, .x = x, .last = last, .bare = bare, .slices = 1};
    c.extent = extent;
    if (photos >= SLICE && cnn_norms_are_constant(net, t, 1)) c.slices = photos / SLICE;
    c.y = nn_result(t, 4, (int[]){photos, extent[last].height, extent[last].width, net->node[last].channels},
                    false);
    c.failed = nn_alloc(t, c.slices * sizeof *c.failed);
    bool alone = c.slices == 1; /* then the threads share the layers */
    c.space = cnn_workspace_of(net, t);
    if (!workspace_reserve(c.space, alone ? 1 : pool_threads(t->threads), CNN_SLOT_RESULT + net->width + 1))
        t->failed = true;
    if (t->failed) return NULL;
    c.tape.recording = false;
    if (!alone) {
        c.tape.threads = NULL;
        c.tape.inside_task = true;
    }
    if (alone)
        run_slice(&c, 0, 0);
    else
        pool_run(t->threads, c.slices, run_slice, &c);
    for (int i = 0; i < c.slices; i++) t->failed |= c.failed[i];
    return t->failed ? NULL : c.y;
}

/* ---- sizes ---- */

static bool same(cnn_extent a, cnn_extent b)
{
    return a.height == b.height && a.width == b.width;
}

static bool all_same(const cnn_node *n, const cnn_extent *extent)
{
    for (int k = 1; k < n->inputs; k++)
        if (!same(extent[n->input[k]], extent[n->input[0]])) return false;
    return true;
}

static bool extent_of(const cnn_node *n, const cnn_extent *extent, cnn_extent *out)
{
    cnn_extent e = extent[n->input[0]];
    *out = e;
    switch (n->op) {
    case CNN_CONV:
    case CNN_DEPTHWISE:
    case CNN_MAX_POOL:
        *out = (cnn_extent){cnn_out_size(e.height, n->win), cnn_out_size(e.width, n->win)};
        return n->inputs == 1 || same(*out, extent[n->input[1]]);
    case CNN_MEAN:
        *out = (cnn_extent){1, 1};
        return true;
    case CNN_SCALE:
        return same(extent[n->input[1]], (cnn_extent){1, 1});
    case CNN_UPSAMPLE:
        *out = (cnn_extent){2 * e.height, 2 * e.width};
        return true;
    case CNN_SPACE_TO_DEPTH:
        *out = (cnn_extent){e.height / 2, e.width / 2};
        return e.height % 2 == 0 && e.width % 2 == 0;
    case CNN_STACK:
        *out = (cnn_extent){0, 1};
        for (int k = 0; k < n->inputs; k++)
            out->height += extent[n->input[k]].height * extent[n->input[k]].width;
        return true;
    default:
        return all_same(n, extent);
    }
}

bool cnn_extents(const cnn_net *net, cnn_extent *extent)
{
    for (int i = 1; i < net->count; i++)
        if (!extent_of(&net->node[i], extent, &extent[i]) || extent[i].height < 1 || extent[i].width < 1)
            return false;
    return true;
}
