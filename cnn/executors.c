/* Who runs what: the one table of ops and executors, and the choice between executors. A run of nodes that
 * one of them declines goes to another; by_nodes.c takes every op there is. */
#include "cnn/nodes.h"

#define NODES (1U << CNN_BY_NODES)
#define SLICES (1U << CNN_BY_SLICES)
#define GROUPS (1U << CNN_BY_GROUPS)
#define BANDS (1U << CNN_BY_BANDS)
#define ALL_BUT_BANDS (NODES | SLICES | GROUPS)

static const struct {
    const char *name;
    unsigned executors;
} ops[CNN_OPS] = {
    [CNN_PIXELS] = {"pixels", ALL_BUT_BANDS},
    [CNN_CONV] = {"convolution", ALL_BUT_BANDS | BANDS}, /* bands: 1x1, see below */
    [CNN_DEPTHWISE] = {"depthwise convolution", ALL_BUT_BANDS | BANDS},
    [CNN_MAX_POOL] = {"max pool", ALL_BUT_BANDS},
    [CNN_MEAN] = {"mean", ALL_BUT_BANDS}, /* a band does not have the whole map */
    [CNN_ADD] = {"sum", ALL_BUT_BANDS},
    [CNN_SCALE] = {"scale", ALL_BUT_BANDS},
    [CNN_CONCAT] = {"concatenation", ALL_BUT_BANDS},
    [CNN_UPSAMPLE] = {"upsampling", ALL_BUT_BANDS},
    [CNN_SPACE_TO_DEPTH] = {"space to depth", ALL_BUT_BANDS},
    [CNN_STACK] = {"stack", ALL_BUT_BANDS},
    [CNN_ACTIVATE] = {"activation", ALL_BUT_BANDS},
};

const char *cnn_op_name(cnn_op op)
{
    return ops[op].name;
}

/* The products and rows of bands cut their results on the way, and do no other activation. */
static bool suits_bands(const cnn_node *n)
{
    bool pointwise = n->win.kernel == 1 && n->win.stride == 1;
    return nn_activation_of(n->act)->clips && (n->op == CNN_DEPTHWISE || pointwise);
}

bool cnn_executor_runs(cnn_executor e, const cnn_node *n)
{
    if ((unsigned)n->op >= CNN_OPS || !(ops[n->op].executors & 1U << e)) return false;
    return e != CNN_BY_BANDS || suits_bands(n);
}

/* ---- what runs ask of a net ---- */

workspace *cnn_workspace_of(cnn_net *net, const nn_tape *t)
{
    return t->space ? t->space : &net->scratch;
}

bool cnn_node_learns(const nn_tape *t, const cnn_node *n)
{
    return n->weight && (nn_wants(t, n->weight) || nn_wants(t, n->norm.gamma) || nn_wants(t, n->norm.beta));
}

bool cnn_norms_are_constant(const cnn_net *net, const nn_tape *tape, int first)
{
    for (int i = first; tape->training && i < net->count; i++)
        if (cnn_has_norm(&net->node[i]) && net->node[i].norm.momentum > 0) return false;
    return true;
}

/* ---- the choice ---- */

static bool all_run_by(cnn_executor e, const cnn_net *net, int first)
{
    for (int i = first; i < net->count; i++)
        if (!cnn_executor_runs(e, &net->node[i])) return false;
    return true;
}

/* The last node of those that need no record: a cut with nothing to learn before it. */
static int last_quiet(const cnn_net *net, const nn_tape *t, const nn_var *pixels)
{
    int quiet = 0;
    for (int i = 1; i < net->count && !nn_wants(t, pixels) && !cnn_node_learns(t, &net->node[i]); i++)
        if (net->node[i].cut) quiet = i;
    return quiet;
}

/* Looked at anew every time: parameters change, and nobody tells. */
bool cnn_node_is_bare(const cnn_node *n)
{
    const nn_batch_norm_params *p = &n->norm;
    if (!cnn_has_norm(n) || !n->weight->data) return true;
    int other = 0;
    real variance = 1 - p->epsilon;
    for (int c = 0; c < n->channels; c++)
        other |= (p->gamma->data[c] != 1) | (p->mean->data[c] != 0) | (p->variance->data[c] != variance);
    return !other;
}

nn_var *cnn_net_forward(cnn_net *net, nn_tape *tape, nn_var *pixels)
{
    if (tape->failed || !pixels) return NULL;
    cnn_extent extent[CNN_MAX_NODES] = {{pixels->dim[1], pixels->dim[2]}};
    bool bare[CNN_MAX_NODES] = {false};
    if (!cnn_extents(net, extent)) {
        tape->failed = true;
        return NULL;
    }
    int quiet = last_quiet(net, tape, pixels);
    for (int i = 1; i <= quiet && !tape->training; i++) bare[i] = cnn_node_is_bare(&net->node[i]);
    nn_var *x = quiet ? cnn_forward_by_slices(net, tape, pixels, quiet, bare, extent) : pixels;
    if (!x || quiet == net->count - 1) return x;
    if (!nn_wants(tape, pixels) && cnn_norms_are_constant(net, tape, quiet + 1) &&
        all_run_by(CNN_BY_GROUPS, net, quiet + 1))
        return cnn_forward_by_groups(net, tape, x, quiet + 1, extent);
    return cnn_forward_by_nodes(net, tape, x, quiet + 1, bare);
}
