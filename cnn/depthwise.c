#include <stdbool.h>
#include <string.h>

#include "cnn/conv2d.h"
#include "src/base/bounds.h"

enum { GROUPS = 8, BAND = 1 << 14 }; /* numbers of dy that are taken at once */

typedef struct depth_ctx {
    nn_var *x, *w, *b, *y;
    cnn_depth d;
    int group_images;
    bool fresh;          /* dx holds nothing yet */
    real *dx, *dw_parts; /* [groups][k*k*C + C]: kernels, then biases */
} depth_ctx;

/* Kernel taps that stay inside the map where a window begins at `start`: first..last-1. */
static void taps(int kernel, int start, int size, int *first, int *last)
{
    *first = start < 0 ? -start : 0;
    *last = size - start < kernel ? size - start : kernel;
}

cnn_depth cnn_depth_of(const nn_tape *t, const nn_var *w, const nn_var *b, cnn_window win, nn_act act,
                       int height, int width)
{
    return (cnn_depth){t->k,
                       w,
                       b,
                       win,
                       nn_activation_of(act),
                       height,
                       width,
                       cnn_pad_before(height, win),
                       cnn_pad_before(width, win)};
}

static int line_of(const cnn_depth *d)
{
    return d->width * nn_last(d->w);
}

/* Pixels of a row of the result whose windows do not leave the map at the sides: first..last-1. */
static void inside(const cnn_depth *d, int *first, int *last)
{
    *first = (d->left + d->win.stride - 1) / d->win.stride;
    *last = d->width < d->win.kernel ? 0 : (d->width + d->left - d->win.kernel) / d->win.stride + 1;
}

static real least(const cnn_depth *d)
{
    return d->act->clips ? d->act->low : nn_activation_of(NN_LINEAR)->low;
}

static real most(const cnn_depth *d)
{
    return d->act->clips ? d->act->high : nn_activation_of(NN_LINEAR)->high;
}

static void forward_pixel(const cnn_depth *d, const real *x, int top, int oy, int ox, real *y)
{
    int ch = nn_last(d->w), y0, y1, x0, x1, count = 0;
    int row = oy * d->win.stride - d->top, column = ox * d->win.stride - d->left;
    const real *in[CNN_MAX_KERNEL * CNN_MAX_KERNEL], *k[CNN_MAX_KERNEL * CNN_MAX_KERNEL];
    taps(d->win.kernel, row, d->height, &y0, &y1);
    taps(d->win.kernel, column, d->width, &x0, &x1);
    for (int ky = y0; ky < y1; ky++)
        for (int kx = x0; kx < x1; kx++, count++) {
            in[count] = x + (size_t)(row + ky - top) * line_of(d) + (size_t)(column + kx) * ch;
            k[count] = d->w->data + (size_t)(ky * d->win.kernel + kx) * ch;
        }
    d->k->conv.depthwise(in, k, count, d->b ? d->b->data : NULL, least(d), most(d), ch, y);
}

/* Pixels first..last-1 of a row, whose windows do not leave the map at the sides. */
static void forward_inside(const cnn_depth *d, const real *x, int top, int oy, int first, int last, real *y)
{
    int y0, y1, k = d->win.kernel, row = oy * d->win.stride - d->top;
    size_t ch = nn_last(d->w);
    const real *rows[CNN_MAX_KERNEL];
    taps(k, row, d->height, &y0, &y1);
    for (int ky = y0; ky < y1; ky++)
        rows[ky - y0] = x + (size_t)(row + ky - top) * line_of(d) + (first * d->win.stride - d->left) * ch;
    d->k->conv.depthwise_row(rows, y1 - y0, k, d->w->data + y0 * k * ch, d->b ? d->b->data : NULL, least(d),
                             most(d), d->win.stride, last - first, (int)ch, y + first * ch);
}

void cnn_depthwise_line(const cnn_depth *d, const real *x, int top, int oy, real *y)
{
    int ow = cnn_out_size(d->width, d->win), ch = nn_last(d->w), first, last;
    inside(d, &first, &last);
    bool rowwise = (d->win.kernel == 3 || d->win.kernel == 5) && first < last;
    for (int ox = 0; ox < ow; ox++)
        if (!rowwise || ox < first || ox >= last) forward_pixel(d, x, top, oy, ox, y + (size_t)ox * ch);
    if (rowwise) forward_inside(d, x, top, oy, first, last, y);
    if (!d->act->clips) d->act->forward(d->k, y, y, ow * ch);
}

/* One task per row of one image. */
static void forward_row(void *p, size_t begin, size_t end)
{
    depth_ctx *c = p;
    size_t oh = c->y->dim[1], line = (size_t)c->y->dim[2] * c->y->dim[3],
           image = (size_t)c->d.height * line_of(&c->d);
    for (size_t r = begin; r < end; r++)
        cnn_depthwise_line(&c->d, c->x->data + r / oh * image, 0, (int)(r % oh), c->y->data + r * line);
}

/* A pixel of the result: any kernel, any stride. */
static void backward_pixel(const cnn_depth *d, const real *x, const real *dy, int oy, int ox, real *dw,
                           real *dx)
{
    int ch = nn_last(d->w), k = d->win.kernel, y0, y1, x0, x1;
    int row = oy * d->win.stride - d->top, column = ox * d->win.stride - d->left;
    taps(k, row, d->height, &y0, &y1);
    taps(k, column, d->width, &x0, &x1);
    for (int ky = y0; ky < y1; ky++)
        for (int kx = x0; kx < x1; kx++) {
            size_t at = ((size_t)(row + ky) * d->width + (column + kx)) * ch;
            int tap = (ky * k + kx) * ch;
            d->k->vector.product_add(dy, x + at, dw + tap, ch);
            if (dx) d->k->vector.product_add(dy, d->w->data + tap, dx + at, ch);
        }
}

