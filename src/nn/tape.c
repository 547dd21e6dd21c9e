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
    t->last = NULL;
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
    for (int i = 0; i < v->rank; i++) n *= (size_t)v->dim[i];
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

real *nn_grad_add(nn_tape *t, nn_var *v)
{
    real beta;
    real *g = nn_grad(t, v, &beta);
    if (g && beta == 0) memset(g, 0, nn_count(v) * sizeof *g);
    return g;
}

void nn_backward(nn_tape *t, nn_var *loss)
{
    real *seed = t->failed || !loss ? NULL : nn_grad_add(t, loss);
    if (!seed) return;
    seed[0] += 1;
    for (nn_node *n = t->last; n && !t->failed; n = n->earlier) n->backward(t, n->ctx);
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
    size_t begin = (size_t)index * s->grain, end = begin + s->grain;
    s->body(s->ctx, begin, end < s->count ? end : s->count);
}

void nn_parallel(nn_tape *t, size_t count, size_t grain, nn_body body, void *ctx)
{
    span s = {count, grain ? grain : 1, body, ctx};
    pool_run(t->threads, (int)((count + s.grain - 1) / s.grain), run_chunk, &s);
}
