/* The plan of a network in 8 bits: which results are bytes, the scales and zeros of maps, weights of
 * depthwise convolutions, and what follows sums. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cnn/bytes.h"
#include "src/base/bounds.h"
#include "src/math/packed.h"

enum { COLUMNS = 16, MOST_BYTE = UINT8_MAX, MOST_WEIGHT = 127 };

void cnn_bytes_free(cnn_bytes **bp)
{
    cnn_bytes *b = bp ? *bp : NULL;
    if (!b) return;
    for (int i = 0; i < b->count; i++) {
        free(b->node[i].start);
        free(b->node[i].weights);
    }
    free(b->node);
    free(b->numbers);
    free(b);
    *bp = NULL;
}

/* ---- which results are bytes ---- */

/* Ops that move bytes from place to place: what they read and what they make have one scale. */
static bool moves(cnn_op op)
{
    return op == CNN_MAX_POOL || op == CNN_CONCAT || op == CNN_UPSAMPLE || op == CNN_SPACE_TO_DEPTH;
}

static bool dense_in_bytes(const cnn_node *n)
{
    return n->op == CNN_CONV && nn_rows(n->weight) <= PACKED_MOST_I8;
}

static bool deep_in_bytes(const cnn_node *n)
{
    return n->op == CNN_DEPTHWISE && n->inputs == 1 && n->win.stride <= 2 &&
           (n->win.kernel == 3 || n->win.kernel == 5);
}

static bool finishes_in_bytes(const cnn_node *n)
{
    return nn_activation_of(n->act)->clips || n->act == NN_SILU;
}

/* Whether the op can make bytes of bytes. */
static bool may_be_narrow(const cnn_node *n)
{
    if (n->op == CNN_CONV || n->op == CNN_DEPTHWISE)
        return (dense_in_bytes(n) || deep_in_bytes(n)) && finishes_in_bytes(n);
    return n->op == CNN_PIXELS || n->op == CNN_ADD || moves(n->op);
}

static bool reads(const cnn_node *n, int earlier)
{
    bool found = false;
    for (int k = 0; k < n->inputs; k++) found |= n->input[k] == earlier;
    return found;
}

/* From the last node, which gives numbers, to the first. False: some node would need both. */
static bool choose(const cnn_net *net, cnn_byte_node *b)
{
    for (int i = net->count - 1; i >= 0; i--) {
        b[i].narrow = i < net->count - 1 && may_be_narrow(&net->node[i]);
        for (int j = i + 1; j < net->count; j++)
            if (reads(&net->node[j], i)) b[i].narrow &= b[j].takes;
        b[i].takes = i > 0 && (b[i].narrow || dense_in_bytes(&net->node[i]));
    }
    for (int i = 1; i < net->count; i++)
        for (int k = 0; k < net->node[i].inputs; k++)
            if (b[i].takes != b[net->node[i].input[k]].narrow) return false;
    return true;
}

/* ---- zeros and scales ---- */

/* What the middle one of a map's channels reaches to below and above 0. */
typedef struct reach {
    double low, high;
} reach;

/* The geometric mean, so that a few channels with large numbers do not count more than others. */
static double middle(const cnn_range *range, int channels, bool high)
{
    double sum = 0;
    int count = 0;
    for (int c = 0; c < channels; c++) {
        double size = (double)(high ? range[c].high : -range[c].low);
        if (!(size > 0)) continue;
        sum += log(size);
        count++;
    }
    return count ? exp(sum / count) : 0;
}

/* Maps between which bytes move have one zero. */
static void choose_zeros(const cnn_net *net, cnn_byte_node *b, const cnn_range *range)
{
    reach all[CNN_MAX_NODES];
    int leader[CNN_MAX_NODES]; /* of the maps with one zero */
    for (int i = 0; i < net->count; range += net->node[i++].channels) {
        leader[i] = i;
        all[i] =
            (reach){middle(range, net->node[i].channels, false), middle(range, net->node[i].channels, true)};
        for (int k = 0; moves(net->node[i].op) && k < net->node[i].inputs; k++) {
            int other = leader[net->node[i].input[k]];
            all[i].low = fmax(all[i].low, all[other].low);
            all[i].high = fmax(all[i].high, all[other].high);
            for (int j = 0; j < i; j++)
                if (leader[j] == other) leader[j] = i;
        }
    }
    for (int i = 0; i < net->count; i++) {
        const reach *r = &all[leader[i]];
        b[i].zero = r->low + r->high > 0 ? (int)lrint(MOST_BYTE * r->low / (r->low + r->high)) : 0;
    }
}

