#include "src/nn/loss.h"

#include <math.h>

typedef struct loss_ctx {
    const kernels *k;
    nn_var *logits, *y;
    const int32_t *targets;
    const real *weight; /* [N]; NULL: all are 1 */
    const real *goal;
    int32_t ignore;
    int count;
    real smoothing;
    real *dlogits;          /* [N, V]: gradient for y->grad = 1, made in the forward pass */
    double *row_loss, *nll; /* [N] */
    unsigned char *hit;
    real scale, beta, *dx;
} loss_ctx;

/* Maximum and ln sum exp(x - maximum), with exp(x - maximum) left in e. */
static double log_sum_exp(const kernels *k, const real *x, real *e, int n, real *max, int *argmax)
{
    int best = 0;
    *max = k->vector.largest(x, n);
    while (best < n - 1 && x[best] != *max) best++;
    *argmax = best;
    return log((double)k->vector.exp_shifted(x, *max, e, n));
}

static void loss_row(loss_ctx *c, size_t i)
{
    int v = nn_last(c->logits), target = c->targets[i], best;
    const real *x = c->logits->data + i * v;
    real *d = c->dlogits + i * v, top;
    double lse = log_sum_exp(c->k, x, d, v, &top, &best);
    bool counts = target != c->ignore;
    real weight = !counts ? 0 : c->weight ? c->weight[i] : 1;
    real inverse = counts ? weight * (real)exp(-lse) : 0, even = weight * c->smoothing / (real)v;
    for (int j = 0; j < v; j++) d[j] = d[j] * inverse - even;
    c->row_loss[i] = c->nll[i] = 0;
    c->hit[i] = 0;
    if (!counts) return;
    d[target] -= weight * (1 - c->smoothing);
    double nll = lse + (double)top - (double)x[target],
           mean = lse + (double)top - (double)c->k->vector.sum(x, v) / v;
    c->nll[i] = nll;
    c->row_loss[i] = (double)weight * ((1 - (double)c->smoothing) * nll + (double)c->smoothing * mean);
    c->hit[i] = best == target;
}

static void loss_rows(void *p, size_t begin, size_t end)
{
    for (size_t i = begin; i < end; i++) loss_row(p, i);
}

static void scale_rows(void *p, size_t begin, size_t end)
{
    loss_ctx *c = p;
    if (c->beta == 0)
        for (size_t i = begin; i < end; i++) c->dx[i] = c->scale * c->dlogits[i];
    else
        for (size_t i = begin; i < end; i++) c->dx[i] += c->scale * c->dlogits[i];
}

static void loss_backward(nn_tape *t, void *p)
{
    loss_ctx *c = p;
    c->dx = c->y->grad ? nn_grad(t, c->logits, &c->beta) : NULL;
    if (!c->dx) return;
    c->scale = c->y->grad[0] / (real)(c->count ? c->count : 1);
    nn_parallel(t, nn_count(c->logits), 1 << 16, scale_rows, c);
}

static void sum_rows(const loss_ctx *c, int rows, nn_loss_info *info, double *total)
{
    *info = (nn_loss_info){0};
    *total = 0;
    for (int i = 0; i < rows; i++) {
        *total += c->row_loss[i];
        info->nll += c->nll[i];
        info->hits += c->hit[i];
        info->count += c->targets[i] != c->ignore;
    }
}

nn_var *nn_cross_entropy(nn_tape *t, nn_var *logits, const int32_t *targets, int32_t ignore, real smoothing,
                         nn_loss_info *info)
{
    return nn_weighted_cross_entropy(t, logits, targets, NULL, ignore, smoothing, info);
}

nn_var *nn_weighted_cross_entropy(nn_tape *t, nn_var *logits, const int32_t *targets, const real *weight,
                                  int32_t ignore, real smoothing, nn_loss_info *info)
{
    if (t->failed || !logits) return NULL;
    int rows = nn_rows(logits);
    loss_ctx *c = nn_alloc(t, sizeof *c);
    nn_var *y = nn_result(t, 1, (int[]){1}, nn_wants(t, logits));
    real *d = nn_scratch(t, nn_count(logits) * sizeof *d);
    double *sums = nn_alloc(t, 2 * (size_t)rows * sizeof *sums);
    unsigned char *hit = nn_alloc(t, rows);
    if (t->failed) return NULL;
    *c = (loss_ctx){.k = t->k, .logits = logits, .y = y, .targets = targets, .ignore = ignore, .dlogits = d};
    c->weight = weight;
    c->smoothing = smoothing;
    c->row_loss = sums;
    c->nll = sums + rows;
    c->hit = hit;
    nn_parallel(t, rows, 16, loss_rows, c);
    nn_loss_info local;
    double total;
    sum_rows(c, rows, &local, &total);
    c->count = local.count;
    y->data[0] = (real)(total / (local.count ? local.count : 1));
    if (info) *info = local;
    if (y->wants_grad) nn_record(t, loss_backward, c);
    return t->failed ? NULL : y;
}

