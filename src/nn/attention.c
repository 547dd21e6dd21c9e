/* Normalise and aggregate: from scores to weights, from weights to a context. The first stage is in
 * attention_match.c. */
#include "src/nn/attention.h"

#include <math.h>
#include <string.h>

#include "src/nn/attention_parts.h"

/* ---- normalise ---- */

typedef struct normalising {
    nn_cells cells;
    nn_var *scores, *y;
} normalising;

/* Softmax of the scores that `seen` leaves; 0 for all where it leaves none. */
static void normalise_seen(const kernels *k, const real *scores, const uint8_t *seen, int count, real *y)
{
    bool any = false;
    for (int l = 0; l < count; l++) {
        y[l] = seen[l] ? scores[l] : -(real)INFINITY;
        any |= seen[l];
    }
    if (any)
        k->attention.softmax(y, y, count);
    else
        memset(y, 0, count * sizeof *y);
}

/* Rows begin..end-1: queries of all heads of all askers. */
static void normalise_some(void *p, size_t begin, size_t end)
{
    const normalising *c = p;
    const nn_cells *cells = &c->cells;
    size_t queries = cells->queries, states = cells->states;
    for (size_t row = begin; row < end; row++) {
        size_t asker = row / queries / cells->heads, query = row % queries;
        int count = nn_cells_reach(cells, (int)asker, (int)query);
        const real *x = c->scores->data + row * states;
        real *y = c->y->data + row * states;
        if (cells->scope.seen)
            normalise_seen(cells->tape->k, x, cells->scope.seen + (asker * queries + query) * states, count,
                           y);
        else if (count)
            cells->tape->k->attention.softmax(x, y, count);
        memset(y + count, 0, (states - count) * sizeof *y);
    }
}

typedef struct normalise_grad {
    const normalising *c;
    real *dx;
} normalise_grad;

static void normalise_back(void *p, size_t begin, size_t end)
{
    const normalise_grad *g = p;
    const normalising *c = g->c;
    size_t states = c->cells.states;
    for (size_t row = begin; row < end; row++) {
        const real *y = c->y->data + row * states, *dy = c->y->grad + row * states;
        real *dx = g->dx + row * states, mean = c->cells.tape->k->vector.dot(y, dy, c->cells.states);
        for (size_t l = 0; l < states; l++) dx[l] += y[l] * (dy[l] - mean);
    }
}

static void normalise_backward(nn_tape *t, void *p)
{
    const normalising *c = p;
    normalise_grad g = {c, c->y->grad ? nn_grad_add(t, c->scores) : NULL};
    if (g.dx) nn_parallel(t, nn_rows(c->y), nn_cells_grain(&c->cells), normalise_back, &g);
}

nn_var *nn_normalise(nn_tape *t, nn_var *scores, const nn_scope *scope)
{
    if (t->failed || !scores) return NULL;
    normalising c = {.cells = nn_cells_of_scores(t, scores, scope), .scores = scores};
    c.y = nn_result(t, scores->rank, scores->dim, nn_wants(t, scores));
    if (!c.y) return NULL;
    nn_parallel(t, nn_rows(scores), nn_cells_grain(&c.cells), normalise_some, &c);
    normalising *kept = c.y->wants_grad ? nn_alloc(t, sizeof *kept) : NULL;
    if (kept) {
        *kept = c;
        nn_record(t, normalise_backward, kept);
    }
    return t->failed ? NULL : c.y;
}

/* ---- aggregate ---- */

typedef struct aggregating {
    nn_cells cells;
    nn_var *alpha, *values, *y;
    real *dalpha, *dvalues; /* NULL: nobody wants it */
} aggregating;

/* How many states there are before those that have no weight at all for any query of a cell. */
static int states_with_weight(const aggregating *c, int asker, int head)
{
    const nn_cells *cells = &c->cells;
    const real *alpha = c->alpha->data + nn_cells_scores(cells, asker, head);
    int most = 0;
    for (int q = 0; q < cells->queries; q++, alpha += cells->states) {
        int count = cells->states;
        while (count > most && alpha[count - 1] == 0) count--;
        most = count > most ? count : most;
    }
    return most;
}

