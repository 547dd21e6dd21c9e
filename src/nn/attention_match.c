/* Match: how well each state fits each query. */
#include <math.h>
#include <string.h>

#include "src/nn/attention_parts.h"

/* Queries whose products are one: with a causal mask a block computes no more than its last query sees. */
enum { BLOCK = 64 };

static int block_of(const nn_cells *c, int begin)
{
    int end = c->scope.causal ? begin + BLOCK : c->queries;
    return end < c->queries ? end : c->queries;
}

/* ---- inner products ---- */

static real dot_scale(const nn_matching *c)
{
    return c->m.kind == NN_MATCH_SCALED_DOT ? (real)(1 / sqrt((double)c->cells.width)) : 1;
}

static void dot_forward(const nn_matching *c, int asker, int head)
{
    const nn_cells *cells = &c->cells;
    const real *q = c->query->data + nn_cells_queries(cells, asker, head);
    const real *k = c->keys->data + nn_cells_states(cells, nn_cells_memory(cells, asker), head);
    real *s = c->y->data + nn_cells_scores(cells, asker, head), scale = dot_scale(c);
    for (int i = 0, end; i < cells->queries; i = end) {
        end = block_of(cells, i);
        int count = nn_cells_reach(cells, asker, end - 1);
        nn_cells_times(cells, end - i, count, q + (size_t)i * cells->line, k, 0,
                       s + (size_t)i * cells->states);
    }
    for (int i = 0; scale != 1 && i < cells->queries; i++, s += cells->states)
        for (int l = 0, count = nn_cells_reach(cells, asker, i); l < count; l++) s[l] *= scale;
}

static void dot_finish_back(nn_tape *t, nn_matching *c)
{
    real scale = dot_scale(c);
    (void)t;
    for (size_t i = 0, n = nn_count(c->y); i < n; i++) c->dscore[i] = scale * c->y->grad[i];
}

static void dot_backward(const nn_matching *c, int asker, int head)
{
    const nn_cells *cells = &c->cells;
    size_t states = nn_cells_states(cells, nn_cells_memory(cells, asker), head);
    size_t queries = nn_cells_queries(cells, asker, head), scores = nn_cells_scores(cells, asker, head);
    for (int i = 0, end; i < cells->queries; i = end) {
        end = block_of(cells, i);
        int count = nn_cells_reach(cells, asker, end - 1);
        size_t query = queries + (size_t)i * cells->line, score = scores + (size_t)i * cells->states;
        nn_cells_weigh(cells, end - i, count, c->dscore + score, c->keys->data + states, 1,
                       c->dquery + query);
        nn_cells_spread(cells, end - i, count, c->dscore + score, c->query->data + query,
                        cells->turned + score, c->dkeys + states);
    }
}

/* ---- a small network ---- */

/* The keys of one head of a memory, [L, width] in one piece; likewise of their gradients. */
static size_t head_keys(const nn_cells *c, int memory, int head)
{
    return ((size_t)memory * c->heads + head) * c->states * c->width;
}

static void network_forward(const nn_matching *c, int asker, int head)
{
    const nn_cells *cells = &c->cells;
    const real *k = c->split_keys + head_keys(cells, nn_cells_memory(cells, asker), head);
    const real *q = c->query->data + nn_cells_queries(cells, asker, head);
    const real *v = c->m.v->data + (size_t)head * cells->width;
    real *s = c->y->data + nn_cells_scores(cells, asker, head);
    for (int i = 0; i < cells->queries; i++, q += cells->line, s += cells->states)
        cells->tape->k->attention.match(k, q, v, nn_cells_reach(cells, asker, i), cells->width, s);
}

static void network_backward(const nn_matching *c, int asker, int head)
{
    const nn_cells *cells = &c->cells;
    int memory = nn_cells_memory(cells, asker);
    size_t keys = head_keys(cells, memory, head), query = nn_cells_queries(cells, asker, head);
    size_t v = (size_t)head * cells->width, line = cells->line;
    const real *ds = c->dscore + nn_cells_scores(cells, asker, head);
    for (int i = 0; i < cells->queries; i++, query += line, ds += cells->states)
        cells->tape->k->attention.match_back(c->split_keys + keys, c->query->data + query, c->m.v->data + v,
                                             ds, nn_cells_reach(cells, asker, i), cells->width,
                                             c->dsplit_keys + keys, c->dquery + query,
                                             c->dv_parts + memory * line + v);
}

