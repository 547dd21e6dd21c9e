/* Parameters of a model: named, shaped members of one block; gradients and optimiser moments share its
 * layout.
 *
 *     nn_params p = {0};
 *     nn_var *w = nn_params_add(&p, "decoder.w", 2, (int[]){in, out}, nn_init_uniform(bound), NN_DECAY);
 *     if (nn_params_finish(&p, seed)) ...      allocates the block and draws the first values
 *     nn_params_release(&p);
 *
 * The first values depend on the seed and the name alone, not on the order of declaration. */
#ifndef NN_PARAMS_H
#define NN_PARAMS_H

#include "src/base/error.h"
#include "src/math/packed.h"
#include "src/nn/tape.h"

typedef struct nn_init {
    enum {
        NN_INIT_CONSTANT, /* `value` everywhere */
        NN_INIT_UNIFORM,  /* in [-value, value] */
        NN_INIT_NORMAL,   /* of mean 0 and standard deviation `value` */
    } kind;
    double value;
} nn_init;

nn_init nn_init_constant(double value);
nn_init nn_init_uniform(double bound);
nn_init nn_init_normal(double deviation);
nn_init
nn_init_fan(int fan_in); /* uniform, bound sqrt(3 / fan_in): variance 1 / fan_in (LeCun et al. 1998) */
nn_init nn_init_relu(int fan_in); /* normal, variance 2 / fan_in (He et al. 2015) */

/* Flags of a parameter. */
enum {
    NN_DECAY = 1,   /* weight decay applies */
    NN_BUFFER = 2,  /* not learned: running statistics */
    NN_TABLE = 4,   /* [V,E], whose product is with its transpose */
    NN_PRECISE = 8, /* of a convolution: packed in f32 where others are in bf16 */
};

typedef struct nn_param {
    char name[96];
    uint64_t stream; /* of the random numbers that it begins with, from the name */
    nn_var var;      /* .grad is NULL while frozen or a buffer */
    size_t offset;
    int flags;
    double rate; /* factor on the learning rate; 1 unless set */
    nn_init init;
} nn_param;

typedef struct nn_params {
    nn_param **list;
    int count;
    int64_t capacity;
    size_t size; /* numbers in the block */
    real *data, *grad;
    bool failed;          /* an add ran out of memory; told by nn_params_finish */
    const nn_param *twin; /* has a name that was taken already; told there, too. NULL: none */
} nn_params;

/* Declares a parameter. The variable is stable until release; its data exist after nn_params_finish. Never
 * NULL: after a failure a shared dummy is returned. */
nn_var *nn_params_add(nn_params *p, const char *name, int rank, const int *dim, nn_init init, int flags);

/* Ends the declarations: memory for all, first values drawn under the seed. Errors: MEMORY, ARGUMENT (two
 * parameters have one name). */
err_code nn_params_finish(nn_params *p, uint64_t seed, error *err);

/* Ends the declarations of a model whose values are read from a file and that is only used: nothing is drawn
 * (the values are undefined until read), and there are no gradients. */
err_code nn_params_finish_for_use(nn_params *p, error *err);

/* Packs the matrices of linear maps ([I,O], tables [V,E]) as `linear` and those of dense convolutions
 * ([k,k,C,O]) as `conv`, which from then on serve all that does not record. Once, when they have their
 * values; changing them later changes nothing that is used. Of parameters whose names begin with the prefix.
 */
err_code nn_params_pack(nn_params *p, const char *prefix, packed_type linear, packed_type conv, error *err);

bool nn_param_packs(const nn_param *n); /* it is one of those that nn_params_pack packs */

/* Packs one parameter, from values elsewhere: column j times factor[j] (NULL: as they are). Its own memory is
 * not used and, but for tables, its data become NULL. */
err_code nn_param_pack(nn_param *n, packed_type linear, packed_type conv, const real *values,
                       const real *factor, error *err);
void nn_params_release(nn_params *p);

nn_param *nn_params_find(const nn_params *p, const char *name); /* NULL when there is none */
size_t nn_params_learned(const nn_params *p); /* numbers that are learned, frozen ones included */

/* Freezes (trainable false) or frees every parameter whose name begins with the prefix; returns how many. */
int nn_params_set_trainable(nn_params *p, const char *prefix, bool trainable);
void nn_params_set_rate(nn_params *p, const char *prefix, double rate);

void nn_params_zero_grad(nn_params *p, pool *threads);

#endif
