/* For writing networks: a network is a list of nodes, each an op on results of earlier ones. Node 0 is the
 * pixels, the last node is what comes out. A new network is one file with a build function and a row, and one
 * line in net.c.
 *
 *     static void build(cnn_net *net)
 *     {
 *         cnn_conv_shape dense = {.channels = 32, .kernel = 3, .stride = 2, .act = NN_RELU6};
 *         cnn_conv_shape deep = {.kernel = 5, .stride = 1, .act = NN_SILU};
 *         int x = cnn_node_conv(net, cnn_named("stem"), 0, dense);
 *         int y = cnn_node_depthwise(net, cnn_named("block%d.depthwise", 1), x, deep);
 *         cnn_node_add(net, x, y);
 *     }
 *
 * The functions return the new node's number, or -1 after a failure, and take that. What no executor can run
 * (executors.c has the table), what does not fit together, or is out of range, is refused: cnn_net_create
 * tells why. */
#ifndef CNN_NODES_H
#define CNN_NODES_H

#include "cnn/backbone.h"
#include "cnn/conv2d.h"
#include "src/nn/norm.h"

typedef enum {
    CNN_PIXELS,         /* node 0 */
    CNN_CONV,           /* convolution; norm or bias; sum with another map; activation */
    CNN_DEPTHWISE,      /* likewise, each channel with a kernel of its own */
    CNN_MAX_POOL,       /* maximum over windows */
    CNN_MEAN,           /* over the whole map: [N,1,1,C] */
    CNN_ADD,            /* two maps */
    CNN_SCALE,          /* a map, each channel times the number that a map [N,1,1,C] has for it */
    CNN_CONCAT,         /* channels of several maps side by side */
    CNN_UPSAMPLE,       /* every pixel four times: [N,2H,2W,C] */
    CNN_SPACE_TO_DEPTH, /* 2x2 pixels become one: [N,H/2,W/2,4C] */
    CNN_STACK,          /* the pixels of several maps one after the other: [N,R,1,C] */
    CNN_ACTIVATE,       /* an activation alone */
    CNN_OPS             /* how many there are */
} cnn_op;

/* Share of a batch in the running statistics. */
#define CNN_MOMENTUM 0.1

enum { CNN_MAX_INPUTS = 4, CNN_MAX_NODES = 512, CNN_NAME = 64 };

typedef struct cnn_node {
    cnn_op op;
    char name[CNN_NAME]; /* its parameters are "PREFIX NAME.weight" and so on; empty: it has none */
    int input[CNN_MAX_INPUTS], inputs; /* a convolution's second one is added before the activation */
    int channels;                      /* of the result */
    cnn_window win;
    nn_act act;
    bool biased;     /* a bias instead of a norm: norm.beta, the rest of norm is NULL */
    bool zero_gamma; /* the norm starts at 0 */
    nn_var *weight;  /* [k,k,C,O], depthwise [k,k,C]; NULL: none */
    nn_batch_norm_params norm;
    int readers,
        last_reader; /* how many nodes read the result, and which does last (none: the node itself) */
    bool cut;        /* nodes after it read no result before it */
    int dense;       /* convolutions on the way from the pixels, it included */
} cnn_node;

static inline bool cnn_has_norm(const cnn_node *n)
{
    return n->weight && !n->biased;
}

/* ---- building ---- */

typedef struct cnn_name {
    char text[CNN_NAME];
} cnn_name;

cnn_name cnn_named(const char *format, ...) __attribute__((format(printf, 1, 2)));

typedef struct cnn_conv_shape {
    int channels, kernel, stride; /* channels: of the result; a depthwise one has those of its input */
    nn_act act;
    int plus;        /* the node that is added before the activation; 0: none */
    bool zero_gamma; /* a residual block starts as the identity (Goyal et al. 2017) */
    bool biased;
} cnn_conv_shape;

/* Padding is half the kernel on every side, or TensorFlow's (the row says which). */
int cnn_node_conv(cnn_net *net, cnn_name name, int x, cnn_conv_shape shape);
int cnn_node_depthwise(cnn_net *net, cnn_name name, int x, cnn_conv_shape shape);
int cnn_node_max_pool(cnn_net *net, int x, int kernel, int stride);
int cnn_node_mean(cnn_net *net, int x);
int cnn_node_add(cnn_net *net, int x, int y);
int cnn_node_scale(cnn_net *net, int x, int factors);
int cnn_node_concat(cnn_net *net, const int *x, int count); /* at most CNN_MAX_INPUTS */
int cnn_node_upsample(cnn_net *net, int x);
int cnn_node_space_to_depth(cnn_net *net, int x);
int cnn_node_stack(cnn_net *net, const int *x, int count);
int cnn_node_activate(cnn_net *net, int x, nn_act act);

/* Before and after the row's build function: the pixels; what nodes know of each other, and the parameters.
 */
