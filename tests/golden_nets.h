/* Networks in double precision against PyTorch: the weights of golden/text_nets.py, and the digests of
 * gradients that it and its relatives keep. Behind cmocka.h. */
#ifndef TESTS_GOLDEN_NETS_H
#define TESTS_GOLDEN_NETS_H

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "src/nn/params.h"

static inline void golden_fill(nn_param *p)
{
    int sum = 0;
    for (const char *c = p->name; *c; c++) sum += (unsigned char)*c;
    double base = strstr(p->name, ".gamma") ? 1 : 0;
    for (size_t i = 0; i < nn_count(&p->var); i++)
        p->var.data[i] = base + 0.5 * sin(0.7 * (double)i + sum % 97);
}

static inline void golden_compare(const char *name, const char *what, double mine, double theirs)
{
    if (!(fabs(mine - theirs) <= 1e-9 * (1 + fabs(theirs))))
        fail_msg("%s, %s: %.15g, PyTorch has %.15g", name, what, mine, theirs);
}

/* What PyTorch did not use has a gradient of 0. */
static inline void golden_compare_gradients(const char *name, const nn_params *params, const json_t *theirs)
{
    size_t used = 0;
    for (int i = 0; i < params->count; i++) {
        const nn_param *p = params->list[i];
        const json_t *digest = json_object_get(theirs, p->name);
        double squares = 0, turned = 0;
        used += digest != NULL;
        for (size_t j = 0; j < nn_count(&p->var); j++) {
            squares += p->var.grad[j] * p->var.grad[j];
            turned += p->var.grad[j] * cos(0.3 * (double)j + 1);
        }
        golden_compare(name, p->name, sqrt(squares), json_real_value(json_array_get(digest, 0)));
        golden_compare(name, p->name, turned, json_real_value(json_array_get(digest, 1)));
    }
    assert_int_equal(used, json_object_size(theirs));
}

#endif
