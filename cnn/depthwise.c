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

static void forward_pixel(const depth_ctx *c, const real *image, int oy, int ox, real *y)
{
    int h = c->x->dim[1], w = c->x->dim[2], ch = c->x->dim[3], y0, y1, x0, x1, count = 0;
    const real *in[CNN_MAX_KERNEL * CNN_MAX_KERNEL], *k[CNN_MAX_KERNEL * CNN_MAX_KERNEL];
    taps(c->win, oy, h, &y0, &y1);
    taps(c->win, ox, w, &x0, &x1);
    for (int ky = y0; ky < y1; ky++)
        for (int kx = x0; kx < x1; kx++, count++) {
            int iy = oy * c->win.stride + ky - c->win.pad, ix = ox * c->win.stride + kx - c->win.pad;
            in[count] = image + ((size_t)iy * (size_t)w + (size_t)ix) * (size_t)ch;
            k[count] = c->w->data + (size_t)(ky * c->win.kernel + kx) * (size_t)ch;
        }
    c->k->depthwise(in, k, count, c->b ? c->b->data : NULL, c->act == NN_LINEAR ? -INFINITY : 0,
                    highest(c->act), ch, y);
}

/* Pixels first..last-1 of a row, whose windows do not leave the map at the sides. */
static void forward_inside(const depth_ctx *c, const real *image, int oy, int first, int last, real *y)
{
    int y0, y1, k = c->win.kernel;
    size_t ch = (size_t)c->x->dim[3], line = (size_t)c->x->dim[2] * ch;
    const real *rows[CNN_MAX_KERNEL];
    taps(c->win, oy, c->x->dim[1], &y0, &y1);
    for (int ky = y0; ky < y1; ky++)
        rows[ky - y0] = image + (size_t)(oy * c->win.stride + ky - c->win.pad) * line +
                        (size_t)(first * c->win.stride - c->win.pad) * ch;
    c->k->depthwise_row(rows, y1 - y0, k, c->w->data + (size_t)(y0 * k) * ch, c->b ? c->b->data : NULL,
                        c->act == NN_LINEAR ? -INFINITY : 0, highest(c->act), c->win.stride, last - first,
                        (int)ch, y + (size_t)first * ch);
}

/* One task per row of one image. */
static void forward_row(void *p, size_t begin, size_t end)
{
    depth_ctx *c = p;
    int oh = c->y->dim[1], ow = c->y->dim[2], ch = c->y->dim[3], w = c->x->dim[2], s = c->win.stride;
    size_t image = (size_t)c->x->dim[1] * (size_t)w * (size_t)ch;
    int first = (c->win.pad + s - 1) / s, last = (w + c->win.pad - c->win.kernel) / s + 1;
    bool rowwise = c->win.kernel <= 3 && first < last && w >= c->win.kernel;
    for (size_t r = begin; r < end; r++) {
        const real *x = c->x->data + r / (size_t)oh * image;
        real *y = c->y->data + r * (size_t)ow * (size_t)ch;
        int oy = (int)(r % (size_t)oh);
        for (int ox = 0; ox < ow; ox++)
            if (!rowwise || ox < first || ox >= last)
                forward_pixel(c, x, oy, ox, y + (size_t)ox * (size_t)ch);
        if (rowwise) forward_inside(c, x, oy, first, last, y);
    }
}

static void backward_pixel(const depth_ctx *c, size_t image, int oy, int ox, const real *y, real *dy,
                           real *dw, real *db)
{
    int h = c->x->dim[1], w = c->x->dim[2], ch = c->x->dim[3], y0, y1, x0, x1;
    if (c->act != NN_LINEAR) c->k->rectify_back(y, highest(c->act), dy, ch);
    c->k->add(dy, db, ch);
    taps(c->win, oy, h, &y0, &y1);
    taps(c->win, ox, w, &x0, &x1);
    for (int ky = y0; ky < y1; ky++)
        for (int kx = x0; kx < x1; kx++) {
            int iy = oy * c->win.stride + ky - c->win.pad, ix = ox * c->win.stride + kx - c->win.pad;
            size_t at = image + ((size_t)iy * (size_t)w + (size_t)ix) * (size_t)ch;
            size_t tap = (size_t)(ky * c->win.kernel + kx) * (size_t)ch;
            const real *in = c->x->data + at, *k = c->w->data + tap;
            c->k->product_add(dy, in, dw + tap, ch);
            if (c->dx) c->k->product_add(dy, k, c->dx + at, ch);
        }
}

static void backward_group(void *p, int group, int worker)
{
    (void)worker;
    depth_ctx *c = p;
    int images = c->x->dim[0], oh = c->y->dim[1], ow = c->y->dim[2], ch = c->y->dim[3];
    int first = group * c->group_images,
        last = first + c->group_images < images ? first + c->group_images : images;
    size_t size = (size_t)c->x->dim[1] * (size_t)c->x->dim[2] * (size_t)ch, weights = nn_count(c->w);
    real *dw = c->dw_parts + (size_t)group * (weights + (size_t)ch);
    for (int n = first; n < last; n++)
        for (int oy = 0; oy < oh; oy++)
            for (int ox = 0; ox < ow; ox++) {
                size_t at = (((size_t)n * (size_t)oh + (size_t)oy) * (size_t)ow + (size_t)ox) * (size_t)ch;
                backward_pixel(c, (size_t)n * size, oy, ox, c->y->data + at, c->y->grad + at, dw,
                               dw + weights);
            }
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
    c->dx = nn_grad_add(t, c->x);
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
