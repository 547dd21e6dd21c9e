/* Attention whose scores are inner products, block by block: what nn_match, nn_normalise and nn_aggregate give
 * in turn, without the scores of all states at once. */
#include <math.h>
#include <string.h>

#include "src/base/bounds.h"
#include "src/nn/attention_parts.h"

/* The scores of so many queries and states exist at a time; both are multiples of 4, which the draws of
 * dropout come in. */
enum { QUERIES = 64, STATES = 128 };

typedef struct attending {
    nn_cells cells;        /* as of nn_match */
    nn_cells keys, values; /* for products with either: of scores in blocks */
    int block;             /* states of one */
    int blocks;            /* of queries */
    real scale;
    nn_var *query, *key, *value, *y;
    real *log_sum; /* [N, H, Tq]: a weight is e^(score - log_sum); -inf: the query sees nothing */
    real dropout;
    uint64_t seed, stream;
    real *scratch; /* [workers][parts][QUERIES][block], while it runs */
    size_t parts;
    real *dquery, *dkey, *dvalue; /* NULL: nobody wants it */
} attending;

/* Some queries of a cell, and what is known of each so far. */
typedef struct some_queries {
    const attending *of;
    int asker, head, begin, rows, reach; /* reach: states that any of them can see */
    size_t first;                        /* of their rows among [N, H, Tq] */
    real most[QUERIES], sum[QUERIES];    /* the largest score, and the sum of e^(score - most) */
} some_queries;

static some_queries take_queries(const attending *c, int cell, int block)
{
    const nn_cells *cells = &c->cells;
    some_queries q = {.of = c,
                      .asker = cell / cells->heads,
                      .head = cell % cells->heads,
                      .begin = block * QUERIES,
                      .rows = min_int(QUERIES, cells->queries - block * QUERIES)};
    q.first = (size_t)cell * cells->queries + q.begin;
    q.reach = nn_cells_reach(cells, q.asker, q.begin + q.rows - 1);
    return q;
}

/* Numbers before those of the first query, of its result, and of state `from`. */
static size_t queries_at(const nn_cells *c, const some_queries *q)
{
    return nn_cells_queries(c, q->asker, q->head) + (size_t)q->begin * c->line;
}

static size_t states_at(const nn_cells *c, const some_queries *q, int from)
{
    int memory = nn_cells_memory(c, q->asker);
    return ((size_t)memory * q->of->cells.states + from) * c->line + (size_t)q->head * c->width;
}

/* States of from..from+count-1 that row r sees; what scope.seen hides among them not counted out. */
static int seen_by(const some_queries *q, int r, int from, int count)
{
    int reach = nn_cells_reach(&q->of->cells, q->asker, q->begin + r) - from;
    return reach < 0 ? 0 : min_int(reach, count);
}

/* scores[rows][block] of states from..from+count-1; those that are not seen are not defined, or -inf. */
static void score(const some_queries *q, int from, int count, real *scores)
{
    const attending *c = q->of;
    nn_cells_times(&c->keys, q->rows, count, c->query->data + queries_at(&c->keys, q),
                   c->key->data + states_at(&c->keys, q, from), 0, scores);
    for (int r = 0; c->scale != 1 && r < q->rows; r++)
        for (int l = 0; l < count; l++) scores[r * c->block + l] *= c->scale;
    const uint8_t *seen = c->cells.scope.seen;
    if (!seen) return;
    seen += ((size_t)q->asker * c->cells.queries + q->begin) * c->cells.states + from;
    for (int r = 0; r < q->rows; r++, seen += c->cells.states)
        for (int l = 0; l < count; l++)
            if (!seen[l]) scores[r * c->block + l] = -(real)INFINITY;
}

/* Which weights of row r stay, and by what they are multiplied: the same whenever it is asked. */
static void draw_mask(const some_queries *q, int r, int from, int count, real *mask)
{
    const attending *c = q->of;
    uint64_t line = ((uint64_t)c->cells.states + 3) / 4;
    uint32_t drop = (uint32_t)((double)c->dropout * 4294967295.0);
    c->cells.tape->k->vector.dropout_mask(c->seed, c->stream, (q->first + r) * line + from / 4, drop,
                                          1 / (1 - c->dropout), mask, count);
}

/* Row r of a block of scores becomes e^(score - most), `most` being the largest so far: what was summed up
 * before is multiplied by the result. */
static real exponentiate(some_queries *q, int r, int seen, real *x)
{
    const kernels *k = q->of->cells.tape->k;
    real most = k->vector.largest(x, seen), before = q->most[r];
    if (most < before) most = before;
    bool nothing = !seen || (q->of->cells.scope.seen && most == -(real)INFINITY);
    if (nothing) {
        memset(x, 0, seen * sizeof *x);
        return 1;
    }
    real shrink = before == -(real)INFINITY ? 0 : exp(before - most);
    q->sum[r] = q->sum[r] * shrink + k->vector.exp_shifted(x, most, x, seen);
    q->most[r] = most;
    return shrink;
}

