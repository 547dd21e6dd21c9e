/* Inverted residuals without a record: a few rows at a time go through all their convolutions, so that the
 * inner maps, six times as wide as what comes in and goes out, never leave the second-level cache. A band
 * keeps the last rows of the one before it that its own windows reach. */
#include <string.h>

#include "cnn/blocks.h"
#include "src/math/packed.h"

enum {
    BAND_NUMBERS = 1 << 17, /* of both inner maps together, half a MiB */
    BAND_PIXELS = 96,       /* of the result, at least: products of a few rows are slow */
    SPARE = 31,             /* rows behind rounded ones, see packed.h */
};

typedef struct bands_ctx {
    const nn_tape *tape;
    const nn_var *x;
    nn_var *y;
    const cnn_unit *expand; /* NULL: none */
    const cnn_unit *deep, *project;
    bool residual;
    cnn_depth depth;
    int inner;                /* channels */
    int ranges, rows, height; /* ranges of a photo, rows of each, rows of a band */
    size_t stride;            /* of a pixel of the inner map after `deep`, rounded; 0: it is not */
    size_t wide, deepened;    /* bytes of a band of the inner map before and after `deep` */
    size_t buffer;            /* of both, and a line */
    char *buffers;            /* one per worker */
} bands_ctx;

static bool pointwise(const cnn_unit *u)
{
    return !u->depthwise && u->win.kernel == 1 && u->win.stride == 1 && u->win.pad == 0 && u->weight->packed;
}

bool cnn_bands_suit(const nn_tape *t, const cnn_block *b)
{
    int n = b->length;
    return !t->recording && !b->projected && (n == 2 || n == 3) && b->path[n - 2].depthwise &&
           pointwise(&b->path[n - 1]) && b->path[n - 1].act == NN_LINEAR &&
           (n == 2 || pointwise(&b->path[0]));
}

static int min_int(int a, int b)
{
    return a < b ? a : b;
}

static int max_int(int a, int b)
{
    return a > b ? a : b;
}

static int ceil_div(int a, int b)
{
    return (a + b - 1) / b;
}

/* Rows of x that rows a..b-1 of the result reach: from..to-1. */
static void reach(const bands_ctx *c, int a, int b, int *from, int *to)
{
    cnn_window win = c->deep->win;
    *from = max_int(a * win.stride - win.pad, 0);
    *to = min_int((b - 1) * win.stride - win.pad + win.kernel, c->x->dim[1]);
}

static void product(const bands_ctx *c, const cnn_unit *u, const real *x, int pixels, nn_act act, real *y)
{
    cnn_multiply_patches(c->tape, x, pixels, u->weight, u->norm.beta, act, y);
}

/* The inner map before `deep`: rows from..have-1 are there, those below `to` join them. */
static void widen(const bands_ctx *c, const real *photo, int from, int have, int to, real *map)
{
    int w = c->x->dim[2];
    size_t line = (size_t)w * (size_t)c->x->dim[3];
    product(c, c->expand, photo + (size_t)have * line, (to - have) * w, c->expand->act,
            map + (size_t)(have - from) * (size_t)w * (size_t)c->inner);
}

/* Rows a..b-1 of the inner map after `deep`, and their product, where that rounds them anyway. */
static void narrow_rounded(const bands_ctx *c, const real *map, int top, int a, int b, uint16_t *between,
                           real *row, real *y)
{
    int w = c->y->dim[2];
    const nn_var *weight = c->project->weight;
    kernels_finish f = cnn_finish(c->project->norm.beta, c->project->act);
    for (int r = a; r < b; r++) {
        cnn_depthwise_line(&c->depth, map, top, r, row);
        packed_round(weight->packed, w, row, c->inner, between + (size_t)(r - a) * (size_t)w * c->stride);
    }
    packed_product_rounded(weight->packed, (b - a) * w, between, &f, y, nn_last(weight));
}

static void narrow(const bands_ctx *c, const real *map, int top, int a, int b, real *between, real *y)
{
    int w = c->y->dim[2];
    for (int r = a; r < b; r++)
        cnn_depthwise_line(&c->depth, map, top, r, between + (size_t)(r - a) * (size_t)w * (size_t)c->inner);
    product(c, c->project, between, (b - a) * w, c->project->act, y);
}

