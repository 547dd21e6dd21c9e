/* The decoder that is a Transformer: every word attends to those before it, and to the memory. */
#include <stdio.h>

#include "captioner/net/transformer_rows.h"
#include "src/nn/activation.h"
#include "src/nn/linear.h"

_Static_assert(sizeof(cap_transformer_settings) <= CAP_SETTINGS_BYTES, "the settings must fit a config");
_Static_assert(2 * CAP_MAX_LAYERS <= CAP_MAX_PARTS, "keys and values of every layer are parts of a state");

static const char *match_name(int i)
{
    return i < NN_MATCH_NONE ? nn_match_rows[i].name : NULL;
}

static const io_field fields[] = {
    {CAP_TRANSFORMER_FIELD(match, IO_FIELD_CHOICE), .choice = match_name,
     .help = "how well a region or source word fits a word"},
    {CAP_TRANSFORMER_FIELD(memory_layers, IO_FIELD_INT), .later = 1, .unsaid = "0", .most = CAP_MAX_LAYERS,
     .help = "layers in which regions or source words attend to each other before words look at them"},
    CAP_TRANSFORMER_FIELDS,
    {0},
};

/* cap_decoder.net */
typedef struct network {
    cap_transformer body;
    cap_transformer reader;      /* of the memory: its layers alone; with memory_layers */
    nn_var *reader_w, *reader_b; /* [D,d] [d] what goes into them */
    nn_var *out_b;               /* [V]; the output layer is the embedding's matrix */
} network;

/* cap_memory.net: keys and values of every layer, computed once. */
typedef struct memory {
    nn_var *keys[CAP_MAX_LAYERS], *values[CAP_MAX_LAYERS]; /* [M, L, d] */
} memory;

cap_transformer_settings *cap_transformer_decoder_settings(cap_decoder_config *c)
{
    return (cap_transformer_settings *)(void *)c->settings.bytes;
}

static void defaults(void *settings, bool texts)
{
    cap_transformer_settings *s = settings;
    *s = cap_transformer_defaults();
    if (!texts) s->dropout = 0.3;
}

static err_code check(cap_decoder_config *c, error *err)
{
    return cap_transformer_check(cap_transformer_decoder_settings(c), err);
}

static bool attends(const void *settings)
{
    (void)settings;
    return true;
}

/* States of D numbers become states of d, which attend to each other as the words of a line do. */
static void declare_reader(network *n, const cap_transformer_settings *s, int features, const char *prefix,
                           nn_params *params)
{
    char name[96];
    cap_transformer_settings layers = *s;
    layers.layers = s->memory_layers;
    snprintf(name, sizeof name, "%smemory.in.weight", prefix);
    n->reader_w =
        nn_params_add(params, name, 2, (int[]){features, s->hidden}, nn_init_fan(features), NN_DECAY);
    snprintf(name, sizeof name, "%smemory.in.bias", prefix);
    n->reader_b = nn_params_add(params, name, 1, (int[]){s->hidden}, nn_init_constant(0), 0);
    snprintf(name, sizeof name, "%smemory.", prefix);
    cap_transformer_declare_layers(&n->reader, &layers, 0, name, params);
}

static void declare(cap_decoder *d, const char *prefix, nn_params *params)
{
    network *n = d->net;
    char name[96];
    const cap_transformer_settings *s = cap_transformer_decoder_settings(&d->config);
    bool reads = d->config.features && s->memory_layers;
    cap_transformer_declare(&n->body, s, d->config.vocabulary, reads ? s->hidden : d->config.features, prefix,
                            params);
    if (reads) declare_reader(n, s, d->config.features, prefix, params);
    snprintf(name, sizeof name, "%soutput.bias", prefix);
    n->out_b = nn_params_add(params, name, 1, (int[]){d->config.vocabulary}, nn_init_constant(0), 0);
}

