/* How attention shares out its work, and its products. */
#include "src/base/bounds.h"
#include "src/nn/attention_parts.h"

/* From so many multiplications on, the products of a cell go through src/math/gemm.h; below, its own kernels
 * for a few rows are as fast, and what LSTM decoders ask stays below. */
static const size_t MANY = 1 << 20;

nn_cells nn_cells_of_scores(nn_tape *t, const nn_var *scores, const nn_scope *scope)
{
    int heads = scope->heads > 1 ? scope->heads : 1, rank = scores->rank - (heads > 1);
    return (nn_cells){.tape = t,
                      .scope = *scope,
                      .askers = scores->dim[0],
                      .queries = rank == 3 ? scores->dim[scores->rank - 2] : 1,
                      .states = nn_last(scores),
                      .heads = heads};
}

nn_cells nn_cells_of_keys(nn_tape *t, const nn_var *query, const nn_var *keys, const nn_scope *scope)
{
    int heads = scope->heads > 1 ? scope->heads : 1;
    return (nn_cells){.tape = t,
                      .scope = *scope,
                      .askers = query->dim[0],
                      .queries = query->rank == 3 ? query->dim[1] : 1,
                      .memories = keys->dim[0],
                      .states = keys->dim[1],
                      .heads = heads,
                      .width = nn_last(keys) / heads,
                      .line = nn_last(keys)};
}

int nn_cells_memory(const nn_cells *c, int asker)
{
    return c->scope.memory_of ? c->scope.memory_of[asker] : asker;
}

int nn_cells_reach(const nn_cells *c, int asker, int query)
{
    int count = c->scope.length ? c->scope.length[nn_cells_memory(c, asker)] : c->states;
    return c->scope.causal ? min_int(count, c->scope.before + query + 1) : count;
}

size_t nn_cells_scores(const nn_cells *c, int asker, int head)
{
    return ((size_t)asker * c->heads + head) * c->queries * c->states;
}

size_t nn_cells_queries(const nn_cells *c, int asker, int head)
{
    return (size_t)asker * c->queries * c->line + (size_t)head * c->width;
}

size_t nn_cells_states(const nn_cells *c, int memory, int head)
{
    return (size_t)memory * c->states * c->line + (size_t)head * c->width;
}

bool nn_cells_by_memory(nn_cells *c)
{
    c->turned = nn_scratch(c->tape, nn_cells_scores(c, c->askers, 0) * sizeof *c->turned);
    return c->turned && nn_cells_lists(c);
}

bool nn_cells_lists(nn_cells *c)
{
    c->first = nn_scratch(c->tape, c->memories * sizeof *c->first);
    c->next = nn_scratch(c->tape, c->askers * sizeof *c->next);
    if (c->tape->failed) return false;
    for (int m = 0; m < c->memories; m++) c->first[m] = -1;
    for (int n = c->askers - 1; n >= 0; n--) {
        c->next[n] = c->first[nn_cells_memory(c, n)];
        c->first[nn_cells_memory(c, n)] = n;
    }
    return true;
}

size_t nn_cells_grain(const nn_cells *c)
{
    enum { GRAIN = 1 << 13 };
    return 1 + GRAIN / (size_t)c->states;
}

void nn_cells_each_memory(const nn_cells *c, pool_task body, void *ctx)
{
    pool_run(c->tape->threads, c->memories * c->heads, body, ctx);
}

/* ---- products ---- */

static bool is_large(const nn_cells *c, int rows, int count)
{
    return rows > KERNELS_ROWS && (size_t)rows * count * c->width >= MANY;
}

void nn_cells_times(const nn_cells *c, int rows, int count, const real *x, const real *states, real beta,
                    real *to)
{
    size_t line = c->line, lead = c->states;
    if (is_large(c, rows, count)) {
        gemm_serial(c->tape->precision, (gemm_shape){rows, count, c->width}, mat_n(x, c->line),
                    mat_t(states, c->line), beta, (mat_out){to, c->states});
        return;
    }
    for (int r = 0; r < rows; r += KERNELS_ROWS)
        c->tape->k->f32.gemv_t(min_int(rows - r, KERNELS_ROWS), c->width, count, x + r * line, c->line,
                               states, c->line, beta, to + r * lead, c->states);
}

void nn_cells_weigh(const nn_cells *c, int rows, int count, const real *weights, const real *states,
                    real beta, real *to)
{
    size_t line = c->line, lead = c->states;
    if (is_large(c, rows, count)) {
        gemm_serial(c->tape->precision, (gemm_shape){rows, c->width, count}, mat_n(weights, c->states),
                    mat_n(states, c->line), beta, (mat_out){to, c->line});
        return;
    }
    for (int r = 0; r < rows; r += KERNELS_ROWS)
        c->tape->k->f32.gemv(min_int(rows - r, KERNELS_ROWS), count, c->width, weights + r * lead, c->states,
                             states, c->line, beta, to + r * line, c->line);
}

void nn_cells_spread(const nn_cells *c, int rows, int count, const real *weights, const real *x, real *turned,
                     real *states)
{
    size_t lead = c->states, n = rows;
    if (is_large(c, rows, count)) {
        gemm_serial(c->tape->precision, (gemm_shape){count, c->width, rows}, mat_t(weights, c->states),
                    mat_n(x, c->line), 1, (mat_out){states, c->line});
        return;
    }
    for (size_t q = 0; q < n; q++)
        for (size_t l = 0; l < (size_t)count; l++) turned[l * n + q] = weights[q * lead + l];
    for (int l = 0; l < count; l += KERNELS_ROWS)
        c->tape->k->f32.gemv(min_int(count - l, KERNELS_ROWS), rows, c->width, turned + l * n, rows, x,
                             c->line, 1, states + (size_t)l * c->line, c->line);
}
