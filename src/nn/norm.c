#include "src/nn/norm.h"

#include <math.h>
#include <string.h>

enum { MAX_CHUNKS = 64 };

/* ---- layer normalisation ---- */

typedef struct layer_ctx {
    const kernels *k;
    nn_var *x, *gamma, *beta, *y;
    real epsilon;
    real *mean, *inverse; /* [rows] */
    size_t chunk;         /* rows of one: fixed by the shape */
    real *dx, *parts;     /* parts [chunks][4][d]: sums for gamma and beta, added up in order, and two rows */
} layer_ctx;

static void layer_some(void *p, size_t begin, size_t end)
{
    const layer_ctx *c = p;
    int d = nn_last(c->x);
    const real *gamma = c->gamma->data, *beta = c->beta->data;
    for (size_t i = begin; i < end; i++) {
        const real *x = c->x->data + i * d;
        real *y = c->y->data + i * d, mean = c->mean[i] = c->k->vector.sum(x, d) / (real)d;
        for (int j = 0; j < d; j++) y[j] = x[j] - mean;
        real inverse = c->inverse[i] = 1 / (real)sqrt(c->k->vector.dot(y, y, d) / (real)d + c->epsilon);
        for (int j = 0; j < d; j++) y[j] = y[j] * inverse * gamma[j] + beta[j];
    }
}

static void layer_some_back(void *p, size_t begin, size_t end)
{
    const layer_ctx *c = p;
    size_t d = nn_last(c->x);
    const real *gamma = c->gamma->data;
    real *to_gamma = c->parts + begin / c->chunk * 4 * d, *to_beta = to_gamma + d, *hat = to_beta + d,
         *g = hat + d;
    memset(to_gamma, 0, 2 * d * sizeof *to_gamma);
    for (size_t i = begin; i < end; i++) {
        const real *x = c->x->data + i * d, *dy = c->y->grad + i * d;
        real mean = c->mean[i], inverse = c->inverse[i];
        for (size_t j = 0; j < d; j++) {
            hat[j] = (x[j] - mean) * inverse;
            g[j] = dy[j] * gamma[j];
        }
        c->k->vector.product_add(dy, hat, to_gamma, (int)d);
        c->k->vector.add(dy, to_beta, (int)d);
        if (!c->dx) continue;
        real flat = c->k->vector.sum(g, (int)d) / (real)d, slope = c->k->vector.dot(g, hat, (int)d) / (real)d;
        real *dx = c->dx + i * d;
        for (size_t j = 0; j < d; j++) dx[j] += inverse * (g[j] - flat - hat[j] * slope);
    }
}

static void layer_backward(nn_tape *t, void *p)
{
    layer_ctx *c = p;
    if (!c->y->grad) return;
    size_t d = nn_last(c->x), rows = nn_rows(c->x), chunks = (rows + c->chunk - 1) / c->chunk;
    c->dx = nn_grad_add(t, c->x);
    real *to_gamma = nn_grad_add(t, c->gamma), *to_beta = nn_grad_add(t, c->beta);
    c->parts = nn_scratch(t, chunks * 4 * d * sizeof *c->parts);
    if (t->failed) return;
    nn_parallel(t, rows, c->chunk, layer_some_back, c);
    for (size_t i = 0; i < chunks; i++) {
        const real *part = c->parts + i * 4 * d;
        if (to_gamma) t->k->vector.add(part, to_gamma, (int)d);
        if (to_beta) t->k->vector.add(part + d, to_beta, (int)d);
    }
}

nn_var *nn_layer_norm(nn_tape *t, nn_var *x, nn_var *gamma, nn_var *beta, double epsilon)
{
    enum { GRAIN = 1 << 13, LEAST_ROWS = 16 };
    if (t->failed || !x) return NULL;
    size_t d = nn_last(x), rows = nn_rows(x);
    nn_var *y = nn_result(t, x->rank, x->dim, nn_wants(t, x) || nn_wants(t, gamma) || nn_wants(t, beta));
    layer_ctx *c = nn_alloc(t, sizeof *c);
    real *stats = nn_scratch(t, 2 * rows * sizeof *stats);
    if (t->failed) return NULL;
    *c = (layer_ctx){t->k, x, gamma, beta, y, (real)epsilon, stats, stats + rows, .chunk = LEAST_ROWS};
    if (c->chunk * MAX_CHUNKS < rows) c->chunk = (rows + MAX_CHUNKS - 1) / MAX_CHUNKS;
    nn_parallel(t, rows, 1 + GRAIN / d, layer_some, c);
    if (y->wants_grad) nn_record(t, layer_backward, c);
    return t->failed ? NULL : y;
}