static void remember(nn_tape *t, const cap_decoder *d, cap_memory *m)
{
    const network *all = d->net;
    const cap_transformer *n = &all->body;
    memory *net = d->config.features ? nn_alloc(t, sizeof *net) : NULL;
    if (!net) return;
    m->net = net;
    nn_var *states = nn_dropout(t, m->source.states, (real)n->set.dropout);
    if (all->reader_w)
        states = cap_transformer_layers(t, &all->reader, nn_linear(t, states, all->reader_w, all->reader_b),
                                        m->length, NULL);
    for (int i = 0; i < n->set.layers; i++) {
        const cap_projections *p = &n->layer[i].cross;
        net->keys[i] = nn_linear(t, states, p->key_w, p->key_b);
        net->values[i] = nn_linear(t, states, p->value_w, p->value_b);
    }
}

static nn_scope self_scope(const cap_transformer *n)
{
    return (nn_scope){.heads = n->set.self_attention == CAP_SELF_PLAIN ? 1 : n->set.heads};
}

/* x among the words themselves: keys and values of all that `scope` lets be seen. */
static nn_var *among_words(nn_tape *t, const cap_transformer *n, int i, nn_var *x, nn_var *in, nn_var *keys,
                           nn_var *values, const nn_scope *scope)
{
    const cap_transformer_layer *l = &n->layer[i];
    nn_var *query = cap_transformer_project(t, in, l->self.query_w, l->self.query_b);
    return cap_transformer_onto(t, n, &l->self_norm, x,
                                cap_transformer_attend(t, n, &l->self, query, keys, values, scope, NULL));
}

/* A language model has no memory: x stays as it is. */
static nn_var *over_memory(nn_tape *t, const cap_transformer *n, int i, nn_var *x, const cap_memory *m,
                           const int32_t *memory_of, nn_var **alpha)
{
    const cap_transformer_layer *l = &n->layer[i];
    const memory *net = m->net;
    if (!net) return x;
    nn_scope scope = {.memory_of = memory_of, .length = m->length, .heads = n->set.heads};
    nn_var *in = cap_transformer_into(t, n, &l->cross_norm, x);
    nn_var *query = cap_transformer_project(t, in, l->cross.query_w, l->cross.query_b);
    return cap_transformer_onto(
        t, n, &l->cross_norm, x,
        cap_transformer_attend(t, n, &l->cross, query, net->keys[i], net->values[i], &scope, alpha));
}

/* The keys or values so far [N, T d], if any, and those of the word [N, d]: [N, (T + 1) d]. */
static nn_var *grown(nn_tape *t, const cap_decoder_state *previous, int part, nn_var *x)
{
    return previous->parts ? nn_concat(t, previous->part[part], x) : x;
}

/* A state holds the keys and values of the words so far, layer by layer; none before the first. */
static void step(nn_tape *t, const cap_decoder *d, const cap_memory *m, const int32_t *memory_of,
                 const cap_decoder_state *previous, const int32_t *word, cap_step *out)
{
    const cap_transformer *n = &((const network *)d->net)->body;
    int rows = previous->rows, width = n->set.hidden;
    int words = previous->parts ? nn_last(previous->part[0]) / width + 1 : 1;
    nn_scope scope = self_scope(n);
    nn_var *x = cap_transformer_embed(t, n, word, rows, 1, words - 1), *alpha = NULL;
    out->state.parts = 2 * n->set.layers;
    for (int i = 0; i < n->set.layers; i++) {
        const cap_transformer_layer *l = &n->layer[i];
        nn_var *in = cap_transformer_into(t, n, &l->self_norm, x), *shaped[2];
        out->state.part[2 * i] =
            grown(t, previous, 2 * i, cap_transformer_project(t, in, l->self.key_w, l->self.key_b));
        out->state.part[2 * i + 1] =
            grown(t, previous, 2 * i + 1, cap_transformer_project(t, in, l->self.value_w, l->self.value_b));
        for (int k = 0; k < 2; k++)
            shaped[k] = nn_reshape(t, out->state.part[2 * i + k], 3, (int[]){rows, words, width});
        x = among_words(t, n, i, x, in, shaped[0], shaped[1], &scope);
        x = over_memory(t, n, i, x, m, memory_of, &alpha);
        x = cap_transformer_feed(t, n, i, x);
    }
    out->outlook[0] = n->set.norm == CAP_NORM_PRE ? cap_transformer_norm(t, &n->last, x) : x;
    if (alpha) out->alpha = nn_head_mean(t, alpha, n->set.heads);
}

