#include "src/nn/attention.h"

#include <math.h>
#include <string.h>

const nn_match_row nn_match_rows[NN_MATCH_COUNT] = {
    [NN_MATCH_SIGMOID] = {"sigmoid", true, true, true,
                          "a small network whose output passes a sigmoid (matching degree)"},
    [NN_MATCH_ADDITIVE] = {"additive", true, false, true, "the same small network without the sigmoid"},
    [NN_MATCH_DOT] = {"dot", false, false, false, "inner product of state and region"},
    [NN_MATCH_SCALED_DOT] = {"scaled-dot", false, false, false,
                             "inner product divided by the square root of its width"},
    [NN_MATCH_GENERAL] = {"general", false, false, true, "inner product through a learned matrix"},
    [NN_MATCH_NONE] = {"none", false, false, false, "no attention: one fixed context vector"},
};

typedef struct attention_ctx {
    nn_tape *tape;
    nn_match_params m;
    nn_var *query, *keys, *values, *alpha, *y;
    const int32_t *memory_of;
    const int32_t *length;
    int askers, tq, memories, states, d;
    int *first,
        *next;    /* askers of each memory as linked lists, so that memories can be worked on in parallel */
    real *degree; /* [N, Tq, L]: sigmoid's output */
    real *dscore; /* [N, Tq, L]: gradient of the raw score */
    real *turned; /* [N, L, Tq]: of alpha or dscore */
    real *dkeys, *dquery, *dalpha, *dvalues;
    real *dv_parts; /* [M, d]: summed in order afterwards */
} attention_ctx;

static int tq_of(const nn_var *x)
{
    return x->rank == 3 ? x->dim[1] : 1;
}

static int memory(const attention_ctx *c, int asker)
{
    return c->memory_of ? c->memory_of[asker] : asker;
}

static bool list_askers(nn_tape *t, attention_ctx *c)
{
    c->first = nn_scratch(t, (size_t)c->memories * sizeof *c->first);
    c->next = nn_scratch(t, (size_t)c->askers * sizeof *c->next);
    if (t->failed) return false;
    for (int m = 0; m < c->memories; m++) c->first[m] = -1;
    for (int n = c->askers - 1; n >= 0; n--) {
        c->next[n] = c->first[memory(c, n)];
        c->first[memory(c, n)] = n;
    }
    return true;
}

static attention_ctx *keep(nn_tape *t, const attention_ctx *values, nn_backward_fn backward)
{
    attention_ctx *c = values->y->wants_grad ? nn_alloc(t, sizeof *c) : NULL;
    if (!c) return NULL;
    *c = *values;
    nn_record(t, backward, c);
    return c;
}

