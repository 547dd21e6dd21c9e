#include "src/nn/lstm.h"

#include "src/nn/vec.h"

typedef struct lstm_ctx {
    nn_var *gates, *c, *h_new, *c_new;
    real *on;    /* [N, 4H]: gates after their activations */
    real *tanhc; /* [N, H] */
    real *dgates, *dc;
} lstm_ctx;

static void lstm_forward(void *p, size_t begin, size_t end)
{
    lstm_ctx *x = p;
    size_t h = (size_t)nn_last(x->c);
    for (size_t n = begin; n < end; n++) {
        const real *g = x->gates->data + n * 4 * h, *c = x->c->data + n * h;
        real *on = x->on + n * 4 * h, *cn = x->c_new->data + n * h, *hn = x->h_new->data + n * h,
             *tc = x->tanhc + n * h;
        vec_sigmoid(on, g, 2 * h);
        vec_tanh(on + 2 * h, g + 2 * h, h);
        vec_sigmoid(on + 3 * h, g + 3 * h, h);
        for (size_t j = 0; j < h; j++) cn[j] = on[h + j] * c[j] + on[j] * on[2 * h + j];
        vec_tanh(tc, cn, h);
        for (size_t j = 0; j < h; j++) hn[j] = on[3 * h + j] * tc[j];
    }
}

static void lstm_backward_rows(void *p, size_t begin, size_t end)
{
    lstm_ctx *x = p;
    size_t h = (size_t)nn_last(x->c);
    for (size_t n = begin; n < end; n++) {
        const real *on = x->on + n * 4 * h, *i = on, *f = on + h, *g = on + 2 * h, *o = on + 3 * h;
        const real *c = x->c->data + n * h, *tc = x->tanhc + n * h;
        real *dg = x->dgates + n * 4 * h, *dc = x->dc + n * h;
        for (size_t j = 0; j < h; j++) {
            real dh = x->h_new->grad ? x->h_new->grad[n * h + j] : 0;
            real dcn = (x->c_new->grad ? x->c_new->grad[n * h + j] : 0) + dh * o[j] * (1 - tc[j] * tc[j]);
            dg[j] += dcn * g[j] * i[j] * (1 - i[j]);
            dg[h + j] += dcn * c[j] * f[j] * (1 - f[j]);
            dg[2 * h + j] += dcn * i[j] * (1 - g[j] * g[j]);
            dg[3 * h + j] += dh * tc[j] * o[j] * (1 - o[j]);
            dc[j] += dcn * f[j];
        }
    }
}

static void lstm_backward(nn_tape *t, void *p)
{
    lstm_ctx *x = p;
    if (!x->h_new->grad && !x->c_new->grad) return;
    x->dgates = nn_grad_add(t, x->gates);
    x->dc = nn_grad_add(t, x->c);
    if (!x->dc && !t->failed) x->dc = nn_alloc(t, nn_count(x->c) * sizeof(real)); /* a constant first state */
    if (!x->dgates && !t->failed) x->dgates = nn_alloc(t, nn_count(x->gates) * sizeof(real));
    if (!t->failed) nn_parallel(t, (size_t)nn_rows(x->c), 8, lstm_backward_rows, x);
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
    *x = (lstm_ctx){.gates = gates, .c = c, .h_new = h_new, .c_new = c_new, .on = on, .tanhc = tanhc};
    nn_parallel(t, (size_t)nn_rows(c), 8, lstm_forward, x);
    if (wants) nn_record(t, lstm_backward, x);
    return t->failed ? none : (nn_lstm_state){h_new, c_new};
}
