#include "src/train/optim.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/arena.h"

err_code optim_init(optim *o, optim_kind kind, nn_params *params, error *err)
{
    *o = (optim){
        .kind = kind, .params = params, .beta1 = 0.9, .beta2 = 0.98, .epsilon = 1e-8, .momentum = 0.9};
    o->moment1 = arena_lasting(params->size * sizeof *o->moment1);
    if (kind == OPTIM_ADAMW) o->moment2 = arena_lasting(params->size * sizeof *o->moment2);
    if (o->moment1 && (o->moment2 || kind != OPTIM_ADAMW)) return ERR_OK;
    optim_release(o);
    return err_no_memory(err, "for the optimiser's moments of %zu parameters", params->size);
}

void optim_release(optim *o)
{
    free(o->moment1);
    free(o->moment2);
    free(o->average);
    o->moment1 = o->moment2 = o->average = NULL;
}

err_code optim_keep_average(optim *o, double keep, error *err)
{
    o->average = arena_lasting(o->params->size * sizeof *o->average);
    if (!o->average) return err_no_memory(err, "for the average of %zu parameters", o->params->size);
    o->keep = keep;
    return ERR_OK;
}

void optim_swap_average(optim *o)
{
    if (!o->average) return;
    if (!o->steps) memcpy(o->average, o->params->data, o->params->size * sizeof *o->average);
    for (size_t i = 0; i < o->params->size; i++) {
        real held = o->params->data[i];
        o->params->data[i] = o->average[i];
        o->average[i] = held;
    }
}

typedef struct update {
    optim *o;
    double rate, correct1, correct2;
    real taken; /* share of the weights in their average */
    const kernels *k;
} update;

enum { CHUNK = 1 << 15, PIECE = 1 << 12 };

static void adamw(const update *u, const nn_param *n, size_t begin, int count)
{
    const optim *o = u->o;
    size_t at = n->offset + begin;
    double rate = u->rate * n->rate;
    kernels_adamw c = {.beta1 = (real)o->beta1, .beta2 = (real)o->beta2, .epsilon = (real)o->epsilon};
    c.keep = (real)(n->flags & NN_DECAY ? 1 - rate * o->decay : 1);
    c.step = (real)(rate / u->correct1);
    c.correct = (real)(1 / u->correct2);
    u->k->optim.adamw(&c, n->var.grad + begin, count, n->var.data + begin, o->moment1 + at, o->moment2 + at);
}

static void sgd(const update *u, const nn_param *n, size_t begin, int count)
{
    const optim *o = u->o;
    double rate = u->rate * n->rate;
    real keep = (real)(n->flags & NN_DECAY ? 1 - rate * o->decay : 1);
    u->k->optim.sgd(keep, (real)rate, (real)o->momentum, n->var.grad + begin, count, n->var.data + begin,
                    o->moment1 + n->offset + begin);
}

/* What does not change is its own average to the last bit. */
static void take_average(const update *u, size_t begin, size_t end)
{
    real *average = u->o->average;
    const real *x = u->o->params->data;
    for (size_t i = begin; i < end; i++) average[i] += u->taken * (x[i] - average[i]);
}

/* The part of every parameter that lies in numbers begin..end-1 of the block. */
static void update_chunk(void *ctx, int index, int worker)
{
    (void)worker;
    const update *u = ctx;
    const nn_params *p = u->o->params;
    size_t begin = (size_t)index * CHUNK, end = begin + CHUNK;
    for (int i = 0; i < p->count; i++) {
        const nn_param *n = p->list[i];
        size_t first = n->offset > begin ? n->offset : begin, last = n->offset + nn_count(&n->var);
        if (last > end) last = end;
        if (!n->var.grad || first >= last) continue;
        if (u->o->kind == OPTIM_ADAMW)
            adamw(u, n, first - n->offset, (int)(last - first));
        else
            sgd(u, n, first - n->offset, (int)(last - first));
    }
    if (u->o->average) take_average(u, begin, end < p->size ? end : p->size);
}

void optim_step(optim *o, pool *threads, double rate)
{
    if (o->average && !o->steps) memcpy(o->average, o->params->data, o->params->size * sizeof *o->average);
    double steps = (double)++o->steps;
    update u = {o, rate, 1 - pow(o->beta1, steps), 1 - pow(o->beta2, steps), 0, kernels_best()};
    u.taken = (real)(1 - fmin(o->keep, (1 + steps) / (10 + steps)));
    pool_run(threads, (int)((o->params->size + CHUNK - 1) / CHUNK), update_chunk, &u);
}

enum { PARTS = 64 };

typedef struct norm_parts {
    const nn_params *params;
    const kernels *k;
    size_t part; /* numbers */
    double squares[PARTS];
    real scale;
} norm_parts;

/* In pieces, so that the sums of float numbers stay short. What is frozen has gradients of zero. */
static void sum_part(void *ctx, int index, int worker)
{
    (void)worker;
    norm_parts *p = ctx;
    size_t begin = index * p->part, end = begin + p->part;
    if (end > p->params->size) end = p->params->size;
    for (size_t i = begin; i < end; i += PIECE) {
        const real *x = p->params->grad + i;
        p->squares[index] += (double)p->k->vector.dot(x, x, (int)(end - i < PIECE ? end - i : PIECE));
    }
}

static void scale_part(void *ctx, int index, int worker)
{
    (void)worker;
    norm_parts *p = ctx;
    size_t begin = index * p->part, end = begin + p->part;
    if (end > p->params->size) end = p->params->size;
    for (size_t i = begin; i < end; i++) p->params->grad[i] *= p->scale;
}

double optim_clip(nn_params *params, pool *threads, double max_norm)
{
    norm_parts p = {.params = params, .k = kernels_best(), .part = (params->size + PARTS - 1) / PARTS};
    double sum = 0;
    pool_run(threads, PARTS, sum_part, &p);
    for (int i = 0; i < PARTS; i++) sum += p.squares[i];
    double norm = sqrt(sum);
    if (max_norm > 0 && norm > max_norm) {
        p.scale = (real)(max_norm / norm);
        pool_run(threads, PARTS, scale_part, &p);
    }
    return norm;
}

double schedule_rate(const schedule *s, int64_t step)
{
    if (step < s->warmup) return s->rate * (double)(step + 1) / (double)s->warmup;
    if (s->kind == SCHEDULE_INVSQRT)
        return s->rate * sqrt((double)(s->warmup > 1 ? s->warmup : 1) / (double)(step + 1));
    if (s->kind == SCHEDULE_CONSTANT || s->steps <= s->warmup) return s->rate;
    double done = (double)(step - s->warmup) / (double)(s->steps - s->warmup);
    if (done > 1) done = 1;
    double left = s->kind == SCHEDULE_LINEAR ? 1 - done : 0.5 * (1 + cos(3.14159265358979323846 * done));
    return s->floor + (s->rate - s->floor) * left;
}
