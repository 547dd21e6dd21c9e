/* The rearranging ops of activation.h: concatenation, means, rows. */
#include <string.h>

#include "src/nn/activation.h"

typedef struct arrange_ctx {
    nn_var *a, *b, *y;
    nn_var **parts;
    const int32_t *index;
    int count, begin;
} arrange_ctx;

static arrange_ctx *record(nn_tape *t, nn_var *y, nn_backward_fn backward, arrange_ctx values)
{
    arrange_ctx *c = y && y->wants_grad ? nn_alloc(t, sizeof *c) : NULL;
    if (!c) return NULL;
    *c = values;
    nn_record(t, backward, c);
    return c;
}

static size_t row_size(const nn_var *v)
{
    return nn_count(v) / v->dim[0];
}

/* ---- concat ---- */

static void add_columns(const kernels *k, real *d, const real *dy, int rows, size_t width, size_t stride)
{
    for (int i = 0; d && i < rows; i++) k->vector.add(dy + i * stride, d + i * width, (int)width);
}

static void concat_backward(nn_tape *t, void *p)
{
    arrange_ctx *c = p;
    const real *dy = c->y->grad;
    if (!dy) return;
    size_t a = nn_last(c->a), b = nn_last(c->b);
    add_columns(t->k, nn_grad_add(t, c->a), dy, nn_rows(c->a), a, a + b);
    add_columns(t->k, nn_grad_add(t, c->b), dy + a, nn_rows(c->a), b, a + b);
}

nn_var *nn_concat(nn_tape *t, nn_var *a, nn_var *b)
{
    if (t->failed || !a || !b) return NULL;
    int dim[NN_MAX_RANK];
    memcpy(dim, a->dim, sizeof dim);
    dim[a->rank - 1] += nn_last(b);
    nn_var *y = nn_result(t, a->rank, dim, nn_wants(t, a) || nn_wants(t, b));
    if (!y) return NULL;
    size_t wa = nn_last(a), wb = nn_last(b);
    for (size_t i = 0, n = nn_rows(a); i < n; i++) {
        memcpy(y->data + i * (wa + wb), a->data + i * wa, wa * sizeof(real));
        memcpy(y->data + i * (wa + wb) + wa, b->data + i * wb, wb * sizeof(real));
    }
    record(t, y, concat_backward, (arrange_ctx){.a = a, .b = b, .y = y});
    return t->failed ? NULL : y;
}

/* ---- mean over encoder states ---- */

static int states(const arrange_ctx *c, int row)
{
    return c->index ? c->index[row] : c->a->dim[1];
}

static void mean_backward(nn_tape *t, void *p)
{
    arrange_ctx *c = p;
    real *dx = c->y->grad ? nn_grad_add(t, c->a) : NULL;
    size_t d = c->a->dim[2], l = c->a->dim[1];
    for (int n = 0; dx && n < c->a->dim[0]; n++) {
        int count = states(c, n);
        for (int i = 0; i < count; i++)
            t->k->vector.axpy(1 / (real)count, c->y->grad + n * d, dx + (n * l + i) * d, (int)d);
    }
}

nn_var *nn_mean(nn_tape *t, nn_var *x, const int32_t *length)
{
    if (t->failed || !x) return NULL;
    nn_var *y = nn_result(t, 2, (int[]){x->dim[0], x->dim[2]}, nn_wants(t, x));
    if (!y) return NULL;
    arrange_ctx c = {.a = x, .y = y, .index = length};
    size_t d = x->dim[2], l = x->dim[1];
    memset(y->data, 0, nn_count(y) * sizeof(real));
    for (int n = 0; n < x->dim[0]; n++) {
        int count = states(&c, n);
        real *row = y->data + n * d;
        t->k->norm.column_sums(x->data + n * l * d, count, (int)d, row);
        for (size_t j = 0; j < d; j++) row[j] /= (real)count;
    }
    record(t, y, mean_backward, c);
    return t->failed ? NULL : y;
}

/* ---- rows ---- */

static void gather_backward(nn_tape *t, void *p)
{
    arrange_ctx *c = p;
    real *dx = c->y->grad ? nn_grad_add(t, c->a) : NULL;
    size_t width = row_size(c->a);
    for (int i = 0; dx && i < c->count; i++)
        t->k->vector.add(c->y->grad + i * width, dx + c->index[i] * width, (int)width);
}

nn_var *nn_gather(nn_tape *t, nn_var *x, const int32_t *index, int n)
{
    if (t->failed || !x) return NULL;
    int dim[NN_MAX_RANK];
    memcpy(dim, x->dim, sizeof dim);
    dim[0] = n;
    nn_var *y = nn_result(t, x->rank, dim, nn_wants(t, x));
    if (!y) return NULL;
    size_t width = row_size(x);
    for (int i = 0; i < n; i++) memcpy(y->data + i * width, x->data + index[i] * width, width * sizeof(real));
    record(t, y, gather_backward, (arrange_ctx){.a = x, .y = y, .index = index, .count = n});
    return t->failed ? NULL : y;
}

enum { MAX_PLACED = 2 };

typedef struct place_ctx {
    nn_var *parts[MAX_PLACED], *y;
    const int32_t *index[MAX_PLACED];
    int count;
} place_ctx;

/* Rows of dy, `stride` apart, to where they came from. A fresh gradient is set by the first row that comes
 * to a place and cleared where none does. */