/* Of a channel whose numbers reach that far. */
static double scale_of(double low, double high, int zero)
{
    double above = zero < MOST_BYTE ? high / (MOST_BYTE - zero) : 0, below = zero > 0 ? -low / zero : 0;
    return fmax(above, below);
}

static double largest_scale(const cnn_range *range, int channels, int zero)
{
    double most = 0;
    for (int c = 0; c < channels; c++)
        most = fmax(most, scale_of((double)range[c].low, (double)range[c].high, zero));
    return most;
}

static bool read_by_deep_ones_alone(const cnn_net *net, int i)
{
    bool deep = true;
    for (int j = i + 1; j < net->count; j++)
        if (reads(&net->node[j], i)) deep &= net->node[j].op == CNN_DEPTHWISE;
    return deep;
}

/* A channel that hardly ever does anything needs no bytes of its own. */
#define LEAST_SHARE 0.01

/* A depthwise convolution multiplies channels by weights of their own, so each has the scale that it needs. A
 * dense one has one scale for its weights of all channels: where the scales of those go apart, the weights'
 * bytes lose what the channels' win, and half the way (of the logarithm) is best. */
static void choose_scales(const cnn_net *net, const cnn_range *range, cnn_byte_node *b, int i)
{
    int channels = net->node[i].channels;
    double most = largest_scale(range, channels, b->zero);
    bool deep = read_by_deep_ones_alone(net, i);
    for (int c = 0; c < channels; c++) {
        double scale = scale_of((double)range[c].low, (double)range[c].high, b->zero);
        scale = fmax(scale, LEAST_SHARE * most);
        if (!deep) scale = sqrt(scale * most);
        b->scale[c] = scale > 0 ? (float)scale : 1;
    }
}

/* Bytes that moved stand for what they stood for. */
static void move_scales(const cnn_net *net, cnn_byte_node *b, int i)
{
    const cnn_node *n = &net->node[i];
    float *to = b[i].scale;
    int channels = net->node[n->input[0]].channels, times = n->op == CNN_CONCAT ? 1 : n->channels / channels;
    for (int k = 0; k < n->inputs; k++) {
        channels = net->node[n->input[k]].channels;
        for (int j = 0; j < times; j++, to += channels)
            memcpy(to, b[n->input[k]].scale, channels * sizeof *to);
    }
}

/* ---- what follows sums ---- */

static int byte_at(const cnn_byte_node *b, int c, real value)
{
    double byte = rint((double)value / (double)b->scale[c]) + b->zero;
    return (int)fmin(fmax(byte, 0), MOST_BYTE);
}

/* The same byte in all channels: a cut elsewhere than at 0 is that of the channel that is cut least. */
static void cut(const cnn_node *n, cnn_byte_node *b, kernels_byte_finish *f)
{
    const nn_activation *act = nn_activation_of(n->act);
    f->least = MOST_BYTE;
    f->most = 0;
    for (int c = 0; c < n->channels; c++) {
        f->least = min_int(f->least, byte_at(b, c, act->low));
        f->most = max_int(f->most, byte_at(b, c, act->high));
    }
}

