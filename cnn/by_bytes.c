/* Networks in 8 bits: node after node, photo after photo, as the plan of byte_plan.c says. Sums are exact, so
 * results are the same however the work is cut. */
#include <string.h>

#include "cnn/bytes.h"
#include "src/base/bounds.h"
#include "src/math/packed.h"

enum {
    SLACK = 64,         /* bytes behind a map that may be read */
    AT_ONCE = 16,       /* bytes that are copied at a time, maybe beyond what is asked for */
    PIECE_PIXELS = 256, /* of a result, whose patches are written and read from cache */
    GRAIN_ROWS = 48,    /* pixels of a product that a thread takes, at least */
    MOST_KERNEL = 5,    /* of a depthwise convolution */
};

typedef struct map {
    uint8_t *bytes; /* NULL: numbers */
    nn_var *reals;
    int height, width, channels;
} map;

typedef struct byte_run {
    const kernels *k;
    const cnn_node *n;
    const cnn_byte_node *b;
    map x, y;
    real *reals;       /* of y; NULL: bytes */
    uint8_t *scratch;  /* per worker */
    size_t piece;      /* bytes of it */
    int top, left;     /* padding */
    int grain, pixels; /* of y: a task's, all */
    uint8_t beside;
} byte_run;

static size_t line_of(const map *m)
{
    return (size_t)m->width * m->channels;
}

static size_t bytes_of(const map *m)
{
    return m->height * line_of(m);
}

/* May write and read up to AT_ONCE - 1 bytes more. */
static inline void copy_loosely(uint8_t *to, const uint8_t *from, size_t n)
{
    for (size_t i = 0; i < n; i += AT_ONCE) memcpy(to + i, from + i, AT_ONCE);
}

/* ---- convolutions ---- */

static bool pointwise(const cnn_node *n)
{
    return n->win.kernel == 1 && n->win.stride == 1 && n->win.pad <= 0;
}

/* The patch of output pixel (oy, ox): [k*k*C]. */
static void take_patch(const byte_run *c, int oy, int ox, uint8_t *to)
{
    int kernel = c->n->win.kernel, y0 = oy * c->n->win.stride - c->top, x0 = ox * c->n->win.stride - c->left;
    int first = max_int(x0, 0), last = min_int(x0 + kernel, c->x.width);
    size_t ch = c->x.channels, row = kernel * ch;
    for (int ky = 0; ky < kernel; ky++, to += row) {
        bool inside = y0 + ky >= 0 && y0 + ky < c->x.height && last > first;
        const uint8_t *from = c->x.bytes + (inside ? (size_t)(y0 + ky) * line_of(&c->x) + first * ch : 0);
        if (inside && last - first == kernel) {
            copy_loosely(to, from, row);
            continue;
        }
        memset(to, c->beside, row);
        if (inside) memcpy(to + (first - x0) * ch, from, (last - first) * ch);
    }
}

static const uint8_t *take_patches(const byte_run *c, int begin, int end, size_t patch, int worker)
{
    uint8_t *mine = c->scratch + worker * c->piece;
    for (int p = begin; p < end; p++)
        take_patch(c, p / c->y.width, p % c->y.width, mine + (p - begin) * patch);
    return mine;
}

static void multiply_piece(void *p, int index, int worker)
{
    const byte_run *c = p;
    int begin = index * c->grain, end = min_int(begin + c->grain, c->pixels), channels = c->y.channels;
    const packed *w = c->n->weight->packed;
    const nn_activation *act = nn_activation_of(c->n->act);
    size_t at = (size_t)begin * channels;
    kernels_byte_product q = {.rows = end - begin, .k = w->k, .n = channels, .ldx = w->k, .w = w->panels};
    q.x = pointwise(c->n) ? c->x.bytes + (size_t)begin * w->k : take_patches(c, begin, end, w->k, worker);
    q.ldy = channels;
    q.finish = c->b->finish;
    if (q.finish.plus) q.finish.plus += at;
    q.low = act->clips ? act->low : nn_activation_of(NN_LINEAR)->low;
    q.high = act->clips ? act->high : nn_activation_of(NN_LINEAR)->high;
    if (c->reals)
        q.reals = c->reals + at;
    else
        q.y = c->y.bytes + at;
    c->k->int8.product(&q);
    if (c->reals && !act->clips) act->forward(c->k, q.reals, q.reals, q.rows * channels);
}

