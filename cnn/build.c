/* Building networks: nodes are checked one by one, then learn of their readers and get their parameters. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cnn/nodes.h"

enum { MAX_STRIDE = 4 };

cnn_name cnn_named(const char *format, ...)
{
    cnn_name name;
    va_list args;
    va_start(args, format);
    vsnprintf(name.text, sizeof name.text, format, args);
    va_end(args);
    return name;
}

/* ---- nodes ---- */

static int refuse(cnn_net *net, const cnn_node *n, const char *why)
{
    if (!net->refusal.code)
        err_set(&net->refusal, ERR_UNSUPPORTED, "the network '%s' cannot be built: node %d (%s%s%s) %s",
                net->row->name, net->count, n->op < CNN_OPS ? cnn_op_name(n->op) : "unknown",
                n->name[0] ? " " : "", n->name, why);
    return -1;
}

static bool make_room(cnn_net *net)
{
    if (net->count < net->capacity) return true;
    int capacity = net->capacity ? 2 * net->capacity : 64;
    cnn_node *more = realloc(net->node, capacity * sizeof *more);
    if (!more) {
        err_no_memory(&net->refusal, "for the network '%s'", net->row->name);
        return false;
    }
    net->node = more;
    net->capacity = capacity;
    return true;
}

static bool is_convolution(const cnn_node *n)
{
    return n->op == CNN_CONV || n->op == CNN_DEPTHWISE;
}

/* What is wrong with a node, or NULL. */
static const char *fault_of(const cnn_net *net, const cnn_node *n)
{
    bool windowed = is_convolution(n) || n->op == CNN_MAX_POOL;
    if (net->count >= CNN_MAX_NODES) return "is one too many";
    if (!cnn_executor_runs(CNN_BY_NODES, n)) return "is run by nothing";
    for (int i = 0; i < n->inputs; i++)
        if (n->input[i] < 0 || n->input[i] >= net->count) return "reads a node that is not there";
    if ((unsigned)n->act >= NN_ACTS) return "has an unknown activation";
    if (n->channels < 1) return "has no channels";
    if (windowed && (n->win.kernel < 1 || n->win.kernel > CNN_MAX_KERNEL))
        return "has a kernel of a size out of range";
    if (windowed && (n->win.stride < 1 || n->win.stride > MAX_STRIDE)) return "has a stride out of range";
    bool equal = n->op == CNN_ADD || n->op == CNN_SCALE || n->op == CNN_STACK;
    for (int i = equal ? 0 : 1; (equal || is_convolution(n)) && i < n->inputs; i++)
        if (net->node[n->input[i]].channels != n->channels) return "joins maps of different widths";
    return NULL;
}

static int add(cnn_net *net, cnn_node n)
{
    if (net->refusal.code) return -1;
    const char *fault = fault_of(net, &n);
    if (fault) return refuse(net, &n, fault);
    if (!make_room(net)) return -1;
    net->node[net->count] = n;
    return net->count++;
}

static int channels_of(const cnn_net *net, int x)
{
    return x >= 0 && x < net->count ? net->node[x].channels : 0;
}

static int pad_of(const cnn_net *net, int kernel)
{
    return net->row->same ? CNN_SAME : kernel / 2;
}

static int convolution(cnn_net *net, cnn_op op, cnn_name name, int x, cnn_conv_shape s)
{
    cnn_node n = {.op = op,
                  .input = {x, s.plus},
                  .inputs = s.plus ? 2 : 1,
                  .channels = op == CNN_DEPTHWISE ? channels_of(net, x) : s.channels,
                  .win = {s.kernel, s.stride, pad_of(net, s.kernel)},
                  .act = s.act,
                  .biased = s.biased,
                  .zero_gamma = s.zero_gamma};
    memcpy(n.name, name.text, sizeof n.name);
    return add(net, n);
}

int cnn_node_conv(cnn_net *net, cnn_name name, int x, cnn_conv_shape shape)
{
    return convolution(net, CNN_CONV, name, x, shape);
}

int cnn_node_depthwise(cnn_net *net, cnn_name name, int x, cnn_conv_shape shape)
{
    return convolution(net, CNN_DEPTHWISE, name, x, shape);
}

static int of_one(cnn_net *net, cnn_op op, int x, int channels)
{
    return add(net, (cnn_node){.op = op, .input = {x}, .inputs = 1, .channels = channels});
}

int cnn_node_max_pool(cnn_net *net, int x, int kernel, int stride)
{
    return add(net, (cnn_node){.op = CNN_MAX_POOL,
                               .input = {x},
                               .inputs = 1,
                               .channels = channels_of(net, x),
                               .win = {kernel, stride, pad_of(net, kernel)}});
}

int cnn_node_mean(cnn_net *net, int x)
{
    return of_one(net, CNN_MEAN, x, channels_of(net, x));
}

int cnn_node_upsample(cnn_net *net, int x)
{
    return of_one(net, CNN_UPSAMPLE, x, channels_of(net, x));
}

int cnn_node_space_to_depth(cnn_net *net, int x)
{
    return of_one(net, CNN_SPACE_TO_DEPTH, x, 4 * channels_of(net, x));
}

int cnn_node_add(cnn_net *net, int x, int y)
{
    return add(net, (cnn_node){.op = CNN_ADD, .input = {x, y}, .inputs = 2, .channels = channels_of(net, x)});
}

int cnn_node_scale(cnn_net *net, int x, int factors)
{
    return add(
        net,
        (cnn_node){.op = CNN_SCALE, .input = {x, factors}, .inputs = 2, .channels = channels_of(net, x)});
}

