#include "src/nn/attention_penalty.h"

#include <math.h>

/* Some step's weights want a gradient. */
static bool wants(const nn_tape *t, nn_var *const *alpha, int steps)
{
    for (int s = 0; s < steps; s++)
        if (nn_wants(t, alpha[s])) return true;
    return false;
}

/* ---- the doubly stochastic regulariser ---- */

typedef struct coverage_ctx {
    nn_var **alpha, *y;
    real *missing; /* [N, L]: 1 - sum over words; 0 for states that are not there */
    int steps;
} coverage_ctx;

static void coverage_backward(nn_tape *t, void *p)
{
    coverage_ctx *c = p;
    int n = c->alpha[0]->dim[0];
    for (int s = 0; c->y->grad && s < c->steps; s++) {
        real *d = nn_grad_add(t, c->alpha[s]);
        for (size_t i = 0, count = nn_count(c->alpha[s]); d && i < count; i++)
            d[i] -= 2 * c->missing[i] * c->y->grad[0] / (real)n;
    }
}

nn_var *nn_coverage_penalty(nn_tape *t, nn_var *const *alpha, const int32_t *length, int steps)
{
    if (t->failed || steps < 1 || !alpha[0]) return NULL;
    size_t all = nn_count(alpha[0]);
    nn_var *y = nn_result(t, 1, (int[]){1}, wants(t, alpha, steps));
    coverage_ctx *c = nn_alloc(t, sizeof *c);
    nn_var **copy = nn_alloc(t, steps * sizeof(nn_var *));
    real *missing = nn_scratch(t, all * sizeof *missing);
    if (t->failed) return NULL;
    int states = nn_last(alpha[0]);
    for (size_t i = 0; i < all; i++) {
        size_t asker = i / states, state = i % states;
        missing[i] = !length || state < (size_t)length[asker] ? 1 : 0;
    }
    for (int s = 0; s < steps; s++) {
        copy[s] = alpha[s];
        for (size_t i = 0, n = nn_count(alpha[s]); i < n; i++) missing[i] -= alpha[s]->data[i];
    }
    double sum = 0;
    for (size_t i = 0; i < all; i++) sum += (double)missing[i] * (double)missing[i];
    y->data[0] = (real)(sum / alpha[0]->dim[0]);
    *c = (coverage_ctx){copy, y, missing, steps};
    if (y->wants_grad) nn_record(t, coverage_backward, c);
    return t->failed ? NULL : y;
}

/* ---- entropy ---- */

typedef struct entropy_ctx {
    nn_var **alpha, *y;
    int steps;
    const double *share; /* [N] 1 / ln of what each asker sees; NULL: 1, and the scale has it */
    double scale;        /* 1 / rows, or 1 / (rows ln L) */
} entropy_ctx;

static const double NOTHING = 1e-12; /* x ln x and its slope are cut off here: masked states have weight 0 */

static void entropy_backward(nn_tape *t, void *p)
{
    entropy_ctx *c = p;
    size_t states = nn_last(c->alpha[0]);
    for (int s = 0; c->y->grad && s < c->steps; s++) {
        real *d = nn_grad_add(t, c->alpha[s]);
        for (size_t i = 0, n = nn_count(c->alpha[s]); d && i < n; i++) {
            double a = (double)c->alpha[s]->data[i], share = c->share ? c->share[i / states] : 1;
            if (a > NOTHING) d[i] -= (real)((log(a) + 1) * c->scale * share) * c->y->grad[0];
        }
    }
}

/* Adds the entropies of a step's askers, each as its share; those that have a choice are counted. */
static void add_entropy(const nn_var *alpha, const double *share, double *sum, double *rows)
{
    size_t states = nn_last(alpha);
    for (size_t r = 0, n = nn_rows(alpha); r < n; r++) *rows += !share || share[r] > 0;
    for (size_t i = 0, n = nn_count(alpha); i < n; i++) {
        double a = (double)alpha->data[i];
        if (a > NOTHING) *sum -= a * log(a) * (share ? share[i / states] : 1);
    }
}