static void convolve(nn_tape *t, byte_run *c)
{
    int threads = pool_threads(t->threads);
    c->grain = max_int(ceil_div(c->pixels, threads), GRAIN_ROWS);
    if (!pointwise(c->n)) {
        c->grain = min_int(c->grain, PIECE_PIXELS);
        c->piece = round_up_size((size_t)c->grain * c->n->weight->packed->k + SLACK, SLACK);
        c->scratch = nn_scratch(t, threads * c->piece);
        if (!c->scratch) return;
    }
    pool_run(t->threads, ceil_div(c->pixels, c->grain), multiply_piece, c);
}

static void depthwise_row(void *p, int oy, int worker)
{
    (void)worker;
    const byte_run *c = p;
    const cnn_window win = c->n->win;
    kernels_byte_depthwise d = {.kernel = win.kernel, .step = win.stride, .channels = c->x.channels};
    const uint8_t *rows[MOST_KERNEL];
    d.width = c->x.width;
    d.left = c->left;
    d.count = c->y.width;
    d.beside = c->beside;
    d.weights = c->b->weights;
    d.finish = c->b->finish;
    for (int ky = 0; ky < win.kernel; ky++) {
        int y = oy * win.stride - c->top + ky;
        rows[ky] = y < 0 || y >= c->x.height ? c->scratch : c->x.bytes + (size_t)y * line_of(&c->x);
    }
    c->k->int8.depthwise(&d, rows, c->y.bytes + (size_t)oy * line_of(&c->y));
}

static void convolve_deep(nn_tape *t, byte_run *c)
{
    c->scratch = nn_scratch(t, line_of(&c->x));
    if (!c->scratch) return;
    memset(c->scratch, c->beside, line_of(&c->x));
    pool_run(t->threads, c->y.height, depthwise_row, c);
}

/* ---- moving ---- */

/* Channels of x to channels first.. of every pixel of y. */
static void put_beside(const map *x, const map *y, size_t first)
{
    size_t pixels = (size_t)x->height * x->width, own = x->channels, all = y->channels;
    for (size_t i = 0; i < pixels; i++) memcpy(y->bytes + i * all + first, x->bytes + i * own, own);
}

static void upsample(const map *x, const map *y)
{
    size_t ch = x->channels, line = line_of(y);
    for (int row = 0; row < x->height; row++) {
        uint8_t *to = y->bytes + 2 * row * line;
        for (int i = 0; i < 2 * x->width; i++)
            memcpy(to + i * ch, x->bytes + row * line_of(x) + i / 2 * ch, ch);
        memcpy(to + line, to, line);
    }
}

/* See cnn_space_to_depth. */
static void space_to_depth(const map *x, const map *y)
{
    size_t ch = x->channels;
    for (int row = 0; row < x->height; row++)
        for (int i = 0; i < x->width; i++)
            memcpy(y->bytes + row / 2 * line_of(y) + (i / 2 * 4 + row % 2 + i % 2 * 2) * ch,
                   x->bytes + row * line_of(x) + i * ch, ch);
}

/* to[i] = the larger of to[i] and from[i]. */
static void keep_larger(uint8_t *restrict to, const uint8_t *restrict from, size_t n)
{
    for (size_t i = 0; i < n; i++) to[i] = to[i] > from[i] ? to[i] : from[i];
}

/* Along one side of `in` places, each `unit` bytes, to `out` places. */
static void max_along(cnn_window win, int in, int out, size_t unit, const uint8_t *x, uint8_t *y)
{
    int before = cnn_pad_before(in, win);
    for (int o = 0; o < out; o++, y += unit) {
        int first = max_int(o * win.stride - before, 0),
            last = min_int(o * win.stride - before + win.kernel, in);
        memcpy(y, x + first * unit, unit);
        for (int i = first + 1; i < last; i++) keep_larger(y, x + i * unit, unit);
    }
}

static void max_pool(nn_tape *t, const cnn_node *n, const map *x, const map *y)
{
    size_t line = line_of(y);
    uint8_t *between = nn_scratch(t, x->height * line);
    if (!between) return;
    for (int row = 0; row < x->height; row++)
        max_along(n->win, x->width, y->width, x->channels, x->bytes + row * line_of(x), between + row * line);
    max_along(n->win, x->height, y->height, line, between, y->bytes);
}

static void mix(const kernels *k, const cnn_byte_node *b, const map *in, const map *y)
{
    kernels_byte_mix m = {y->channels, b->factor, b->plus_factor, b->shift};
    k->int8.mix(&m, in[0].bytes, in[1].bytes, (size_t)y->height * y->width, y->bytes);
}

/* ---- nodes ---- */

