/* Many steps of an LSTM as one op. */
#include <string.h>

#include "src/nn/lstm.h"

typedef struct sequence_ctx {
    nn_tape *tape;
    nn_var *gates, *w, *h, *c;
    nn_lstm_state first;
    const int *active;
    int steps;
    size_t width;       /* H */
    real *before, *on;  /* [total, 4H] gates before and after their activations; the first is scratch */
    real *tanhc;        /* [total, H] */
    const real *c_prev; /* of the step at hand */
    size_t at;          /* its first row */
    real *dgates, *dh, *dc_new, *dc; /* [total, 4H] [active, H] ... */
} sequence_ctx;

/* ---- forward ---- */

static void cells(void *p, size_t begin, size_t end)
{
    sequence_ctx *x = p;
    size_t h = x->width;
    for (size_t n = begin; n < end; n++) {
        size_t row = x->at + n, state = row * h;
        x->tape->k->lstm_cell(x->before + n * 4 * h, x->c_prev + n * h, (int)h, x->on + row * 4 * h,
                              x->c->data + state, x->tanhc + state, x->h->data + state);
    }
}

/* `previous` is where the rows of h and c of the step before begin. */
static void forward_step(sequence_ctx *x, int s, const real *h_prev)
{
    nn_tape *t = x->tape;
    int h = (int)x->width, n = x->active[s];
    memcpy(x->before, x->gates->data + x->at * 4 * x->width, (size_t)n * 4 * x->width * sizeof(real));
    if (h_prev)
        gemm(t->threads, t->precision, GEMM_N, GEMM_N, n, 4 * h, h, h_prev, h, x->w->data, 4 * h, 1,
             x->before, 4 * h);
    nn_parallel(t, (size_t)n, 8, cells, x);
}

static void forward(sequence_ctx *x, const real *zeros)
{
    const real *h_prev = x->first.h ? x->first.h->data : NULL;
    x->c_prev = x->first.c ? x->first.c->data : zeros;
    x->at = 0;
    for (int s = 0; s < x->steps; s++) {
        forward_step(x, s, h_prev);
        h_prev = x->h->data + x->at * x->width;
        x->c_prev = x->c->data + x->at * x->width;
        x->at += (size_t)x->active[s];
    }
}

/* ---- backward ---- */

static void cells_back(void *p, size_t begin, size_t end)
{
    sequence_ctx *x = p;
    size_t h = x->width;
    for (size_t n = begin; n < end; n++) {
        size_t row = x->at + n;
        memset(x->dc + n * h, 0, h * sizeof *x->dc);
        x->tape->k->lstm_cell_back(x->on + row * 4 * h, x->c_prev + n * h, x->tanhc + row * h, x->dh + n * h,
                                   x->dc_new + n * h, (int)h, x->dgates + row * 4 * h, x->dc + n * h);
    }
}

static void add_rows(nn_tape *t, real *to, const real *from, size_t count)
{
    if (from) nn_add_into(t, to, from, count);
}

/* From the last step to the first. dh and dc_new hold, before a step, what the step after it asks of its
 * result (rows that ended there: nothing). */
static void steps_back(sequence_ctx *x, size_t total, const real *zeros)
{
    nn_tape *t = x->tape;
    size_t h = x->width;
    int wide = (int)h;
    x->at = total;
    for (int s = x->steps - 1; s >= 0; s--) {
        size_t n = (size_t)x->active[s];
        x->at -= n;
        add_rows(t, x->dh, x->h->grad ? x->h->grad + x->at * h : NULL, n * h);
        add_rows(t, x->dc_new, x->c->grad ? x->c->grad + x->at * h : NULL, n * h);
        x->c_prev = s            ? x->c->data + (x->at - (size_t)x->active[s - 1]) * h
                    : x->first.c ? x->first.c->data
                                 : zeros;
        nn_parallel(t, n, 8, cells_back, x);
        if (s || x->first.h) /* nobody wants the gradient of zeros */
            gemm(t->threads, t->precision, GEMM_N, GEMM_T, (int)n, wide, 4 * wide, x->dgates + x->at * 4 * h,
                 4 * wide, x->w->data, 4 * wide, 0, x->dh, wide);
        real *swap = x->dc;
        x->dc = x->dc_new;
        x->dc_new = swap;
    }
}

