#include "src/nn/activation.h"

#include <string.h>

enum { GRAIN = 1 << 15 };

typedef struct unary_ctx {
    const kernels *k;
    nn_var *x, *y;
    real *mask;
    nn_act act;
    real factor;
    real beta;
    real *dx;
    uint64_t stream, seed;
} unary_ctx;

static unary_ctx *record_unary(nn_tape *t, nn_var *x, nn_var *y, nn_backward_fn backward)
{
    unary_ctx *c = y && y->wants_grad ? nn_alloc(t, sizeof *c) : NULL;
    if (!c) return NULL;
    c->k = t->k;
    c->x = x;
    c->y = y;
    nn_record(t, backward, c);
    return c;
}

static nn_var *like(nn_tape *t, nn_var *x)
{
    return t->failed || !x ? NULL : nn_result(t, x->rank, x->dim, nn_wants(t, x));
}

/* ---- activations ---- */

static void act_forward(void *p, size_t begin, size_t end)
{
    unary_ctx *c = p;
    nn_activation_of(c->act)->forward(c->k, c->x->data + begin, c->y->data + begin, (int)(end - begin));
}

static void act_backward_chunk(void *p, size_t begin, size_t end)
{
    unary_ctx *c = p;
    if (c->beta == 0) memset(c->dx + begin, 0, (end - begin) * sizeof(real));
    nn_activation_of(c->act)->backward(c->x->data + begin, c->y->data + begin, c->y->grad + begin,
                                       c->dx + begin, (int)(end - begin));
}

static void act_backward(nn_tape *t, void *p)
{
    unary_ctx *c = p;
    if (c->y->grad && (c->dx = nn_grad(t, c->x, &c->beta)))
        nn_parallel(t, nn_count(c->y), GRAIN, act_backward_chunk, c);
}

nn_var *nn_activate(nn_tape *t, nn_var *x, nn_act act)
{
    if (act == NN_LINEAR) return x;
    nn_var *y = like(t, x);
    if (!y) return NULL;
    unary_ctx c = {.k = t->k, .x = x, .y = y, .act = act};
    nn_parallel(t, nn_count(x), GRAIN, act_forward, &c);
    unary_ctx *r = record_unary(t, x, y, act_backward);
    if (r) r->act = act;
    return t->failed ? NULL : y;
}

/* ---- dropout ---- */

static void dropout_mask(void *p, size_t begin, size_t end)
{
    unary_ctx *c = p;
    uint32_t drop = (uint32_t)((double)c->factor * 4294967295.0);
    c->k->vector.dropout_mask(c->seed, c->stream, begin / 4, drop, 1 / (1 - c->factor), c->mask + begin,
                              (int)(end - begin));
    for (size_t i = begin; i < end; i++) c->y->data[i] = c->x->data[i] * c->mask[i];
}

static void dropout_backward_chunk(void *p, size_t begin, size_t end)
{
    unary_ctx *c = p;
    c->k->vector.product_add(c->y->grad + begin, c->mask + begin, c->dx + begin, (int)(end - begin));
}

static void dropout_backward(nn_tape *t, void *p)
{
    unary_ctx *c = p;
    c->dx = c->y->grad ? nn_grad_add(t, c->x) : NULL;
    if (c->dx) nn_parallel(t, nn_count(c->y), GRAIN, dropout_backward_chunk, c);
}

nn_var *nn_dropout(nn_tape *t, nn_var *x, real rate)
{
    if (rate <= 0 || !t->training) return x;
    nn_var *y = like(t, x);
    real *mask = y ? nn_scratch(t, nn_count(x) * sizeof *mask) : NULL;
    if (!mask) return NULL;
    unary_ctx c = {.k = t->k,
                   .x = x,
                   .y = y,
                   .mask = mask,
                   .factor = rate,
                   .seed = t->seed,
                   .stream = t->step << 20 | t->ops};
    nn_parallel(t, nn_count(x), GRAIN, dropout_mask, &c);
    unary_ctx *r = record_unary(t, x, y, dropout_backward);
    if (r) r->mask = mask;
    return t->failed ? NULL : y;
}

