#include "cnn/import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cnn/nodes.h"
#include "src/io/json.h"

/* ---- what a file is ---- */

static bool has_mark(const io_tensors *file, const cnn_import_row *row)
{
    const io_tensor *t = io_tensors_find(file, row->mark);
    return t && t->rank == 4 && !memcmp(t->shape, row->shape, sizeof row->shape);
}

const cnn_backbone_row *cnn_import_find(const io_tensors *file, error *err)
{
    int count;
    const cnn_backbone_row *const *rows = cnn_backbone_rows(&count);
    char known[256] = "";
    size_t used = 0;
    for (int i = 0; i < count; i++) {
        if (!rows[i]->import) continue;
        if (has_mark(file, rows[i]->import)) return rows[i];
        if (used < sizeof known)
            used += snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "", rows[i]->name);
    }
    err_set(err, ERR_MISMATCH, "'%s' has weights of no network that is known (%s)", io_tensors_name(file),
            known);
    return NULL;
}

/* ---- its tensors ---- */

typedef struct job {
    const io_tensors *file;
    const cnn_import_row *row;
    error *err;
} job;

static err_code read_vector(const job *j, const char *from, const char *member, nn_var *to)
{
    char name[CNN_IMPORT_NAME + 16];
    snprintf(name, sizeof name, "%s.%s", from, member);
    return io_tensors_read_f32(j->file, name, 1, (int64_t[]){to->dim[0]}, to->data, j->err);
}

/* [O,I,k,k] -> [k,k,I,O]; depthwise [C,1,k,k] -> [k,k,C]. */
static void turn(const float *w, bool bgr, nn_var *to)
{
    int taps = to->dim[0] * to->dim[1], in = to->rank == 4 ? to->dim[2] : 1, out = nn_last(to);
    for (int o = 0; o < out; o++)
        for (int i = 0; i < in; i++) {
            int channel = bgr ? i / 3 * 3 + 2 - i % 3 : i;
            for (int t = 0; t < taps; t++)
                to->data[((size_t)t * in + channel) * out + o] = w[((size_t)o * in + i) * taps + t];
        }
}

static err_code read_kernel(const job *j, const char *from, bool first, nn_var *to)
{
    char name[CNN_IMPORT_NAME + 16];
    snprintf(name, sizeof name, "%s.weight", from);
    int64_t shape[4] = {nn_last(to), to->rank == 4 ? to->dim[2] : 1, to->dim[0], to->dim[1]};
    float *w = malloc(nn_count(to) * sizeof *w);
    if (!w) return err_no_memory(j->err, "for the tensor '%s'", name);
    err_code code = io_tensors_read_f32(j->file, name, 4, shape, w, j->err);
    if (!code) turn(w, first && j->row->bgr, to);
    free(w);
    return code;
}

static err_code read_node(const job *j, const cnn_node *n)
{
    cnn_import_names from = {{0}, {0}};
    j->row->names(n->name, &from);
    err_code code = read_kernel(j, from.kernel, n->op == CNN_CONV && n->dense == 1, n->weight);
    if (n->biased) return code ? code : read_vector(j, from.kernel, "bias", n->norm.beta);
    if (!code) code = read_vector(j, from.norm, "weight", n->norm.gamma);
    if (!code) code = read_vector(j, from.norm, "bias", n->norm.beta);
    if (!code) code = read_vector(j, from.norm, "running_mean", n->norm.mean);
    if (!code) code = read_vector(j, from.norm, "running_var", n->norm.variance);
    return code;
}

/* "[0.485,0.456,0.406]"; no such metadata leaves `out` alone. */
static err_code read_triple(const job *j, const char *key, double least, float out[3])
{
    const char *text = io_tensors_metadata(j->file, key);
    if (!text) return ERR_OK;
    json_t *list = NULL;
    bool good = !io_json_parse(text, strlen(text), key, &list, NULL) && json_array_size(list) == 3;
    for (size_t c = 0; good && c < 3; c++) {
        const json_t *item = json_array_get(list, c);
        double v = json_is_number(item) ? json_number_value(item) : -1;
        good = v >= least && v <= 1000;
        if (good) out[c] = (float)v;
    }
    json_decref(list);
    if (good) return ERR_OK;
    return err_set(j->err, ERR_FORMAT, "'%s': metadata '%s' is '%.100s', three numbers [r,g,b] are needed",
                   io_tensors_name(j->file), key, text);
}

err_code cnn_import(const io_tensors *file, const cnn_net *net, cnn_preprocess *pre, error *err)
{
    const cnn_backbone_row *row = cnn_import_find(file, err);
    if (!row) return ERR_MISMATCH;
    if (row != net->row)
        return err_set(err, ERR_MISMATCH, "'%s' has weights of the network '%s', not of '%s'",
                       io_tensors_name(file), row->name, net->row->name);
    job j = {file, row->import, err};
    cnn_preprocess own;
    cnn_preprocess_default(&own);
    own.size = row->size;
    memcpy(own.mean, row->import->mean, sizeof own.mean);
    memcpy(own.std, row->import->std, sizeof own.std);
    err_code code = read_triple(&j, "mean", 0, own.mean);
    if (!code) code = read_triple(&j, "std", 1e-6, own.std);
    for (int i = 1; !code && i < net->count; i++)
        if (net->node[i].weight) code = read_node(&j, &net->node[i]);
    if (!code && pre) *pre = own;
    return code;
}
