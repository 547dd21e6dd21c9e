#include "captioner/net/text_encoder.h"

#include <math.h>
#include <stdio.h>

#include "src/io/json.h"
#include "src/io/json_build.h"
#include "src/nn/activation.h"
#include "src/nn/linear.h"

/* ---- settings ---- */

cap_text_encoder_config cap_text_encoder_defaults(void)
{
    return (cap_text_encoder_config){
        .embedding = 256, .hidden = 256, .layers = 1, .bidirectional = true, .dropout = 0.2};
}

int cap_text_encoder_width(const cap_text_encoder_config *c)
{
    return c->bidirectional ? 2 * c->hidden : c->hidden;
}

#define FIELD(field, type) .name = #field, .kind = type, .offset = offsetof(cap_text_encoder_config, field)

const io_field cap_text_encoder_fields[] = {
    {FIELD(vocabulary, IO_FIELD_INT), .least = 1, .most = 1 << 22},
    {FIELD(embedding, IO_FIELD_INT), .least = 1, .most = 1 << 14},
    {FIELD(hidden, IO_FIELD_INT), .least = 1, .most = 1 << 14},
    {FIELD(layers, IO_FIELD_INT), .least = 1, .most = CAP_MAX_LAYERS},
    {FIELD(bidirectional, IO_FIELD_SWITCH)},
    {FIELD(residual, IO_FIELD_SWITCH)},
    {FIELD(reverse, IO_FIELD_SWITCH)},
    {FIELD(dropout, IO_FIELD_NUMBER), .of_training = true, .least = 0, .most = 0.95},
    {0},
};

err_code cap_text_encoder_config_check(const cap_text_encoder_config *c, error *err)
{
    return io_fields_check(cap_text_encoder_fields, c, "encoder setting", err);
}

json_t *cap_text_encoder_config_to_json(const cap_text_encoder_config *c)
{
    io_json_build b = io_json_build_object();
    io_fields_write(cap_text_encoder_fields, c, &b, b.root);
    return io_json_take(&b);
}

err_code cap_text_encoder_config_from_json(const json_t *o, const char *where, cap_text_encoder_config *c,
                                           error *err)
{
    *c = cap_text_encoder_defaults();
    return io_fields_read(cap_text_encoder_fields, o, where, c, err);
}

/* ---- parameters ---- */

static nn_var *add(nn_params *params, const char *prefix, const char *name, int rows, int cols)
{
    char full[96];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    return cols ? nn_params_add(params, full, 2, (int[]){rows, cols}, nn_init_fan(rows), NN_DECAY)
                : nn_params_add(params, full, 1, (int[]){rows}, nn_init_constant(0), 0);
}

static int passes(const cap_text_encoder_config *c)
{
    return c->bidirectional ? 2 : 1;
}

void cap_text_encoder_declare(cap_text_encoder *e, const cap_text_encoder_config *c, const char *prefix,
                              nn_params *params)
{
    *e = (cap_text_encoder){.config = *c};
    char name[96];
    snprintf(name, sizeof name, "%sembedding", prefix);
    e->embedding = nn_params_add(params, name, 2, (int[]){c->vocabulary, c->embedding},
                                 nn_init_normal(1 / sqrt(c->embedding)), 0);
    for (int i = 0; i < c->layers; i++)
        for (int p = 0; p < passes(c); p++) {
            const char *way = p ? "backward" : "forward";
            int in = i ? cap_text_encoder_width(c) : c->embedding, gates = 4 * c->hidden;
            snprintf(name, sizeof name, "lstm%d.%s.input.weight", i + 1, way);
            e->pass[i][p].input = add(params, prefix, name, in, gates);
            snprintf(name, sizeof name, "lstm%d.%s.state.weight", i + 1, way);
            e->pass[i][p].state = add(params, prefix, name, c->hidden, gates);
            snprintf(name, sizeof name, "lstm%d.%s.bias", i + 1, way);
            e->pass[i][p].bias = add(params, prefix, name, gates, 0);
        }
}