static double *shares_of(nn_tape *t, const int32_t *length, int askers)
{
    double *share = length ? nn_alloc(t, askers * sizeof *share) : NULL;
    for (int i = 0; share && i < askers; i++) share[i] = length[i] > 1 ? 1 / log(length[i]) : 0;
    return share;
}

nn_var *nn_attention_entropy(nn_tape *t, nn_var *const *alpha, const int32_t *length, int steps)
{
    if (t->failed || steps < 1 || !alpha[0]) return NULL;
    nn_var *y = nn_result(t, 1, (int[]){1}, wants(t, alpha, steps));
    entropy_ctx *c = nn_alloc(t, sizeof *c);
    nn_var **copy = nn_alloc(t, steps * sizeof(nn_var *));
    const double *share = shares_of(t, length, alpha[0]->dim[0]);
    if (t->failed) return NULL;
    double sum = 0, rows = 0;
    for (int s = 0; s < steps; s++) {
        copy[s] = alpha[s];
        add_entropy(alpha[s], share, &sum, &rows);
    }
    int states = nn_last(alpha[0]);
    double scale = rows > 0 && states > 1 ? 1 / (rows * (share ? 1 : log(states))) : 0;
    y->data[0] = (real)(sum * scale);
    *c = (entropy_ctx){copy, y, steps, share, scale};
    if (y->wants_grad) nn_record(t, entropy_backward, c);
    return t->failed ? NULL : y;
}

/* ---- looking where one should ---- */

typedef struct astray_ctx {
    nn_var **alpha, *y;
    const uint8_t **wanted;
    int steps;
    double askers; /* that want something */
} astray_ctx;

static const double LEAST_LOOKED = 1e-6; /* keeps the slope finite where nothing is looked at */

/* The weight that a row has on the states it wants; below 0: it wants none. */
static double looked_at(const real *alpha, const uint8_t *wanted, size_t states)
{
    double sum = 0;
    bool any = false;
    for (size_t i = 0; i < states; i++) {
        if (!wanted[i]) continue;
        sum += (double)alpha[i];
        any = true;
    }
    return any ? sum + LEAST_LOOKED : -1;
}

static void astray_backward(nn_tape *t, void *p)
{
    astray_ctx *c = p;
    for (int s = 0; c->y->grad && s < c->steps; s++) {
        size_t states = nn_last(c->alpha[s]), rows = nn_rows(c->alpha[s]);
        real *d = c->wanted[s] ? nn_grad_add(t, c->alpha[s]) : NULL;
        for (size_t r = 0; d && r < rows; r++) {
            const uint8_t *wanted = c->wanted[s] + r * states;
            double on = looked_at(c->alpha[s]->data + r * states, wanted, states);
            if (on < 0) continue;
            real slope = (real)(1 / (on * c->askers)) * c->y->grad[0];
            for (size_t i = 0; i < states; i++)
                if (wanted[i]) d[r * states + i] -= slope;
        }
    }
}

nn_var *nn_attention_astray(nn_tape *t, nn_var *const *alpha, const uint8_t *const *wanted, int steps)
{
    if (t->failed || steps < 1 || !alpha[0]) return NULL;
    nn_var *y = nn_result(t, 1, (int[]){1}, wants(t, alpha, steps));
    astray_ctx *c = nn_alloc(t, sizeof *c);
    nn_var **copy = nn_alloc(t, steps * sizeof(nn_var *));
    const uint8_t **kept = nn_alloc(t, steps * sizeof *kept);
    if (t->failed) return NULL;
    double sum = 0, askers = 0;
    for (int s = 0; s < steps; s++) {
        size_t states = nn_last(alpha[s]), rows = nn_rows(alpha[s]);
        copy[s] = alpha[s];
        kept[s] = wanted[s];
        for (size_t r = 0; wanted[s] && r < rows; r++) {
            double on = looked_at(alpha[s]->data + r * states, wanted[s] + r * states, states);
            if (on < 0) continue;
            sum -= log(on);
            askers++;
        }
    }
    y->data[0] = askers > 0 ? (real)(sum / askers) : 0;
    *c = (astray_ctx){copy, y, kept, steps, askers};
    if (y->wants_grad && askers > 0) nn_record(t, astray_backward, c);
    return t->failed ? NULL : y;
}
