/* Inside attention: how the stages share out the work, and the products between queries and states. */
#ifndef NN_ATTENTION_PARTS_H
#define NN_ATTENTION_PARTS_H

#include "src/nn/attention.h"

/* The sizes of one use of a stage. A cell is one head of one asker: its scores are [queries, states] in a row
 * of memory, its queries and states are `width` columns of lines of `line` numbers. */
typedef struct nn_cells {
    nn_tape *tape;
    nn_scope scope;
    int askers, queries, memories, states, heads;
    int width, line;   /* of queries and keys, or of contexts and values */
    int *first, *next; /* askers of each memory as linked lists, see nn_cells_lists */
    real *turned;      /* [cells, states, queries] for nn_cells_spread; NULL forward */
} nn_cells;

/* What scores [N, Tq, L] or [N, L], with the heads second if there are any, say of the sizes. */
nn_cells nn_cells_of_scores(nn_tape *t, const nn_var *scores, const nn_scope *scope);
/* Of queries and the keys that they are compared with. */
nn_cells nn_cells_of_keys(nn_tape *t, const nn_var *query, const nn_var *keys, const nn_scope *scope);

int nn_cells_memory(const nn_cells *c, int asker);

/* How many states query q of an asker can see; what scope.seen hides among them not counted out. */
int nn_cells_reach(const nn_cells *c, int asker, int query);

/* Numbers before those of a cell's scores. */
size_t nn_cells_scores(const nn_cells *c, int asker, int head);

/* Numbers before those of a cell's queries, and of its memory's states, in data whose lines have c->line. */
size_t nn_cells_queries(const nn_cells *c, int asker, int head);
size_t nn_cells_states(const nn_cells *c, int memory, int head);

/* Fills the lists and `turned` for a backward pass, or the lists alone; false when memory is out. */
bool nn_cells_by_memory(nn_cells *c);
bool nn_cells_lists(nn_cells *c);

/* Rows of scores that are worth a task of their own. */
size_t nn_cells_grain(const nn_cells *c);

/* Runs body(ctx, cell, worker) for all heads of all memories at once, cell = memory * heads + head. */
void nn_cells_each_memory(const nn_cells *c, pool_task body, void *ctx);

/* ---- products of a cell: x and `to` are its queries or scores, `states` those of its memory ---- */

/* to[rows,count] = x[rows,width] states^T + beta to */
void nn_cells_times(const nn_cells *c, int rows, int count, const real *x, const real *states, real beta,
                    real *to);

/* to[rows,width] = weights[rows,count] states + beta to */
void nn_cells_weigh(const nn_cells *c, int rows, int count, const real *weights, const real *states,
                    real beta, real *to);

/* states[count,width] += weights[rows,count]^T x[rows,width]; `turned` is scratch for count * rows. */
void nn_cells_spread(const nn_cells *c, int rows, int count, const real *weights, const real *x, real *turned,
                     real *states);

/* ---- one use of nn_match ---- */

typedef struct nn_matching {
    nn_cells cells;
    nn_match_params m;
    const nn_match_row *row;
    nn_var *query, *keys, *y;
    const real *split_keys; /* [M, H, L, width]: a head's keys in one piece; NULL with one head */
    real *degree;           /* like y: the sigmoid's output */
    real *dscore;           /* like y: gradient of the raw score */
    real *dkeys, *dquery;
    real *dsplit_keys; /* as split_keys */
    real *dv_parts;    /* [M, d]: summed in order afterwards */
} nn_matching;

#endif