/* ---- sums, products, scaling ---- */

typedef struct binary_ctx {
    nn_var *a, *b, *y;
} binary_ctx;

static void add_backward(nn_tape *t, void *p)
{
    binary_ctx *c = p;
    if (!c->y->grad) return;
    real *da = nn_grad_add(t, c->a);
    if (da) nn_add_into(t, da, c->y->grad, nn_count(c->y));
    real *db = nn_grad_add(t, c->b);
    if (db) nn_add_into(t, db, c->y->grad, nn_count(c->y));
}

static void mul_backward(nn_tape *t, void *p)
{
    binary_ctx *c = p;
    const real *dy = c->y->grad;
    size_t n = nn_count(c->y);
    real *da = dy ? nn_grad_add(t, c->a) : NULL;
    for (size_t i = 0; da && i < n; i++) da[i] += dy[i] * c->b->data[i];
    real *db = dy ? nn_grad_add(t, c->b) : NULL;
    for (size_t i = 0; db && i < n; i++) db[i] += dy[i] * c->a->data[i];
}

static nn_var *binary(nn_tape *t, nn_var *a, nn_var *b, nn_backward_fn backward)
{
    if (t->failed || !a || !b) return NULL;
    nn_var *y = nn_result(t, a->rank, a->dim, nn_wants(t, a) || nn_wants(t, b));
    binary_ctx *c = y && y->wants_grad ? nn_alloc(t, sizeof *c) : NULL;
    if (c) {
        *c = (binary_ctx){a, b, y};
        nn_record(t, backward, c);
    }
    return t->failed ? NULL : y;
}

nn_var *nn_add(nn_tape *t, nn_var *a, nn_var *b)
{
    nn_var *y = binary(t, a, b, add_backward);
    for (size_t i = 0, n = y ? nn_count(y) : 0; i < n; i++) y->data[i] = a->data[i] + b->data[i];
    return y;
}

nn_var *nn_mul(nn_tape *t, nn_var *a, nn_var *b)
{
    nn_var *y = binary(t, a, b, mul_backward);
    for (size_t i = 0, n = y ? nn_count(y) : 0; i < n; i++) y->data[i] = a->data[i] * b->data[i];
    return y;
}

static void scale_backward(nn_tape *t, void *p)
{
    unary_ctx *c = p;
    real *dx = c->y->grad ? nn_grad_add(t, c->x) : NULL;
    if (dx) nn_axpy_into(t, dx, c->factor, c->y->grad, nn_count(c->y));
}

nn_var *nn_scale(nn_tape *t, nn_var *x, real factor)
{
    nn_var *y = like(t, x);
    for (size_t i = 0, n = y ? nn_count(y) : 0; i < n; i++) y->data[i] = factor * x->data[i];
    unary_ctx *r = record_unary(t, x, y, scale_backward);
    if (r) r->factor = factor;
    return t->failed ? NULL : y;
}

typedef struct sum_ctx {
    nn_var **parts, *y;
    real *weights;
    int count;
} sum_ctx;

static void weighted_sum_backward(nn_tape *t, void *p)
{
    sum_ctx *c = p;
    for (int i = 0; c->y->grad && i < c->count; i++) {
        real *d = nn_grad_add(t, c->parts[i]);
        if (d) d[0] += c->weights[i] * c->y->grad[0];
    }
}

nn_var *nn_weighted_sum(nn_tape *t, nn_var *const *parts, const real *weights, int count)
{
    nn_var *y = nn_result(t, 1, (int[]){1}, true);
    sum_ctx *c = nn_alloc(t, sizeof *c);
    nn_var **copy = nn_alloc(t, count * sizeof *copy);
    real *w = nn_alloc(t, count * sizeof *w);
    if (t->failed) return NULL;
    y->data[0] = 0;
    for (int i = 0; i < count; i++) {
        if (!parts[i]) return NULL;
        copy[i] = parts[i];
        w[i] = weights[i];
        y->data[0] += w[i] * parts[i]->data[0];
    }
    *c = (sum_ctx){copy, y, w, count};
    nn_record(t, weighted_sum_backward, c);
    return t->failed ? NULL : y;
}