static nn_var *logits(nn_tape *t, const cap_decoder *d, nn_var *const *outlook)
{
    const network *n = d->net;
    return nn_linear_tied(t, outlook[0], n->body.embedding, n->out_b);
}

/* Words row by row, steps after steps, where a timeline has them step by step. */
typedef struct grid {
    int32_t *word;    /* [rows * steps], <pad> behind the end */
    int32_t *by_time; /* [total] where each word of the timeline stands */
} grid;

static bool lay_out(nn_tape *t, const cap_timeline *l, grid *g)
{
    g->word = nn_alloc(t, (size_t)l->rows * l->steps * sizeof *g->word);
    g->by_time = nn_alloc(t, l->total * sizeof *g->by_time);
    if (t->failed) return false;
    for (int s = 0; s < l->steps; s++)
        for (int r = 0; r < l->active[s]; r++) {
            g->by_time[l->first[s] + r] = r * l->steps + s;
            g->word[r * l->steps + s] = l->previous[l->first[s] + r];
        }
    return true;
}

/* x [rows, steps, width] as the timeline has its words: [total, width]. */
static nn_var *to_time(nn_tape *t, nn_var *x, const cap_timeline *l, const grid *g)
{
    const int32_t *index = g->by_time;
    nn_var *flat = x ? nn_reshape(t, x, 2, (int[]){l->rows * l->steps, nn_last(x)}) : NULL;
    return nn_place(t, &flat, &index, 1, l->total);
}

static void all_steps(nn_tape *t, const cap_decoder *d, const cap_memory *m, const cap_timeline *l,
                      cap_unrolled *out)
{
    const cap_transformer *n = &((const network *)d->net)->body;
    nn_scope scope = self_scope(n);
    nn_var *alpha = NULL;
    grid g;
    if (!lay_out(t, l, &g)) return;
    scope.causal = true;
    nn_var *x = cap_transformer_embed(t, n, g.word, l->rows * l->steps, l->steps, 0);
    x = nn_reshape(t, x, 3, (int[]){l->rows, l->steps, n->set.hidden});
    for (int i = 0; i < n->set.layers; i++) {
        const cap_transformer_layer *layer = &n->layer[i];
        nn_var *in = cap_transformer_into(t, n, &layer->self_norm, x);
        nn_var *keys = cap_transformer_project(t, in, layer->self.key_w, layer->self.key_b);
        nn_var *values = cap_transformer_project(t, in, layer->self.value_w, layer->self.value_b);
        x = among_words(t, n, i, x, in, keys, values, &scope);
        x = over_memory(t, n, i, x, m, l->memory_of, &alpha);
        x = cap_transformer_feed(t, n, i, x);
    }
    if (n->set.norm == CAP_NORM_PRE) x = cap_transformer_norm(t, &n->last, x);
    out->outlook[0] = to_time(t, x, l, &g);
    if (!alpha) return;
    alpha = to_time(t, nn_head_mean(t, alpha, n->set.heads), l, &g);
    for (int s = 0; s < l->steps; s++) out->alpha[s] = nn_slice(t, alpha, l->first[s], l->active[s]);
}

const cap_decoder_row cap_decoder_transformer = {.name = "transformer",
                                                 .about =
                                                     "words attend to those before them and to the memory",
                                                 .fields = fields,
                                                 .settings_bytes = sizeof(cap_transformer_settings),
                                                 .net_bytes = sizeof(network),
                                                 .defaults = defaults,
                                                 .check = check,
                                                 .attends = attends,
                                                 .declare = declare,
                                                 .remember = remember,
                                                 .step = step,
                                                 .logits = logits,
                                                 .all_steps = all_steps};