static void aggregate_some(void *p, size_t begin, size_t end)
{
    const aggregating *c = p;
    const nn_cells *cells = &c->cells;
    for (size_t cell = begin; cell < end; cell++) {
        int asker = (int)cell / cells->heads, head = (int)cell % cells->heads;
        const real *values = c->values->data + nn_cells_states(cells, nn_cells_memory(cells, asker), head);
        nn_cells_weigh(cells, cells->queries, states_with_weight(c, asker, head),
                       c->alpha->data + nn_cells_scores(cells, asker, head), values, 0,
                       c->y->data + nn_cells_queries(cells, asker, head));
    }
}

static void aggregate_back(void *p, int cell, int worker)
{
    (void)worker;
    const aggregating *c = p;
    const nn_cells *cells = &c->cells;
    int memory = cell / cells->heads, head = cell % cells->heads;
    size_t states = nn_cells_states(cells, memory, head);
    for (int n = cells->first[memory]; n >= 0; n = cells->next[n]) {
        int count = states_with_weight(c, n, head);
        size_t scores = nn_cells_scores(cells, n, head);
        const real *dy = c->y->grad + nn_cells_queries(cells, n, head);
        if (c->dalpha)
            nn_cells_times(cells, cells->queries, count, dy, c->values->data + states, 1, c->dalpha + scores);
        if (c->dvalues)
            nn_cells_spread(cells, cells->queries, count, c->alpha->data + scores, dy, cells->turned + scores,
                            c->dvalues + states);
    }
}

static void aggregate_backward(nn_tape *t, void *p)
{
    aggregating *c = p;
    if (!c->y->grad) return;
    c->dalpha = nn_grad_add(t, c->alpha);
    c->dvalues = nn_grad_add(t, c->values);
    if (!t->failed && nn_cells_by_memory(&c->cells)) nn_cells_each_memory(&c->cells, aggregate_back, c);
}

nn_var *nn_aggregate(nn_tape *t, nn_var *alpha, nn_var *values, const nn_scope *scope)
{
    if (t->failed || !alpha || !values) return NULL;
    aggregating c = {.cells = nn_cells_of_scores(t, alpha, scope), .alpha = alpha, .values = values};
    nn_cells *cells = &c.cells;
    bool apart = alpha->rank - (cells->heads > 1) == 3; /* the queries have a dimension of their own */
    cells->memories = values->dim[0];
    cells->line = nn_last(values);
    cells->width = cells->line / cells->heads;
    int dim[3] = {cells->askers, apart ? cells->queries : cells->line, cells->line};
    c.y = nn_result(t, apart ? 3 : 2, dim, nn_wants(t, alpha) || nn_wants(t, values));
    if (!c.y) return NULL;
    nn_parallel(t, (size_t)cells->askers * cells->heads, cells->queries > 1 ? 1 : 4, aggregate_some, &c);
    aggregating *kept = c.y->wants_grad ? nn_alloc(t, sizeof *kept) : NULL;
    if (kept) {
        *kept = c;
        nn_record(t, aggregate_backward, kept);
    }
    return t->failed ? NULL : c.y;
}

/* ---- the mean over heads ---- */

typedef struct head_mean {
    nn_var *alpha, *y;
    int heads;
} head_mean;

static void head_mean_backward(nn_tape *t, void *p)
{
    const head_mean *c = p;
    real *da = c->y->grad ? nn_grad_add(t, c->alpha) : NULL, share = 1 / (real)c->heads;
    size_t each = nn_count(c->y) / c->y->dim[0];
    for (int i = 0; da && i < c->y->dim[0] * c->heads; i++)
        t->k->vector.axpy(share, c->y->grad + i / c->heads * each, da + i * each, (int)each);
}

nn_var *nn_head_mean(nn_tape *t, nn_var *alpha, int heads)
{
    if (t->failed || !alpha || heads < 2) return alpha;
    int dim[NN_MAX_RANK], rank = alpha->rank - 1;
    dim[0] = alpha->dim[0];
    for (int i = 1; i < rank; i++) dim[i] = alpha->dim[i + 1];
    nn_var *y = nn_result(t, rank, dim, nn_wants(t, alpha));
    if (!y) return NULL;
    size_t each = nn_count(y) / dim[0];
    memset(y->data, 0, nn_count(y) * sizeof *y->data);
    for (int i = 0; i < dim[0] * heads; i++)
        t->k->vector.axpy(1 / (real)heads, alpha->data + i * each, y->data + i / heads * each, (int)each);
    head_mean *c = y->wants_grad ? nn_alloc(t, sizeof *c) : NULL;
    if (c) {
        *c = (head_mean){alpha, y, heads};
        nn_record(t, head_mean_backward, c);
    }
    return t->failed ? NULL : y;
}