/* ---- reading ---- */

/* The words laid out by time: the first word of every sentence, then the second of those that have one ...,
 * the longest sentence first. Nothing of a sentence's padding is ever read. */
typedef struct layout {
    int rows, steps, total;
    int *active, *first;    /* [steps] sentences with such a word; where they begin */
    int32_t *words;         /* [total] */
    int32_t *same, *mirror; /* [total] itself; the word as far from its sentence's other end */
    int32_t *last;          /* [rows] the last word of each sentence */
    int32_t *place;         /* [rows][max_len] of each word; -1: none */
} layout;

static void count_words(layout *l, const int32_t *length)
{
    for (int r = 0; r < l->rows; r++)
        for (int s = 0; s < length[r]; s++) l->active[s]++;
    while (l->steps && !l->active[l->steps - 1]) l->steps--;
    for (int s = 0; s < l->steps; s++) {
        l->first[s] = l->total;
        l->total += l->active[s];
    }
}

/* Sentence r stands at `at` of every step. */
static void lay_sentence(layout *l, const int32_t *tokens, int length, int max_len, int r, int at)
{
    int32_t *place = l->place + (size_t)r * max_len;
    for (int s = 0; s < max_len; s++) place[s] = s < length ? l->first[s] + at : -1;
    for (int s = 0; s < length; s++) {
        int i = place[s];
        l->words[i] = tokens[(size_t)r * max_len + s];
        l->same[i] = i;
        l->mirror[i] = place[length - 1 - s];
    }
    l->last[r] = place[length - 1];
}

static bool lay_out(nn_tape *t, const int32_t *tokens, const int32_t *length, int rows, int max_len,
                    layout *l)
{
    *l = (layout){.rows = rows, .steps = max_len};
    l->active = nn_alloc(t, max_len * sizeof *l->active);
    l->first = nn_alloc(t, max_len * sizeof *l->first);
    int *taken = nn_alloc(t, ((size_t)max_len + 1) * sizeof *taken); /* places, by length */
    if (t->failed) return false;
    count_words(l, length);
    size_t total = l->total * sizeof(int32_t);
    l->words = nn_scratch(t, total);
    l->same = nn_scratch(t, total);
    l->mirror = nn_scratch(t, total);
    l->last = nn_scratch(t, rows * sizeof *l->last);
    l->place = nn_scratch(t, (size_t)rows * max_len * sizeof *l->place);
    if (t->failed) return false;
    for (int r = 0; r < rows; r++) { /* behind all longer ones and the equal ones before it */
        int longer = length[r] < l->steps ? l->active[length[r]] : 0;
        lay_sentence(l, tokens, length[r], max_len, r, longer + taken[length[r]]++);
    }
    return true;
}

/* The word at every place of the sentences read from their other ends. */
static const int32_t *mirrored_words(nn_tape *t, const layout *l)
{
    int32_t *words = nn_scratch(t, l->total * sizeof *words);
    for (int i = 0; words && i < l->total; i++) words[i] = l->words[l->mirror[i]];
    return words;
}

/* One pass over the input x [total, ..] in reading order; x NULL: over the words themselves, whose shares of
 * the gates are made for the vocabulary at once. */
static nn_lstm_state read_pass(nn_tape *t, const cap_text_encoder *e, const cap_text_pass *w, const layout *l,
                               nn_var *x, bool backwards)
{
    const int32_t *of = x ? NULL : backwards ? mirrored_words(t, l) : l->words;
    if (x && backwards) x = nn_gather(t, x, l->mirror, l->total);
    nn_var *gates = nn_linear(t, of ? e->embedding : x, w->input, w->bias);
    return nn_lstm_sequence(t, gates, of, w->state, (nn_lstm_state){0}, l->active, l->steps);
}

