/* Many steps of an LSTM as one op.
 *
 * The weights serve every step, so they are put in order once for each pass. In f32 the gradients of the
 * gates live for about a step: while they are in cache they are multiplied into the gradient of the weights
 * and added to that of the inputs' shares. Where products in bf16 are faster, they are so fast
 * that one for all steps is better. */
#include <string.h>

#include "src/math/gemm_own.h"
#include "src/nn/lstm.h"

typedef struct sequence_ctx {
    nn_tape *tape;
    nn_var *gates, *w, *h, *c;
    const int32_t *of;
    nn_lstm_state first;
    const int *active;
    int steps;
    size_t width;           /* H */
    real *on;               /* [total, 4H] gates after their activations */
    real *tanhc;            /* [total, H] */
    const real *ordered;    /* the weights of this pass, or NULL */
    const real *sums;       /* [active[0], 4H] the states' share of the step at hand; NULL: none */
    const real *c_prev;     /* of the step at hand */
    size_t at;              /* its first row */
    real *dh, *dc_new, *dc; /* [active[0], H]; 0 for rows that have ended */
    real *dgates;           /* see gates_grad */
    real *before;           /* [kept, H] the states before the rows of a group */
    size_t kept, end;       /* rows that a group may have; the end of the group at hand */
} sequence_ctx;

static size_t gates_of(const sequence_ctx *x)
{
    return 4 * x->width;
}

static mat weights_of(const sequence_ctx *x, gemm_op op)
{
    return (mat){x->w->data, (int)gates_of(x), op};
}

static const real *order_weights(const sequence_ctx *x, gemm_op op, int n, int k)
{
    nn_tape *t = x->tape;
    if (gemm_wants(t->precision) != GEMM_IN_ORDER) return NULL;
    real *to = nn_scratch(t, gemm_ordered_count(t->k, n, k) * sizeof *to);
    if (to) gemm_order(t->threads, t->k, n, k, weights_of(x, op), to);
    return to;
}

/* y[rows,n] = a[rows,k] op(w) + beta y */
static void step_product(const sequence_ctx *x, gemm_op op, int rows, int n, int k, const real *a, real beta,
                         real *y)
{
    nn_tape *t = x->tape;
    gemm_shape s = {rows, n, k};
    mat_out to = {y, n};
    if (x->ordered)
        gemm_own_ordered(t->threads, t->k, s, mat_n(a, k), x->ordered, beta, to);
    else
        gemm(t->threads, t->precision, s, mat_n(a, k), weights_of(x, op), beta, to);
}

/* ---- forward ---- */

static const real *share_of(const sequence_ctx *x, size_t row)
{
    return x->gates->data + (x->of ? (size_t)x->of[row] : row) * gates_of(x);
}

static void cells(void *p, size_t begin, size_t end)
{
    sequence_ctx *x = p;
    size_t h = x->width;
    for (size_t n = begin; n < end; n++) {
        size_t row = x->at + n, state = row * h;
        const real *share = share_of(x, row), *sum = x->sums ? x->sums + n * 4 * h : NULL;
        x->tape->k->lstm.cell(sum ? sum : share, sum ? share : NULL, x->c_prev + n * h, (int)h,
                              x->on + row * 4 * h, x->c->data + state, x->tanhc + state, x->h->data + state);
    }
}

/* The states' share of a step stays in cache: it is the inputs' that is read, and the gates after their
 * activations that are written, once. */
static void forward(sequence_ctx *x, const real *zeros, real *sums)
{
    const real *h_prev = x->first.h ? x->first.h->data : NULL;
    int wide = (int)x->width;
    x->c_prev = x->first.c ? x->first.c->data : zeros;
    x->at = 0;
    for (int s = 0; s < x->steps; s++) {
        size_t rows = x->active[s];
        x->sums = h_prev ? sums : NULL;
        if (h_prev) step_product(x, GEMM_N, (int)rows, 4 * wide, wide, h_prev, 0, sums);
        nn_parallel(x->tape, rows, 8, cells, x);
        h_prev = x->h->data + x->at * x->width;
        x->c_prev = x->c->data + x->at * x->width;
        x->at += rows;
    }
}

