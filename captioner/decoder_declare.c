/* The parameters of a decoder. */
#include <math.h>
#include <stdio.h>

#include "captioner/decoder.h"

/* A softmax over numbers in 0..1 is nearly flat over many regions: to give one of 100 regions half of the
 * weight, degrees must differ by ln 99 = 4.6 after the gain, and a network rarely drives its sigmoid from end
 * to end. From a gain of 4 training hardly moves it and attention stays flat; it starts at 10 and learns ten
 * times as fast as the weights. */
static const double FIRST_GAIN = 10, GAIN_RATE = 10;

typedef struct declarer {
    nn_params *params;
    const char *prefix;
} declarer;

static nn_var *add(const declarer *d, const char *name, int rows, int cols, nn_init init, int flags)
{
    char full[96];
    snprintf(full, sizeof full, "%s%s", d->prefix, name);
    return cols ? nn_params_add(d->params, full, 2, (int[]){rows, cols}, init, flags)
                : nn_params_add(d->params, full, 1, (int[]){rows}, init, flags);
}

static nn_var *weight(const declarer *d, const char *name, int in, int out)
{
    return add(d, name, in, out, nn_init_fan(in), NN_DECAY);
}

static nn_var *bias(const declarer *d, const char *name, int n)
{
    return add(d, name, n, 0, nn_init_constant(0), 0);
}

static int projected_width(const cap_decoder_config *c)
{
    return c->projection ? c->projection : c->features;
}

/* Of the context; 0: there is none. */
static int context_width(const cap_decoder_config *c)
{
    if (c->match != NN_MATCH_NONE) return projected_width(c);
    return !c->peek ? 0 : c->start == CAP_START_MEAN ? projected_width(c) : c->features;
}

static void declare_attention(cap_decoder *d, const declarer *to)
{
    const cap_decoder_config *c = &d->config;
    const nn_match_row *row = &nn_match_rows[c->match];
    int width = projected_width(c);
    d->match.kind = c->match;
    if (row->network) {
        d->key_w = weight(to, "attention.key.weight", width, c->attention);
        d->key_b = bias(to, "attention.key.bias", c->attention);
        d->match.v = add(to, "attention.score.weight", c->attention, 0, nn_init_fan(c->attention), 0);
    }
    if (row->projected)
        d->query_w = weight(to, "attention.query.weight", c->hidden, row->network ? c->attention : width);
    if (row->degree) {
        d->match.bias = bias(to, "attention.score.bias", 1);
        double gain = c->fixed_gain ? 1 : FIRST_GAIN;
        d->match.log_gain =
            add(to, "attention.log_gain", 1, 0, nn_init_constant(log(gain)), c->fixed_gain ? NN_BUFFER : 0);
        char name[96];
        snprintf(name, sizeof name, "%sattention.log_gain", to->prefix);
        nn_params_set_rate(to->params, name, GAIN_RATE);
    }
}

/* PART of layer i: of the lowest PART alone, the name from when there was one layer. */
static const char *layer_name(char name[64], const char *group, int i, const char *part)
{
    if (i)
        snprintf(name, 64, "%s%d.%s", group, i + 1, part);
    else
        snprintf(name, 64, "%s.%s", group, part);
    return name;
}

static void declare_start(cap_decoder *d, const declarer *to, int i)
{
    const cap_decoder_config *c = &d->config;
    cap_decoder_layer *l = &d->layer[i];
    int width = c->start == CAP_START_MEAN ? projected_width(c) : c->features;
    char name[64];
    if (c->start == CAP_START_COPY) return;
    l->start_h_w = weight(to, layer_name(name, "start", i, "h.weight"), width, c->hidden);
    l->start_h_b = bias(to, layer_name(name, "start", i, "h.bias"), c->hidden);
    l->start_c_w = weight(to, layer_name(name, "start", i, "c.weight"), width, c->hidden);
    l->start_c_b = bias(to, layer_name(name, "start", i, "c.bias"), c->hidden);
}

static void declare_layer(cap_decoder *d, const declarer *to, int i)
{
    const cap_decoder_config *c = &d->config;
    cap_decoder_layer *l = &d->layer[i];
    int gates = 4 * c->hidden, width = context_width(c);
    bool takes_context = width && (c->attend == CAP_ATTEND_INPUT || c->match == NN_MATCH_NONE);
    char name[64];
    l->input = i ? weight(to, layer_name(name, "lstm", i, "input.weight"), c->hidden, gates)
                 : weight(to, "lstm.word.weight", c->embedding, gates);
    l->state = weight(to, layer_name(name, "lstm", i, "state.weight"), c->hidden, gates);
    l->bias = bias(to, layer_name(name, "lstm", i, "bias"), gates);
    if (takes_context) l->context = weight(to, layer_name(name, "lstm", i, "context.weight"), width, gates);
}

static void declare_output(cap_decoder *d, const declarer *to)
{
    const cap_decoder_config *c = &d->config;
    int width = context_width(c), to_width = c->output == CAP_OUTPUT_FULL ? c->vocabulary : c->embedding;
    d->out_state = weight(to, "output.state.weight", c->hidden, to_width);
    if (c->output == CAP_OUTPUT_TIED) d->out_state_b = bias(to, "output.state.bias", c->embedding);
    d->out_b = bias(to, "output.bias", c->vocabulary);
    if (width) d->out_context = weight(to, "output.context.weight", width, to_width);
}

void cap_decoder_declare(cap_decoder *d, const cap_decoder_config *c, const char *prefix, nn_params *params)
{
    *d = (cap_decoder){.config = *c};
    declarer to = {params, prefix};
    int width = context_width(c);
    if (c->projection) {
        nn_init init = c->rectify ? nn_init_relu(c->features) : nn_init_fan(c->features);
        d->project_w = add(&to, "regions.weight", c->features, c->projection, init, NN_DECAY);
        d->project_b = bias(&to, "regions.bias", c->projection);
    }
    for (int i = 0; i < c->layers; i++) declare_start(d, &to, i);
    declare_attention(d, &to);
    d->embedding =
        add(&to, "embedding", c->vocabulary, c->embedding, nn_init_normal(1 / sqrt(c->embedding)), NN_TABLE);
    for (int i = 0; i < c->layers; i++) declare_layer(d, &to, i);
    declare_output(d, &to);
    if (!width || !c->gate) return;
    d->gate_w = weight(&to, "gate.weight", c->hidden, width);
    d->gate_b = bias(&to, "gate.bias", width);
}