/* States of a layer [total, D] in reading order from its input in reading order, see read_pass. */
static nn_var *read_layer(nn_tape *t, const cap_text_encoder *e, int i, const layout *l, nn_var *x,
                          nn_lstm_state *last)
{
    nn_var *h[2] = {0}, *c[2] = {0};
    const int32_t *order[2], *ends[2] = {l->last, l->last};
    int n = passes(&e->config);
    for (int p = 0; p < n; p++) {
        bool backwards = (p == 1) != e->config.reverse;
        order[p] = backwards ? l->mirror : l->same;
        nn_lstm_state all = read_pass(t, e, &e->pass[i][p], l, x, backwards);
        h[p] = all.h;
        c[p] = all.c;
    }
    *last = (nn_lstm_state){nn_place(t, h, ends, n, l->rows), nn_place(t, c, ends, n, l->rows)};
    return n == 1 && order[0] == l->same ? h[0] : nn_place(t, h, order, n, l->total);
}

/* The embedded words, or NULL where their shares of the gates are better made for the vocabulary: while
 * training, when more words are read than there are, each undisturbed. */
static nn_var *embed(nn_tape *t, const cap_text_encoder *e, const layout *l)
{
    const cap_text_encoder_config *c = &e->config;
    if (t->recording && c->dropout <= 0 && c->vocabulary <= l->total) return NULL;
    return nn_dropout(t, nn_embedding(t, e->embedding, l->words, l->total), (real)c->dropout);
}

cap_encoded cap_text_encoder_forward(nn_tape *t, const cap_text_encoder *e, const int32_t *tokens,
                                     const int32_t *length, int rows, int max_len)
{
    const cap_text_encoder_config *c = &e->config;
    cap_encoded out = {.length = length, .layers = c->layers};
    layout l;
    if (!lay_out(t, tokens, length, rows, max_len, &l)) return out;
    nn_var *x = embed(t, e, &l);
    for (int i = 0; i < c->layers && !t->failed; i++) {
        nn_var *in = i ? nn_dropout(t, x, (real)c->dropout) : x;
        nn_var *y = read_layer(t, e, i, &l, in, &out.last[i]);
        x = i && c->residual ? nn_add(t, y, x) : y;
    }
    const int32_t *place = l.place;
    nn_var *all = nn_place(t, &x, &place, 1, rows * max_len);
    out.states = nn_reshape(t, all, 3, (int[]){rows, max_len, cap_text_encoder_width(c)});
    return out;
}

/* ---- as a row ---- */

_Static_assert(sizeof(cap_text_encoder_config) <= CAP_ENCODER_BYTES, "the settings must fit a config");

cap_text_encoder_config *cap_text_encoder_settings(cap_encoder_config *c)
{
    return (cap_text_encoder_config *)(void *)c->settings.bytes;
}

static void defaults(void *settings)
{
    *(cap_text_encoder_config *)settings = cap_text_encoder_defaults();
}

static err_code declare(cap_encoder *e, int input, const char *prefix, nn_params *params, error *err)
{
    cap_text_encoder_config *c = cap_text_encoder_settings(&e->config);
    c->vocabulary = input;
    err_code code = cap_text_encoder_config_check(c, err);
    if (code) return code;
    cap_text_encoder_declare(e->net, c, prefix, params);
    e->width = cap_text_encoder_width(c);
    e->last_layers = c->layers;
    return ERR_OK;
}

static cap_encoded encode(nn_tape *t, const cap_encoder *e, const cap_input *in)
{
    const ds_source_batch *b = in->lines;
    return cap_text_encoder_forward(t, e->net, b->tokens, b->length, b->rows, b->max_len);
}

const cap_encoder_row cap_encoder_lstm = {.name = "lstm",
                                          .about = "LSTMs that read a line from one side or both",
                                          .reads = CAP_TEXT,
                                          .fields = cap_text_encoder_fields,
                                          .settings_bytes = sizeof(cap_text_encoder_config),
                                          .net_bytes = sizeof(cap_text_encoder),
                                          .defaults = defaults,
                                          .declare = declare,
                                          .encode = encode};
