#include "captioner/net/ranges.h"

#include <stdlib.h>
#include <string.h>

#include "captioner/net/cnn_encoder.h"

static const char *const tensor_names[CAP_RANGED] = {"ranges.encoder", "ranges.objects"};

enum { ENCODER, OBJECTS };

void cap_ranges_release(cap_ranges *r)
{
    for (int i = 0; i < CAP_RANGED; i++) free(r->of[i]);
    *r = (cap_ranges){0};
}

cnn_net *cap_ranged_net(const cap_model *m, int which)
{
    return which == ENCODER ? cap_cnn_net(&m->encoder) : cap_objects_net(&m->namers[CAP_NAMER_OBJECTS]);
}

bool cap_ranges_own(const char *name)
{
    return !strcmp(name, tensor_names[ENCODER]) || !strcmp(name, tensor_names[OBJECTS]);
}

bool cap_ranges_exist(const io_tensors *t)
{
    return io_tensors_find(t, tensor_names[ENCODER]) || io_tensors_find(t, tensor_names[OBJECTS]);
}

static err_code load(cnn_net *net, const char *name, const io_tensors *t, error *err)
{
    int count = cnn_net_ranges(net);
    cnn_range *range = calloc((size_t)count, sizeof *range);
    if (!range) return err_no_memory(err, "for the ranges of a network");
    err_code code = io_tensors_read_f32(t, name, 2, (int64_t[]){count, 2}, &range->low, err);
    if (!code) code = cnn_net_scale(net, range, err);
    free(range);
    return code;
}

err_code cap_ranges_load(cap_model *m, const io_tensors *t, error *err)
{
    err_code code = ERR_OK;
    for (int i = 0; !code && i < CAP_RANGED; i++) {
        cnn_net *net = cap_ranged_net(m, i);
        if (net && io_tensors_find(t, tensor_names[i])) code = load(net, tensor_names[i], t, err);
    }
    return code;
}

void cap_ranges_scale(const cap_model *m, const nn_var *weight, real *values)
{
    int channels, columns = nn_last(weight), rows = nn_rows(weight);
    const float *factors = NULL;
    for (int i = 0; !factors && i < CAP_RANGED; i++) {
        const cnn_net *net = cap_ranged_net(m, i);
        if (net) factors = cnn_net_row_factors(net, weight, &channels);
    }
    for (int r = 0; factors && r < rows; r++, values += columns)
        for (int j = 0; j < columns; j++) values[j] *= (real)factors[r % channels];
}

err_code cap_ranges_narrow(cap_model *m, error *err)
{
    err_code code = ERR_OK;
    for (int i = 0; !code && i < CAP_RANGED; i++) {
        cnn_net *net = cap_ranged_net(m, i);
        if (net) code = cnn_net_narrow(net, err);
    }
    return code;
}

int cap_ranges_entries(const cap_ranges *r, int64_t shapes[CAP_RANGED][2], io_tensor_entry *to)
{
    int count = 0;
    for (int i = 0; i < CAP_RANGED; i++) {
        if (!r->of[i]) continue;
        shapes[i][0] = r->count[i];
        shapes[i][1] = 2;
        to[count++] = (io_tensor_entry){tensor_names[i], IO_F16, 2, shapes[i], &r->of[i]->low, NULL};
    }
    return count;
}
