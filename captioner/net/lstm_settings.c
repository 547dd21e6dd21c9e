#include "captioner/net/lstm_settings.h"

#include <string.h>

#include "captioner/net/lstm_decoder.h"

const char *const cap_attend_names[CAP_ATTENDS] = {"input", "output"};
const char *const cap_start_names[CAP_STARTS] = {"mean", "last", "copy", "zero", "auto"};
const char *const cap_output_names[CAP_OUTPUTS] = {"tied", "full", "auto"};
const char *const cap_softmax_names[CAP_SOFTMAXES] = {"one", "each"};

/* A matrix of its own for so few words costs little, and narrow embeddings need it: 16 numbers per word can
 * tell 60 characters apart as inputs, but bound what the output can say. */
enum { SMALL_VOCABULARY = 1000, MOST = 1 << 14 };

_Static_assert(sizeof(cap_lstm_settings) <= CAP_SETTINGS_BYTES, "the settings must fit a config");

static const char *match_name(int i)
{
    return i < NN_MATCH_COUNT ? nn_match_rows[i].name : NULL;
}

static const char *attend_name(int i)
{
    return i < CAP_ATTENDS ? cap_attend_names[i] : NULL;
}

static const char *start_name(int i)
{
    return i < CAP_STARTS ? cap_start_names[i] : NULL;
}

static const char *output_name(int i)
{
    return i < CAP_OUTPUTS ? cap_output_names[i] : NULL;
}

static const char *softmax_name(int i)
{
    return i < CAP_SOFTMAXES ? cap_softmax_names[i] : NULL;
}

#define FIELD(field, type) .name = #field, .kind = type, .offset = offsetof(cap_lstm_settings, field)

const io_field cap_lstm_fields[] = {
    {FIELD(match, IO_FIELD_CHOICE), .choice = match_name,
     .help = "how well a region or source word fits the decoder's state; none: no attention"},
    {FIELD(fixed_gain, IO_FIELD_SWITCH), .help = "sigmoid: keep the gain at 1, the textbook form"},
    {FIELD(attend, IO_FIELD_CHOICE), .later = 1, .choice = attend_name,
     .help = "where the context goes: into the LSTM with the previous word, or behind it; texts: output"},
    {FIELD(start, IO_FIELD_CHOICE), .later = 1, .choice = start_name,
     .help = "the first state: from the mean of all states, from the source's last state, or that state "
             "itself; zero: from nothing; auto: last where there is one; texts: auto"},
    {FIELD(peek, IO_FIELD_SWITCH),
     .help = "none: show the fixed vector (mean region, last state) at every step"},
    {FIELD(gate, IO_FIELD_SWITCH), .later = 1, .asked = true,
     .help = "scale the context by a gate of the state; texts: no"},
    {FIELD(layers, IO_FIELD_INT), .later = 1, .least = 1, .most = CAP_MAX_LAYERS,
     .help = "LSTMs on top of each other, in the text encoder and the decoder"},
    {FIELD(residual, IO_FIELD_SWITCH), .later = 1,
     .help = "add a layer's input to its output, from the second layer up"},
    {FIELD(embedding, IO_FIELD_INT), .least = 1, .most = MOST, .help = "numbers per word; texts: 256"},
    {FIELD(hidden, IO_FIELD_INT), .least = 1, .most = MOST, .help = "numbers in an LSTM's state; texts: 256"},
    {FIELD(attention, IO_FIELD_INT), .least = 1, .most = MOST, .help = "width of the matching network"},
    {FIELD(projection, IO_FIELD_INT), .least = 0, .most = MOST,
     .help = "numbers per region or source word after projection; 0: as they are; texts: 0"},
    {FIELD(rectify, IO_FIELD_SWITCH), .later = 1},
    {FIELD(output, IO_FIELD_CHOICE), .later = 1, .choice = output_name,
     .help = "through the matrix of the embeddings, or one of its own; auto: full for at most 1,000 words; "
             "texts: auto"},
    {FIELD(heads, IO_FIELD_INT), .later = 2, .least = 1, .most = 64, .unsaid = "1",
     .help = "parts that --attention and --projection are cut into, each attending by itself"},
    {FIELD(softmax, IO_FIELD_CHOICE), .later = 3, .choice = softmax_name, .unsaid = "one",
     .help = "--namers: over regions and what is named together, or for each of the two, which share the "
             "weight as the decoder's state says"},
    {FIELD(glance, IO_FIELD_INT), .later = 2, .least = 0, .most = MOST, .unsaid = "0",
     .help = "numbers of a summary of all regions and concepts, which starts the decoder and is there at "
             "every word; 0: none, it starts from the mean"},
    {FIELD(concepts, IO_FIELD_SWITCH), .later = 2},
    {FIELD(styles, IO_FIELD_INT), .later = 2, .least = 0, .most = 1 << 16, .unsaid = "0"},
    {FIELD(sharpness, IO_FIELD_NUMBER), .later = 2, .of_training = true, .least = 0.01, .most = 100,
     .unsaid = "1", .help = "factor on the logits: above 1 the likely words become likelier"},
    {FIELD(dropout, IO_FIELD_NUMBER), .of_training = true, .least = 0, .most = 0.95,
     .help = "of states, words and output while training; texts: 0.2"},
    {0},
};