/* factor[] holds the scales of the weights, start[] the sums of their bytes. */
static bool finish_node(const cnn_net *net, cnn_byte_node *all, int i)
{
    const cnn_node *n = &net->node[i];
    cnn_byte_node *b = &all[i];
    bool clips = nn_activation_of(n->act)->clips, bytes = b->narrow && clips, finite = true;
    kernels_byte_finish *f = &b->finish;
    const cnn_byte_node *plus = n->inputs == 2 ? &all[n->input[1]] : NULL;
    *f = (kernels_byte_finish){.start = b->start, .factor = b->factor, .shift = b->shift, .most = MOST_BYTE};
    f->plus_factor = b->plus_factor;
    f->zero = (float)b->zero;
    if (bytes) cut(n, b, f);
    if (b->narrow && !clips) f->silu = b->inverse;
    for (int c = 0; c < n->channels; c++) {
        double unit = bytes ? (double)b->scale[c] : 1, shift = (double)n->norm.beta->data[c] / unit;
        b->start[c] *= -all[n->input[0]].zero;
        b->factor[c] = (float)((double)b->factor[c] / unit);
        b->inverse[c] = 1 / b->scale[c];
        if (bytes) shift += b->zero;
        if (plus) {
            b->plus_factor[c] = (float)((double)plus->scale[c] / unit);
            shift -= plus->zero * (double)plus->scale[c] / unit;
        }
        b->shift[c] = (float)shift;
        finite &= isfinite(b->factor[c]) && isfinite(b->shift[c]);
    }
    return finite;
}

/* Of a sum of two maps. */
static void mix_node(const cnn_net *net, cnn_byte_node *all, int i)
{
    const cnn_node *n = &net->node[i];
    const cnn_byte_node *x = &all[n->input[0]], *y = &all[n->input[1]];
    cnn_byte_node *b = &all[i];
    for (int c = 0; c < n->channels; c++) {
        b->factor[c] = x->scale[c] / b->scale[c];
        b->plus_factor[c] = y->scale[c] / b->scale[c];
        b->shift[c] = (float)b->zero - (float)x->zero * b->factor[c] - (float)y->zero * b->plus_factor[c];
    }
}

/* ---- weights ---- */

static bool take_packed(const cnn_node *n, cnn_byte_node *b)
{
    const packed *p = n->weight->packed;
    if (!p || p->type != PACKED_I8) return false;
    for (int c = 0; c < n->channels; c++) {
        b->factor[c] = p->scale[c];
        b->start[c] = p->offset[c] / 128;
    }
    return true;
}

/* x: the scales of what it reads. */
static void take_deep(const cnn_node *n, cnn_byte_node *b, const float *x, int8_t *bytes)
{
    int taps = n->win.kernel * n->win.kernel, channels = n->channels;
    const real *w = n->weight->data;
    for (int c = 0; c < channels; c++) {
        float most = 0, odd = 0; /* NaN if one of them is no number */
        for (int i = 0; i < taps; i++) {
            float v = (float)w[(size_t)i * channels + c];
            most = fmaxf(most, fabsf(v));
            odd += v * 0;
        }
        float inverse = most > 0 && most < INFINITY ? MOST_WEIGHT / most : 0;
        b->factor[c] = most / MOST_WEIGHT * x[c] + odd;
        for (int i = 0; i < taps; i++) {
            int8_t byte = odd == 0 ? (int8_t)lrintf((float)w[(size_t)i * channels + c] * inverse) : 0;
            bytes[(size_t)i * channels + c] = byte;
            b->start[c] += byte;
        }
    }
    byte_depthwise_order(n->win.kernel, channels, bytes, b->weights);
}

/* False: they are not there, or not in 8 bits, or memory is out (*full). */
static bool take_weights(const cnn_node *n, cnn_byte_node *b, const float *x, bool *full)
{
    size_t ordered = byte_depthwise_numbers(n->win.kernel, n->channels);
    if (!(b->start = calloc(round_up(n->channels, COLUMNS), sizeof *b->start))) *full = true;
    if (*full || n->op != CNN_DEPTHWISE) return !*full && take_packed(n, b);
    if (!n->weight->data) return false;
    int8_t *bytes = malloc(nn_count(n->weight));
    b->weights = aligned_alloc(64, round_up_size(ordered, 64));
    *full = !bytes || !b->weights;
    if (!*full) take_deep(n, b, x, bytes);
    free(bytes);
    return !*full;
}

/* ---- the plan ---- */

enum { ARRAYS = 5 }; /* of numbers that a node has for its channels */