/* Rows first..last-1 of the result, dy being that of the first. */
static void backward_rows(const depth_ctx *c, int first, int last, const real *x, const real *dy, real *dw,
                          real *dx)
{
    const cnn_depth *d = &c->d;
    int k = d->win.kernel, s = d->win.stride, ow = c->y->dim[2], ch = c->y->dim[3];
    if ((k == 3 || k == 5) && (s == 1 || s == 2)) {
        kernels_depthwise_back b = {.kernel = k,
                                    .stride = s,
                                    .top = d->top - first * s,
                                    .left = d->left,
                                    .height = d->height,
                                    .width = d->width,
                                    .out_height = last - first,
                                    .out_width = ow,
                                    .channels = ch};
        d->k->conv.depthwise_back(&b, x, d->w->data, dy, dw, dx);
        return;
    }
    for (int oy = first; oy < last; oy++)
        for (int ox = 0; ox < ow; ox++, dy += ch) backward_pixel(d, x, dy, oy, ox, dw, dx);
}

/* Zeroes rows of dx of an image up to the one that row `oy` of the result reaches; returns where it ended. */
static int clear_rows(const depth_ctx *c, real *dx, int from, int oy)
{
    int to = min_int(oy * c->d.win.stride - c->d.top + c->d.win.kernel, c->d.height);
    size_t line = line_of(&c->d);
    if (to > from) memset(dx + from * line, 0, (to - from) * line * sizeof *dx);
    return max_int(from, to);
}

/* As many rows at a time as stay in cache from one use to the next. */
static void backward_image(const depth_ctx *c, int image, real *dw, real *db)
{
    const cnn_depth *d = &c->d;
    int oh = c->y->dim[1], ow = c->y->dim[2], ch = c->y->dim[3], line = ow * ch;
    int rows = BAND / (line + 1) + 1, cleared = 0;
    size_t in = nn_count(c->x) / c->x->dim[0] * image, out = nn_count(c->y) / c->y->dim[0] * image;
    for (int first = 0, last; first < oh; first = last, out += (size_t)rows * line) {
        last = min_int(first + rows, oh);
        real *dy = c->y->grad + out;
        if (d->act != nn_activation_of(NN_LINEAR))
            d->k->vector.rectify_back(c->y->data + out, d->act->high, dy, (last - first) * line);
        d->k->norm.column_sums(dy, (last - first) * ow, ch, db);
        if (c->fresh) cleared = clear_rows(c, c->dx + in, cleared, last < oh ? last - 1 : c->d.height);
        backward_rows(c, first, last, c->x->data + in, dy, dw, c->dx ? c->dx + in : NULL);
    }
}

static void backward_group(void *p, int group, int worker)
{
    (void)worker;
    depth_ctx *c = p;
    int images = c->x->dim[0], first = group * c->group_images,
        last = first + c->group_images < images ? first + c->group_images : images;
    size_t weights = nn_count(c->w);
    real *dw = c->dw_parts + group * (weights + c->x->dim[3]);
    for (int n = first; n < last; n++) backward_image(c, n, dw, dw + weights);
}

static void add_part(real *d, const real *part, size_t n)
{
    for (size_t i = 0; d && i < n; i++) d[i] += part[i];
}

static void depth_backward(nn_tape *t, void *p)
{
    depth_ctx *c = p;
    if (!c->y->grad) return;
    int images = c->x->dim[0];
    size_t weights = nn_count(c->w), part = weights + c->x->dim[3];
    c->group_images = (images + GROUPS - 1) / GROUPS;
    int groups = (images + c->group_images - 1) / c->group_images;
    real *dw = nn_grad_add(t, c->w), *db = c->b ? nn_grad_add(t, c->b) : NULL;
    real beta;
    c->dx = nn_grad(t, c->x, &beta);
    c->fresh = c->dx && beta == 0;
    c->dw_parts = nn_alloc(t, groups * part * sizeof *dw);
    if (t->failed) return;
    pool_run(t->threads, groups, backward_group, c);
    for (int g = 0; g < groups; g++) {
        add_part(dw, c->dw_parts + g * part, weights);
        add_part(db, c->dw_parts + g * part + weights, part - weights);
    }
}

nn_var *cnn_depthwise(nn_tape *t, nn_var *x, nn_var *w, nn_var *b, cnn_window win, nn_act act)
{
    if (t->failed || !x || !w) return NULL;
    bool wants = nn_wants(t, x) || nn_wants(t, w) || nn_wants(t, b);
    if (wants && !nn_activation_of(act)->clips)
        return nn_activate(t, cnn_depthwise(t, x, w, b, win, NN_LINEAR), act);
    int dim[4] = {x->dim[0], cnn_out_size(x->dim[1], win), cnn_out_size(x->dim[2], win), x->dim[3]};
    nn_var *y = nn_result(t, 4, dim, wants);
    depth_ctx *c = nn_alloc(t, sizeof *c);
    if (!y || !c) return NULL;
    *c = (depth_ctx){.x = x, .w = w, .b = b, .y = y};
    c->d = cnn_depth_of(t, w, b, win, act, x->dim[1], x->dim[2]);
    nn_parallel(t, (size_t)dim[0] * dim[1], 4, forward_row, c);
    if (y->wants_grad) nn_record(t, depth_backward, c);
    return t->failed ? NULL : y;
}
