/* Whole backbones in training: the slope of the loss along its gradient, in double precision. (The ops one by
 * one: gradcheck_test.c.) Small steps are needed: with batch norms over few values and clipped activations
 * the loss bends and breaks within a thousandth of the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cnn/backbone.h"
#include "src/base/rng.h"
#include "src/nn/loss.h"

enum { SIDE = 40, PIXELS = 2 * SIDE * SIDE * 3 };

typedef struct model {
    nn_params params;
    cnn_net *net;
    arena mem;
    nn_tape tape;
    real x[PIXELS], *target;
} model;

static void make(model *m, const char *name)
{
    error err = {0};
    m->tape = (nn_tape){.mem = &m->mem, .recording = true, .training = true};
    if (cnn_net_create(name, "encoder.", &m->params, &m->net, &err) || nn_params_finish(&m->params, 7, &err))
        fail_msg("%s", err.text);
    rng r = {.seed = 3};
    for (int i = 0; i < m->params.count; i++) {
        nn_param *p = m->params.list[i];
        bool shift = strstr(p->name, ".mean") || strstr(p->name, ".beta");
        for (int k = 0; p->var.rank == 1 && k < p->var.dim[0]; k++)
            p->var.data[k] = shift ? 0.3 * rng_normal(&r) : 0.5 + rng_uniform(&r);
    }
    for (int i = 0; i < PIXELS; i++) m->x[i] = rng_normal(&r);
    int gh, gw, d;
    cnn_net_map_size(m->net, SIDE, &gh, &gw, &d);
    m->target = calloc((2 * gh * gw * d), sizeof *m->target);
    assert_non_null(m->target);
}

static void drop(model *m)
{
    cnn_net_free(&m->net);
    nn_params_release(&m->params);
    arena_release(&m->mem);
    free(m->target);
    free(m);
}

/* The loss at weights + h * direction, and its gradient in params.grad. */
static double loss_at(model *m, const real *weights, const real *direction, double h)
{
    for (size_t i = 0; i < m->params.size; i++) m->params.data[i] = weights[i] + h * direction[i];
    nn_begin(&m->tape);
    nn_var *x = nn_input(&m->tape, m->x, 4, (int[]){2, SIDE, SIDE, 3});
    nn_var *loss = nn_mean_squared(&m->tape, cnn_net_forward(m->net, &m->tape, x), m->target);
    nn_params_zero_grad(&m->params, NULL);
    nn_backward(&m->tape, loss);
    assert_false(m->tape.failed);
    return loss->data[0];
}

static void check_slope(const char *name, bool constant_norms)
{
    model *m = calloc(1, sizeof *m);
    assert_non_null(m);
    make(m, name);
    cnn_net_freeze_norm(m->net, constant_norms);
    size_t n = m->params.size;
    real *weights = malloc(n * sizeof *weights), *g = calloc(n, sizeof *g);
    assert_true(weights && g);
    memcpy(weights, m->params.data, n * sizeof *weights);
    double loss = loss_at(m, weights, g, 0), square = 0;
    memcpy(g, m->params.grad, n * sizeof *g);
    for (size_t i = 0; i < n; i++) square += g[i] * g[i];
    double h = 1e-7 * loss / square;
    double slope = (loss_at(m, weights, g, h) - loss_at(m, weights, g, -h)) / (2 * h * square);
    if (!(fabs(slope - 1) < 1e-5))
        fail_msg("%s%s: %.8f of the slope the gradient promises", name,
                 constant_norms ? ", constant norms" : "", slope);
    free(weights);
    free(g);
    drop(m);
}

static void test_slope(void **state)
{
    (void)state;
    int count;
    const cnn_backbone_row *const *rows = cnn_backbone_rows(&count);
    for (int i = 0; i < 2 * count; i++)
        if (!rows[i / 2]->classes) check_slope(rows[i / 2]->name, i % 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_slope)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