static bool take_arrays(const cnn_net *net, cnn_bytes *b)
{
    size_t all = 0;
    for (int i = 0; i < net->count; i++) all += ARRAYS * (size_t)round_up(net->node[i].channels, COLUMNS);
    float *next = b->numbers = calloc(all, sizeof *next);
    for (int i = 0; next && i < net->count; i++) {
        int wide = round_up(net->node[i].channels, COLUMNS);
        float **const array[ARRAYS] = {&b->node[i].scale, &b->node[i].factor, &b->node[i].shift,
                                       &b->node[i].inverse, &b->node[i].plus_factor};
        for (int k = 0; k < ARRAYS; k++, next += wide) *array[k] = next;
    }
    return b->numbers != NULL;
}

err_code cnn_net_scale(cnn_net *net, const cnn_range *range, error *err)
{
    cnn_bytes_free(&net->bytes);
    if (REAL_IS_DOUBLE) return ERR_OK;
    cnn_bytes *b = calloc(1, sizeof *b);
    if (b) b->node = calloc(net->count, sizeof *b->node);
    if (b && b->node) b->count = net->count;
    if (!b || !b->node || !take_arrays(net, b)) {
        cnn_bytes_free(&b);
        return err_no_memory(err, "for the network '%s' in 8 bits", net->row->name);
    }
    if (!choose(net, b->node)) {
        cnn_bytes_free(&b);
        return ERR_OK;
    }
    choose_zeros(net, b->node, range);
    for (int i = 0; i < net->count; range += net->node[i++].channels)
        if (moves(net->node[i].op))
            move_scales(net, b->node, i);
        else
            choose_scales(net, range, &b->node[i], i);
    net->bytes = b;
    return ERR_OK;
}

const float *cnn_net_row_factors(const cnn_net *net, const nn_var *weight, int *count)
{
    for (int i = 1; net->bytes && i < net->count; i++)
        if (net->node[i].weight == weight && net->node[i].op == CNN_CONV) {
            int from = net->node[i].input[0];
            *count = net->node[from].channels;
            return net->bytes->node[from].scale;
        }
    return NULL;
}

err_code cnn_net_narrow(cnn_net *net, error *err)
{
    bool suits = true, full = false;
    cnn_bytes *b = net->bytes;
    for (int i = 1; b && suits && i < net->count; i++) {
        const cnn_node *n = &net->node[i];
        if (!b->node[i].takes) continue;
        if (n->op == CNN_ADD) mix_node(net, b->node, i);
        if (!n->weight) continue;
        suits = cnn_node_is_bare(n) && take_weights(n, &b->node[i], b->node[n->input[0]].scale, &full) &&
                finish_node(net, b->node, i);
    }
    if (b && suits) b->ready = true;
    if (full) return err_no_memory(err, "for the network '%s' in 8 bits", net->row->name);
    return suits ? ERR_OK : err_set(err, ERR_FORMAT, "the network '%s' cannot run in 8 bits", net->row->name);
}

bool cnn_net_is_narrow(const cnn_net *net)
{
    return net->bytes && net->bytes->ready;
}

/* ---- ranges ---- */

int cnn_net_ranges(const cnn_net *net)
{
    int sum = 0;
    for (int i = 0; i < net->count; i++) sum += net->node[i].channels;
    return sum;
}

static void look(const nn_var *v, cnn_range *range)
{
    int channels = nn_last(v);
    memset(range, 0, channels * sizeof *range);
    for (size_t i = 0, n = nn_count(v); i < n; i += channels)
        for (int c = 0; c < channels; c++) {
            float x = (float)v->data[i + c];
            range[c].low = x < range[c].low ? x : range[c].low;
            range[c].high = x > range[c].high ? x : range[c].high;
        }
}

bool cnn_net_watch(const cnn_net *net, nn_tape *t, nn_var *pixels, cnn_range *range)
{
    nn_var *result[CNN_MAX_NODES], *in[CNN_MAX_INPUTS];
    result[0] = pixels;
    look(pixels, range);
    for (int i = 1; i < net->count; i++) {
        const cnn_node *n = &net->node[i];
        range += net->node[i - 1].channels;
        cnn_inputs_of(n, result, in);
        result[i] = cnn_node_forward(t, n, in, cnn_node_is_bare(n));
        if (t->failed || !result[i]) return false;
        look(result[i], range);
    }
    return true;
}
