/* For writing backbones: a net is a list of blocks, a block a path of convolutions with or without a shortcut
 * around it. A new architecture is one file with a build function and one row in backbone.c. */
#ifndef CNN_BLOCKS_H
#define CNN_BLOCKS_H

#include "cnn/backbone.h"
#include "cnn/conv2d.h"
#include "src/nn/norm.h"

/* A run of equal blocks; the first one has the stride, the others 1. A stage of 0 blocks ends the list. */
struct cnn_stage {
    int blocks, channels, stride;
    int expand; /* inverted residuals: inner channels per input channel */
};

/* Convolution, batch norm, activation. */
typedef struct cnn_unit {
    nn_var *weight;
    nn_batch_norm_params norm;
    cnn_window win;
    nn_act act;
    bool depthwise;
} cnn_unit;

enum { CNN_MAX_PATH = 3, CNN_GROUPS = 8, CNN_OWN = 3 };

/* y = path(x), or path(x) + x, or path(x) + shortcut(x); the last activation of the path follows the sum. */
typedef struct cnn_block {
    char name[16];
    cnn_unit path[CNN_MAX_PATH], shortcut;
    int length;
    bool residual, projected;
} cnn_block;

/* Blocks in turn: one arena holds the input of a block, the other its output. */
typedef struct cnn_scratch {
    arena turn[2];
    size_t reserved[2]; /* bytes held by each */
} cnn_scratch;

struct cnn_net {
    const cnn_backbone_row *row;
    cnn_block *blocks;
    int count, capacity;
    bool folded, failed;  /* failed: memory ran out while building */
    cnn_scratch *scratch; /* [scratches] of threads, for what is not recorded */
    int scratches;
    arena maps[CNN_GROUPS], *own; /* cnn/by_groups.c: of a group of photos; CNN_OWN of each thread */
    int threads;                  /* that have memory in own */
    uint64_t turn;                /* forward passes that used maps */
    nn_params *params;            /* while building */
    const char *prefix;
};

typedef struct cnn_unit_shape {
    int in, out, kernel, stride; /* padded by kernel / 2 */
    nn_act act;
    bool depthwise;  /* in == out */
    bool zero_gamma; /* the norm starts at 0: a residual block starts as the identity (Goyal et al. 2017) */
} cnn_unit_shape;

/* A new empty block "NAME" or, with number > 0, "NAME<number>", at the end. NULL (and net->failed) when
 * memory is out; the functions below take that. The pointer is good until the next call. */
cnn_block *cnn_add_block(cnn_net *net, const char *name, int number, bool residual);

/* Declares the parameters "PREFIX BLOCK.NAME.weight" and so on; `name` NULL leaves "PREFIX BLOCK.weight". A
 * block has at most CNN_MAX_PATH units. */
void cnn_add_unit(cnn_net *net, cnn_block *block, const char *name, cnn_unit_shape shape);
void cnn_add_shortcut(cnn_net *net, cnn_block *block, const char *name, cnn_unit_shape shape);

/* Whether the norms of blocks `first` and on are constants under this tape: then photos do not depend on each
 * other. */
bool cnn_norms_are_constant(const cnn_net *net, const nn_tape *tape, int first);

/* y = block(x). `folded`: its norms are in its weights, and nothing is recorded. */
nn_var *cnn_block_forward(nn_tape *t, nn_var *x, const cnn_block *b, bool folded);

/* Whether `b` is an inverted residual (a depthwise convolution between 1x1 ones, of which the first may be
 * missing), folded, that cnn_forward_by_bands takes under this tape; and its result, the same bits as those
 * of its convolutions one by one. NULL after a failure. */
bool cnn_bands_suit(const nn_tape *t, const cnn_block *b);
nn_var *cnn_forward_by_bands(nn_tape *t, const nn_var *x, const cnn_block *b);

/* The shape [N,H,W,C] of what a block makes of a map of shape `dim`. */
void cnn_pass_block(const cnn_block *b, int dim[4]);

/* Blocks 0..count-1, x [N,H,W,C], recording nothing. NULL after a failure. */
nn_var *cnn_forward_in_scratch(cnn_net *net, nn_tape *tape, const nn_var *x, int count);

/* Blocks `first` and on, x [N,H,W,C], which wants no gradient, recorded as one op that takes the photos in
 * groups; the norms must be constants. NULL after a failure. */
nn_var *cnn_forward_by_groups(cnn_net *net, nn_tape *tape, nn_var *x, int first);

extern const cnn_stage cnn_small_stages[], cnn_mobilenet_v2_stages[];
void cnn_build_small(cnn_net *net, const cnn_stage *stages);
void cnn_build_mobilenet_v2(cnn_net *net, const cnn_stage *stages);

#endif
