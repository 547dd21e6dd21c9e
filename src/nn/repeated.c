#include "src/nn/repeated.h"

#include <string.h>

enum { MOST_ROWS = 256 }; /* beyond, the copy of the weights is a small part of a product */

static int in_of(const nn_repeated *r)
{
    return r->w->dim[r->tied ? 1 : 0];
}

static int out_of(const nn_repeated *r)
{
    return r->w->dim[r->tied ? 0 : 1];
}

nn_repeated *nn_repeat(nn_tape *t, nn_var *w, bool tied, int rows)
{
    if (!t->recording || rows > MOST_ROWS) return NULL;
    nn_repeated *r = t->repeated;
    while (r && (r->w != w || r->tied != tied)) r = r->earlier;
    if (!r) {
        if (!(r = nn_alloc(t, sizeof *r))) return NULL;
        *r = (nn_repeated){.earlier = t->repeated, .w = w, .tied = tied};
        t->repeated = r;
    }
    r->uses++;
    r->left++;
    r->rows += (size_t)rows;
    return r;
}

/* Into the memory of the step: what was packed is forgotten with it, before the weights change. */
static packed *pack(nn_tape *t, const nn_repeated *r, gemm_op op, int k, int n)
{
    bool narrow = gemm_on_tiles(t->precision);
    packed_type type = narrow ? PACKED_BF16 : PACKED_F32;
    packed *p = nn_alloc(t, sizeof *p);
    void *panels = nn_scratch(t, packed_panel_bytes(type, k, n));
    if (t->failed) return NULL;
    packed_place(p, type, op, k, n, r->w->data, r->w->dim[1], panels);
    return p;
}

void nn_repeated_forward(nn_tape *t, nn_repeated *r, int rows, const real *x, real beta, real *y)
{
    int in = in_of(r), out = out_of(r);
    gemm_op op = r->tied ? GEMM_T : GEMM_N;
    if (!r->forward && r->uses > 1) r->forward = pack(t, r, op, in, out);
    if (r->forward)
        packed_product_on(t->threads, r->forward, rows, x, in, beta, y, out);
    else
        gemm(t->threads, t->precision, GEMM_N, op, rows, out, in, x, in, r->w->data, r->w->dim[1], beta, y,
             out);
}

void nn_repeated_back(nn_tape *t, nn_repeated *r, int rows, const real *dy, real beta, real *dx)
{
    int in = in_of(r), out = out_of(r);
    gemm_op op = r->tied ? GEMM_N : GEMM_T;
    if (!r->back && r->uses > 1) r->back = pack(t, r, op, out, in);
    if (r->back)
        packed_product_on(t->threads, r->back, rows, dy, out, beta, dx, in);
    else
        gemm(t->threads, t->precision, GEMM_N, op, rows, in, out, dy, out, r->w->data, r->w->dim[1], beta, dx,
             in);
}

static void add_product(nn_tape *t, nn_repeated *r, int rows, const real *x, const real *dy)
{
    int in = in_of(r), out = out_of(r);
    real beta, *dw = rows ? nn_grad(t, r->w, &beta) : NULL;
    if (!dw) return;
    if (r->tied)
        gemm(t->threads, t->precision, GEMM_T, GEMM_N, out, in, rows, dy, out, x, in, beta, dw, in);
    else
        gemm(t->threads, t->precision, GEMM_T, GEMM_N, in, out, rows, x, in, dy, out, beta, dw, out);
}

static void gather(nn_tape *t, nn_repeated *r, int rows, const real *x, const real *dy)
{
    size_t in = (size_t)in_of(r), out = (size_t)out_of(r);
    if (!r->x) {
        r->x = nn_scratch(t, r->rows * in * sizeof *r->x);
        r->dy = nn_scratch(t, r->rows * out * sizeof *r->dy);
        if (t->failed) return;
    }
    memcpy(r->x + r->gathered * in, x, (size_t)rows * in * sizeof *x);
    memcpy(r->dy + r->gathered * out, dy, (size_t)rows * out * sizeof *dy);
    r->gathered += (size_t)rows;
}

void nn_repeated_gradient(nn_tape *t, nn_repeated *r, int rows, const real *x, const real *dy)
{
    r->left--;
    if (!nn_wants(t, r->w)) return;
    if (r->uses == 1) {
        if (dy) add_product(t, r, rows, x, dy);
        return;
    }
    if (dy) gather(t, r, rows, x, dy);
    if (!r->left && !t->failed) add_product(t, r, (int)r->gathered, r->x, r->dy);
}
