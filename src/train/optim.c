#include "src/train/optim.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

err_code optim_init(optim *o, optim_kind kind, nn_params *params, error *err)
{
    *o = (optim){
        .kind = kind, .params = params, .beta1 = 0.9, .beta2 = 0.98, .epsilon = 1e-8, .momentum = 0.9};
    o->moment1 = calloc(params->size + 1, sizeof *o->moment1);
    if (kind == OPTIM_ADAMW) o->moment2 = calloc(params->size + 1, sizeof *o->moment2);
    if (o->moment1 && (o->moment2 || kind != OPTIM_ADAMW)) return ERR_OK;
    optim_release(o);
    return err_set(err, ERR_MEMORY, "out of memory for the optimiser's moments of %zu parameters",
                   params->size);
}

void optim_release(optim *o)
{
    free(o->moment1);
    free(o->moment2);
    o->moment1 = o->moment2 = NULL;
}

typedef struct update {
    optim *o;
    double rate, correct1, correct2;
} update;

static void adamw(const update *u, const nn_param *n, double rate)
{
    optim *o = u->o;
    real *w = n->var.data, *m = o->moment1 + n->offset, *v = o->moment2 + n->offset;
    const real *g = n->var.grad;
    real b1 = (real)o->beta1, b2 = (real)o->beta2, step = (real)(rate / u->correct1), eps = (real)o->epsilon;
    real root = (real)(1 / u->correct2), keep = (real)(n->flags & NN_DECAY ? 1 - rate * o->decay : 1);
    for (size_t i = 0, count = nn_count(&n->var); i < count; i++) {
        m[i] = b1 * m[i] + (1 - b1) * g[i];
        v[i] = b2 * v[i] + (1 - b2) * g[i] * g[i];
        w[i] = keep * w[i] - step * m[i] / ((real)sqrt((double)(v[i] * root)) + eps);
    }
}

static void sgd(const update *u, const nn_param *n, double rate)
{
    optim *o = u->o;
    real *w = n->var.data, *m = o->moment1 + n->offset;
    const real *g = n->var.grad;
    real mu = (real)o->momentum, step = (real)rate,
         keep = (real)(n->flags & NN_DECAY ? 1 - rate * o->decay : 1);
    for (size_t i = 0, count = nn_count(&n->var); i < count; i++) {
        m[i] = mu * m[i] + g[i];
        w[i] = keep * w[i] - step * (g[i] + mu * m[i]);
    }
}

static void update_param(void *ctx, int index, int worker)
{
    (void)worker;
    const update *u = ctx;
    const nn_param *n = u->o->params->list[index];
    if (!n->var.grad) return;
    if (u->o->kind == OPTIM_ADAMW)
        adamw(u, n, u->rate * n->rate);
    else
        sgd(u, n, u->rate * n->rate);
}

void optim_step(optim *o, pool *threads, double rate)
{
    o->steps++;
    update u = {o, rate, 1 - pow(o->beta1, (double)o->steps), 1 - pow(o->beta2, (double)o->steps)};
    pool_run(threads, o->params->count, update_param, &u);
}

double optim_clip(nn_params *params, double max_norm)
{
    double sum = 0;
    for (int i = 0; i < params->count; i++) {
        const nn_param *n = params->list[i];
        for (size_t j = 0, count = n->var.grad ? nn_count(&n->var) : 0; j < count; j++)
            sum += (double)n->var.grad[j] * (double)n->var.grad[j];
    }
    double norm = sqrt(sum);
    if (max_norm > 0 && norm > max_norm) {
        real scale = (real)(max_norm / norm);
        for (size_t i = 0; i < params->size; i++) params->grad[i] *= scale;
    }
    return norm;
}

double schedule_rate(const schedule *s, int64_t step)
{
    if (step < s->warmup) return s->rate * (double)(step + 1) / (double)s->warmup;
    if (s->kind == SCHEDULE_CONSTANT || s->steps <= s->warmup) return s->rate;
    double done = (double)(step - s->warmup) / (double)(s->steps - s->warmup);
    if (done > 1) done = 1;
    return s->floor + (s->rate - s->floor) * 0.5 * (1 + cos(3.14159265358979323846 * done));
}