static void put_back(nn_tape *t, const real *dy, size_t stride, const int32_t *index, size_t rows, nn_var *x)
{
    real beta, *dx = nn_grad(t, x, &beta);
    size_t width = nn_last(x), places = nn_rows(x);
    unsigned char *taken = dx && beta == 0 ? nn_alloc(t, places) : NULL;
    if (t->failed || !dx) return;
    for (size_t r = 0; r < rows; r++, dy += stride) {
        if (index[r] < 0) continue;
        real *to = dx + index[r] * width;
        if (taken && !taken[index[r]]) {
            memcpy(to, dy, width * sizeof *to);
            taken[index[r]] = 1;
        } else
            t->k->vector.add(dy, to, (int)width);
    }
    for (size_t i = 0; taken && i < places; i++)
        if (!taken[i]) memset(dx + i * width, 0, width * sizeof *dx);
}

static void place_backward(nn_tape *t, void *p)
{
    place_ctx *c = p;
    const real *dy = c->y->grad;
    for (int i = 0; dy && i < c->count; dy += nn_last(c->parts[i++]))
        put_back(t, dy, nn_last(c->y), c->index[i], nn_rows(c->y), c->parts[i]);
}

static void place_rows(real *y, size_t stride, const nn_var *x, const int32_t *index, int rows)
{
    size_t width = nn_last(x);
    for (int r = 0; r < rows; r++, y += stride)
        if (index[r] < 0)
            memset(y, 0, width * sizeof *y);
        else
            memcpy(y, x->data + index[r] * width, width * sizeof *y);
}

nn_var *nn_place(nn_tape *t, nn_var *const *parts, const int32_t *const *index, int count, int rows)
{
    place_ctx c = {.count = count};
    int width = 0;
    bool wants = false;
    for (int i = 0; i < count; i++) {
        if (t->failed || !parts[i]) return NULL;
        c.parts[i] = parts[i];
        c.index[i] = index[i];
        width += nn_last(parts[i]);
        wants = wants || nn_wants(t, parts[i]);
    }
    c.y = nn_result(t, 2, (int[]){rows, width}, wants);
    place_ctx *kept = c.y && wants ? nn_alloc(t, sizeof *kept) : NULL;
    if (t->failed) return NULL;
    real *to = c.y->data;
    for (int i = 0; i < count; to += nn_last(parts[i++])) place_rows(to, width, parts[i], index[i], rows);
    if (!kept) return c.y;
    *kept = c;
    nn_record(t, place_backward, kept);
    return t->failed ? NULL : c.y;
}

static void slice_backward(nn_tape *t, void *p)
{
    arrange_ctx *c = p;
    real *dx = c->y->grad ? nn_grad_add(t, c->a) : NULL;
    if (dx) nn_add_into(t, dx + c->begin * row_size(c->a), c->y->grad, nn_count(c->y));
}

/* A view: the result shares the data of x and has a gradient of its own. */
static nn_var *view(nn_tape *t, nn_var *x, real *data, int rank, const int *dim)
{
    nn_var *y = nn_input(t, data, rank, dim);
    if (y) y->wants_grad = nn_wants(t, x);
    return y;
}

nn_var *nn_slice(nn_tape *t, nn_var *x, int begin, int n)
{
    if (t->failed || !x) return NULL;
    if (begin == 0 && n == x->dim[0]) return x;
    int dim[NN_MAX_RANK];
    memcpy(dim, x->dim, sizeof dim);
    dim[0] = n;
    nn_var *y = view(t, x, x->data + begin * row_size(x), x->rank, dim);
    record(t, y, slice_backward, (arrange_ctx){.a = x, .y = y, .begin = begin});
    return t->failed ? NULL : y;
}

/* Nobody looks at the gradient of y any more: the first to come is handed on. */
static void reshape_backward(nn_tape *t, void *p)
{
    arrange_ctx *c = p;
    if (!c->y->grad || !c->a->wants_grad) return;
    if (c->a->grad)
        nn_add_into(t, c->a->grad, c->y->grad, nn_count(c->y));
    else
        c->a->grad = c->y->grad;
}

nn_var *nn_reshape(nn_tape *t, nn_var *x, int rank, const int *dim)
{
    if (t->failed || !x) return NULL;
    nn_var *y = view(t, x, x->data, rank, dim);
    record(t, y, reshape_backward, (arrange_ctx){.a = x, .y = y});
    return t->failed ? NULL : y;
}

static void stack_backward(nn_tape *t, void *p)
{
    arrange_ctx *c = p;
    const real *dy = c->y->grad;
    for (int i = 0; dy && i < c->count; i++) {
        real *d = nn_grad_add(t, c->parts[i]);
        if (d) nn_add_into(t, d, dy, nn_count(c->parts[i]));
        dy += nn_count(c->parts[i]);
    }
}

nn_var *nn_stack(nn_tape *t, nn_var *const *parts, int count)
{
    int dim[NN_MAX_RANK], rows = 0;
    bool wants = false;
    for (int i = 0; i < count; i++) {
        if (!parts[i]) return NULL;
        rows += parts[i]->dim[0];
        wants = wants || nn_wants(t, parts[i]);
    }
    memcpy(dim, parts[0]->dim, sizeof dim);
    dim[0] = rows;
    nn_var *y = nn_result(t, parts[0]->rank, dim, wants);
    nn_var **copy = nn_alloc(t, count * sizeof(nn_var *));
    if (!y || !copy) return NULL;
    real *to = y->data;
    for (int i = 0; i < count; i++) {
        copy[i] = parts[i];
        memcpy(to, parts[i]->data, nn_count(parts[i]) * sizeof(real));
        to += nn_count(parts[i]);
    }
    record(t, y, stack_backward, (arrange_ctx){.y = y, .parts = copy, .count = count});
    return t->failed ? NULL : y;
}
