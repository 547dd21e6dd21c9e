#include "src/nn/tape.h"

#include <string.h>

struct nn_node {
    nn_node *earlier;
    nn_backward_fn backward;
    void *ctx;
};

void nn_begin(nn_tape *t)
{
    arena_reset(t->mem);
    t->k = kernels_best();
    t->last = NULL;
    t->repeated = NULL;
    t->failed = false;
    t->ops = 0;
}

void *nn_scratch(nn_tape *t, size_t bytes)
{
    void *p = t->failed ? NULL : arena_alloc(t->mem, bytes);
    if (!p) t->failed = true;
    return p;
}

void *nn_alloc(nn_tape *t, size_t bytes)
{
    void *p = nn_scratch(t, bytes);
    if (p) memset(p, 0, bytes);
    return p;
}

size_t nn_count(const nn_var *v)
{
    size_t n = 1;
    for (int i = 0; i < v->rank; i++) n *= v->dim[i];
    return n;
}

int nn_last(const nn_var *v)
{
    return v->dim[v->rank - 1];
}

int nn_rows(const nn_var *v)
{
    int n = 1;
    for (int i = 0; i < v->rank - 1; i++) n *= v->dim[i];
    return n;
}

bool nn_wants(const nn_tape *t, const nn_var *v)
{
    return t->recording && v && v->wants_grad;
}

static nn_var *new_var(nn_tape *t, int rank, const int *dim)
{
    nn_var *v = nn_alloc(t, sizeof *v);
    if (!v) return NULL;
    v->rank = rank;
    for (int i = 0; i < NN_MAX_RANK; i++) v->dim[i] = i < rank ? dim[i] : 1;
    return v;
}

nn_var *nn_input(nn_tape *t, const real *data, int rank, const int *dim)
{
    nn_var *v = new_var(t, rank, dim);
    if (v) v->data = (real *)data; /* never written: wants_grad is false and ops do not write their inputs */
    return v;
}

nn_var *nn_result(nn_tape *t, int rank, const int *dim, bool wants_grad)
{
    nn_var *v = new_var(t, rank, dim);
    if (!v) return NULL;
    v->data = nn_scratch(t, nn_count(v) * sizeof(real));
    v->wants_grad = wants_grad && t->recording;
    if (!t->k) t->k = kernels_best();
    t->ops++;
    return v->data ? v : NULL;
}

void nn_record(nn_tape *t, nn_backward_fn backward, void *ctx)
{
    nn_node *n = t->recording ? nn_scratch(t, sizeof *n) : NULL;
    if (!n) return;
    *n = (nn_node){t->last, backward, ctx};
    t->last = n;
}

real *nn_grad(nn_tape *t, nn_var *v, real *beta)
{
    *beta = 1;
    if (!v || !v->wants_grad) return NULL;
    if (!v->grad) {
        v->grad = nn_scratch(t, nn_count(v) * sizeof(real));
        *beta = 0;
    }
    return v->grad;
}

enum { GRAIN = 1 << 15 };

static void clear_chunk(void *p, size_t begin, size_t end)
{
    memset((real *)p + begin, 0, (end - begin) * sizeof(real));
}

real *nn_grad_add(nn_tape *t, nn_var *v)
{
    real beta;
    real *g = nn_grad(t, v, &beta);
    if (g && beta == 0) nn_parallel(t, nn_count(v), GRAIN, clear_chunk, g);
    return g;
}

void nn_backward_from_grads(nn_tape *t)
{
    for (nn_node *n = t->last; n && !t->failed; n = n->earlier) n->backward(t, n->ctx);
}

void nn_backward(nn_tape *t, nn_var *loss)
{
    real *seed = t->failed || !loss ? NULL : nn_grad_add(t, loss);
    if (!seed) return;
    seed[0] += 1;
    nn_backward_from_grads(t);
}

typedef struct span {
    size_t count, grain;
    nn_body body;
    void *ctx;
} span;

static void run_chunk(void *ctx, int index, int worker)
{
    (void)worker;
    span *s = ctx;
    size_t begin = index * s->grain, end = begin + s->grain;
    s->body(s->ctx, begin, end < s->count ? end : s->count);
}

void nn_parallel(nn_tape *t, size_t count, size_t grain, nn_body body, void *ctx)
{
    span s = {count, grain ? grain : 1, body, ctx};
    pool_run(t->threads, (int)((count + s.grain - 1) / s.grain), run_chunk, &s);
}

typedef struct addition {
    const kernels *k;
    real factor, *y;
    const real *x;
} addition;

static void add_chunk(void *p, size_t begin, size_t end)
{
    addition *a = p;
    a->k->vector.add(a->x + begin, a->y + begin, (int)(end - begin));
}

static void axpy_chunk(void *p, size_t begin, size_t end)
{
    addition *a = p;
    a->k->vector.axpy(a->factor, a->x + begin, a->y + begin, (int)(end - begin));
}

void nn_add_into(nn_tape *t, real *y, const real *x, size_t count)
{
    addition a = {t->k, 1, y, x};
    nn_parallel(t, count, GRAIN, add_chunk, &a);
}

void nn_axpy_into(nn_tape *t, real *y, real factor, const real *x, size_t count)
{
    addition a = {t->k, factor, y, x};
    nn_parallel(t, count, GRAIN, axpy_chunk, &a);
}

enum { SUM_CHUNKS = 16, SUM_ROWS = 64 };

typedef struct columns {
    const kernels *k;
    const real *x;
    real *parts; /* [chunks,cols] */
    size_t chunk;
    int cols;
} columns;

static void sum_chunk(void *p, size_t begin, size_t end)
{
    columns *c = p;
    size_t cols = c->cols;
    c->k->norm.column_sums(c->x + begin * cols, (int)(end - begin), c->cols,
                           c->parts + begin / c->chunk * cols);
}

void nn_column_sums_into(nn_tape *t, real *to, const real *x, int rows, int cols)
{
    size_t chunk = ((size_t)rows + SUM_CHUNKS - 1) / SUM_CHUNKS;
    columns c = {t->k, x, NULL, chunk < SUM_ROWS ? SUM_ROWS : chunk, cols};
    size_t chunks = (rows + c.chunk - 1) / c.chunk;
    c.parts = nn_alloc(t, chunks * cols * sizeof *c.parts);
    if (!c.parts) return;
    nn_parallel(t, rows, c.chunk, sum_chunk, &c);
    for (size_t i = 0; i < chunks; i++) t->k->vector.add(c.parts + i * cols, to, cols);
}