/* ---- backward ---- */

/* Gradient of the gates of a row of the group at hand. Without `of` it lies where that of all rows does. */
static real *gates_grad(const sequence_ctx *x, size_t row)
{
    return x->dgates + (x->of ? row + x->kept - x->end : row) * gates_of(x);
}

static void cells_back(void *p, size_t begin, size_t end)
{
    sequence_ctx *x = p;
    size_t h = x->width;
    for (size_t n = begin; n < end; n++) {
        size_t row = x->at + n;
        const real *more = x->h->grad ? x->h->grad + row * h : NULL;
        x->tape->k->lstm.cell_back(x->on + row * 4 * h, x->c_prev + n * h, x->tanhc + row * h, x->dh + n * h,
                                   more, x->dc_new + n * h, (int)h, gates_grad(x, row), x->dc + n * h);
    }
}

/* The states before steps s..last-1, the first of which begins at row `at`. */
static const real *states_before(const sequence_ctx *x, int s, int last, size_t at)
{
    size_t h = x->width;
    if (s && last == s + 1) return x->h->data + (at - x->active[s - 1]) * h;
    real *to = x->before;
    for (; s < last; s++) {
        size_t count = x->active[s] * h;
        const real *from = s ? x->h->data + (at - x->active[s - 1]) * h : x->first.h->data;
        memcpy(to, from, count * sizeof *to);
        to += count;
        at += x->active[s];
    }
    return x->before;
}

typedef struct group {
    const sequence_ctx *x;
    size_t begin, end;
    real *dgates; /* [V, 4H] */
} group;

/* Columns of it, so that the order of the sums does not depend on the threads. */
static void shares_back(void *p, size_t begin, size_t end)
{
    const group *g = p;
    size_t gates = gates_of(g->x);
    for (size_t row = g->begin; row < g->end; row++)
        g->x->tape->k->vector.add(gates_grad(g->x, row) + begin, g->dgates + g->x->of[row] * gates + begin,
                                  (int)(end - begin));
}

/* Steps s..last-1, which are rows at..end-1, are done. */
static void group_back(sequence_ctx *x, int s, int last)
{
    nn_tape *t = x->tape;
    size_t begin = x->at;
    if (x->of) {
        group g = {x, begin, x->end, nn_grad_add(t, x->gates)};
        if (g.dgates) nn_parallel(t, gates_of(x), 256, shares_back, &g);
    }
    if (!s && !x->first.h) begin += x->active[s++]; /* its state before is zero */
    int wide = (int)x->width;
    real beta, *dw = begin < x->end ? nn_grad(t, x->w, &beta) : NULL;
    if (dw)
        gemm(t->threads, t->precision, (gemm_shape){wide, 4 * wide, (int)(x->end - begin)},
             mat_t(states_before(x, s, last, begin), wide), mat_n(gates_grad(x, begin), 4 * wide), beta,
             (mat_out){dw, 4 * wide});
}

static void step_back(sequence_ctx *x, int s, const real *zeros)
{
    nn_tape *t = x->tape;
    size_t h = x->width, n = x->active[s];
    int wide = (int)h;
    if (x->c->grad) nn_add_into(t, x->dc_new, x->c->grad + x->at * h, n * h);
    x->c_prev = s ? x->c->data + (x->at - x->active[s - 1]) * h : x->first.c ? x->first.c->data : zeros;
    nn_parallel(t, n, 8, cells_back, x);
    if (s || x->first.h) /* nobody wants the gradient of zeros */
        step_product(x, GEMM_T, (int)n, wide, 4 * wide, gates_grad(x, x->at), 0, x->dh);
    real *swap = x->dc;
    x->dc = x->dc_new;
    x->dc_new = swap;
}

/* From the last step to the first. dh and dc_new hold, before a step, what the step after it asks of its
 * result (rows that ended there: nothing). */