/* -y ln p - (1 - y) ln (1 - p) with p = sigmoid(x), whatever the size of x. */
static double binary_loss(double x, double y)
{
    return (x > 0 ? x : 0) - x * y + log1p(exp(-fabs(x)));
}

static void binary_rows(void *p, size_t begin, size_t end)
{
    const loss_ctx *c = p;
    size_t v = nn_last(c->logits);
    for (size_t i = begin; i < end; i++) {
        const real *x = c->logits->data + i * v, *y = c->goal + i * v;
        c->row_loss[i] = 0;
        for (size_t j = 0; j < v; j++) c->row_loss[i] += binary_loss((double)x[j], (double)y[j]);
    }
}

static void binary_grads(void *p, size_t begin, size_t end)
{
    const loss_ctx *c = p;
    const real *x = c->logits->data;
    for (size_t i = begin; i < end; i++) {
        real d = c->scale * ((real)(1 / (1 + exp(-(double)x[i]))) - c->goal[i]);
        c->dx[i] = c->beta == 0 ? d : c->dx[i] + d;
    }
}

static void binary_backward(nn_tape *t, void *p)
{
    loss_ctx *c = p;
    c->dx = c->y->grad ? nn_grad(t, c->logits, &c->beta) : NULL;
    if (!c->dx) return;
    c->scale = c->y->grad[0] / (real)nn_rows(c->logits);
    nn_parallel(t, nn_count(c->logits), 1 << 12, binary_grads, c);
}

nn_var *nn_binary_cross_entropy(nn_tape *t, nn_var *logits, const real *target)
{
    if (t->failed || !logits) return NULL;
    int rows = nn_rows(logits);
    nn_var *y = nn_result(t, 1, (int[]){1}, nn_wants(t, logits));
    loss_ctx *c = nn_alloc(t, sizeof *c);
    double *sums = nn_alloc(t, rows * sizeof *sums), total = 0;
    if (t->failed) return NULL;
    *c = (loss_ctx){.logits = logits, .y = y, .goal = target, .row_loss = sums};
    nn_parallel(t, rows, 4, binary_rows, c);
    for (int i = 0; i < rows; i++) total += sums[i];
    y->data[0] = (real)(total / rows);
    if (y->wants_grad) nn_record(t, binary_backward, c);
    return t->failed ? NULL : y;
}

static void squared_backward(nn_tape *t, void *p)
{
    loss_ctx *c = p;
    size_t n = nn_count(c->logits);
    real *dx = c->y->grad ? nn_grad_add(t, c->logits) : NULL,
         k = c->y->grad ? 2 * c->y->grad[0] / (real)n : 0;
    for (size_t i = 0; dx && i < n; i++) dx[i] += k * (c->logits->data[i] - c->goal[i]);
}

nn_var *nn_mean_squared(nn_tape *t, nn_var *x, const real *target)
{
    if (t->failed || !x) return NULL;
    nn_var *y = nn_result(t, 1, (int[]){1}, nn_wants(t, x));
    loss_ctx *c = nn_alloc(t, sizeof *c);
    if (t->failed) return NULL;
    *c = (loss_ctx){.logits = x, .y = y, .goal = target};
    double sum = 0;
    for (size_t i = 0, n = nn_count(x); i < n; i++) {
        double d = (double)(x->data[i] - target[i]);
        sum += d * d;
    }
    y->data[0] = (real)(sum / (double)nn_count(x));
    if (y->wants_grad) nn_record(t, squared_backward, c);
    return t->failed ? NULL : y;
}

void nn_softmax_rows(real *y, const real *x, int rows, int cols)
{
    const kernels *k = kernels_best();
    for (int i = 0; i < rows; i++, x += cols, y += cols) {
        real top;
        int best;
        real inverse = (real)exp(-log_sum_exp(k, x, y, cols, &top, &best));
        for (int j = 0; j < cols; j++) y[j] *= inverse;
    }
}

void nn_log_softmax_rows(real *y, const real *x, int rows, int cols)
{
    const kernels *k = kernels_best();
    for (int i = 0; i < rows; i++, x += cols, y += cols) {
        real top;
        int best;
        real lse = (real)log_sum_exp(k, x, y, cols, &top, &best);
        for (int j = 0; j < cols; j++) y[j] = x[j] - top - lse;
    }
}