/* ---- batch normalisation ---- */

typedef struct batch_ctx {
    const kernels *k;
    nn_var *x, *residual, *y;
    nn_batch_norm_params p;
    const nn_activation *act; /* one that clips */
    bool batch_statistics;
    size_t rows, chunk; /* rows per chunk: fixed by the shape */
    int c;
    real *mean, *inverse; /* [C] used for this pass */
    real *parts;          /* [chunks][2][C]: partial sums, added up in order */
    real *factor, *shift; /* [C]: y = x factor + shift */
    real *slope, *offset; /* [C]: dx = factor dy - (offset + (x - mean) slope) */
    real *dx, *dres, beta_x, beta_res;
} batch_ctx;

static int chunks(const batch_ctx *b)
{
    return (int)((b->rows + b->chunk - 1) / b->chunk);
}

static void sum_chunk(void *p, size_t begin, size_t end)
{
    batch_ctx *b = p;
    size_t c = b->c;
    real *sum = b->parts + begin / b->chunk * 2 * c, *squares = sum + c;
    const real *shift = b->p.mean->data; /* near the true mean: keeps sum of squares from cancelling */
    b->k->norm.column_moments(b->x->data + begin * c, (int)(end - begin), b->c, shift, sum, squares);
}

static void total(const batch_ctx *b, int which, int j, double *sum)
{
    *sum = 0;
    for (int k = 0; k < chunks(b); k++) *sum += (double)b->parts[((size_t)k * 2 + which) * b->c + j];
}

static void batch_statistics(nn_tape *t, batch_ctx *b)
{
    nn_parallel(t, b->rows, b->chunk, sum_chunk, b);
    double n = (double)b->rows;
    for (int j = 0; j < b->c; j++) {
        double sum, squares;
        total(b, 0, j, &sum);
        total(b, 1, j, &squares);
        double mean = sum / n, variance = squares / n - mean * mean;
        if (variance < 0) variance = 0;
        mean += (double)b->p.mean->data[j];
        b->mean[j] = (real)mean;
        b->inverse[j] = (real)(1 / sqrt(variance + (double)b->p.epsilon));
        double unbiased = n > 1 ? variance * n / (n - 1) : variance, m = (double)b->p.momentum;
        b->p.mean->data[j] = (real)((1 - m) * (double)b->p.mean->data[j] + m * mean);
        b->p.variance->data[j] = (real)((1 - m) * (double)b->p.variance->data[j] + m * unbiased);
    }
}

static void running_statistics(batch_ctx *b)
{
    for (int j = 0; j < b->c; j++) {
        b->mean[j] = b->p.mean->data[j];
        b->inverse[j] = (real)(1 / sqrt((double)b->p.variance->data[j] + (double)b->p.epsilon));
    }
}

/* y = (x - mean) inverse gamma + beta as one line per channel. */
static void make_line(batch_ctx *b)
{
    for (int j = 0; j < b->c; j++) {
        b->factor[j] = b->inverse[j] * b->p.gamma->data[j];
        b->shift[j] = b->p.beta->data[j] - b->mean[j] * b->factor[j];
    }
}

static void normalise_chunk(void *p, size_t begin, size_t end)
{
    batch_ctx *b = p;
    size_t c = b->c;
    b->k->norm.apply(b->x->data + begin * c, b->residual ? b->residual->data + begin * c : NULL, b->factor,
                     b->shift, (int)(end - begin), b->c, b->act->low, b->act->high, b->y->data + begin * c);
}

