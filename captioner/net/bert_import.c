#include "captioner/net/bert_import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/io/json.h"

enum { NAME = 128, PATH = 4096 };

static const cap_bert_import_row rows[] = {
    {"embeddings.word_embeddings.weight", ""},           /* BertModel, sentence encoders such as MiniLM */
    {"bert.embeddings.word_embeddings.weight", "bert."}, /* BertForMaskedLM and its like */
};

const cap_bert_import_row *cap_bert_import_find(const io_tensors *file)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (io_tensors_find(file, rows[i].mark)) return &rows[i];
    return NULL;
}

/* ---- names ---- */

/* Ours and theirs, from which ".weight" and ".bias" or ".gamma" and ".beta" are left away; of a layer behind
 * its number. */
static const struct {
    const char *ours, *theirs;
} names[] =
    {
        {"encoder.embedding.norm", "embeddings.LayerNorm"},
        {"classes.pool", "pooler.dense"},
        {"words.map", "cls.predictions.transform.dense"},
        {"words.norm", "cls.predictions.transform.LayerNorm"},
        {"self.query", "attention.self.query"},
        {"self.key", "attention.self.key"},
        {"self.value", "attention.self.value"},
        {"self.out", "attention.output.dense"},
        {"self.norm", "attention.output.LayerNorm"},
        {"feed.in", "intermediate.dense"},
        {"feed.out", "output.dense"},
        {"feed.norm", "output.LayerNorm"},
},
  whole[] = {
      {"encoder.embedding", "embeddings.word_embeddings.weight"},
      {"encoder.position", "embeddings.position_embeddings.weight"},
      {"encoder.type", "embeddings.token_type_embeddings.weight"},
      {"words.bias", "cls.predictions.bias"},
};

/* The first files called the numbers of a norm gamma and beta, as we do; later ones weight and bias. */
static const char *ending(const char *ours, bool of_norm, bool old)
{
    if (!of_norm || old) return ours;
    return !strcmp(ours, "gamma") ? "weight" : "bias";
}

static bool is_norm(const char *part)
{
    const char *dot = strrchr(part, '.');
    return dot && !strcmp(dot, ".norm");
}

/* Their name of our parameter; false: they have none. */
static bool their_name(const cap_bert_import_row *row, const char *ours, bool old, char name[NAME])
{
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        const char *prefix = strncmp(whole[i].theirs, "cls.", 4) ? row->prefix : "";
        if (!strcmp(ours, whole[i].ours)) return snprintf(name, NAME, "%s%s", prefix, whole[i].theirs) < NAME;
    }
    int layer = 0, used = 0;
    char inside[32] = "";
    if (sscanf(ours, "encoder.layer%d.%n", &layer, &used) == 1 && used) {
        snprintf(inside, sizeof inside, "encoder.layer.%d.", layer - 1);
        ours += used;
    }
    const char *dot = strrchr(ours, '.');
    for (size_t i = 0; dot && i < sizeof names / sizeof *names; i++) {
        size_t size = strlen(names[i].ours);
        if (strncmp(ours, names[i].ours, size) != 0 || ours + size != dot) continue;
        const char *prefix = strncmp(names[i].theirs, "cls.", 4) ? row->prefix : "";
        return snprintf(name, NAME, "%s%s%s.%s", prefix, inside, names[i].theirs,
                        ending(dot + 1, is_norm(names[i].ours), old)) < NAME;
    }
    return false;
}

static const io_tensor *find(const io_tensors *file, const cap_bert_import_row *row, const char *ours)
{
    char name[NAME];
    for (int old = 0; old < 2; old++) {
        const io_tensor *t = their_name(row, ours, old, name) ? io_tensors_find(file, name) : NULL;
        if (t) return t;
    }
    return NULL;
}

/* ---- numbers ---- */

/* They keep a map as [out,in], we as [in,out]; tables are alike. */
static bool is_turned(const nn_param *n)
{
    return n->var.rank == 2 && strstr(n->name, ".weight");
}