/* One product over all steps: the states before each step, times the gradients of its gates. */
static void weights_back(sequence_ctx *x, size_t total)
{
    nn_tape *t = x->tape;
    size_t h = x->width, skipped = x->first.h ? 0 : (size_t)x->active[0], rows = total - skipped;
    real beta, *dw = rows ? nn_grad(t, x->w, &beta) : NULL;
    if (!dw) return;
    real *before = nn_scratch(t, rows * h * sizeof *before), *to = before;
    if (!before) return;
    for (int s = 0, at = 0; s < x->steps; s++) {
        size_t count = (size_t)x->active[s] * h;
        const real *from = s ? x->h->data + (size_t)at * h : x->first.h ? x->first.h->data : NULL;
        if (from) memcpy(to, from, count * sizeof *to);
        to += from ? count : 0;
        at += s ? x->active[s - 1] : 0;
    }
    int wide = (int)h;
    gemm(t->threads, t->precision, GEMM_T, GEMM_N, wide, 4 * wide, (int)rows, before, wide,
         x->dgates + skipped * 4 * h, 4 * wide, beta, dw, 4 * wide);
}

static void sequence_backward(nn_tape *t, void *p)
{
    sequence_ctx *x = p;
    if (!x->h->grad && !x->c->grad) return;
    size_t total = (size_t)nn_rows(x->gates), first = (size_t)x->active[0] * x->width;
    x->dgates = nn_grad_add(t, x->gates);
    if (!x->dgates && !t->failed) x->dgates = nn_alloc(t, nn_count(x->gates) * sizeof(real));
    x->dh = nn_alloc(t, first * sizeof(real));
    x->dc_new = nn_alloc(t, first * sizeof(real));
    x->dc = nn_alloc(t, first * sizeof(real));
    real *zeros = x->first.c ? NULL : nn_alloc(t, first * sizeof(real));
    if (t->failed) return;
    steps_back(x, total, zeros);
    weights_back(x, total);
    real *dh = nn_grad_add(t, x->first.h), *dc = nn_grad_add(t, x->first.c);
    if (dh) nn_add_into(t, dh, x->dh, first);
    if (dc) nn_add_into(t, dc, x->dc_new, first);
}

nn_lstm_state nn_lstm_sequence(nn_tape *t, nn_var *gates, nn_var *w_state, nn_lstm_state first,
                               const int *active, int steps)
{
    nn_lstm_state none = {0};
    if (t->failed || !gates || !w_state) return none;
    size_t width = (size_t)w_state->dim[0], total = (size_t)nn_rows(gates), most = (size_t)active[0] * width;
    bool wants = nn_wants(t, gates) || nn_wants(t, w_state) || nn_wants(t, first.h) || nn_wants(t, first.c);
    sequence_ctx *x = nn_alloc(t, sizeof *x);
    int dim[2] = {(int)total, (int)width};
    nn_lstm_state y = {nn_result(t, 2, dim, wants), nn_result(t, 2, dim, wants)};
    real *on = nn_scratch(t, total * 4 * width * sizeof *on),
         *tanhc = nn_scratch(t, total * width * sizeof *tanhc);
    real *before = nn_scratch(t, most * 4 * sizeof *before);
    real *zeros = first.c ? NULL : nn_alloc(t, most * sizeof *zeros);
    if (t->failed) return none;
    *x = (sequence_ctx){.tape = t, .gates = gates, .w = w_state, .h = y.h, .c = y.c, .first = first};
    x->active = active;
    x->steps = steps;
    x->width = width;
    x->before = before;
    x->on = on;
    x->tanhc = tanhc;
    forward(x, zeros);
    if (wants) nn_record(t, sequence_backward, x);
    return t->failed ? none : y;
}