/* What a block of states adds to the sums y. */
static void add_block(some_queries *q, int from, int count, real *scores, real *mask, real *y)
{
    const attending *c = q->of;
    score(q, from, count, scores);
    for (int r = 0; r < q->rows; r++) {
        real *x = scores + (size_t)r * c->block;
        int seen = seen_by(q, r, from, count);
        real shrink = exponentiate(q, r, seen, x);
        memset(x + seen, 0, (count - seen) * sizeof *x);
        real *to = y + (size_t)r * c->values.line;
        for (int i = 0; from && shrink != 1 && i < c->values.width; i++) to[i] *= shrink;
        if (!mask) continue;
        draw_mask(q, r, from, seen, mask);
        for (int l = 0; l < seen; l++) x[l] *= mask[l];
    }
    nn_cells_weigh(&c->values, q->rows, count, scores, c->value->data + states_at(&c->values, q, from),
                   from > 0, y);
}

static real *scratch_of(const attending *c, int worker)
{
    return c->scratch + worker * c->parts * QUERIES * c->block;
}

static void attend_some(const attending *c, int cell, int block, int worker)
{
    some_queries q = take_queries(c, cell, block);
    real *scores = scratch_of(c, worker), *mask = c->dropout > 0 ? scores + QUERIES * c->block : NULL;
    real *y = c->y->data + queries_at(&c->values, &q);
    for (int r = 0; r < q.rows; r++) q.most[r] = -(real)INFINITY;
    for (int from = 0; from < q.reach; from += c->block)
        add_block(&q, from, min_int(c->block, q.reach - from), scores, mask, y);
    for (int r = 0; r < q.rows; r++, y += c->values.line) {
        bool nothing = q.sum[r] == 0;
        real share = nothing ? 0 : 1 / q.sum[r];
        for (int i = 0; i < c->values.width; i++) y[i] = nothing ? 0 : y[i] * share;
        c->log_sum[q.first + r] = nothing ? -(real)INFINITY : q.most[r] + log(q.sum[r]);
    }
}

/* Queries that are worth a task of their own: a step of a search has one query in each cell. */
static int cells_of_a_task(const attending *c)
{
    return c->cells.queries > 1 ? 1 : 4;
}

static void attend_task(void *p, int index, int worker)
{
    const attending *c = p;
    int each = cells_of_a_task(c), units = c->cells.askers * c->cells.heads * c->blocks;
    for (int i = index * each; i < min_int((index + 1) * each, units); i++)
        attend_some(c, i / c->blocks, i % c->blocks, worker);
}

/* ---- backward: the weights are made again ---- */

/* weights[rows][block] of states from..from+count-1, before any is dropped. */
static void weights_again(const some_queries *q, int from, int count, real *weights)
{
    const attending *c = q->of;
    score(q, from, count, weights);
    for (int r = 0; r < q->rows; r++) {
        real *x = weights + (size_t)r * c->block, shift = c->log_sum[q->first + r];
        int seen = shift == -(real)INFINITY ? 0 : seen_by(q, r, from, count);
        if (seen) c->cells.tape->k->vector.exp_shifted(x, shift, x, seen);
        memset(x + seen, 0, (count - seen) * sizeof *x);
    }
}

/* From the weights' gradients to those of the scores, in place. Dropped weights take no part in the result,
 * but in the sum that all are divided by. q->sum holds dy . y. */
static void back_to_scores(const some_queries *q, int count, const real *weights, real *d)
{
    const attending *c = q->of;
    for (int r = 0; r < q->rows; r++) {
        const real *w = weights + (size_t)r * c->block;
        real *x = d + (size_t)r * c->block;
        for (int l = 0; l < count; l++) x[l] = c->scale * w[l] * (x[l] - q->sum[r]);
    }
}

static void drop_again(const some_queries *q, int from, int count, real *mask, real *kept, real *d)
{
    size_t block = q->of->block;
    for (int r = 0; r < q->rows; r++) {
        draw_mask(q, r, from, count, mask);
        for (int l = 0; l < count; l++) {
            kept[r * block + l] *= mask[l];
            d[r * block + l] *= mask[l];
        }
    }
}