/* A head's keys are columns of lines; the network's kernels want them in one piece. */
static void split_keys(void *p, int cell, int worker)
{
    (void)worker;
    const nn_matching *c = p;
    const nn_cells *cells = &c->cells;
    int memory = cell / cells->heads, head = cell % cells->heads;
    const real *from = c->keys->data + nn_cells_states(cells, memory, head);
    real *to = (real *)c->split_keys + head_keys(cells, memory, head);
    size_t bytes = cells->width * sizeof *to;
    for (int l = 0; l < cells->states; l++, from += cells->line, to += cells->width) memcpy(to, from, bytes);
}

static void join_keys(void *p, int cell, int worker)
{
    (void)worker;
    const nn_matching *c = p;
    const nn_cells *cells = &c->cells;
    int memory = cell / cells->heads, head = cell % cells->heads;
    real *to = c->dkeys + nn_cells_states(cells, memory, head);
    const real *from = c->dsplit_keys + head_keys(cells, memory, head);
    for (int l = 0; l < cells->states; l++, to += cells->line, from += cells->width)
        cells->tape->k->vector.add(from, to, cells->width);
}

/* ---- its matching degree: gain * sigmoid(score + bias) ---- */

static void sigmoid_forward(const nn_matching *c, int asker, int head)
{
    const nn_cells *cells = &c->cells;
    real *s = c->y->data + nn_cells_scores(cells, asker, head);
    real *degree = c->degree + nn_cells_scores(cells, asker, head);
    real bias = c->m.bias->data[head], gain = exp(c->m.log_gain->data[head]);
    network_forward(c, asker, head);
    for (int i = 0; i < cells->queries; i++, s += cells->states, degree += cells->states) {
        int count = nn_cells_reach(cells, asker, i);
        for (int l = 0; l < count; l++) s[l] += bias;
        cells->tape->k->vector.sigmoid(s, degree, count);
        for (int l = 0; l < count; l++) s[l] = gain * degree[l];
        memset(degree + count, 0, (cells->states - count) * sizeof *degree); /* all are read */
    }
}

static void sigmoid_finish_back(nn_tape *t, nn_matching *c)
{
    const nn_cells *cells = &c->cells;
    const real *dy = c->y->grad;
    real *to_gain = nn_grad_add(t, c->m.log_gain), *to_bias = nn_grad_add(t, c->m.bias);
    size_t each = (size_t)cells->queries * cells->states;
    for (int head = 0; head < cells->heads; head++) {
        double dgain = 0, dbias = 0;
        real gain = exp(c->m.log_gain->data[head]);
        for (int n = 0; n < cells->askers; n++)
            for (size_t i = nn_cells_scores(cells, n, head), end = i + each; i < end; i++) {
                real d = c->degree[i];
                c->dscore[i] = dy[i] * gain * d * (1 - d);
                dgain += (double)(dy[i] * gain * d);
                dbias += (double)c->dscore[i];
            }
        if (to_gain) to_gain[head] += (real)dgain;
        if (to_bias) to_bias[head] += (real)dbias;
    }
}

const nn_match_row nn_match_rows[NN_MATCH_COUNT] = {
    [NN_MATCH_SIGMOID] = {"sigmoid", true, true, true,
                          "a small network whose output passes a sigmoid (matching degree)", sigmoid_forward,
                          sigmoid_finish_back, network_backward},
    [NN_MATCH_ADDITIVE] = {"additive", true, false, true, "the same small network without the sigmoid",
                           network_forward, dot_finish_back, network_backward},
    [NN_MATCH_DOT] = {"dot", false, false, false, "inner product of state and region", dot_forward,
                      dot_finish_back, dot_backward},
    [NN_MATCH_SCALED_DOT] = {"scaled-dot", false, false, false,
                             "inner product divided by the square root of its width", dot_forward,
                             dot_finish_back, dot_backward},
    [NN_MATCH_GENERAL] = {"general", false, false, true, "inner product through a learned matrix",
                          dot_forward, dot_finish_back, dot_backward},
    [NN_MATCH_NONE] = {.name = "none", .about = "no attention: one fixed context vector"},
};

/* ---- the stage ---- */

static void match_some(void *p, size_t begin, size_t end)
{
    const nn_matching *c = p;
    const nn_cells *cells = &c->cells;
    for (size_t cell = begin; cell < end; cell++) {
        int asker = (int)cell / cells->heads, head = (int)cell % cells->heads;
        real *s = c->y->data + nn_cells_scores(cells, asker, head);
        c->row->forward(c, asker, head);
        for (int i = 0; i < cells->queries; i++, s += cells->states) {
            int count = nn_cells_reach(cells, asker, i);
            memset(s + count, 0, (cells->states - count) * sizeof *s);
        }
    }
}