/* Rows a..b-1 of the result from the inner map, the rows of which from `top` on lie at `map`. */
static void finish_band(const bands_ctx *c, const real *photo, const real *map, int top, int a, int b,
                        char *buffer, real *y)
{
    size_t line = (size_t)c->y->dim[2] * (size_t)c->y->dim[3];
    void *between = buffer + c->wide;
    real *row = (real *)(void *)(buffer + c->wide + c->deepened);
    y += (size_t)a * line;
    if (c->stride)
        narrow_rounded(c, map, top, a, b, between, row, y);
    else
        narrow(c, map, top, a, b, between, y);
    if (c->residual) c->tape->k->add(photo + (size_t)a * line, y, (b - a) * (int)line);
}

static void run_range(void *p, int index, int worker)
{
    const bands_ctx *c = p;
    int image = index / c->ranges, first = index % c->ranges * c->rows,
        last = min_int(first + c->rows, c->y->dim[1]), from = 0, have = 0;
    const real *photo = c->x->data + (size_t)image * (nn_count(c->x) / (size_t)c->x->dim[0]);
    real *y = c->y->data + (size_t)image * (nn_count(c->y) / (size_t)c->y->dim[0]);
    char *buffer = c->buffers + (size_t)worker * c->buffer;
    real *map = (real *)(void *)buffer;
    size_t line = (size_t)c->x->dim[2] * (size_t)c->inner;
    for (int a = first, b, top, to; a < last; a = b) {
        b = min_int(a + c->height, last);
        reach(c, a, b, &top, &to);
        if (!c->expand) {
            finish_band(c, photo, photo, 0, a, b, buffer, y);
            continue;
        }
        if (have > top)
            memmove(map, map + (size_t)(top - from) * line, (size_t)(have - top) * line * sizeof *map);
        widen(c, photo, top, max_int(have, top), to, map);
        from = top;
        have = to;
        finish_band(c, photo, map, top, a, b, buffer, y);
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
    int above = c->expand ? win.stride * w * c->inner : 0, below = ow * c->inner;
    int most = max_int(BAND_NUMBERS / (above + below), ceil_div(BAND_PIXELS, ow));
    c->ranges = min_int(ceil_div(threads, c->x->dim[0]), oh);
    c->rows = ceil_div(oh, c->ranges);
    c->ranges = ceil_div(oh, c->rows);
    c->height = ceil_div(c->rows, ceil_div(c->rows, most));
    size_t rows_in = c->expand ? (size_t)((c->height - 1) * win.stride + win.kernel) : 0;
    size_t pixels = (size_t)c->height * (size_t)ow;
    c->wide = whole_lines(rows_in * (size_t)w * (size_t)c->inner * sizeof(real));
    c->stride = packed_rounded_stride(c->project->weight->packed);
    c->deepened = c->stride ? (pixels + SPARE) * c->stride * sizeof(uint16_t)
                            : whole_lines(pixels * (size_t)c->inner * sizeof(real));
    c->buffer = c->wide + c->deepened + (c->stride ? whole_lines((size_t)below * sizeof(real)) : 0);
}

nn_var *cnn_forward_by_bands(nn_tape *t, const nn_var *x, const cnn_block *b)
{
    if (t->failed || !x) return NULL;
    const cnn_unit *deep = &b->path[b->length - 2], *project = deep + 1;
    int dim[4] = {x->dim[0], x->dim[1], x->dim[2], x->dim[3]};
    cnn_pass_block(b, dim);
    nn_var *y = nn_result(t, 4, dim, false);
    if (!y) return NULL;
    bands_ctx c = {.tape = t, .x = x, .y = y, .deep = deep, .project = project, .residual = b->residual};
    c.expand = b->length == 3 ? &b->path[0] : NULL;
    c.inner = nn_last(deep->weight);
    c.depth = (cnn_depth){t->k, deep->weight, deep->norm.beta, deep->win, deep->act, x->dim[1], x->dim[2]};
    cut(&c);
    arena_mark mark = arena_save(t->mem);
    c.buffers = nn_scratch(t, (size_t)pool_threads(t->threads) * c.buffer);
    if (t->failed) return NULL;
    pool_run(t->threads, x->dim[0] * c.ranges, run_range, &c);
    arena_rewind(t->mem, mark);
    return y;
}
