#include <stdbool.h>
#include <string.h>

#include "cnn/conv2d.h"

enum { GROUPS = 8 };

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
            in[count] =
                x + (size_t)(row + ky - top) * (size_t)line_of(d) + (size_t)(column + kx) * (size_t)ch;
            k[count] = d->w->data + (size_t)(ky * d->win.kernel + kx) * (size_t)ch;
        }
    d->k->conv.depthwise(in, k, count, d->b ? d->b->data : NULL, least(d), most(d), ch, y);
}

/* Pixels first..last-1 of a row, whose windows do not leave the map at the sides. */
static void forward_inside(const cnn_depth *d, const real *x, int top, int oy, int first, int last, real *y)
{
    int y0, y1, k = d->win.kernel, row = oy * d->win.stride - d->top;
    size_t ch = (size_t)nn_last(d->w);
    const real *rows[CNN_MAX_KERNEL];
    taps(k, row, d->height, &y0, &y1);
    for (int ky = y0; ky < y1; ky++)
        rows[ky - y0] = x + (size_t)(row + ky - top) * (size_t)line_of(d) +
                        (size_t)(first * d->win.stride - d->left) * ch;
    d->k->conv.depthwise_row(rows, y1 - y0, k, d->w->data + (size_t)(y0 * k) * ch, d->b ? d->b->data : NULL,
                             least(d), most(d), d->win.stride, last - first, (int)ch, y + (size_t)first * ch);
}

void cnn_depthwise_line(const cnn_depth *d, const real *x, int top, int oy, real *y)
{
    int ow = cnn_out_size(d->width, d->win), ch = nn_last(d->w), first, last;
    inside(d, &first, &last);
    bool rowwise = (d->win.kernel == 3 || d->win.kernel == 5) && first < last;
    for (int ox = 0; ox < ow; ox++)
        if (!rowwise || ox < first || ox >= last)
            forward_pixel(d, x, top, oy, ox, y + (size_t)ox * (size_t)ch);
    if (rowwise) forward_inside(d, x, top, oy, first, last, y);
    if (!d->act->clips) d->act->forward(d->k, y, y, ow * ch);
}

/* One task per row of one image. */
static void forward_row(void *p, size_t begin, size_t end)
{
    depth_ctx *c = p;
    size_t oh = (size_t)c->y->dim[1], line = (size_t)c->y->dim[2] * (size_t)c->y->dim[3],
           image = (size_t)c->d.height * (size_t)line_of(&c->d);
    for (size_t r = begin; r < end; r++)
        cnn_depthwise_line(&c->d, c->x->data + r / oh * image, 0, (int)(r % oh), c->y->data + r * line);
}

/* Output pixels begin..end-1 of a row through the kernel's row ky; x and dx are the rows of the maps it
 * meets.
 */
typedef struct row_pass {
    const real *x, *dy;
    real *dx, *dw;
    int ky;
} row_pass;

static void backward_pixels(const depth_ctx *c, const row_pass *r, int begin, int end)
{
    int ch = c->x->dim[3], k = c->d.win.kernel;
    for (int ox = begin; ox < end; ox++) {
        int first, last, column = ox * c->d.win.stride - c->d.left;
        taps(k, column, c->d.width, &first, &last);
        for (int kx = first; kx < last; kx++) {
            size_t at = (size_t)(column + kx) * (size_t)ch;
            size_t tap = (size_t)(r->ky * k + kx) * (size_t)ch;
            const real *dy = r->dy + (size_t)ox * (size_t)ch;
            c->d.k->vector.product_add(dy, r->x + at, r->dw + tap, ch);
            if (r->dx) c->d.k->vector.product_add(dy, c->w->data + tap, r->dx + at, ch);
        }
    }
}

/* The pixels between the borders of the map by a kernel of their own, if there is one. */
static void backward_row(const depth_ctx *c, const row_pass *r)
{
    int ow = c->y->dim[2], ch = c->x->dim[3], s = c->d.win.stride, k = c->d.win.kernel, begin, end;
    inside(&c->d, &begin, &end);
    if (k != 3 || !r->dx || begin >= end || end > ow) {
        backward_pixels(c, r, 0, ow);
        return;
    }
    size_t at = (size_t)(begin * s - c->d.left) * (size_t)ch, tap = (size_t)(r->ky * k) * (size_t)ch;
    backward_pixels(c, r, 0, begin);
    c->d.k->conv.depthwise_back(r->x + at, c->w->data + tap, r->dy + (size_t)begin * (size_t)ch, end - begin,
                                s, ch, r->dw + tap, r->dx + at);
    backward_pixels(c, r, end, ow);
}

static void backward_image(const depth_ctx *c, int image, real *dw, real *db)
{
    int h = c->x->dim[1], oh = c->y->dim[1], ow = c->y->dim[2], ch = c->x->dim[3], first, last;
    size_t line = (size_t)c->x->dim[2] * (size_t)ch, from = (size_t)image * (size_t)h * line;
    size_t out = (size_t)ow * (size_t)ch, to = (size_t)image * (size_t)oh * out;
    for (int oy = 0; oy < oh; oy++) {
        real *dy = c->y->grad + to + (size_t)oy * out;
        int row = oy * c->d.win.stride - c->d.top;
        if (c->d.act != nn_activation_of(NN_LINEAR))
            c->d.k->vector.rectify_back(c->y->data + to + (size_t)oy * out, c->d.act->high, dy, (int)out);
        c->d.k->norm.column_sums(dy, ow, ch, db);
        taps(c->d.win.kernel, row, h, &first, &last);
        for (int ky = first; ky < last; ky++) {
            size_t at = from + (size_t)(row + ky) * line;
            backward_row(c, &(row_pass){c->x->data + at, dy, c->dx ? c->dx + at : NULL, dw, ky});
        }
    }
}

static void backward_group(void *p, int group, int worker)
{
    (void)worker;
    depth_ctx *c = p;
    int images = c->x->dim[0], first = group * c->group_images,
        last = first + c->group_images < images ? first + c->group_images : images;
    size_t weights = nn_count(c->w);
    real *dw = c->dw_parts + (size_t)group * (weights + (size_t)c->x->dim[3]);
    size_t size = nn_count(c->x) / (size_t)images;
    if (c->fresh) memset(c->dx + (size_t)first * size, 0, (size_t)(last - first) * size * sizeof *c->dx);
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
    size_t weights = nn_count(c->w), part = weights + (size_t)c->x->dim[3];
    c->group_images = (images + GROUPS - 1) / GROUPS;
    int groups = (images + c->group_images - 1) / c->group_images;
    real *dw = nn_grad_add(t, c->w), *db = c->b ? nn_grad_add(t, c->b) : NULL;
    real beta;
    c->dx = nn_grad(t, c->x, &beta);
    c->fresh = c->dx && beta == 0;
    c->dw_parts = nn_alloc(t, (size_t)groups * part * sizeof *dw);
    if (t->failed) return;
    pool_run(t->threads, groups, backward_group, c);
    for (int g = 0; g < groups; g++) {
        add_part(dw, c->dw_parts + (size_t)g * part, weights);
        add_part(db, c->dw_parts + (size_t)g * part + weights, part - weights);
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
    nn_parallel(t, (size_t)dim[0] * (size_t)dim[1], 4, forward_row, c);
    if (y->wants_grad) nn_record(t, depth_backward, c);
    return t->failed ? NULL : y;
}