/* y->grad is turned into the gradient before the activation, in place: no one else reads it. */
static void grad_sums_chunk(void *p, size_t begin, size_t end)
{
    batch_ctx *b = p;
    size_t c = b->c, at = begin * c;
    real *dgamma = b->parts + begin / b->chunk * 2 * c, *dbeta = dgamma + c;
    b->k->norm.sums(b->x->data + at, b->y->data + at, b->mean, (int)(end - begin), b->c, b->act->low,
                    b->act->high, b->y->grad + at, dgamma, dbeta);
}

static void grad_chunk(void *p, size_t begin, size_t end)
{
    batch_ctx *b = p;
    size_t c = b->c, at = begin * c;
    const real *dy = b->y->grad + at;
    if (b->dres && b->beta_res == 0)
        memcpy(b->dres + at, dy, (end - begin) * c * sizeof *dy);
    else if (b->dres)
        b->k->vector.add(dy, b->dres + at, (int)((end - begin) * c));
    if (b->dx)
        b->k->norm.back(b->x->data + at, dy, b->mean, b->factor, b->slope, b->offset, (int)(end - begin),
                        b->c, b->beta_x, b->dx + at);
}

/* dx = factor (dy - share (dbeta + hat dgamma)) with hat = (x - mean) inverse. */
static void gradient_line(batch_ctx *b, int j, real dgamma, real dbeta)
{
    real share = b->batch_statistics ? (real)(1.0 / (double)b->rows) : 0;
    b->offset[j] = b->factor[j] * share * dbeta;
    b->slope[j] = b->factor[j] * share * b->inverse[j] * dgamma;
}

static void batch_backward(nn_tape *t, void *p)
{
    batch_ctx *b = p;
    if (!b->y->grad) return;
    nn_parallel(t, b->rows, b->chunk, grad_sums_chunk, b);
    real *dgamma = nn_grad_add(t, b->p.gamma), *dbeta = nn_grad_add(t, b->p.beta);
    for (int j = 0; j < b->c; j++) {
        double g, s;
        total(b, 0, j, &g);
        total(b, 1, j, &s);
        g *= (double)b->inverse[j];
        gradient_line(b, j, (real)g, (real)s);
        if (dgamma) dgamma[j] += (real)g;
        if (dbeta) dbeta[j] += (real)s;
    }
    b->dx = nn_grad(t, b->x, &b->beta_x);
    b->dres = nn_grad(t, b->residual, &b->beta_res);
    if (!t->failed) nn_parallel(t, b->rows, b->chunk, grad_chunk, b);
}

nn_var *nn_batch_norm(nn_tape *t, nn_var *x, const nn_batch_norm_params *p, nn_var *residual, nn_act act)
{
    if (t->failed || !x) return NULL;
    if (!nn_activation_of(act)->clips)
        return nn_activate(t, nn_batch_norm(t, x, p, residual, NN_LINEAR), act);
    batch_ctx *b = nn_alloc(t, sizeof *b);
    bool wants = nn_wants(t, x) || nn_wants(t, p->gamma) || nn_wants(t, p->beta) || nn_wants(t, residual);
    nn_var *y = nn_result(t, x->rank, x->dim, wants);
    real *stats = nn_scratch(t, 6 * (size_t)nn_last(x) * sizeof *stats);
    real *parts = nn_scratch(t, 2 * (size_t)MAX_CHUNKS * nn_last(x) * sizeof *parts);
    if (t->failed) return NULL;
    size_t rows = nn_rows(x), chunk = (rows + MAX_CHUNKS - 1) / MAX_CHUNKS;
    *b = (batch_ctx){.k = t->k, .x = x, .residual = residual, .y = y, .p = *p, .rows = rows, .c = nn_last(x)};
    b->act = nn_activation_of(act);
    b->chunk = chunk < 16 ? 16 : chunk;
    b->mean = stats;
    b->inverse = stats + b->c;
    b->factor = stats + 2 * b->c;
    b->shift = stats + 3 * b->c;
    b->slope = stats + 4 * b->c;
    b->offset = stats + 5 * b->c;
    b->parts = parts;
    b->batch_statistics = t->training && p->momentum > 0;
    if (b->batch_statistics)
        batch_statistics(t, b);
    else
        running_statistics(b);
    make_line(b);
    nn_parallel(t, rows, b->chunk, normalise_chunk, b);
    if (y->wants_grad) nn_record(t, batch_backward, b);
    return t->failed ? NULL : y;
}
