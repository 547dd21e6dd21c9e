#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "cnn/conv2d.h"

enum { GROUPS = 8 };

typedef struct depth_ctx {
    const kernels *k;
    nn_var *x, *w, *b, *y;
    cnn_window win;
    nn_act act;
    int group_images;
    bool fresh;          /* dx holds nothing yet */
    real *dx, *dw_parts; /* [groups][k*k*C + C]: kernels, then biases */
} depth_ctx;

/* Kernel taps that stay inside the map for output position o: first..last-1. */
static void taps(cnn_window win, int o, int size, int *first, int *last)
{
    int start = o * win.stride - win.pad;
    *first = start < 0 ? -start : 0;
    *last = size - start < win.kernel ? size - start : win.kernel;
}

static real highest(nn_act act)
{
    return act == NN_RELU6 ? 6 : INFINITY;
}

static int line_of(const cnn_depth *d)
{
    return d->width * nn_last(d->w);
}

static void forward_pixel(const cnn_depth *d, const real *x, int top, int oy, int ox, real *y)
{
    int ch = nn_last(d->w), y0, y1, x0, x1, count = 0;
    const real *in[CNN_MAX_KERNEL * CNN_MAX_KERNEL], *k[CNN_MAX_KERNEL * CNN_MAX_KERNEL];
    taps(d->win, oy, d->height, &y0, &y1);
    taps(d->win, ox, d->width, &x0, &x1);
    for (int ky = y0; ky < y1; ky++)
        for (int kx = x0; kx < x1; kx++, count++) {
            int iy = oy * d->win.stride + ky - d->win.pad - top, ix = ox * d->win.stride + kx - d->win.pad;
            in[count] = x + (size_t)iy * (size_t)line_of(d) + (size_t)ix * (size_t)ch;
            k[count] = d->w->data + (size_t)(ky * d->win.kernel + kx) * (size_t)ch;
        }
    d->k->depthwise(in, k, count, d->b ? d->b->data : NULL, d->act == NN_LINEAR ? -INFINITY : 0,
                    highest(d->act), ch, y);
}

/* Pixels first..last-1 of a row, whose windows do not leave the map at the sides. */
static void forward_inside(const cnn_depth *d, const real *x, int top, int oy, int first, int last, real *y)
{
    int y0, y1, k = d->win.kernel;
    size_t ch = (size_t)nn_last(d->w);
    const real *rows[CNN_MAX_KERNEL];
    taps(d->win, oy, d->height, &y0, &y1);
    for (int ky = y0; ky < y1; ky++)
        rows[ky - y0] = x + (size_t)(oy * d->win.stride + ky - d->win.pad - top) * (size_t)line_of(d) +
                        (size_t)(first * d->win.stride - d->win.pad) * ch;
    d->k->depthwise_row(rows, y1 - y0, k, d->w->data + (size_t)(y0 * k) * ch, d->b ? d->b->data : NULL,
                        d->act == NN_LINEAR ? -INFINITY : 0, highest(d->act), d->win.stride, last - first,
                        (int)ch, y + (size_t)first * ch);
}

void cnn_depthwise_line(const cnn_depth *d, const real *x, int top, int oy, real *y)
{
    int w = d->width, s = d->win.stride, ow = cnn_out_size(w, d->win), ch = nn_last(d->w);
    int first = (d->win.pad + s - 1) / s, last = (w + d->win.pad - d->win.kernel) / s + 1;
    bool rowwise = d->win.kernel <= 3 && first < last && w >= d->win.kernel;
    for (int ox = 0; ox < ow; ox++)
        if (!rowwise || ox < first || ox >= last)
            forward_pixel(d, x, top, oy, ox, y + (size_t)ox * (size_t)ch);
    if (rowwise) forward_inside(d, x, top, oy, first, last, y);
}

