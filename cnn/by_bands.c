/* Inverted residuals without a record: a few rows at a time go through all their convolutions, so that the
 * inner maps, six times as wide as what comes in and goes out, never leave the second-level cache. A band
 * keeps the last rows of the one before it that its own windows reach.
 *
 * Where products round their operands to bf16 (gemm_rounds), both inner maps are bf16: half as much to
 * write and read. */
#include <string.h>

#include "cnn/nodes.h"
#include "src/base/bounds.h"
#include "src/math/packed.h"

enum {
    BAND_NUMBERS = 1 << 17, /* of both inner maps together, half a MiB */
    BAND_PIXELS = 96,       /* of the result, at least: products of a few rows are slow */
};

typedef struct bands_ctx {
    const nn_tape *tape;
    const nn_var *x;
    nn_var *y;
    const cnn_node *expand; /* NULL: none */
    const cnn_node *deep, *project;
    bool residual;
    cnn_depth depth;
    int inner;                /* channels */
    int ranges, rows, height; /* ranges of a photo, rows of each, rows of a band */
    size_t stride;            /* bf16: numbers of a pixel of the inner map after `deep`; f32: 0 */
    float *weights;           /* bf16: of `deep`, in order */
    size_t number;            /* bytes of a number of the inner map before `deep` */
    size_t wide, buffer;      /* bytes of a band of it; of both inner maps */
    char *buffers;            /* one per worker */
} bands_ctx;

static bool follows(const cnn_net *net, const cnn_node *n, int earlier)
{
    return n->input[0] == earlier && net->node[earlier].readers == 1;
}

/* Whether node i is one of those that bands take, and its norm nothing but a bias. */
static bool suits(const cnn_net *net, int i, cnn_op op, const bool *bare)
{
    if (i >= net->count) return false;
    const cnn_node *n = &net->node[i];
    return n->op == op && bare[i] && cnn_executor_runs(CNN_BY_BANDS, n) &&
           (op == CNN_DEPTHWISE ? n->inputs == 1 : n->weight->packed != NULL);
}

int cnn_bands_take(const cnn_net *net, const nn_tape *t, int first, const bool *bare)
{
    int deep = suits(net, first, CNN_CONV, bare) && net->node[first].inputs == 1 ? first + 1 : first;
    int last = deep + 1, from = net->node[first].input[0];
    if (t->recording || !suits(net, deep, CNN_DEPTHWISE, bare) || !suits(net, last, CNN_CONV, bare)) return 0;
    const cnn_node *project = &net->node[last];
    bool linked = follows(net, project, deep) && (deep == first || follows(net, &net->node[deep], first));
    bool around = project->inputs == 1 || project->input[1] == from; /* the shortcut, if there is one */
    return linked && around && project->act == NN_LINEAR ? last - first + 1 : 0;
}

/* Rows of x that rows a..b-1 of the result reach: from..to-1. */
static void reach(const bands_ctx *c, int a, int b, int *from, int *to)
{
    cnn_window win = c->deep->win;
    *from = max_int(a * win.stride - c->depth.top, 0);
    *to = min_int((b - 1) * win.stride - c->depth.top + win.kernel, c->x->dim[1]);
}

static void product(const bands_ctx *c, const cnn_node *u, const real *x, int pixels, nn_act act, real *y)
{
    cnn_multiply_patches(c->tape, x, pixels, u->weight, u->norm.beta, act, y);
}

static bool rounds(const cnn_node *u)
{
    return packed_rounded_stride(u->weight->packed) > 0;
}

static bool keeps_bf16(const bands_ctx *c)
{
    cnn_window win = c->deep->win;
    return win.kernel == 3 && c->depth.top == 1 && c->depth.left == 1 && win.stride <= 2 &&
           c->y->dim[2] == (c->x->dim[2] - 1) / win.stride + 1 && rounds(c->project) &&
           (!c->expand || rounds(c->expand));
}

static void widen_bf16(const bands_ctx *c, const real *x, int pixels, uint16_t *map)
{
    int in = c->x->dim[3];
    if (!c->expand) {
        c->tape->k->bf16.narrow(x, map, (size_t)pixels * in);
        return;
    }
    kernels_finish f = cnn_finish(c->expand->norm.beta, c->expand->act);
    packed_product_to_rounded(c->expand->weight->packed, pixels, x, in, &f, map, c->inner);
}

static void deepen_bf16(const bands_ctx *c, const uint16_t *map, int top, int row, uint16_t *to)
{
    int h = c->x->dim[1], step = c->deep->win.stride;
    kernels_finish f = cnn_finish(NULL, c->deep->act);
    kernels_depthwise d = {c->weights, c->inner, c->x->dim[2], step, (float)f.low, (float)f.high, c->stride};
    const uint16_t *x[3];
    for (int i = 0; i < 3; i++) {
        int y = row * step + i - 1;
        x[i] = y < 0 || y >= h ? NULL : map + (size_t)(y - top) * d.width * c->inner;
    }
    c->tape->k->bf16.depthwise(&d, x, to);
}

/* Rows from..to-1 of the inner map before `deep`. */
static void widen(const bands_ctx *c, const real *photo, int from, int to, void *map)
{
    int w = c->x->dim[2];
    const real *x = photo + (size_t)from * w * c->x->dim[3];
    if (c->stride)
        widen_bf16(c, x, (to - from) * w, map);
    else
        product(c, c->expand, x, (to - from) * w, c->expand->act, map);
}