/* States that the memory has; the scores of the others are never looked at. */
static int states_of(const attention_ctx *c, int memory_index)
{
    return c->length ? c->length[memory_index] : c->states;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* ---- the queries of an asker as rows of small products ----
 *
 * A memory's keys and values are [states, d], `count` of them are of interest. */

/* to[rows,count] = x[rows,d] memory^T + beta to; lines of `to` are c->states apart. */
static void times_states(const attention_ctx *c, int rows, int count, const real *x, const real *memory,
                         real beta, real *to)
{
    size_t d = (size_t)c->d, states = (size_t)c->states;
    for (int r = 0; r < rows; r += KERNELS_ROWS)
        c->tape->k->gemv_t(least(rows - r, KERNELS_ROWS), c->d, count, x + (size_t)r * d, c->d, memory, c->d,
                           beta, to + (size_t)r * states, c->states);
}

/* to[rows,d] = weights[rows,count] memory + beta to; lines of weights are c->states apart. */
static void weigh_states(const attention_ctx *c, int rows, int count, const real *weights, const real *memory,
                         real beta, real *to)
{
    size_t d = (size_t)c->d, states = (size_t)c->states;
    for (int r = 0; r < rows; r += KERNELS_ROWS)
        c->tape->k->gemv(least(rows - r, KERNELS_ROWS), count, c->d, weights + (size_t)r * states, c->states,
                         memory, c->d, beta, to + (size_t)r * d, c->d);
}

/* memory[count,d] += weights[Tq,count]^T x[Tq,d] of the queries of asker n. */
static void add_to_states(const attention_ctx *c, int n, int count, const real *weights, const real *x,
                          real *memory)
{
    size_t states = (size_t)c->states, tq = (size_t)c->tq;
    real *turned = c->turned + (size_t)n * tq * states;
    for (size_t q = 0; q < tq; q++)
        for (size_t l = 0; l < (size_t)count; l++) turned[l * tq + q] = weights[q * states + l];
    for (int l = 0; l < count; l += KERNELS_ROWS)
        c->tape->k->gemv(least(count - l, KERNELS_ROWS), c->tq, c->d, turned + (size_t)l * tq, c->tq, x, c->d,
                         1, memory + (size_t)l * (size_t)c->d, c->d);
}

/* ---- match ---- */

static real dot_scale(const attention_ctx *c)
{
    return c->m.kind == NN_MATCH_SCALED_DOT ? (real)(1 / sqrt((double)c->d)) : 1;
}

static void degrees(const attention_ctx *c, size_t a, int count, real *s)
{
    real *degree = c->degree + a * (size_t)c->states, gain = exp(c->m.log_gain->data[0]);
    for (int l = 0; l < count; l++) s[l] += c->m.bias->data[0];
    c->tape->k->vsigmoid(s, degree, count);
    for (int l = 0; l < count; l++) s[l] = gain * degree[l];
    memset(degree + count, 0, (size_t)(c->states - count) * sizeof *degree); /* backward reads them all */
}

/* Askers begin..end-1, all queries of each. */
static void match_forward(void *p, size_t begin, size_t end)
{
    attention_ctx *c = p;
    const nn_match_row *row = &nn_match_rows[c->m.kind];
    size_t d = (size_t)c->d, states = (size_t)c->states, tq = (size_t)c->tq;
    real scale = dot_scale(c);
    for (size_t n = begin; n < end; n++) {
        int m = memory(c, (int)n), count = states_of(c, m);
        const real *k = c->keys->data + (size_t)m * states * d, *q = c->query->data + n * tq * d;
        real *s = c->y->data + n * tq * states;
        if (!row->network) times_states(c, c->tq, count, q, k, 0, s);
        for (size_t a = n * tq; a < (n + 1) * tq; a++, q += d, s += states) {
            if (row->network) c->tape->k->attention_match(k, q, c->m.v->data, count, c->d, s);
            for (int l = 0; scale != 1 && l < count; l++) s[l] *= scale;
            if (row->degree) degrees(c, a, count, s);
            memset(s + count, 0, (states - (size_t)count) * sizeof *s);
        }
    }
}

/* From the gradient of the result to that of the raw score: through gain and sigmoid where there is one. */
static void degree_backward(nn_tape *t, attention_ctx *c)
{
    size_t n = nn_count(c->y);
    const real *dy = c->y->grad;
    if (!nn_match_rows[c->m.kind].degree) {
        real scale = dot_scale(c);
        for (size_t i = 0; i < n; i++) c->dscore[i] = scale * dy[i];
        return;
    }
    real gain = exp(c->m.log_gain->data[0]);
    double dgain = 0, dbias = 0;
    for (size_t i = 0; i < n; i++) {
        real d = c->degree[i];
        c->dscore[i] = dy[i] * gain * d * (1 - d);
        dgain += (double)(dy[i] * gain * d);
        dbias += (double)c->dscore[i];
    }
    real *g = nn_grad_add(t, c->m.log_gain);
    if (g) g[0] += (real)dgain;
    g = nn_grad_add(t, c->m.bias);
    if (g) g[0] += (real)dbias;
}

static void asker_backward(const attention_ctx *c, int m, int n)
{
    int count = states_of(c, m);
    size_t d = (size_t)c->d, states = (size_t)c->states, at = (size_t)m * states * d;
    size_t a = (size_t)n * (size_t)c->tq;
    const real *keys = c->keys->data + at, *q = c->query->data + a * d, *ds = c->dscore + a * states;
    if (!nn_match_rows[c->m.kind].network) {
        weigh_states(c, c->tq, count, ds, keys, 1, c->dquery + a * d);
        add_to_states(c, n, count, ds, q, c->dkeys + at);
        return;
    }
    for (int tq = 0; tq < c->tq; tq++, a++, q += d, ds += states)
        c->tape->k->attention_match_back(keys, q, c->m.v->data, ds, count, c->d, c->dkeys + at,
                                         c->dquery + a * d, c->dv_parts + (size_t)m * d);
}

/* All askers of one memory: their gradients meet in its keys, in the order of the askers. */
static void match_backward_memory(void *p, int m, int worker)
{
    (void)worker;
    attention_ctx *c = p;
    for (int n = c->first[m]; n >= 0; n = c->next[n]) asker_backward(c, m, n);
}

/* Gradients nobody wants go to scratch: the loops above stay free of questions. */
static real *grad_or_scratch(nn_tape *t, nn_var *v)
{
    real *g = nn_grad_add(t, v);
    return g ? g : nn_alloc(t, nn_count(v) * sizeof *g);
}

static void match_backward(nn_tape *t, void *p)
{
    attention_ctx *c = p;
    if (!c->y->grad) return;
    c->dscore = nn_scratch(t, nn_count(c->y) * sizeof(real));
    c->turned = nn_scratch(t, nn_count(c->y) * sizeof(real));
    c->dkeys = grad_or_scratch(t, c->keys);
    c->dquery = grad_or_scratch(t, c->query);
    c->dv_parts = nn_alloc(t, (size_t)c->memories * (size_t)c->d * sizeof(real));
    if (t->failed || !list_askers(t, c)) return;
    degree_backward(t, c);
    pool_run(t->threads, c->memories, match_backward_memory, c);
    real *dv = c->m.v ? nn_grad_add(t, c->m.v) : NULL;
    for (int m = 0; dv && m < c->memories; m++) t->k->add(c->dv_parts + (size_t)m * (size_t)c->d, dv, c->d);
}

nn_var *nn_match(nn_tape *t, const nn_match_params *m, nn_var *query, nn_var *keys, const int32_t *length,
                 const int32_t *memory_of)
{
    if (t->failed || !query || !keys) return NULL;
    int n = query->dim[0], tq = tq_of(query), l = keys->dim[1];
    int dim[3] = {n, query->rank == 3 ? tq : l, l};
    attention_ctx c = {
        .tape = t, .m = *m, .query = query, .keys = keys, .memory_of = memory_of, .askers = n, .tq = tq};
    c.length = length;
    c.memories = keys->dim[0];
    c.states = l;
    c.d = nn_last(keys);
    c.y = nn_result(t, query->rank, dim, nn_wants(t, query) || nn_wants(t, keys) || nn_wants(t, m->v));
    if (nn_match_rows[m->kind].degree)
        c.degree = nn_scratch(t, (size_t)n * (size_t)tq * (size_t)l * sizeof(real));
    if (t->failed) return NULL;
    nn_parallel(t, (size_t)n, tq > 1 ? 1 : 4, match_forward, &c);
    keep(t, &c, match_backward);
    return t->failed ? NULL : c.y;
}

/* ---- normalise ---- */

static void normalise_backward(nn_tape *t, void *p)
{
    attention_ctx *c = p;
    real *dx = c->y->grad ? nn_grad_add(t, c->alpha) : NULL;
    for (int a = 0; dx && a < nn_rows(c->y); a++) {
        size_t at = (size_t)a * (size_t)c->states;
        const real *y = c->y->data + at, *dy = c->y->grad + at;
        real mean = t->k->dot(y, dy, c->states);
        for (int l = 0; l < c->states; l++) dx[at + (size_t)l] += y[l] * (dy[l] - mean);
    }
}

nn_var *nn_normalise(nn_tape *t, nn_var *scores, const int32_t *length, const int32_t *memory_of)
{
    if (t->failed || !scores) return NULL;
    attention_ctx c = {.alpha = scores, .length = length, .memory_of = memory_of, .tq = tq_of(scores)};
    c.states = nn_last(scores);
    c.y = nn_result(t, scores->rank, scores->dim, nn_wants(t, scores));
    if (!c.y) return NULL;
    for (int a = 0; a < nn_rows(scores); a++) {
        int count = length ? length[memory(&c, a / c.tq)] : c.states;
        real *y = c.y->data + (size_t)a * (size_t)c.states;
        t->k->row_softmax(scores->data + (size_t)a * (size_t)c.states, y, count);
        memset(y + count, 0, (size_t)(c.states - count) * sizeof *y);
    }
    keep(t, &c, normalise_backward);
    return t->failed ? NULL : c.y;
}

/* ---- aggregate ---- */

/* How many states there are before those that have no weight at all for any query of asker n. */
static int states_with_weight(const attention_ctx *c, size_t n)
{
    size_t states = (size_t)c->states;
    const real *alpha = c->alpha->data + n * (size_t)c->tq * states;
    int most = 0;
    for (int q = 0; q < c->tq; q++, alpha += states) {
        int count = c->states;
        while (count > most && alpha[count - 1] == 0) count--;
        most = count > most ? count : most;
    }
    return most;
}

static void aggregate_forward(void *p, size_t begin, size_t end)
{
    attention_ctx *c = p;
    size_t d = (size_t)c->d, states = (size_t)c->states, tq = (size_t)c->tq;
    for (size_t n = begin; n < end; n++) {
        const real *values = c->values->data + (size_t)memory(c, (int)n) * states * d;
        weigh_states(c, c->tq, states_with_weight(c, n), c->alpha->data + n * tq * states, values, 0,
                     c->y->data + n * tq * d);
    }
}

static void aggregate_backward_memory(void *p, int m, int worker)
{
    (void)worker;
    attention_ctx *c = p;
    size_t d = (size_t)c->d, states = (size_t)c->states, at = (size_t)m * states * d;
    for (int n = c->first[m]; n >= 0; n = c->next[n]) {
        int count = states_with_weight(c, (size_t)n);
        size_t a = (size_t)n * (size_t)c->tq;
        const real *dy = c->y->grad + a * d;
        if (c->dalpha) times_states(c, c->tq, count, dy, c->values->data + at, 1, c->dalpha + a * states);
        if (c->dvalues) add_to_states(c, n, count, c->alpha->data + a * states, dy, c->dvalues + at);
    }
}

static void aggregate_backward(nn_tape *t, void *p)
{
    attention_ctx *c = p;
    if (!c->y->grad) return;
    c->dalpha = nn_grad_add(t, c->alpha);
    c->dvalues = nn_grad_add(t, c->values);
    c->turned = nn_scratch(t, nn_count(c->alpha) * sizeof(real));
    if (!t->failed && list_askers(t, c)) pool_run(t->threads, c->memories, aggregate_backward_memory, c);
}

nn_var *nn_aggregate(nn_tape *t, nn_var *alpha, nn_var *values, const int32_t *memory_of)
{
    if (t->failed || !alpha || !values) return NULL;
    int d = nn_last(values), dim[3] = {alpha->dim[0], alpha->rank == 3 ? alpha->dim[1] : d, d};
    attention_ctx c = {
        .tape = t, .alpha = alpha, .values = values, .memory_of = memory_of, .askers = alpha->dim[0], .d = d};
    c.tq = tq_of(alpha);
    c.memories = values->dim[0];
    c.states = nn_last(alpha);
    c.y = nn_result(t, alpha->rank, dim, nn_wants(t, alpha) || nn_wants(t, values));
    if (!c.y) return NULL;
    nn_parallel(t, (size_t)alpha->dim[0], c.tq > 1 ? 1 : 4, aggregate_forward, &c);
    keep(t, &c, aggregate_backward);
    return t->failed ? NULL : c.y;
}

/* ---- the doubly stochastic regulariser ---- */

typedef struct coverage_ctx {
    nn_var **alpha, *y;
    real *missing; /* [N, L]: 1 - sum over words */
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

nn_var *nn_coverage_penalty(nn_tape *t, nn_var *const *alpha, int steps)
{
    if (t->failed || steps < 1 || !alpha[0]) return NULL;
    size_t all = nn_count(alpha[0]);
    nn_var *y = nn_result(t, 1, (int[]){1}, nn_wants(t, alpha[0]));
    coverage_ctx *c = nn_alloc(t, sizeof *c);
    nn_var **copy = nn_alloc(t, (size_t)steps * sizeof(nn_var *));
    real *missing = nn_scratch(t, all * sizeof *missing);
    if (t->failed) return NULL;
    for (size_t i = 0; i < all; i++) missing[i] = 1;
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
    double scale; /* 1 / (rows ln L) */
} entropy_ctx;

static const double NOTHING = 1e-12; /* x ln x and its slope are cut off here: masked states have weight 0 */

static void entropy_backward(nn_tape *t, void *p)
{
    entropy_ctx *c = p;
    for (int s = 0; c->y->grad && s < c->steps; s++) {
        real *d = nn_grad_add(t, c->alpha[s]);
        for (size_t i = 0, n = nn_count(c->alpha[s]); d && i < n; i++) {
            double a = (double)c->alpha[s]->data[i];
            if (a > NOTHING) d[i] -= (real)((log(a) + 1) * c->scale) * c->y->grad[0];
        }
    }
}

nn_var *nn_attention_entropy(nn_tape *t, nn_var *const *alpha, int steps)
{
    if (t->failed || steps < 1 || !alpha[0]) return NULL;
    nn_var *y = nn_result(t, 1, (int[]){1}, nn_wants(t, alpha[0]));
    entropy_ctx *c = nn_alloc(t, sizeof *c);
    nn_var **copy = nn_alloc(t, (size_t)steps * sizeof(nn_var *));
    if (t->failed) return NULL;
    double sum = 0, rows = 0;
    for (int s = 0; s < steps; s++) {
        copy[s] = alpha[s];
        rows += nn_rows(alpha[s]);
        for (size_t i = 0, n = nn_count(alpha[s]); i < n; i++) {
            double a = (double)alpha[s]->data[i];
            if (a > NOTHING) sum -= a * log(a);
        }
    }
    int states = nn_last(alpha[0]);
    double scale = states > 1 ? 1 / (rows * log(states)) : 0;
    y->data[0] = (real)(sum * scale);
    *c = (entropy_ctx){copy, y, steps, scale};
    if (y->wants_grad) nn_record(t, entropy_backward, c);
    return t->failed ? NULL : y;
}
