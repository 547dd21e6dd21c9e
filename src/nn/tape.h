/* Tape: models are written forward only; running an op records it, nn_backward walks the record backwards.
 *
 *     nn_tape t = {.mem = &arena, .threads = pool, .recording = true, .training = true, .seed = 1};
 *     nn_var *x = nn_input(&t, pixels, 2, (int[]){batch, in});
 *     nn_var *loss = nn_cross_entropy(&t, nn_linear(&t, x, &w, &b), ...);
 *     if (t.failed) ...                       out of memory: every op after the first failure returns NULL
 *     nn_backward(&t, loss);                  adds d loss / d p to p->grad of every parameter p that wants it
 *     nn_begin(&t);                           forget the record and reset the arena: ready for the next step
 *
 * Not recording, the same calls just compute (inference). All memory of a step comes from the arena. Ops cut
 * their work by shape alone, so results have the same bits for every number of threads. Ops take NULL for an
 * input after a failure and return NULL, so a model needs no checks between its lines.
 *
 * Letters in shapes: N rows (photos, sentences, beams), T words, L encoder states (regions, source words), D
 * their size, H state size, E embedding size, V vocabulary. Shapes are row-major, the last dimension
 * contiguous. */
#ifndef NN_TAPE_H
#define NN_TAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/arena.h"
#include "src/base/pool.h"
#include "src/base/workspace.h"
#include "src/math/gemm.h"
#include "src/math/kernels.h"
#include "src/math/real.h"

enum { NN_MAX_RANK = 4 };

typedef struct nn_var {
    real *data;
    real *grad; /* same shape; of an op's result NULL until backward first writes it */
    int rank;
    int dim[NN_MAX_RANK]; /* unused ones are 1 */
    bool wants_grad;
    struct packed *packed; /* a weight's copy for use, see nn_params_pack; NULL: none */
} nn_var;

typedef struct nn_node nn_node;

typedef struct nn_tape {
    arena *mem;
    pool *threads;            /* NULL = the caller alone */
    workspace *space;         /* what outlasts a pass; NULL: that of the net, for one thread at a time */
    gemm_precision precision; /* of the large products */
    bool recording;           /* keep what backward needs */
    bool training;            /* dropout drops, batch normalisation uses the batch */
    bool inside_task;         /* of a pool: large products need not be cut into blocks */
    bool failed;              /* an allocation failed: results are void */
    uint64_t seed, step;      /* dropout draws from (seed, step, op count) */
    uint32_t ops;             /* ops recorded or run since nn_begin */
    nn_node *last;
    struct nn_repeated *repeated; /* weights that products of this step share, see repeated.h */
    const kernels *k;             /* inner loops for this CPU; set by nn_begin and by the first result */
} nn_tape;

typedef void (*nn_backward_fn)(nn_tape *t, void *ctx);

/* Forgets the record and frees everything from the arena. */
void nn_begin(nn_tape *t);

/* Runs the record backwards from `loss` (one element). */
void nn_backward(nn_tape *t, nn_var *loss);

/* Runs the record backwards from results whose gradients are set already. */
void nn_backward_from_grads(nn_tape *t);

/* A variable over the caller's data (borrowed); wants no gradient. */
nn_var *nn_input(nn_tape *t, const real *data, int rank, const int *dim);

/* ---- for writing ops ---- */

/* A result with undefined contents. `wants_grad` counts only while recording. NULL after a failure. */
nn_var *nn_result(nn_tape *t, int rank, const int *dim, bool wants_grad);

/* Zeroed memory that lives as long as the step. Sets t->failed and returns NULL when memory is out. */
void *nn_alloc(nn_tape *t, size_t bytes);
void *nn_scratch(nn_tape *t, size_t bytes); /* such memory with undefined contents */

/* Appends backward(ctx) to the record. */
void nn_record(nn_tape *t, nn_backward_fn backward, void *ctx);

/* Where to write the gradient of v: NULL when it wants none. *beta is 0 when the buffer is fresh (write all
 * of it) and 1 when it holds an earlier contribution (add to it). */
real *nn_grad(nn_tape *t, nn_var *v, real *beta);

/* Where to add to the gradient of v: a fresh buffer comes zeroed. NULL when it wants none. */
real *nn_grad_add(nn_tape *t, nn_var *v);

size_t nn_count(const nn_var *v); /* elements */
int nn_rows(const nn_var *v);     /* elements / last dimension */
int nn_last(const nn_var *v);     /* last dimension */
bool nn_wants(const nn_tape *t, const nn_var *v);

/* Runs body(ctx, begin, end) over 0..count in chunks of `grain` on the tape's threads. */
typedef void (*nn_body)(void *ctx, size_t begin, size_t end);
void nn_parallel(nn_tape *t, size_t count, size_t grain, nn_body body, void *ctx);

/* y += x and y += factor x over whole variables, on the tape's threads. */
void nn_add_into(nn_tape *t, real *y, const real *x, size_t count);
void nn_axpy_into(nn_tape *t, real *y, real factor, const real *x, size_t count);

/* to[j] += the sum of column j of x [rows,cols], on the tape's threads. May set t->failed. */
void nn_column_sums_into(nn_tape *t, real *to, const real *x, int rows, int cols);

#endif