static int of_many(cnn_net *net, cnn_op op, const int *x, int count)
{
    cnn_node n = {.op = op, .inputs = count};
    if (count < 1 || count > CNN_MAX_INPUTS)
        return net->refusal.code ? -1 : refuse(net, &n, "has too many inputs");
    for (int i = 0; i < count; i++) {
        n.input[i] = x[i];
        n.channels = (op == CNN_CONCAT ? n.channels : 0) + channels_of(net, x[i]);
    }
    return add(net, n);
}

int cnn_node_concat(cnn_net *net, const int *x, int count)
{
    return of_many(net, CNN_CONCAT, x, count);
}

int cnn_node_stack(cnn_net *net, const int *x, int count)
{
    return of_many(net, CNN_STACK, x, count);
}

int cnn_node_activate(cnn_net *net, int x, nn_act act)
{
    cnn_node n = {.op = CNN_ACTIVATE, .input = {x}, .inputs = 1, .channels = channels_of(net, x), .act = act};
    if (act == NN_LINEAR) return net->refusal.code ? -1 : refuse(net, &n, "does nothing");
    return add(net, n);
}

void cnn_build_begin(cnn_net *net)
{
    add(net, (cnn_node){.op = CNN_PIXELS, .channels = 3});
}

/* ---- what nodes know of each other ---- */

static void count_readers(cnn_net *net)
{
    for (int i = 0; i < net->count; i++) {
        cnn_node *n = &net->node[i];
        n->last_reader = i;
        for (int k = 0; k < n->inputs; k++) {
            cnn_node *in = &net->node[n->input[k]];
            in->readers++;
            in->last_reader = i;
            n->dense = in->dense > n->dense ? in->dense : n->dense;
        }
        n->dense += n->op == CNN_CONV;
    }
}

static void find_cuts(cnn_net *net)
{
    for (int i = net->count - 1, earliest = i; i >= 0; i--) {
        const cnn_node *n = &net->node[i];
        net->node[i].cut = earliest >= i;
        for (int k = 0; k < n->inputs; k++) earliest = n->input[k] < earliest ? n->input[k] : earliest;
    }
}

/* A result needs its place from its own node to its last reader. */
static void find_width(cnn_net *net)
{
    for (int i = 1; i < net->count; i++) {
        int width = 0;
        for (int k = 1; k <= i; k++) width += net->node[k].last_reader >= i;
        net->width = width > net->width ? width : net->width;
    }
}

/* ---- parameters ---- */

typedef struct declaring {
    nn_params *params;
    const char *prefix;
    const cnn_node *node;
} declaring;

static nn_var *declare(declaring d, const char *member, int rank, const int *dim, nn_init init, int flags)
{
    char name[sizeof((nn_param *)0)->name];
    snprintf(name, sizeof name, "%s%s.%s", d.prefix, d.node->name, member);
    return nn_params_add(d.params, name, rank, dim, init, flags);
}

/* The convolution that sees the pixels, and a narrow one right after it: a small part of the work, and the
 * source of most of the difference between captions in bf16 and in f32 (tools/SPEED.md). */
static bool near_pixels(const cnn_node *n, int in)
{
    return n->dense == 1 || (n->dense == 2 && n->win.kernel == 1 && n->channels < in);
}

static void declare_node(cnn_net *net, cnn_node *n, const char *prefix, nn_params *params)
{
    declaring d = {params, prefix, n};
    int k = n->win.kernel, in = net->node[n->input[0]].channels, out = n->channels;
    bool deep = n->op == CNN_DEPTHWISE;
    int dim[4] = {k, k, deep ? out : in, out};
    nn_init zero = nn_init_constant(0), one = nn_init_constant(1);
    n->weight = declare(d, "weight", deep ? 3 : 4, dim, nn_init_relu(k * k * (deep ? 1 : in)),
                        NN_DECAY | (!deep && near_pixels(n, in) ? NN_PRECISE : 0));
    if (n->biased) {
        n->norm.beta = declare(d, "bias", 1, &out, zero, 0);
        return;
    }
    n->norm = (nn_batch_norm_params){
        .gamma = declare(d, "gamma", 1, &out, n->zero_gamma ? zero : one, 0),
        .beta = declare(d, "beta", 1, &out, zero, 0),
        .mean = declare(d, "mean", 1, &out, zero, NN_BUFFER),
        .variance = declare(d, "variance", 1, &out, one, NN_BUFFER),
        .epsilon = (real)net->row->epsilon,
        .momentum = (real)CNN_MOMENTUM,
    };
}

/* A projected shortcut: a convolution that is only ever added to another one's result. */
static bool is_shortcut(const cnn_net *net, int i)
{
    const cnn_node *n = &net->node[i], *reader = &net->node[n->last_reader];
    return is_convolution(n) && n->readers == 1 && is_convolution(reader) && reader->inputs == 2 &&
           reader->input[1] == i;
}

/* In the order of the list, but a shortcut after the path that it leads around: gradients of all parameters
 * are summed in the order in which they were declared, and the last bits of a training hang on it. */
void cnn_build_finish(cnn_net *net, const char *prefix, nn_params *params)
{
    if (net->refusal.code) return;
    count_readers(net);
    find_cuts(net);
    find_width(net);
    for (int i = 1; i < net->count; i++) {
        cnn_node *n = &net->node[i];
        if (!is_convolution(n) || is_shortcut(net, i)) continue;
        declare_node(net, n, prefix, params);
        if (n->inputs == 2 && is_shortcut(net, n->input[1]))
            declare_node(net, &net->node[n->input[1]], prefix, params);
    }
}