static void steps_back(sequence_ctx *x, size_t total, const real *zeros)
{
    int last = x->steps;
    x->at = x->end = total;
    for (int s = x->steps - 1; s >= 0; s--) {
        size_t n = x->active[s];
        if (x->end - x->at + n > x->kept) {
            group_back(x, s + 1, last);
            last = s + 1;
            x->end = x->at;
        }
        x->at -= n;
        step_back(x, s, zeros);
    }
    group_back(x, 0, last);
}

/* Without `of`: where the gradient of the gates is set. It is added to what is there already afterwards. */
static real *gates_grad_of_all(sequence_ctx *x)
{
    real beta, *g = nn_grad(x->tape, x->gates, &beta);
    return g && beta == 0 ? g : nn_scratch(x->tape, nn_count(x->gates) * sizeof(real));
}

static bool take_memory(sequence_ctx *x, size_t total)
{
    nn_tape *t = x->tape;
    size_t first = x->active[0] * x->width;
    int wide = (int)x->width;
    x->kept = gemm_wants(t->precision) == GEMM_IN_PANELS ? total : (size_t)x->active[0];
    x->dgates = x->of ? nn_scratch(t, x->kept * gates_of(x) * sizeof(real)) : gates_grad_of_all(x);
    x->before = nn_scratch(t, x->kept * x->width * sizeof(real));
    x->dh = nn_alloc(t, first * sizeof(real));
    x->dc_new = nn_alloc(t, first * sizeof(real));
    x->dc = nn_alloc(t, first * sizeof(real));
    x->ordered = order_weights(x, GEMM_T, wide, 4 * wide);
    return !t->failed;
}

static void sequence_backward(nn_tape *t, void *p)
{
    sequence_ctx *x = p;
    if (!x->h->grad && !x->c->grad) return;
    size_t total = nn_rows(x->h), first = x->active[0] * x->width;
    real *zeros = x->first.c ? NULL : nn_alloc(t, first * sizeof(real));
    if (!take_memory(x, total)) return;
    steps_back(x, total, zeros);
    if (!x->of && x->gates->wants_grad && x->dgates != x->gates->grad)
        nn_add_into(t, x->gates->grad, x->dgates, nn_count(x->gates));
    real *dh = nn_grad_add(t, x->first.h), *dc = nn_grad_add(t, x->first.c);
    if (dh) nn_add_into(t, dh, x->dh, first);
    if (dc) nn_add_into(t, dc, x->dc_new, first);
}

static size_t count_rows(const int *active, int steps)
{
    size_t total = 0;
    for (int s = 0; s < steps; s++) total += active[s];
    return total;
}

nn_lstm_state nn_lstm_sequence(nn_tape *t, nn_var *gates, const int32_t *of, nn_var *w_state,
                               nn_lstm_state first, const int *active, int steps)
{
    nn_lstm_state none = {0};
    if (t->failed || !gates || !w_state) return none;
    size_t width = w_state->dim[0], total = count_rows(active, steps);
    size_t most = active[0] * width;
    bool wants = nn_wants(t, gates) || nn_wants(t, w_state) || nn_wants(t, first.h) || nn_wants(t, first.c);
    sequence_ctx *x = nn_alloc(t, sizeof *x);
    int dim[2] = {(int)total, (int)width};
    nn_lstm_state y = {nn_result(t, 2, dim, wants), nn_result(t, 2, dim, wants)};
    real *on = nn_scratch(t, total * 4 * width * sizeof *on),
         *tanhc = nn_scratch(t, total * width * sizeof *tanhc);
    real *sums = nn_scratch(t, 4 * most * sizeof *sums);
    real *zeros = first.c ? NULL : nn_alloc(t, most * sizeof *zeros);
    if (t->failed) return none;
    *x =
        (sequence_ctx){.tape = t, .gates = gates, .of = of, .w = w_state, .h = y.h, .c = y.c, .first = first};
    x->active = active;
    x->steps = steps;
    x->width = width;
    x->on = on;
    x->tanhc = tanhc;
    x->ordered = order_weights(x, GEMM_N, 4 * (int)width, (int)width);
    if (t->failed) return none;
    forward(x, zeros, sums);
    if (wants) nn_record(t, sequence_backward, x);
    return t->failed ? none : y;
}