static err_code read_turned(const io_tensors *file, const io_tensor *t, const nn_param *n, error *err)
{
    int in = n->var.dim[0], out = n->var.dim[1];
    float *rows_of = malloc(nn_count(&n->var) * sizeof *rows_of);
    if (!rows_of) return err_no_memory(err, "for %zu weights", nn_count(&n->var));
    err_code code = io_tensors_read_f32(file, t->name, 2, (int64_t[]){out, in}, rows_of, err);
    for (int i = 0; !code && i < in; i++)
        for (int o = 0; o < out; o++)
            n->var.data[(size_t)i * (size_t)out + (size_t)o] = rows_of[(size_t)o * (size_t)in + (size_t)i];
    free(rows_of);
    return code;
}

err_code cap_bert_import_tensor(const io_tensors *file, const cap_bert_import_row *row, const nn_param *n,
                                const io_tensor **out, error *err)
{
    const io_tensor *t = *out = find(file, row, n->name);
    if (!t) return ERR_OK;
    bool same = t->rank == n->var.rank;
    for (int i = 0; same && i < t->rank; i++) {
        int from = is_turned(n) ? 1 - i : i;
        same = t->shape[i] == n->var.dim[from];
    }
    if (same) return ERR_OK;
    return err_set(err, ERR_MISMATCH, "'%.250s': tensor '%.100s' has not the shape that the others ask for",
                   io_tensors_name(file), t->name);
}

err_code cap_bert_import_read(const io_tensors *file, const io_tensor *t, const nn_param *n, error *err)
{
    int64_t shape[NN_MAX_RANK];
    for (int i = 0; i < n->var.rank; i++) shape[i] = n->var.dim[i];
    err_code code = is_turned(n) ? read_turned(file, t, n, err)
                                 : io_tensors_read_f32(file, t->name, n->var.rank, shape, n->var.data, err);
    io_tensors_forget(file, t);
    return code;
}

/* ---- sizes ---- */

/* The file `name` in the folder of the weights: path[PATH]. */
static err_code beside(const io_tensors *file, const char *name, char path[PATH], error *err)
{
    const char *weights = io_tensors_name(file), *slash = strrchr(weights, '/');
    int folder = slash ? (int)(slash + 1 - weights) : 0;
    if (snprintf(path, PATH, "%.*s%s", folder, weights, name) < PATH) return ERR_OK;
    return err_set(err, ERR_LIMIT, "the name '%.100s...' is too long", weights);
}

static err_code size_of(const io_tensors *file, const cap_bert_import_row *row, const char *ours, int axis,
                        int rank, int *out, error *err)
{
    const io_tensor *t = find(file, row, ours);
    char name[NAME] = "";
    their_name(row, ours, false, name);
    if (!t || t->rank != rank || t->shape[axis] < 1 || t->shape[axis] > 1 << 22)
        return err_set(err, ERR_MISMATCH, "'%.250s': tensor '%s' is missing or of another shape",
                       io_tensors_name(file), name);
    *out = (int)t->shape[axis];
    return ERR_OK;
}

static int count_layers(const io_tensors *file, const cap_bert_import_row *row)
{
    char name[64];
    int layers = 0;
    do snprintf(name, sizeof name, "encoder.layer%d.self.query.weight", layers + 1);
    while (find(file, row, name) && layers++ < CAP_MAX_LAYERS);
    return layers;
}

static err_code read_sizes(const io_tensors *file, const cap_bert_import_row *row,
                           cap_transformer_settings *s, error *err)
{
    err_code code = size_of(file, row, "encoder.embedding", 0, 2, &s->vocabulary, err);
    if (!code) code = size_of(file, row, "encoder.embedding", 1, 2, &s->hidden, err);
    if (!code) code = size_of(file, row, "encoder.position", 0, 2, &s->positions, err);
    if (!code) code = size_of(file, row, "encoder.type", 0, 2, &s->types, err);
    if (!code) code = size_of(file, row, "encoder.layer1.feed.in.weight", 0, 2, &s->feed_forward, err);
    s->layers = count_layers(file, row);
    return code;
}

