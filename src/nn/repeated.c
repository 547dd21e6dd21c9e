#include "src/nn/repeated.h"

#include <string.h>

#include "src/math/gemm_own.h"

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
    r->rows += rows;
    return r;
}

/* In the memory of the step: what is in order is forgotten with it, before the weights change. */
static void make_ready(nn_tape *t, int k, int n, mat w, nn_ready *to)
{
    switch (gemm_wants(t->precision)) {
    case GEMM_IN_PANELS: {
        packed *p = nn_alloc(t, sizeof *p);
        void *panels = nn_scratch(t, packed_bf16_bytes(k, n));
        if (t->failed) return;
        packed_place_bf16(t->threads, p, k, n, w, panels);
        to->panels = p;
        break;
    }
    case GEMM_IN_ORDER: {
        real *ordered = nn_scratch(t, gemm_ordered_count(t->k, n, k) * sizeof *ordered);
        if (ordered) gemm_order(t->threads, t->k, n, k, w, ordered);
        to->ordered = ordered;
        break;
    }
    case GEMM_AS_STORED:
        break;
    }
}

/* y[rows,n] = a[rows,k] op(w) + beta y */
static void multiply(nn_tape *t, const nn_repeated *r, gemm_op op, nn_ready *ready, int rows, int n, int k,
                     const real *a, real beta, real *y)
{
    mat w = {r->w->data, r->w->dim[1], op};
    gemm_shape s = {rows, n, k};
    if (r->uses > 1 && !ready->panels && !ready->ordered) make_ready(t, k, n, w, ready);
    if (ready->panels)
        packed_product_on(t->threads, ready->panels, rows, a, k, beta, y, n);
    else if (ready->ordered)
        gemm_own_ordered(t->threads, t->k, s, mat_n(a, k), ready->ordered, beta, (mat_out){y, n});
    else
        gemm(t->threads, t->precision, s, mat_n(a, k), w, beta, (mat_out){y, n});
}

void nn_repeated_forward(nn_tape *t, nn_repeated *r, int rows, const real *x, real beta, real *y)
{
    multiply(t, r, r->tied ? GEMM_T : GEMM_N, &r->forward, rows, out_of(r), in_of(r), x, beta, y);
}

void nn_repeated_back(nn_tape *t, nn_repeated *r, int rows, const real *dy, real beta, real *dx)
{
    multiply(t, r, r->tied ? GEMM_N : GEMM_T, &r->back, rows, in_of(r), out_of(r), dy, beta, dx);
}

void nn_product_gradient(nn_tape *t, nn_var *w, bool tied, int rows, const real *x, const real *dy)
{
    int in = w->dim[tied ? 1 : 0], out = w->dim[tied ? 0 : 1];
    real beta, *dw = dy && rows ? nn_grad(t, w, &beta) : NULL;
    if (dw && tied)
        gemm(t->threads, t->precision, (gemm_shape){out, in, rows}, mat_t(dy, out), mat_n(x, in), beta,
             (mat_out){dw, in});
    else if (dw)
        gemm(t->threads, t->precision, (gemm_shape){in, out, rows}, mat_t(x, in), mat_n(dy, out), beta,
             (mat_out){dw, out});
}

typedef struct gathering {
    const real *from[2]; /* x, dy */
    real *to[2];
    size_t width[2];
} gathering;

static void gather_rows(void *p, size_t begin, size_t end)
{
    const gathering *g = p;
    for (int i = 0; i < 2; i++)
        memcpy(g->to[i] + begin * g->width[i], g->from[i] + begin * g->width[i],
               (end - begin) * g->width[i] * sizeof(real));
}

static void gather_operands(nn_tape *t, nn_repeated *r, int rows, const real *x, const real *dy)
{
    size_t in = in_of(r), out = out_of(r);
    if (!r->x) {
        r->x = nn_scratch(t, r->rows * in * sizeof *r->x);
        r->dy = nn_scratch(t, r->rows * out * sizeof *r->dy);
        if (t->failed) return;
    }
    gathering g = {{x, dy}, {r->x + r->gathered * in, r->dy + r->gathered * out}, {in, out}};
    nn_parallel(t, rows, 8, gather_rows, &g);
    r->gathered += rows;
}

void nn_repeated_gradient(nn_tape *t, nn_repeated *r, int rows, const real *x, const real *dy)
{
    r->left--;
    if (!nn_wants(t, r->w)) return;
    if (r->uses == 1) {
        nn_product_gradient(t, r->w, r->tied, rows, x, dy);
        return;
    }
    if (dy) gather_operands(t, r, rows, x, dy);
    if (!r->left && !t->failed) nn_product_gradient(t, r->w, r->tied, (int)r->gathered, r->x, r->dy);
}