/* One task per row of one image. */
static void forward_row(void *p, size_t begin, size_t end)
{
    depth_ctx *c = p;
    cnn_depth d = {c->k, c->w, c->b, c->win, c->act, c->x->dim[1], c->x->dim[2]};
    size_t oh = (size_t)c->y->dim[1], line = (size_t)c->y->dim[2] * (size_t)c->y->dim[3],
           image = (size_t)d.height * (size_t)line_of(&d);
    for (size_t r = begin; r < end; r++)
        cnn_depthwise_line(&d, c->x->data + r / oh * image, 0, (int)(r % oh), c->y->data + r * line);
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
    int ch = c->x->dim[3], k = c->win.kernel;
    for (int ox = begin; ox < end; ox++) {
        int first, last;
        taps(c->win, ox, c->x->dim[2], &first, &last);
        for (int kx = first; kx < last; kx++) {
            size_t at = (size_t)(ox * c->win.stride + kx - c->win.pad) * (size_t)ch;
            size_t tap = (size_t)(r->ky * k + kx) * (size_t)ch;
            const real *dy = r->dy + (size_t)ox * (size_t)ch;
            c->k->product_add(dy, r->x + at, r->dw + tap, ch);
            if (r->dx) c->k->product_add(dy, c->w->data + tap, r->dx + at, ch);
        }
    }
}

/* The pixels between the borders of the map by a kernel of their own, if there is one. */
static void backward_row(const depth_ctx *c, const row_pass *r)
{
    int ow = c->y->dim[2], ch = c->x->dim[3], s = c->win.stride, k = c->win.kernel;
    int begin = (c->win.pad + s - 1) / s, end = (c->x->dim[2] + c->win.pad - k) / s + 1;
    if (k != 3 || !r->dx || begin >= end || end > ow) {
        backward_pixels(c, r, 0, ow);
        return;
    }
    size_t at = (size_t)(begin * s - c->win.pad) * (size_t)ch, tap = (size_t)(r->ky * k) * (size_t)ch;
    backward_pixels(c, r, 0, begin);
    c->k->depthwise_back(r->x + at, c->w->data + tap, r->dy + (size_t)begin * (size_t)ch, end - begin, s, ch,
                         r->dw + tap, r->dx + at);
    backward_pixels(c, r, end, ow);
}

static void backward_image(const depth_ctx *c, int image, real *dw, real *db)
{
    int h = c->x->dim[1], oh = c->y->dim[1], ow = c->y->dim[2], ch = c->x->dim[3], first, last;
    size_t line = (size_t)c->x->dim[2] * (size_t)ch, from = (size_t)image * (size_t)h * line;
    size_t out = (size_t)ow * (size_t)ch, to = (size_t)image * (size_t)oh * out;
    for (int oy = 0; oy < oh; oy++) {
        real *dy = c->y->grad + to + (size_t)oy * out;
        if (c->act != NN_LINEAR)
            c->k->rectify_back(c->y->data + to + (size_t)oy * out, highest(c->act), dy, (int)out);
        c->k->column_sums(dy, ow, ch, db);
        taps(c->win, oy, h, &first, &last);
        for (int ky = first; ky < last; ky++) {
            size_t at = from + (size_t)(oy * c->win.stride + ky - c->win.pad) * line;
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
    int dim[4] = {x->dim[0], cnn_out_size(x->dim[1], win), cnn_out_size(x->dim[2], win), x->dim[3]};
    nn_var *y = nn_result(t, 4, dim, nn_wants(t, x) || nn_wants(t, w));
    depth_ctx *c = nn_alloc(t, sizeof *c);
    if (!y || !c) return NULL;
    *c = (depth_ctx){.k = t->k, .x = x, .w = w, .b = b, .y = y, .win = win, .act = act};
    nn_parallel(t, (size_t)dim[0] * (size_t)dim[1], 4, forward_row, c);
    if (y->wants_grad) nn_record(t, depth_backward, c);
    return t->failed ? NULL : y;
}