static void block_back(const some_queries *q, int from, int count, real *scratch)
{
    const attending *c = q->of;
    size_t part = (size_t)QUERIES * c->block;
    real *weights = scratch, *d = weights + part, *turned = d + part, *kept = weights, *mask = turned + part;
    const real *dy = c->y->grad + queries_at(&c->values, q);
    size_t values = states_at(&c->values, q, from), keys = states_at(&c->keys, q, from);
    weights_again(q, from, count, weights);
    nn_cells_times(&c->values, q->rows, count, dy, c->value->data + values, 0, d);
    if (c->dropout > 0) {
        kept = mask + part;
        memcpy(kept, weights, q->rows * (size_t)c->block * sizeof *kept);
        drop_again(q, from, count, mask, kept, d);
    }
    if (c->dvalue) nn_cells_spread(&c->values, q->rows, count, kept, dy, turned, c->dvalue + values);
    back_to_scores(q, count, weights, d);
    size_t queries = queries_at(&c->keys, q);
    if (c->dquery) nn_cells_weigh(&c->keys, q->rows, count, d, c->key->data + keys, 1, c->dquery + queries);
    if (c->dkey)
        nn_cells_spread(&c->keys, q->rows, count, d, c->query->data + queries, turned, c->dkey + keys);
}

/* All askers of one memory: their gradients meet in its states, in the order of the askers. */
static void attend_back(void *p, int cell, int worker)
{
    const attending *c = p;
    const nn_cells *cells = &c->cells;
    int memory = cell / cells->heads, head = cell % cells->heads;
    real *scratch = scratch_of(c, worker);
    for (int n = cells->first[memory]; n >= 0; n = cells->next[n])
        for (int block = 0; block < c->blocks; block++) {
            some_queries q = take_queries(c, n * cells->heads + head, block);
            const real *dy = c->y->grad + queries_at(&c->values, &q);
            const real *y = c->y->data + queries_at(&c->values, &q);
            for (int r = 0; r < q.rows; r++, dy += c->values.line, y += c->values.line)
                q.sum[r] = cells->tape->k->vector.dot(dy, y, c->values.width);
            for (int from = 0; from < q.reach; from += c->block)
                block_back(&q, from, min_int(c->block, q.reach - from), scratch);
        }
}

/* Memory for all workers until it is rewound; false when there is none. */
static bool make_scratch(nn_tape *t, attending *c, size_t parts)
{
    c->parts = parts;
    c->scratch = nn_scratch(t, pool_threads(t->threads) * parts * QUERIES * c->block * sizeof *c->scratch);
    return c->scratch;
}

static void attend_backward(nn_tape *t, void *p)
{
    attending *c = p;
    if (!c->y->grad) return;
    c->dquery = nn_grad_add(t, c->query);
    c->dkey = nn_grad_add(t, c->key);
    c->dvalue = nn_grad_add(t, c->value);
    arena_mark mark = arena_save(t->mem);
    if (!t->failed && nn_cells_lists(&c->cells) && make_scratch(t, c, c->dropout > 0 ? 5 : 3))
        nn_cells_each_memory(&c->cells, attend_back, c);
    arena_rewind(t->mem, mark);
}

/* ---- the op ---- */

static attending take_apart(nn_tape *t, const nn_match_params *m, nn_var *query, nn_var *keys, nn_var *values,
                            const nn_scope *scope)
{
    attending c = {.query = query, .key = keys, .value = values, .scale = 1};
    c.cells = nn_cells_of_keys(t, query, keys, scope);
    c.block = min_int(STATES, round_up(c.cells.states, 4));
    c.blocks = ceil_div(c.cells.queries, QUERIES);
    c.keys = c.values = c.cells;
    c.keys.states = c.values.states = c.block;
    c.values.line = nn_last(values);
    c.values.width = c.values.line / c.cells.heads;
    if (m->kind == NN_MATCH_SCALED_DOT) c.scale = (real)(1 / sqrt((double)c.cells.width));
    return c;
}

nn_var *nn_attend(nn_tape *t, const nn_match_params *m, nn_var *query, nn_var *keys, nn_var *values,
                  const nn_scope *scope, real dropout)
{
    if (t->failed || !query || !keys || !values) return NULL;
    attending c = take_apart(t, m, query, keys, values, scope);
    int dim[3] = {c.cells.askers, query->rank == 3 ? c.cells.queries : c.values.line, c.values.line};
    c.y = nn_result(t, query->rank, dim, nn_wants(t, query) || nn_wants(t, keys) || nn_wants(t, values));
    if (c.y && t->training && dropout > 0) c.dropout = dropout;
    c.seed = t->seed;
    c.stream = t->step << 20 | t->ops;
    size_t rows = (size_t)c.cells.askers * c.cells.heads * c.cells.queries;
    c.log_sum = nn_scratch(t, rows * sizeof *c.log_sum);
    attending *kept = c.y && c.y->wants_grad ? nn_alloc(t, sizeof *kept) : NULL;
    arena_mark mark = arena_save(t->mem);
    if (t->failed || !make_scratch(t, &c, c.dropout > 0 ? 2 : 1)) return NULL;
    int each = cells_of_a_task(&c), units = c.cells.askers * c.cells.heads * c.blocks;
    pool_run(t->threads, ceil_div(units, each), attend_task, &c);
    arena_rewind(t->mem, mark);
    if (!kept) return c.y;
    *kept = c;
    nn_record(t, attend_backward, kept);
    return t->failed ? NULL : c.y;
}
