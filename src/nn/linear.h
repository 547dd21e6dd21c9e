/* Linear maps and embeddings. */
#ifndef NN_LINEAR_H
#define NN_LINEAR_H

#include "src/nn/tape.h"

/* y[..., O] = x[..., I] w[I, O] + b[O]; b may be NULL. */
nn_var *nn_linear(nn_tape *t, nn_var *x, nn_var *w, nn_var *b);

/* y[..., O] = x[..., I] w^T + b[O], the weight stored as [O, I]: an output layer that shares its matrix with
 * the embedding (Press and Wolf, "Using the output embedding to improve language models", 2017). */
nn_var *nn_linear_tied(nn_tape *t, nn_var *x, nn_var *w, nn_var *b);

/* y = base + x w: sums of linear maps without concatenating their inputs. */
nn_var *nn_linear_onto(nn_tape *t, nn_var *base, nn_var *x, nn_var *w);

/* Rows of a table: y[n, E] = table[ids[n]]; ids in 0..V-1 (the caller's, borrowed until backward). */
nn_var *nn_embedding(nn_tape *t, nn_var *table, const int32_t *ids, int n);

#endif
