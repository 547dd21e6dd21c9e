/* What every model of an encoder and a decoder must hold to, in double precision: its gradients are those of
 * central differences, and steps taken all at once give what they give one by one. To be included after
 * cmocka.h.
 *
 *     typedef struct model { ...; nn_params params; cap_loss_options options; } model;
 *     model_gradcheck g = {"name", &m.params, &m.options, loss_of, &m};
 *     model_gradcheck_run(&g, 6);
 */
#ifndef TESTS_MODEL_GRADCHECK_H
#define TESTS_MODEL_GRADCHECK_H

#include <math.h>

#include "captioner/net/decoder.h"
#include "src/nn/gradcheck.h"

typedef struct model_gradcheck {
    const char *name; /* for what is said when it fails */
    nn_params *params;
    cap_loss_options *options;                /* that `loss` heeds */
    nn_var *(*loss)(nn_tape *t, void *model); /* of a batch */
    void *model;
} model_gradcheck;

/* The loss at this chance of scheduled sampling: above 0 the words are taken one by one. */
static inline double model_loss(const model_gradcheck *g, double sampling)
{
    arena mem = {0};
    nn_tape t = {.mem = &mem, .recording = true, .training = true};
    g->options->sampling = sampling;
    nn_var *loss = g->loss(&t, g->model);
    assert_non_null(loss);
    double value = loss->data[0];
    g->options->sampling = 0;
    arena_release(&mem);
    return value;
}

/* Differences at `places` numbers of each parameter. */
static inline void check_gradients(const model_gradcheck *g, int places)
{
    arena mem = {0};
    nn_tape t = {.mem = &mem, .recording = true, .training = true};
    const char *worst = "";
    double off = nn_gradcheck(&t, g->params, g->loss, g->model, 1e-5, places, &worst);
    if (!(off < 1e-6)) fail_msg("%s: gradient of %s is off by %.3g", g->name, worst, off);
    arena_release(&mem);
}

/* With a chance that never comes true the words are the given ones, and the steps go one by one. */
static inline void model_gradcheck_run(const model_gradcheck *g, int places)
{
    check_gradients(g, places);
    double all = model_loss(g, 0), one_by_one = model_loss(g, 1e-300);
    if (!(fabs(all - one_by_one) < 1e-12))
        fail_msg("%s: %.15g at once, %.15g in steps", g->name, all, one_by_one);
}

#endif
