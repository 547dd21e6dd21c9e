#include "captioner/net/bert_net.h"

#include "src/nn/activation.h"
#include "src/nn/linear.h"
#include "src/nn/norm.h"

/* ---- settings ---- */

static const char *pooling_name(int value)
{
    static const char *const names[] = {"first", "mean"};
    return value < CAP_POOLS ? names[value] : NULL;
}

#define BODY(field, type) .name = #field, .kind = type, .offset = offsetof(cap_bert_settings, body.field)
#define HEAD(field, type) .name = #field, .kind = type, .offset = offsetof(cap_bert_settings, field)

const io_field cap_bert_fields[] = {
    {BODY(vocabulary, IO_FIELD_INT), .least = 1, .most = 1 << 22},
    {BODY(hidden, IO_FIELD_INT), .least = 2, .most = 1 << 14, .help = "numbers of a piece"},
    {BODY(heads, IO_FIELD_INT), .least = 1, .most = 64, .help = "heads of every attention"},
    {BODY(layers, IO_FIELD_INT), .least = 1, .most = CAP_MAX_LAYERS, .help = "layers on top of each other"},
    {BODY(feed_forward, IO_FIELD_INT), .least = 1, .most = 1 << 16,
     .help = "width of the feed-forward network of a layer"},
    {BODY(activation, IO_FIELD_CHOICE), .choice = cap_transformer_act, .help = "of the feed-forward network"},
    {BODY(positions, IO_FIELD_INT), .least = 2, .most = 1 << 14,
     .help = "pieces of the longest line, [CLS] and [SEP] among them"},
    {BODY(types, IO_FIELD_INT), .least = 0, .most = 16},
    {BODY(epsilon, IO_FIELD_NUMBER), .least = 0, .most = 0.1},
    {HEAD(pooling, IO_FIELD_CHOICE), .choice = pooling_name,
     .help = "what the classes are told from: the state of [CLS], or the mean of all states"},
    {BODY(dropout, IO_FIELD_NUMBER), .of_training = true, .least = 0, .most = 0.95,
     .help = "of sums and words while training"},
    {BODY(attention_dropout, IO_FIELD_NUMBER), .later = 1, .of_training = true, .least = 0, .most = 0.95,
     .unsaid = "0", .help = "of the weights of every attention while training"},
    {HEAD(head_dropout, IO_FIELD_NUMBER), .of_training = true, .least = 0, .most = 0.95,
     .help = "of what the classes are told from"},
    {0},
};

cap_bert_settings cap_bert_defaults(void)
{
    cap_bert_settings s = {.body = cap_transformer_defaults(), .head_dropout = 0.1};
    s.body.layers = 4;
    s.body.norm = CAP_NORM_POST;
    s.body.activation = 1;
    s.body.positions = 128;
    s.body.types = 1;
    s.body.embedding_norm = true;
    s.body.epsilon = 1e-12;
    return s;
}

err_code cap_bert_check(const cap_bert_settings *s, error *err)
{
    err_code code = io_fields_check(cap_bert_fields, s, "encoder setting", err);
    return code ? code : cap_transformer_check(&s->body, err);
}

/* ---- parameters ---- */

static nn_var *add_map(nn_params *p, const char *weight, const char *bias, int in, int out, nn_var **b)
{
    nn_var *w = nn_params_add(p, weight, 2, (int[]){in, out}, nn_init_fan(in), NN_DECAY);
    *b = nn_params_add(p, bias, 1, (int[]){out}, nn_init_constant(0), 0);
    return w;
}

static void declare_words(cap_bert_net *n, int pieces, nn_params *p)
{
    int d = n->set.body.hidden;
    n->map_w = add_map(p, "words.map.weight", "words.map.bias", d, d, &n->map_b);
    n->map_norm =
        (cap_layer_norm){.gamma = nn_params_add(p, "words.norm.gamma", 1, (int[]){d}, nn_init_constant(1), 0),
                         .beta = nn_params_add(p, "words.norm.beta", 1, (int[]){d}, nn_init_constant(0), 0),
                         .epsilon = n->set.body.epsilon};
    n->word_b = nn_params_add(p, "words.bias", 1, (int[]){pieces}, nn_init_constant(0), 0);
}

void cap_bert_declare(cap_bert_net *n, const cap_bert_settings *s, int pieces, int classes, bool words,
                      nn_params *p)
{
    *n = (cap_bert_net){.set = *s};
    n->set.body.vocabulary = pieces;
    n->set.body.norm = CAP_NORM_POST;
    n->set.body.self_attention = CAP_SELF_QKV;
    n->set.body.embedding_norm = true;
    int d = s->body.hidden;
    cap_transformer_declare(&n->body, &n->set.body, pieces, 0, "encoder.", p);
    if (words) declare_words(n, pieces, p);
    if (!classes) return;
    n->pool_w = add_map(p, "classes.pool.weight", "classes.pool.bias", d, d, &n->pool_b);
    n->class_w = add_map(p, "classes.out.weight", "classes.out.bias", d, classes, &n->class_b);
}

/* ---- reading ---- */

nn_var *cap_bert_states(nn_tape *t, const cap_bert_net *n, const ds_source_batch *lines, nn_var **alpha)
{
    return cap_transformer_read(t, &n->body, lines, alpha);
}

/* The state of the first piece of every line: [M, d]. */
static nn_var *first_states(nn_tape *t, nn_var *states)
{
    int lines = states->dim[0], pieces = states->dim[1], d = states->dim[2];
    int32_t *first = nn_scratch(t, (size_t)lines * sizeof *first);
    for (int i = 0; first && i < lines; i++) first[i] = i * pieces;
    return nn_gather(t, nn_reshape(t, states, 2, (int[]){lines * pieces, d}), first, lines);
}

nn_var *cap_bert_pooled(nn_tape *t, const cap_bert_net *n, nn_var *states, const int32_t *length)
{
    if (!states) return NULL;
    nn_var *x = n->set.pooling == CAP_POOL_MEAN ? nn_mean(t, states, length) : first_states(t, states);
    return nn_activate(t, nn_linear(t, x, n->pool_w, n->pool_b), NN_TANH);
}

nn_var *cap_bert_classes(nn_tape *t, const cap_bert_net *n, nn_var *states, const int32_t *length)
{
    nn_var *pooled = nn_dropout(t, cap_bert_pooled(t, n, states, length), (real)n->set.head_dropout);
    return nn_linear(t, pooled, n->class_w, n->class_b);
}

nn_var *cap_bert_words(nn_tape *t, const cap_bert_net *n, nn_var *states, const int32_t *place, int count)
{
    if (!states) return NULL;
    nn_var *x = nn_reshape(t, states, 2, (int[]){states->dim[0] * states->dim[1], states->dim[2]});
    x = nn_linear(t, nn_gather(t, x, place, count), n->map_w, n->map_b);
    x = nn_activate(t, x, n->set.body.activation ? NN_GELU : NN_RELU);
    return nn_linear_tied(t, cap_transformer_norm(t, &n->map_norm, x), n->body.embedding, n->word_b);
}