static void convolution(nn_tape *t, const cnn_node *n, const cnn_byte_node *all, const cnn_byte_node *b,
                        const map *in, map *y)
{
    cnn_byte_node own = *b;
    if (n->inputs == 2) own.finish.plus = in[1].bytes;
    byte_run c = {.k = t->k, .n = n, .b = &own, .x = in[0], .y = *y};
    c.reals = y->reals ? y->reals->data : NULL;
    c.top = cnn_pad_before(in[0].height, n->win);
    c.left = cnn_pad_before(in[0].width, n->win);
    c.pixels = y->height * y->width;
    c.beside = (uint8_t)all[n->input[0]].zero;
    if (n->op == CNN_DEPTHWISE)
        convolve_deep(t, &c);
    else
        convolve(t, &c);
}

static void run_in_bytes(nn_tape *t, const cnn_node *n, const cnn_byte_node *all, const cnn_byte_node *b,
                         const map *in, map *y)
{
    size_t first = 0;
    switch (n->op) {
    case CNN_CONV:
    case CNN_DEPTHWISE:
        convolution(t, n, all, b, in, y);
        break;
    case CNN_MAX_POOL:
        max_pool(t, n, &in[0], y);
        break;
    case CNN_ADD:
        mix(t->k, b, in, y);
        break;
    case CNN_CONCAT:
        for (int k = 0; k < n->inputs; first += in[k++].channels) put_beside(&in[k], y, first);
        break;
    case CNN_UPSAMPLE:
        upsample(&in[0], y);
        break;
    case CNN_SPACE_TO_DEPTH:
        space_to_depth(&in[0], y);
        break;
    default:
        t->failed = true; /* no plan has it */
    }
}

static bool take_room(nn_tape *t, const cnn_byte_node *b, map *m)
{
    if (b->narrow)
        m->bytes = nn_scratch(t, bytes_of(m) + SLACK);
    else
        m->reals = nn_result(t, 4, (int[]){1, m->height, m->width, m->channels}, false);
    return !t->failed;
}

static void run_node(nn_tape *t, const cnn_net *net, int i, map *result)
{
    const cnn_node *n = &net->node[i];
    const cnn_byte_node *all = net->bytes->node, *b = &all[i];
    map in[CNN_MAX_INPUTS];
    nn_var *reals[CNN_MAX_INPUTS];
    for (int k = 0; k < n->inputs; k++) {
        in[k] = result[n->input[k]];
        reals[k] = in[k].reals;
    }
    if (!b->takes)
        result[i].reals = cnn_node_forward(t, n, reals, true);
    else if (take_room(t, b, &result[i]))
        run_in_bytes(t, n, all, b, in, &result[i]);
}

/* What the pixels stand for. */
static void take_pixels(nn_tape *t, const cnn_byte_node *b, nn_var *x, map *m)
{
    m->reals = b->narrow ? NULL : x;
    if (!b->narrow || !take_room(t, b, m)) return;
    t->k->int8.narrow(x->data, nn_count(x), 1 / b->scale[0], (float)b->zero, m->bytes);
}

static nn_var *run_photo(const cnn_net *net, nn_tape *t, workspace *space, int worker, nn_var *x,
                         const cnn_extent *extent)
{
    map result[CNN_MAX_NODES];
    int holder[CNN_MAX_NODES] = {0};
    for (int i = 0; i < net->count; i++)
        result[i] = (map){NULL, NULL, extent[i].height, extent[i].width, net->node[i].channels};
    t->mem = workspace_slot(space, worker, CNN_SLOT_RESULT + net->width); /* of the pixels */
    take_pixels(t, &net->bytes->node[0], x, &result[0]);
    for (int i = 1; i < net->count && !t->failed; i++) {
        int slot = cnn_free_slot(net, holder, i);
        holder[slot] = i;
        t->mem = workspace_slot(space, worker, CNN_SLOT_RESULT + slot);
        run_node(t, net, i, result);
    }
    return t->failed ? NULL : result[net->count - 1].reals;
}

bool cnn_bytes_take(const cnn_net *net, const nn_tape *t, int last)
{
    return cnn_net_is_narrow(net) && !t->recording && !t->training && last == net->count - 1;
}

bool cnn_forward_by_bytes(const cnn_net *net, nn_tape *t, workspace *space, int worker, const nn_var *x,
                          const cnn_extent *extent, real *y)
{
    nn_var photo = *x;
    photo.dim[0] = 1;
    for (int i = 0; i < x->dim[0]; i++, photo.data += nn_count(&photo)) {
        const nn_var *one = run_photo(net, t, space, worker, &photo, extent);
        if (!one) return false;
        memcpy(y, one->data, nn_count(one) * sizeof *y);
        y += nn_count(one);
    }
    return true;
}