/* All askers of one memory: their gradients meet in its keys, in the order of the askers. */
static void match_back(void *p, int cell, int worker)
{
    (void)worker;
    const nn_matching *c = p;
    int memory = cell / c->cells.heads, head = cell % c->cells.heads;
    for (int n = c->cells.first[memory]; n >= 0; n = c->cells.next[n]) c->row->backward(c, n, head);
}

/* Gradients nobody wants go to scratch: the loops above stay free of questions. */
static real *grad_or_scratch(nn_tape *t, nn_var *v)
{
    real *g = nn_grad_add(t, v);
    return g ? g : nn_alloc(t, nn_count(v) * sizeof *g);
}

static bool prepare_back(nn_tape *t, nn_matching *c)
{
    const nn_cells *cells = &c->cells;
    c->dscore = nn_scratch(t, nn_count(c->y) * sizeof *c->dscore);
    c->dkeys = grad_or_scratch(t, c->keys);
    c->dquery = grad_or_scratch(t, c->query);
    if (c->row->network) {
        c->dv_parts = nn_alloc(t, (size_t)cells->memories * cells->line * sizeof *c->dv_parts);
        c->dsplit_keys =
            cells->heads > 1 ? nn_alloc(t, nn_count(c->keys) * sizeof *c->dsplit_keys) : c->dkeys;
    }
    return !t->failed && nn_cells_by_memory(&c->cells);
}

static void match_backward(nn_tape *t, void *p)
{
    nn_matching *c = p;
    const nn_cells *cells = &c->cells;
    if (!c->y->grad || !prepare_back(t, c)) return;
    c->row->finish_back(t, c);
    if (t->failed) return;
    nn_cells_each_memory(cells, match_back, c);
    if (!c->row->network) return;
    if (cells->heads > 1) nn_cells_each_memory(cells, join_keys, c);
    real *dv = nn_grad_add(t, c->m.v);
    for (int m = 0; dv && m < cells->memories; m++)
        t->k->vector.add(c->dv_parts + (size_t)m * cells->line, dv, cells->line);
}

/* [N, Tq, L], or [N, L] of queries without a dimension of their own; the heads, if there are any, second. */
static nn_var *new_scores(nn_tape *t, const nn_cells *c, int query_rank, bool wants)
{
    int dim[NN_MAX_RANK], rank = 0;
    dim[rank++] = c->askers;
    if (c->heads > 1) dim[rank++] = c->heads;
    if (query_rank == 3) dim[rank++] = c->queries;
    dim[rank++] = c->states;
    return nn_result(t, rank, dim, wants);
}

static void arrange_keys(nn_tape *t, nn_matching *c)
{
    c->split_keys = c->keys->data;
    if (!c->row->network || c->cells.heads == 1) return;
    c->split_keys = nn_scratch(t, nn_count(c->keys) * sizeof *c->split_keys);
    if (c->split_keys) nn_cells_each_memory(&c->cells, split_keys, c);
}

nn_var *nn_match(nn_tape *t, const nn_match_params *m, nn_var *query, nn_var *keys, const nn_scope *scope)
{
    if (t->failed || !query || !keys) return NULL;
    bool wants = nn_wants(t, query) || nn_wants(t, keys) || nn_wants(t, m->v) || nn_wants(t, m->bias) ||
                 nn_wants(t, m->log_gain);
    nn_matching c = {.cells = nn_cells_of_keys(t, query, keys, scope),
                     .m = *m,
                     .row = &nn_match_rows[m->kind],
                     .query = query,
                     .keys = keys};
    c.y = new_scores(t, &c.cells, query->rank, wants);
    if (!c.y) return NULL;
    if (c.row->degree) c.degree = nn_scratch(t, nn_count(c.y) * sizeof *c.degree);
    arrange_keys(t, &c);
    if (t->failed) return NULL;
    nn_parallel(t, (size_t)c.cells.askers * c.cells.heads, c.cells.queries > 1 ? 1 : 4, match_some, &c);
    nn_matching *kept = c.y->wants_grad ? nn_alloc(t, sizeof *kept) : NULL;
    if (kept) {
        *kept = c;
        nn_record(t, match_backward, kept);
    }
    return t->failed ? NULL : c.y;
}
