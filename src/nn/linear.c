#include "src/nn/linear.h"

#include <string.h>

#include "src/math/packed.h"
#include "src/nn/repeated.h"

typedef struct linear_ctx {
    nn_var *x, *w, *b, *base, *y;
    nn_repeated *shared; /* NULL: the product stands alone */
    bool tied;
} linear_ctx;

static void gradient_of_x(nn_tape *t, const linear_ctx *c)
{
    int n = nn_rows(c->x), in = nn_last(c->x), out = nn_last(c->y);
    real beta, *dx = nn_grad(t, c->x, &beta);
    if (dx && c->shared)
        nn_repeated_back(t, c->shared, n, c->y->grad, beta, dx);
    else if (dx)
        gemm(t->threads, t->precision, (gemm_shape){n, in, out}, mat_n(c->y->grad, out),
             c->tied ? mat_n(c->w->data, in) : mat_t(c->w->data, out), beta, (mat_out){dx, in});
}

static void gradient_of_w(nn_tape *t, const linear_ctx *c)
{
    int rows = nn_rows(c->x);
    if (c->shared)
        nn_repeated_gradient(t, c->shared, rows, c->x->data, c->y->grad);
    else
        nn_product_gradient(t, c->w, c->tied, rows, c->x->data, c->y->grad);
}

static void linear_backward(nn_tape *t, void *p)
{
    linear_ctx *c = p;
    real *dy = c->y->grad;
    gradient_of_w(t, c);
    if (!dy) return;
    gradient_of_x(t, c);
    real *db = c->b ? nn_grad_add(t, c->b) : NULL;
    if (db) nn_column_sums_into(t, db, dy, nn_rows(c->y), nn_last(c->y));
    if (!c->base || !c->base->wants_grad) return;
    if (c->base->grad)
        nn_add_into(t, c->base->grad, dy, nn_count(c->y));
    else
        c->base->grad = dy; /* nobody looks at that of y any more */
}

typedef struct row_start {
    real *y;
    const real *base, *bias;
    size_t cols;
} row_start;

static void start_some(void *p, size_t begin, size_t end)
{
    const row_start *s = p;
    real *y = s->y + begin * s->cols;
    if (s->base)
        memcpy(y, s->base + begin * s->cols, (end - begin) * s->cols * sizeof *y);
    else
        for (size_t i = begin; i < end; i++, y += s->cols) memcpy(y, s->bias, s->cols * sizeof *y);
}

static void start_rows(nn_tape *t, nn_var *y, const nn_var *base, const nn_var *bias)
{
    enum { GRAIN = 1 << 15 };
    row_start s = {y->data, base ? base->data : NULL, bias ? bias->data : NULL, nn_last(y)};
    if (base || bias) nn_parallel(t, nn_rows(y), 1 + GRAIN / s.cols, start_some, &s);
}

static nn_var *linear(nn_tape *t, nn_var *base, nn_var *x, nn_var *w, nn_var *b, bool tied)
{
    if (t->failed || !x || !w) return NULL;
    int dim[NN_MAX_RANK], in = nn_last(x), out = tied ? w->dim[0] : w->dim[1];
    memcpy(dim, x->dim, sizeof dim);
    dim[x->rank - 1] = out;
    bool wants = nn_wants(t, x) || nn_wants(t, w) || nn_wants(t, b) || nn_wants(t, base);
    nn_var *y = nn_result(t, x->rank, dim, wants);
    if (!y) return NULL;
    start_rows(t, y, base, b);
    real beta = base || b ? 1 : 0;
    nn_repeated *shared = wants ? nn_repeat(t, w, tied, nn_rows(x)) : NULL;
    if (shared)
        nn_repeated_forward(t, shared, nn_rows(x), x->data, beta, y->data);
    else if (w->packed && !t->recording)
        packed_product_on(t->threads, w->packed, nn_rows(x), x->data, in, beta, y->data, out);
    else
        gemm(t->threads, t->precision, (gemm_shape){nn_rows(x), out, in}, mat_n(x->data, in),
             tied ? mat_t(w->data, in) : mat_n(w->data, out), beta, (mat_out){y->data, out});
    linear_ctx *c = wants ? nn_alloc(t, sizeof *c) : NULL;
    if (c) {
        *c = (linear_ctx){x, w, b, base, y, shared, tied};
        nn_record(t, linear_backward, c);
    }
    return t->failed ? NULL : y;
}

nn_var *nn_linear(nn_tape *t, nn_var *x, nn_var *w, nn_var *b)
{
    return linear(t, NULL, x, w, b, false);
}

nn_var *nn_linear_tied(nn_tape *t, nn_var *x, nn_var *w, nn_var *b)
{
    return linear(t, NULL, x, w, b, true);
}

nn_var *nn_linear_onto(nn_tape *t, nn_var *base, nn_var *x, nn_var *w)
{
    return base ? linear(t, base, x, w, NULL, false) : NULL;
}

typedef struct embedding_ctx {
    nn_var *table, *y;
    const int32_t *ids;
} embedding_ctx;

typedef struct embedding_sum {
    const embedding_ctx *c;
    const kernels *k;
    real *table;
} embedding_sum;

/* Some columns of all rows, so that the order of the sums does not depend on the threads. */
static void embedding_columns(void *p, size_t begin, size_t end)
{
    const embedding_sum *s = p;
    const nn_var *y = s->c->y;
    size_t e = nn_last(y);
    for (int i = 0, n = nn_rows(y); i < n; i++)
        s->k->vector.add(y->grad + i * e + begin, s->table + s->c->ids[i] * e + begin, (int)(end - begin));
}

static void embedding_backward(nn_tape *t, void *p)
{
    const embedding_ctx *c = p;
    embedding_sum s = {c, t->k, c->y->grad ? nn_grad_add(t, c->table) : NULL};
    if (s.table) nn_parallel(t, nn_last(c->y), 256, embedding_columns, &s);
}

nn_var *nn_embedding(nn_tape *t, nn_var *table, const int32_t *ids, int n)
{
    if (t->failed || !table) return NULL;
    nn_var *y = nn_result(t, 2, (int[]){n, table->dim[1]}, nn_wants(t, table));
    if (!y) return NULL;
    size_t e = table->dim[1];
    for (int i = 0; i < n; i++) memcpy(y->data + i * e, table->data + ids[i] * e, e * sizeof(real));
    embedding_ctx *c = y->wants_grad ? nn_alloc(t, sizeof *c) : NULL;
    if (c) {
        *c = (embedding_ctx){table, y, ids};
        nn_record(t, embedding_backward, c);
    }
    return t->failed ? NULL : y;
}