/* What tensors do not say, and what this network has no other form of. */
static err_code read_config(const json_t *o, const char *path, cap_transformer_settings *s, error *err)
{
    int64_t heads;
    const char *act, *kind, *positions;
    err_code code = io_json_int(o, "num_attention_heads", path, &heads, err);
    if (!code) code = io_json_number_or(o, "layer_norm_eps", path, 1e-12, &s->epsilon, err);
    if (!code) code = io_json_string_or(o, "hidden_act", path, "gelu", &act, err);
    if (!code) code = io_json_string_or(o, "model_type", path, "bert", &kind, err);
    if (!code) code = io_json_string_or(o, "position_embedding_type", path, "absolute", &positions, err);
    if (code) return code;
    if (strcmp(kind, "bert") != 0 || strcmp(positions, "absolute") != 0)
        return err_set(err, ERR_UNSUPPORTED, "%s: a model of type '%.40s' with %.40s positions is not BERT's",
                       path, kind, positions);
    s->activation = !strcmp(act, "gelu");
    if (!s->activation && strcmp(act, "relu") != 0)
        return err_set(err, ERR_UNSUPPORTED, "%s: 'hidden_act' is '%.40s', this program has gelu and relu",
                       path, act);
    s->heads = heads > 0 && heads <= 64 ? (int)heads : 0;
    return ERR_OK;
}

static err_code load_config(const io_tensors *file, cap_transformer_settings *s, error *err)
{
    char path[PATH];
    json_t *o = NULL;
    err_code code = beside(file, "config.json", path, err);
    if (!code) code = io_json_load(path, IO_JSON_MAX, &o, err);
    if (!code) code = read_config(o, path, s, err);
    json_decref(o);
    return code;
}

/* Whether letters become lower case, as tokenizer_config.json says; they do where it is not there. */
static err_code reads_lower(const io_tensors *file, bool *lower, error *err)
{
    char path[PATH];
    json_t *o = NULL;
    int value = true;
    err_code code = beside(file, "tokenizer_config.json", path, err);
    if (!code && !access(path, F_OK)) code = io_json_load(path, IO_JSON_MAX, &o, err);
    if (!code && o) code = io_json_bool_or(o, "do_lower_case", path, true, &value, err);
    json_decref(o);
    *lower = value;
    return code;
}

static err_code read_pieces(const io_tensors *file, ds_wordpiece **out, error *err)
{
    char path[PATH], other[PATH];
    bool lower;
    err_code code = beside(file, "vocab.txt", path, err);
    if (!code) code = beside(file, "tokenizer.json", other, err);
    if (!code) code = reads_lower(file, &lower, err);
    if (code) return code;
    return access(path, F_OK) && !access(other, F_OK) ? ds_wordpiece_read_tokenizer(other, out, err)
                                                      : ds_wordpiece_read(path, lower, out, err);
}

err_code cap_bert_import_form(const io_tensors *file, const cap_bert_import_row *row, cap_bert_form *form,
                              error *err)
{
    cap_transformer_settings *s = &form->set.body;
    err_code code = read_sizes(file, row, s, err);
    if (!code) code = load_config(file, s, err);
    if (!code) code = read_pieces(file, &form->pieces, err);
    if (code) return code;
    form->fills = find(file, row, "words.map.weight") && find(file, row, "words.bias");
    if (ds_wordpiece_size(form->pieces) != s->vocabulary)
        return err_set(
            err, ERR_MISMATCH,
            "'%.250s': the vocabulary beside it has %d pieces, its weights are for %d; take the file that "
            "belongs to them",
            io_tensors_name(file), (int)ds_wordpiece_size(form->pieces), s->vocabulary);
    return ERR_OK;
}
