/* Normalise where the states are of two kinds, each with a softmax of its own. */
#include <math.h>
#include <string.h>

#include "src/base/bounds.h"
#include "src/nn/attention_parts.h"

typedef struct normalising {
    nn_cells cells;
    const int32_t *split;
    nn_var *scores, *balance, *y;
    real *dscores, *dbalance; /* NULL: nobody wants it */
} normalising;

/* One query of one head. */
typedef struct one_row {
    int first, count; /* states of the first kind that it sees, and of both */
    size_t scores;    /* numbers before its own, in scores and in y */
    size_t balance;
    double share; /* of the weight that goes to the first kind */
} one_row;

static one_row row_at(const normalising *c, size_t row)
{
    size_t queries = c->cells.queries, heads = c->cells.heads;
    size_t asker = row / queries / heads, head = row / queries % heads, query = row % queries;
    int count = nn_cells_reach(&c->cells, (int)asker, (int)query);
    one_row r = {.first = min_int(c->split[nn_cells_memory(&c->cells, (int)asker)], count),
                 .count = count,
                 .scores = row * c->cells.states,
                 .balance = (asker * queries + query) * heads + head};
    r.share = r.first == count ? 1 : r.first ? 1 / (1 + exp(-(double)c->balance->data[r.balance])) : 0;
    return r;
}

static void scaled_softmax(const normalising *c, size_t at, int count, double share)
{
    real *y = c->y->data + at;
    if (!count) return;
    c->cells.tape->k->attention.softmax(c->scores->data + at, y, count);
    for (int i = 0; i < count; i++) y[i] *= (real)share;
}

static void normalise_some(void *p, size_t begin, size_t end)
{
    const normalising *c = p;
    for (size_t i = begin; i < end; i++) {
        one_row r = row_at(c, i);
        scaled_softmax(c, r.scores, r.first, r.share);
        scaled_softmax(c, r.scores + (size_t)r.first, r.count - r.first, 1 - r.share);
        memset(c->y->data + r.scores + r.count, 0, (size_t)(c->cells.states - r.count) * sizeof *c->y->data);
    }
}

/* With y = share * s of a kind: dL/dscore = y (dy - sum s dy). Returns that sum times share. */
static double kind_back(const normalising *c, size_t at, int count, double share)
{
    const real *y = c->y->data + at, *dy = c->y->grad + at;
    double sum = 0;
    for (int i = 0; i < count; i++) sum += (double)y[i] * (double)dy[i];
    real mean = share > 0 ? (real)(sum / share) : 0;
    if (c->dscores)
        for (int i = 0; i < count; i++) c->dscores[at + (size_t)i] += y[i] * (dy[i] - mean);
    return sum;
}

/* Shares a and 1 - a of logit z: dL/dz = (1 - a) (a's sum) - a (the other's sum). */
static void normalise_back(void *p, size_t begin, size_t end)
{
    const normalising *c = p;
    for (size_t i = begin; i < end; i++) {
        one_row r = row_at(c, i);
        double a = kind_back(c, r.scores, r.first, r.share);
        double b = kind_back(c, r.scores + (size_t)r.first, r.count - r.first, 1 - r.share);
        if (c->dbalance && r.first && r.first < r.count)
            c->dbalance[r.balance] += (real)((1 - r.share) * a - r.share * b);
    }
}

static void normalise_backward(nn_tape *t, void *p)
{
    normalising *c = p;
    if (!c->y->grad) return;
    c->dscores = nn_grad_add(t, c->scores);
    c->dbalance = nn_grad_add(t, c->balance);
    if (!t->failed) nn_parallel(t, nn_rows(c->y), nn_cells_grain(&c->cells), normalise_back, c);
}

nn_var *nn_normalise_apart(nn_tape *t, nn_var *scores, nn_var *balance, const int32_t *split,
                           const nn_scope *scope)
{
    if (t->failed || !scores || !balance) return NULL;
    normalising c = {
        .cells = nn_cells_of_scores(t, scores, scope), .split = split, .scores = scores, .balance = balance};
    c.y = nn_result(t, scores->rank, scores->dim, nn_wants(t, scores) || nn_wants(t, balance));
    if (!c.y) return NULL;
    nn_parallel(t, nn_rows(scores), nn_cells_grain(&c.cells), normalise_some, &c);
    normalising *kept = c.y->wants_grad ? nn_alloc(t, sizeof *kept) : NULL;
    if (kept) {
        *kept = c;
        nn_record(t, normalise_backward, kept);
    }
    return t->failed ? NULL : c.y;
}
