/* Optimisers and learning-rate schedules.
 *
 *     optim o;
 *     if (optim_init(&o, OPTIM_ADAMW, &params, &err)) ...
 *     double norm = optim_clip(&params, pool, 5.0);
 *     optim_step(&o, pool, schedule_rate(&schedule, step));
 *     optim_release(&o); */
#ifndef TRAIN_OPTIM_H
#define TRAIN_OPTIM_H

#include "src/nn/params.h"

typedef enum {
    OPTIM_ADAMW, /* Loshchilov and Hutter 2019 */
    OPTIM_SGD,   /* with Nesterov momentum and decoupled decay */
} optim_kind;

typedef struct optim {
    optim_kind kind;
    nn_params *params; /* borrowed */
    real *moment1;     /* AdamW: first moment; SGD: velocity. The layout of params->data */
    real *moment2;     /* AdamW only */
    real *average;     /* see optim_keep_average; NULL: none is kept */
    double keep;       /* its share of itself */
    int64_t steps;
    double beta1, beta2, epsilon; /* AdamW; defaults 0.9, 0.98, 1e-8 */
    double momentum;              /* SGD; default 0.9 */
    double decay;                 /* weight decay, decoupled from the gradient in both; default 0 */
} optim;

/* `params` are borrowed. ERR_MEMORY. */
err_code optim_init(optim *o, optim_kind kind, nn_params *params, error *err);
void optim_release(optim *o);

/* One update of every trainable parameter from its gradient, at `rate` times the parameter's own factor. */
void optim_step(optim *o, pool *threads, double rate);

/* From now on the optimiser keeps an exponential average of all weights and running statistics (Polyak and
 * Juditsky 1992, in the form of Tan and Le 2019): after each step average = share average + (1 - share)
 * weights, with 0 < keep < 1 and share = min(keep, (1 + steps) / (10 + steps)), so that the first weights are
 * forgotten soon. Before the first step it is the weights. ERR_MEMORY. */
err_code optim_keep_average(optim *o, double keep, error *err);

/* Weights and average change places: to use the average, and to go on afterwards. Nothing without one. */
void optim_swap_average(optim *o);

/* Scales all gradients so that their global norm is at most max_norm (0: only measure); returns the norm
 * before. */
double optim_clip(nn_params *params, pool *threads, double max_norm);

typedef enum {
    SCHEDULE_COSINE,   /* falls from `rate` to `floor`. Loshchilov and Hutter 2017 */
    SCHEDULE_CONSTANT, /* stays at `rate` */
    SCHEDULE_LINEAR,   /* falls evenly from `rate` to `floor` */
    SCHEDULE_INVSQRT,  /* falls with the inverse square root of the step. Vaswani et al. 2017, section 5.3 */
} schedule_kind;

typedef struct schedule {
    schedule_kind kind;
    double rate, floor; /* peak, and what it falls to */
    int64_t warmup, steps;
} schedule;

/* Linear warm-up over `warmup` steps, then (cosine, linear) a fall to `floor` at `steps`, or (invsqrt) to
 * rate * sqrt(warmup / step), whatever `floor` and `steps`; without warm-up as after one step of it. */
double schedule_rate(const schedule *s, int64_t step);

#endif
