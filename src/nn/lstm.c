#include "src/nn/lstm.h"

typedef struct lstm_ctx {
    const kernels *k;
    nn_var *gates, *c, *h_new, *c_new;
    real *on;    /* [N, 4H]: gates after their activations */
    real *tanhc; /* [N, H] */
    real *dgates, *dc;
    const real *dh, *dc_new;
} lstm_ctx;

static void lstm_forward(void *p, size_t begin, size_t end)
{
    lstm_ctx *x = p;
    size_t h = nn_last(x->c);
    for (size_t n = begin; n < end; n++)
        x->k->lstm.cell(x->gates->data + n * 4 * h, NULL, x->c->data + n * h, (int)h, x->on + n * 4 * h,
                        x->c_new->data + n * h, x->tanhc + n * h, x->h_new->data + n * h);
}

static void lstm_backward_rows(void *p, size_t begin, size_t end)
{
    lstm_ctx *x = p;
    size_t h = nn_last(x->c);
    for (size_t n = begin; n < end; n++)
        x->k->lstm.cell_back(x->on + n * 4 * h, x->c->data + n * h, x->tanhc + n * h, x->dh + n * h, NULL,
                             x->dc_new + n * h, (int)h, x->dgates + n * 4 * h, x->dc + n * h);
}

/* The gradient of a result, zero when nothing used it. */
static const real *grad_or_zero(nn_tape *t, const nn_var *v)
{
    return v->grad ? v->grad : nn_alloc(t, nn_count(v) * sizeof(real));
}

/* Where the rows below set the gradient of v: its own memory while that is fresh. */
static real *grad_to_set(nn_tape *t, nn_var *v)
{
    real beta, *g = nn_grad(t, v, &beta);
    return g && beta == 0 ? g : nn_scratch(t, nn_count(v) * sizeof(real));
}

static void add_set(nn_tape *t, nn_var *v, const real *set)
{
    if (v->wants_grad && v->grad != set) nn_add_into(t, v->grad, set, nn_count(v));
}

static void lstm_backward(nn_tape *t, void *p)
{
    lstm_ctx *x = p;
    if (!x->h_new->grad && !x->c_new->grad) return;
    x->dh = grad_or_zero(t, x->h_new);
    x->dc_new = grad_or_zero(t, x->c_new);
    x->dgates = grad_to_set(t, x->gates);
    x->dc = grad_to_set(t, x->c);
    if (t->failed) return;
    nn_parallel(t, nn_rows(x->c), 8, lstm_backward_rows, x);
    add_set(t, x->gates, x->dgates);
    add_set(t, x->c, x->dc);
}

nn_lstm_state nn_lstm_step(nn_tape *t, nn_var *gates, nn_var *c)
{
    nn_lstm_state none = {0};
    if (t->failed || !gates || !c) return none;
    bool wants = nn_wants(t, gates) || nn_wants(t, c);
    lstm_ctx *x = nn_alloc(t, sizeof *x);
    nn_var *h_new = nn_result(t, 2, c->dim, wants), *c_new = nn_result(t, 2, c->dim, wants);
    real *on = nn_scratch(t, nn_count(gates) * sizeof *on),
         *tanhc = nn_scratch(t, nn_count(c) * sizeof *tanhc);
    if (t->failed) return none;
    *x = (lstm_ctx){
        .k = t->k, .gates = gates, .c = c, .h_new = h_new, .c_new = c_new, .on = on, .tanhc = tanhc};
    nn_parallel(t, nn_rows(c), 8, lstm_forward, x);
    if (wants) nn_record(t, lstm_backward, x);
    return t->failed ? none : (nn_lstm_state){h_new, c_new};
}
