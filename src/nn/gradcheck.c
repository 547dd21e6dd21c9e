#include "src/nn/gradcheck.h"

#include <math.h>

static double loss_at(nn_tape *t, nn_loss_fn loss, void *ctx)
{
    nn_begin(t);
    nn_var *l = loss(t, ctx);
    return l ? (double)l->data[0] : NAN;
}

static double difference(nn_tape *t, nn_loss_fn loss, void *ctx, real *x, double h)
{
    real saved = *x;
    *x = (real)((double)saved + h);
    double up = loss_at(t, loss, ctx);
    *x = (real)((double)saved - h);
    double down = loss_at(t, loss, ctx);
    *x = saved;
    return (up - down) / (2 * h);
}

double nn_gradcheck(nn_tape *t, nn_params *p, nn_loss_fn loss, void *ctx, double h, int samples,
                    const char **worst)
{
    nn_params_zero_grad(p, NULL);
    nn_begin(t);
    nn_var *l = loss(t, ctx);
    if (!l) return NAN;
    nn_backward(t, l);
    double max = 0;
    for (int i = 0; i < p->count; i++) {
        nn_param *n = p->list[i];
        size_t count = nn_count(&n->var), step = count / samples + 1;
        for (size_t j = 0; n->var.grad && j < count; j += step) {
            double g = (double)n->var.grad[j], d = difference(t, loss, ctx, n->var.data + j, h);
            double e = fabs(g - d) / (1e-3 + fabs(g) + fabs(d));
            if (isnan(e)) e = INFINITY;
            if (e > max) {
                max = e;
                if (worst) *worst = n->name;
            }
        }
    }
    return max;
}