/* Rows a..b-1 of the result from the inner map before `deep`, the rows of which from `top` on lie at `map`.
 */
static void narrow(const bands_ctx *c, const void *map, int top, int a, int b, void *between, real *y)
{
    int w = c->y->dim[2];
    size_t row = w * (c->stride ? c->stride * sizeof(uint16_t) : c->inner * sizeof(real));
    const nn_var *weight = c->project->weight;
    kernels_finish f = cnn_finish(c->project->norm.beta, c->project->act);
    for (int r = a; r < b; r++) {
        void *to = (char *)between + (r - a) * row;
        if (c->stride)
            deepen_bf16(c, map, top, r, to);
        else
            cnn_depthwise_line(&c->depth, map, top, r, to);
    }
    if (c->stride)
        packed_product_rounded(weight->packed, (b - a) * w, between, &f, y, nn_last(weight));
    else
        product(c, c->project, between, (b - a) * w, c->project->act, y);
}

static void run_range(void *p, int index, int worker)
{
    const bands_ctx *c = p;
    int image = index / c->ranges, first = index % c->ranges * c->rows,
        last = min_int(first + c->rows, c->y->dim[1]), from = 0, have = 0;
    const real *photo = c->x->data + image * (nn_count(c->x) / c->x->dim[0]);
    real *y = c->y->data + image * (nn_count(c->y) / c->y->dim[0]);
    char *map = c->buffers + worker * c->buffer, *between = map + c->wide;
    size_t row = (size_t)c->x->dim[2] * c->inner * c->number, line = (size_t)c->y->dim[2] * c->y->dim[3];
    bool as_it_is = !c->expand && !c->stride; /* x is the inner map */
    for (int a = first, b, top, to; a < last; a = b) {
        b = min_int(a + c->height, last);
        reach(c, a, b, &top, &to);
        if (!as_it_is) {
            if (have > top) memmove(map, map + (top - from) * row, (have - top) * row);
            have = max_int(have, top);
            widen(c, photo, have, to, map + (have - top) * row);
            from = top;
            have = to;
        }
        narrow(c, as_it_is ? (const void *)photo : map, as_it_is ? 0 : top, a, b, between, y + a * line);
        if (c->residual) c->tape->k->vector.add(photo + a * line, y + a * line, (b - a) * (int)line);
    }
}

static size_t whole_lines(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

/* How rows are cut; what is computed of each does not depend on it. */
static void cut(bands_ctx *c)
{
    int w = c->x->dim[2], oh = c->y->dim[1], ow = c->y->dim[2], threads = pool_threads(c->tape->threads);
    cnn_window win = c->deep->win;
    int above = c->expand || c->stride ? win.stride * w * c->inner : 0, below = ow * c->inner;
    int most = max_int(BAND_NUMBERS / (above + below), ceil_div(BAND_PIXELS, ow));
    c->ranges = min_int(ceil_div(threads, c->x->dim[0]), oh);
    c->rows = ceil_div(oh, c->ranges);
    c->ranges = ceil_div(oh, c->rows);
    c->height = ceil_div(c->rows, ceil_div(c->rows, most));
    size_t rows_in = above ? (c->height - 1) * win.stride + win.kernel : 0;
    size_t pixels = (size_t)c->height * ow;
    c->wide = whole_lines(rows_in * w * c->inner * c->number);
    c->buffer = c->wide + (c->stride ? (pixels + PACKED_SPARE) * c->stride * sizeof(uint16_t)
                                     : whole_lines(pixels * c->inner * sizeof(real)));
}

static nn_var *result_of(nn_tape *t, const nn_var *x, const cnn_node *deep, const cnn_node *project)
{
    int h = cnn_out_size(x->dim[1], deep->win), w = cnn_out_size(x->dim[2], deep->win);
    return nn_result(t, 4, (int[]){x->dim[0], h, w, project->channels}, false);
}

nn_var *cnn_forward_by_bands(const cnn_net *net, nn_tape *t, const nn_var *x, int first, int count)
{
    if (t->failed || !x) return NULL;
    const cnn_node *deep = &net->node[first + count - 2], *project = deep + 1;
    nn_var *y = result_of(t, x, deep, project);
    if (!y) return NULL;
    bands_ctx c = {.tape = t, .x = x, .y = y, .deep = deep, .project = project};
    c.residual = project->inputs == 2;
    c.expand = count == 3 ? &net->node[first] : NULL;
    c.inner = nn_last(deep->weight);
    c.depth = cnn_depth_of(t, deep->weight, deep->norm.beta, deep->win, deep->act, x->dim[1], x->dim[2]);
    c.stride = keeps_bf16(&c) ? packed_rounded_stride(project->weight->packed) : 0;
    c.number = c.stride ? sizeof(uint16_t) : sizeof(real);
    cut(&c);
    arena_mark mark = arena_save(t->mem);
    if (c.stride) c.weights = nn_scratch(t, bf16_depthwise_numbers(c.inner) * sizeof *c.weights);
    c.buffers = nn_scratch(t, pool_threads(t->threads) * c.buffer);
    if (t->failed) return NULL;
    if (c.stride) bf16_depthwise_order(c.inner, deep->weight->data, deep->norm.beta->data, c.weights);
    pool_run(t->threads, x->dim[0] * c.ranges, run_range, &c);
    arena_rewind(t->mem, mark);
    return y;
}
