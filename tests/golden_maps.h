/* For tests that compare networks with reference values in ../shared/data/weights: opening what is there, and
 * maps whose channels come first. */
#ifndef TESTS_GOLDEN_MAPS_H
#define TESTS_GOLDEN_MAPS_H

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "cnn/import.h"

typedef struct golden_net {
    nn_params params;
    cnn_net *net;
    cnn_preprocess pre;
    io_tensors *weights, *golden;
} golden_net;

/* Skips the test where the files are absent. */
static void golden_open(golden_net *g, const char *weights, const char *golden)
{
    error err = {0};
    *g = (golden_net){0};
    if (access(weights, R_OK) || access(golden, R_OK)) {
        print_message("%s is not here: nothing to compare\n", weights);
        skip();
    }
    const cnn_backbone_row *row = NULL;
    if (!(g->weights = io_tensors_open(weights, &err)) || !(g->golden = io_tensors_open(golden, &err)) ||
        !(row = cnn_import_find(g->weights, &err)) ||
        cnn_net_create(row->name, "encoder.", &g->params, &g->net, &err) ||
        nn_params_finish(&g->params, 1, &err) || cnn_import(g->weights, g->net, &g->pre, &err))
        fail_msg("%s", err.text);
}

static void golden_close(golden_net *g)
{
    cnn_net_free(&g->net);
    nn_params_release(&g->params);
    io_tensors_close(&g->weights);
    io_tensors_close(&g->golden);
}

static inline float *golden_read(const io_tensors *file, const char *name, int rank, const int64_t *shape)
{
    error err = {0};
    size_t count = 1;
    for (int i = 0; i < rank; i++) count *= (size_t)shape[i];
    float *values = malloc(count * sizeof *values);
    assert_non_null(values);
    if (io_tensors_read_f32(file, name, rank, shape, values, &err)) fail_msg("%s", err.text);
    return values;
}

#endif
