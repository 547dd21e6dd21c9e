#include "cnn/import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/io/json.h"

enum { NAME = 128, BLOCKS = 17 };

typedef struct job {
    const io_tensors *file;
    nn_params *params;
    const char *prefix;
    error *err;
} job;

/* The parameter PREFIX + unit + member. */
static nn_var *target(const job *j, const char *unit, const char *member)
{
    char name[NAME];
    snprintf(name, sizeof name, "%s%s.%s", j->prefix, unit, member);
    nn_param *p = nn_params_find(j->params, name);
    if (!p)
        err_set(j->err, ERR_MISSING, "the model has no parameter '%s': not a mobilenet_v2 backbone", name);
    return p ? &p->var : NULL;
}

static err_code read_vector(const job *j, const char *from, const char *member, const char *unit,
                            const char *to)
{
    nn_var *v = target(j, unit, to);
    if (!v) return ERR_MISSING;
    char name[NAME];
    snprintf(name, sizeof name, "%s.%s", from, member);
    return io_tensors_read_f32(j->file, name, 1, (int64_t[]){v->dim[0]}, v->data, j->err);
}

/* [O,I,k,k] -> [k,k,I,O]; depthwise [C,1,k,k] -> [k,k,C]. */
static err_code read_kernel(const job *j, const char *from, const char *unit)
{
    nn_var *v = target(j, unit, "weight");
    if (!v) return ERR_MISSING;
    int taps = v->dim[0] * v->dim[1], in = v->rank == 4 ? v->dim[2] : 1, out = nn_last(v);
    char name[NAME];
    snprintf(name, sizeof name, "%s.weight", from);
    float *w = malloc(nn_count(v) * sizeof *w);
    if (!w) return err_set(j->err, ERR_MEMORY, "out of memory for the tensor '%s'", name);
    err_code code =
        io_tensors_read_f32(j->file, name, 4, (int64_t[]){out, in, v->dim[0], v->dim[1]}, w, j->err);
    for (int o = 0; !code && o < out; o++)
        for (int i = 0; i < in; i++)
            for (int t = 0; t < taps; t++)
                v->data[((size_t)t * (size_t)in + (size_t)i) * (size_t)out + (size_t)o] =
                    w[((size_t)o * (size_t)in + (size_t)i) * (size_t)taps + (size_t)t];
    free(w);
    return code;
}

static err_code read_unit(const job *j, const char *kernel, const char *norm, const char *unit)
{
    err_code code = read_kernel(j, kernel, unit);
    if (!code) code = read_vector(j, norm, "weight", unit, "gamma");
    if (!code) code = read_vector(j, norm, "bias", unit, "beta");
    if (!code) code = read_vector(j, norm, "running_mean", unit, "mean");
    if (!code) code = read_vector(j, norm, "running_var", unit, "variance");
    return code;
}

/* torchvision counts the layers of a block: conv.N.0 and conv.N.1 are convolution and norm of the expansion
 * (if there is one) and of the depthwise part, then come the projection conv.N and its norm conv.N+1. */
static err_code read_block(const job *j, int number)
{
    char kernel[64], norm[64], unit[32];
    int layer = 0;
    for (const char *const *part = (const char *const[]){"expand", "depthwise", NULL}; *part; part++) {
        if (number == 1 && !strcmp(*part, "expand")) continue;
        snprintf(kernel, sizeof kernel, "features.%d.conv.%d.0", number, layer);
        snprintf(norm, sizeof norm, "features.%d.conv.%d.1", number, layer++);
        snprintf(unit, sizeof unit, "block%d.%s", number, *part);
        err_code code = read_unit(j, kernel, norm, unit);
        if (code) return code;
    }
    snprintf(kernel, sizeof kernel, "features.%d.conv.%d", number, layer);
    snprintf(norm, sizeof norm, "features.%d.conv.%d", number, layer + 1);
    snprintf(unit, sizeof unit, "block%d.project", number);
    return read_unit(j, kernel, norm, unit);
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

err_code cnn_import_mobilenet_v2(const io_tensors *file, const char *prefix, nn_params *params,
                                 cnn_preprocess *pre, error *err)
{
    job j = {file, params, prefix, err};
    cnn_preprocess own;
    cnn_preprocess_default(&own);
    err_code code = read_triple(&j, "mean", 0, own.mean);
    if (!code) code = read_triple(&j, "std", 1e-6, own.std);
    if (!code) code = read_unit(&j, "features.0.0", "features.0.1", "stem");
    for (int n = 1; !code && n <= BLOCKS; n++) code = read_block(&j, n);
    if (!code) code = read_unit(&j, "features.18.0", "features.18.1", "head");
    if (!code && pre) *pre = own;
    return code;
}