void cnn_build_begin(cnn_net *net);
void cnn_build_finish(cnn_net *net, const char *prefix, nn_params *params);

/* ---- running ---- */

enum { CNN_GROUPS = 8 };

/* Slots of a workspace: who learns has other ones than who does not, so that photos may be looked at between
 * forward and backward, by the same net or another one. */
enum {
    CNN_SLOT_GROUP,                                 /* by_groups.c: of worker 0, one for each group */
    CNN_SLOT_SEGMENT = CNN_SLOT_GROUP + CNN_GROUPS, /* by_groups.c */
    CNN_SLOT_GRADS,                                 /* by_groups.c: two */
    CNN_SLOT_RESULT = CNN_SLOT_GRADS + 2            /* by_nodes.c, by_bytes.c: `width`, and the pixels */
};

typedef struct cnn_bytes cnn_bytes;

struct cnn_net {
    const cnn_backbone_row *row;
    cnn_node *node;
    int count, capacity;
    int width;         /* the most results that are to be read at once, the pixels left out */
    cnn_bytes *bytes;  /* the plan of bytes.h; NULL: none */
    error refusal;     /* while building: why it came to nothing */
    workspace scratch; /* of tapes without one */
};

/* executors.c: who runs what. */
typedef enum {
    CNN_BY_NODES,  /* one after the other, recorded or not (by_nodes.c) */
    CNN_BY_SLICES, /* not recorded, a few photos at a time (by_nodes.c) */
    CNN_BY_BANDS,  /* not recorded, a few nodes row by row (by_bands.c); offered to by the slices */
    CNN_BY_GROUPS, /* recorded, with norms that are constants, the photos in groups (by_groups.c) */
    CNN_EXECUTORS
} cnn_executor;

const char *cnn_op_name(cnn_op op);
bool cnn_executor_runs(cnn_executor e, const cnn_node *n);

typedef struct cnn_extent {
    int height, width;
} cnn_extent;

/* Height and width of every node's result, extent[0] being the pixels'. False when maps do not fit together
 * or nothing is left of one. */
bool cnn_extents(const cnn_net *net, cnn_extent *extent);

/* The node's result from those of its inputs. `bare`: its norm is the identity and a bias. */
nn_var *cnn_node_forward(nn_tape *t, const cnn_node *n, nn_var *const *input, bool bare);

/* The same of a convolution whose norm has gone into this weight and this bias. */
nn_var *cnn_node_forward_with(nn_tape *t, const cnn_node *n, nn_var *const *input, nn_var *weight,
                              nn_var *bias);

/* Those of n among the results of all nodes. */
void cnn_inputs_of(const cnn_node *n, nn_var *const *result, nn_var *input[CNN_MAX_INPUTS]);

bool cnn_node_learns(const nn_tape *t, const cnn_node *n);

/* Whether its norm is the identity and a bias, or it has none. */
bool cnn_node_is_bare(const cnn_node *n);

/* Whether the norms of node `first` and on are constants under this tape: then photos do not depend on each
 * other. */
bool cnn_norms_are_constant(const cnn_net *net, const nn_tape *tape, int first);

/* Nodes `first` and on, x the result of the cut before them. bare[i]: see cnn_node_forward. NULL after a
 * failure. */
nn_var *cnn_forward_by_nodes(const cnn_net *net, nn_tape *t, nn_var *x, int first, const bool *bare);

/* The tape's workspace, or the net's own. */
workspace *cnn_workspace_of(cnn_net *net, const nn_tape *t);

/* A slot whose result nobody reads from node `i` on; holder[slot] is the node that it belongs to, 0: none.
 * The net is as wide as it has to be for one to be there. */
int cnn_free_slot(const cnn_net *net, const int *holder, int i);

/* Nodes 1..last, x [N,H,W,C], recording nothing; `last` is a cut. NULL after a
 * failure. */
nn_var *cnn_forward_by_slices(cnn_net *net, nn_tape *tape, const nn_var *x, int last, const bool *bare,
                              const cnn_extent *extent);

/* How many nodes from `first` on are an inverted residual (a depthwise convolution between 1x1 ones, of which
 * the first may be missing) that cnn_forward_by_bands takes under this tape, 0: none; and its result of them,
 * the same bits as theirs one by one. NULL after a failure. */
int cnn_bands_take(const cnn_net *net, const nn_tape *t, int first, const bool *bare);
nn_var *cnn_forward_by_bands(const cnn_net *net, nn_tape *t, const nn_var *x, int first, int count);

/* Nodes `first` and on, x [N,H,W,C], the result of the cut before them, which wants no gradient: recorded as
 * one op that takes the photos in groups; the norms must be constants. NULL after a failure. */
nn_var *cnn_forward_by_groups(cnn_net *net, nn_tape *tape, nn_var *x, int first, const cnn_extent *extent);

#endif
