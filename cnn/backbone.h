/* Networks: from pixels to a map of regions (the convolutional part of an image classifier), or to
 * detections. One row of the table for each architecture; nodes.h tells what a network is made of.
 *
 *     cnn_net *net;
 *     nn_params params = {0};
 *     if (cnn_net_create("mobilenet_v2", "encoder.", &params, &net, &err)) ...    declares the parameters
 *     if (nn_params_finish(&params, seed, &err)) ...                              random, or then loaded
 *     nn_var *map = cnn_net_forward(net, &tape, pixels);      [N,S,S,3] -> [N,gh,gw,D], NULL after a failure
 *     cnn_net_free(&net);                                     the parameters stay with `params`
 *
 * Parameters of a convolution "block3.expand": encoder.block3.expand.weight ([k,k,C,O]; depthwise [k,k,C])
 * and of its batch norm .gamma .beta (learned) .mean .variance (running, NN_BUFFER), each [O]; or, in place
 * of a norm, .bias [O].
 *
 * Many threads may run one net forward when each has a tape with a workspace of its own, recording or not:
 * the net itself then keeps nothing from one call to the next. What they share are the parameters: backward
 * adds to their gradients, and norms that are not frozen move their running statistics while a tape trains,
 * so those go one thread at a time. Tapes without a workspace share the net's, one at a time. (The pool of a
 * tape may of course have many threads.) */
#ifndef CNN_BACKBONE_H
#define CNN_BACKBONE_H

#include "src/base/error.h"
#include "src/nn/params.h"
#include "src/nn/tape.h"

typedef struct cnn_net cnn_net;

/* How others name the parts of a network, and what their weights expect; see import.h. */
typedef struct cnn_import_row cnn_import_row;

typedef struct cnn_backbone_row {
    const char *name;  /* "mobilenet_v2" */
    const char *about; /* one line for users */
    int size;          /* side of the input it was designed for, pixels */
    int stride;        /* pixels per region: the map of a size S is S / stride regions wide, rounded up; a
                          detector's finest map */
    int channels;      /* D: numbers per region */
    int classes; /* of things that a detector tells apart; 0: it is none, and takes any size from 32 on */
    const char *const *class_names; /* [classes] */
    double epsilon;                 /* of its batch norms */
    bool same;                      /* TensorFlow's padding */
    void (*build)(cnn_net *net);
    const cnn_import_row *import; /* NULL: nobody else has weights for it */
} cnn_backbone_row;

const cnn_backbone_row *const *cnn_backbone_rows(int *count); /* all networks, detectors too */
const cnn_backbone_row *cnn_backbone_find(const char *name);  /* of those that are encoders; NULL: none */
const cnn_backbone_row *cnn_detector_find(const char *name);  /* of those that are detectors; NULL: none */

/* Declares the parameters, their names beginning with `prefix` (may be ""). Errors: MISSING (no such
 * architecture), UNSUPPORTED (it has a node that nothing runs or that does not fit), MEMORY; then *out is
 * NULL and the parameters already declared are of no use. */
err_code cnn_net_create(const char *architecture, const char *prefix, nn_params *params, cnn_net **out,
                        error *err);
err_code cnn_net_create_from(const cnn_backbone_row *row, const char *prefix, nn_params *params,
                             cnn_net **out, error *err);
void cnn_net_free(cnn_net **net); /* NULL and pointer to NULL are fine */

const cnn_backbone_row *cnn_net_row(const cnn_net *net);

/* pixels [N,S,S,3] (normalised) -> regions [N,gh,gw,D]; of a detector [N,R,1,D], D being x, y, log width, log
 * height, objectness, and the probabilities of the classes (detect.h makes boxes of them). Batch norms use
 * the batch and update their running statistics while the tape trains, unless frozen. Leading nodes without
 * anything to learn (all of them when the tape does not record) use the workspace of the tape, or the net's
 * own, instead of the tape's arena, so that a photo costs little: mobilenet_v2 at 224 takes 10 MB. Where a
 * recording tape meets norms that are all constants (frozen, or the tape does not train), the learning nodes
 * become one op that takes the photos in groups and keeps its maps in that workspace, too (by_groups.c), so
 * that it must last until backward; another recorded pass with the same workspace before backward is allowed,
 * but costs that one's forward pass again. A size that does not suit the net (cnn_net_map_size) is a failure.
 */
nn_var *cnn_net_forward(cnn_net *net, nn_tape *tape, nn_var *pixels);

/* Multiply-adds for one photo of input x input pixels. */
double cnn_net_products(const cnn_net *net, int input);

/* The map of a square input; 0 and 0 when the net cannot take this size. */
void cnn_net_map_size(const cnn_net *net, int input, int *gh, int *gw, int *channels);

/* Frozen batch norms use their running statistics and leave them alone, while training too. */
void cnn_net_freeze_norm(cnn_net *net, bool frozen);

/* For inference: moves each batch norm into its convolution, after which forward runs without norms. The
 * parameters are rewritten in place to an equal model (gamma 1, mean 0, variance 1 - epsilon, beta what is
 * left), so that they may still be saved. Call it once they have their values, and again after they change,
 * for speed: forward looks whether a norm does nothing, and runs those that do something. Training afterwards
 * starts from the rewritten model. Errors: FORMAT (a running variance is not a number >=
 * 0). */
err_code cnn_net_fold(cnn_net *net, error *err);

/* Weights without data (nn_param_pack) are folded later: each becomes an equal one when its columns are
 * multiplied by these factors [O]. NULL: not a dense weight of this net. Good after cnn_net_fold. */
const real *cnn_net_fold_factors(const cnn_net *net, const nn_var *weight);

/* ---- in 8 bits ---- */

/* What the numbers of one channel of a result are from and to. */
typedef struct cnn_range {
    float low, high;
} cnn_range;

/* How many ranges a net has: one for each channel of each result, in order, the pixels' first. */
int cnn_net_ranges(const cnn_net *net);

/* Ranges, 0 included, for photos [N,S,S,3]: range[cnn_net_ranges]. All results lie in the tape's arena
 * together. False after a failure. */
bool cnn_net_watch(const cnn_net *net, nn_tape *tape, nn_var *pixels, cnn_range *range);

/* To run in 8 bits, a net
 *   1. is given the ranges, of which those of the pixels are the same for all channels;
 *   2. has its norms folded, and its dense weights packed (PACKED_I8), the rows that belong to channel c of
 *      what they read multiplied by factors[c] (of *count channels; NULL: as they are);
 *   3. is narrowed: forward that records nothing then runs in bytes, and its results are close to f32's.
 * A net that has ops which do not go together in bytes has no factors, and stays as it is. Weights must not
 * change afterwards. Errors: MEMORY; FORMAT (weights that are not there, or too large). */
err_code cnn_net_scale(cnn_net *net, const cnn_range *range, error *err);
const float *cnn_net_row_factors(const cnn_net *net, const nn_var *weight, int *count);
err_code cnn_net_narrow(cnn_net *net, error *err);
bool cnn_net_is_narrow(const cnn_net *net);

#endif