void cap_lstm_defaults(void *settings, bool texts)
{
    *(cap_lstm_settings *)settings = texts ? (cap_lstm_settings){.embedding = 256,
                                                                 .hidden = 256,
                                                                 .attention = 256,
                                                                 .heads = 1,
                                                                 .layers = 1,
                                                                 .sharpness = 1,
                                                                 .match = NN_MATCH_SIGMOID,
                                                                 .attend = CAP_ATTEND_OUTPUT,
                                                                 .start = CAP_START_AUTO,
                                                                 .output = CAP_OUTPUT_AUTO,
                                                                 .dropout = 0.2}
                                           : (cap_lstm_settings){.embedding = 256,
                                                                 .hidden = 512,
                                                                 .attention = 256,
                                                                 .projection = 512,
                                                                 .heads = 1,
                                                                 .layers = 1,
                                                                 .sharpness = 1,
                                                                 .match = NN_MATCH_SIGMOID,
                                                                 .gate = true,
                                                                 .rectify = true,
                                                                 .dropout = 0.5};
}

cap_lstm_settings *cap_lstm_settings_of(cap_decoder_config *c)
{
    return (cap_lstm_settings *)(void *)c->settings.bytes;
}

cap_decoder_config cap_lstm_config(const cap_lstm_settings *s)
{
    cap_decoder_config c = {.row = &cap_decoder_lstm};
    memcpy(c.settings.bytes, s, sizeof *s);
    return c;
}

cap_decoder_config cap_lstm_textbook(void)
{
    return cap_lstm_config(&(cap_lstm_settings){.embedding = 16,
                                                .hidden = 256,
                                                .attention = 256,
                                                .heads = 1,
                                                .layers = 1,
                                                .sharpness = 1,
                                                .match = NN_MATCH_DOT,
                                                .attend = CAP_ATTEND_OUTPUT,
                                                .start = CAP_START_COPY,
                                                .output = CAP_OUTPUT_FULL,
                                                .fixed_gain = true});
}

/* The width of a state or of the matching network, which each head takes its part of. */
static err_code check_heads(const cap_decoder_config *config, const cap_lstm_settings *s, error *err)
{
    const nn_match_row *row = &nn_match_rows[s->match];
    int width = s->projection ? s->projection : config->features;
    if (s->match == NN_MATCH_NONE || s->heads == 1) return ERR_OK;
    if (width % s->heads || (row->network && s->attention % s->heads))
        return err_set(err, ERR_ARGUMENT,
                       "%d heads cannot share %d numbers of a state and %d of the matching evenly", s->heads,
                       width, row->network ? s->attention : width);
    return ERR_OK;
}

/* A language model looks at nothing and starts from nothing. */
static err_code check_alone(cap_lstm_settings *s, error *err)
{
    if (s->match != NN_MATCH_NONE || s->peek || s->glance || s->styles)
        return err_set(
            err, ERR_ARGUMENT,
            "a language model has nothing to look at: its match must be '%s', without peek and glance",
            nn_match_rows[NN_MATCH_NONE].name);
    if (s->start == CAP_START_AUTO) s->start = CAP_START_ZERO;
    s->projection = 0;
    if (s->start == CAP_START_ZERO) return ERR_OK;
    return err_set(err, ERR_ARGUMENT, "a language model has nothing to start from: its start must be '%s'",
                   cap_start_names[CAP_START_ZERO]);
}

/* The states of concepts are as wide as projected regions, whether or not there are regions. */
static err_code check_width(const cap_decoder_config *config, const cap_lstm_settings *s, error *err)
{
    if (config->features || s->projection) return ERR_OK;
    return err_set(err, ERR_ARGUMENT,
                   "without regions nothing says how wide the states of concepts are: the projection must "
                   "not be 0");
}

static err_code check_glance(const cap_lstm_settings *s, error *err)
{
    if (s->styles && !s->glance)
        return err_set(err, ERR_ARGUMENT, "styles are told by the glance: its width must not be 0");
    if (s->glance && s->start != CAP_START_MEAN)
        return err_set(err, ERR_ARGUMENT, "a glance is what the decoder starts from: the start must be '%s'",
                       cap_start_names[CAP_START_MEAN]);
    return ERR_OK;
}

err_code cap_lstm_check(cap_decoder_config *config, error *err)
{
    cap_lstm_settings *s = cap_lstm_settings_of(config);
    bool inner = s->match == NN_MATCH_DOT || s->match == NN_MATCH_SCALED_DOT;
    if (inner && (s->projection || config->features != s->hidden)) s->projection = s->hidden;
    if (s->output == CAP_OUTPUT_AUTO)
        s->output = config->vocabulary <= SMALL_VOCABULARY ? CAP_OUTPUT_FULL : CAP_OUTPUT_TIED;
    if (!config->features && !s->concepts) return check_alone(s, err);
    if (s->start == CAP_START_AUTO)
        s->start = config->last_layers && !s->glance ? CAP_START_LAST : CAP_START_MEAN;
    if (s->start != CAP_START_MEAN && s->start != CAP_START_ZERO && !config->last_layers)
        return err_set(err, ERR_ARGUMENT,
                       "the encoder has no last state to start from: the decoder's start must be '%s'",
                       cap_start_names[CAP_START_MEAN]);
    if (s->start == CAP_START_COPY && config->features != s->hidden)
        return err_set(
            err, ERR_ARGUMENT,
            "an encoder state of %d numbers cannot be copied into a decoder state of %d; make them "
            "equal, or start from 'last'",
            config->features, s->hidden);
    err_code code = check_width(config, s, err);
    if (!code) code = check_heads(config, s, err);
    return code ? code : check_glance(s, err);
}
