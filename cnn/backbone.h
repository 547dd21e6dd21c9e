/* Backbones: the convolutional part of an image classifier, from pixels to a map of regions. One row of the
 * table for each architecture.
 *
 *     cnn_net *net;
 *     nn_params params = {0};
 *     if (cnn_net_create("mobilenet_v2", "encoder.", &params, &net, &err)) ...    declares the parameters
 *     if (nn_params_finish(&params, seed, &err)) ...                              random, or then loaded
 *     nn_var *map = cnn_net_forward(net, &tape, pixels);      [N,S,S,3] -> [N,gh,gw,D], NULL after a failure
 *     cnn_net_free(&net);                                     the parameters stay with `params`
 *
 * Parameters of a convolution "block3.expand": encoder.block3.expand.weight ([k,k,C,O]; depthwise [k,k,C])
 * and of its batch norm .gamma .beta (learned) .mean .variance (running, NN_BUFFER), each [O].
 *
 * A net works for one thread at a time (it keeps scratch memory between calls); the pool of the tape may of
 * course have many. */
#ifndef CNN_BACKBONE_H
#define CNN_BACKBONE_H

#include "src/base/error.h"
#include "src/nn/params.h"
#include "src/nn/tape.h"

typedef struct cnn_net cnn_net;
typedef struct cnn_stage cnn_stage;

typedef struct cnn_backbone_row {
    const char *name;  /* "mobilenet_v2" */
    const char *about; /* one line for users */
    int size;          /* side of the input it was designed for, pixels; any size from 32 works */
    int stride;        /* pixels per region: the map of a size S is S / stride regions wide, rounded up */
    int channels;      /* D: numbers per region */
    void (*build)(cnn_net *net, const cnn_stage *stages);
    const cnn_stage *stages;
} cnn_backbone_row;

const cnn_backbone_row *cnn_backbone_rows(int *count);
const cnn_backbone_row *cnn_backbone_find(const char *name); /* NULL when there is none */

/* Declares the parameters, their names beginning with `prefix` (may be ""). Errors: MISSING (no such
 * architecture), MEMORY; then *out is NULL and the parameters already declared are of no use. */
err_code cnn_net_create(const char *architecture, const char *prefix, nn_params *params, cnn_net **out,
                        error *err);
void cnn_net_free(cnn_net **net); /* NULL and pointer to NULL are fine */

const cnn_backbone_row *cnn_net_row(const cnn_net *net);

/* pixels [N,S,S,3] (normalised) -> regions [N,gh,gw,D]. Batch norms use the batch and update their running
 * statistics while the tape trains, unless frozen. Leading blocks without anything to learn (all of them when
 * the tape does not record) use scratch memory of the net instead of the tape's, so that a photo costs
 * little: mobilenet_v2 at 224 takes 10 MB folded, 20 MB with its norms. Where a recording tape meets norms
 * that are all constants (frozen, or the tape does not train), the learning blocks become one op that takes
 * the photos in groups and keeps its maps in memory of the net (by_groups.c); another pass before backward is
 * allowed, but costs that one's forward pass again. */
nn_var *cnn_net_forward(cnn_net *net, nn_tape *tape, nn_var *pixels);

/* The map of a square input. */
void cnn_net_map_size(const cnn_net *net, int input, int *gh, int *gw, int *channels);

/* Frozen batch norms use their running statistics and leave them alone, while training too. */
void cnn_net_freeze_norm(cnn_net *net, bool frozen);

/* For inference: moves each batch norm into its convolution, after which forward runs without norms. The
 * parameters are rewritten in place to an equal model (gamma 1, mean 0, variance 1 - epsilon, beta what is
 * left), so that they may still be saved. Call it once they have their values, and again after they change;
 * training afterwards starts from the rewritten model. Errors: FORMAT (a running variance is not a number >=
 * 0). */
err_code cnn_net_fold(cnn_net *net, error *err);

/* Weights without data (nn_param_pack) are folded later: each becomes an equal one when its columns are
 * multiplied by these factors [O]. NULL: not a dense weight of this net. Good after cnn_net_fold. */
const real *cnn_net_fold_factors(const cnn_net *net, const nn_var *weight);

#endif
