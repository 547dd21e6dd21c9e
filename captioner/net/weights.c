#include "captioner/net/weights.h"

err_code cap_weights_check(const nn_params *params, const io_tensors *weights, error *err)
{
    for (int i = 0; i < params->count; i++) {
        const nn_param *n = params->list[i];
        const io_tensor *t = io_tensors_find(weights, n->name);
        if (!t)
            return err_set(err, ERR_MISMATCH, "'%s': tensor '%s' is missing", io_tensors_name(weights),
                           n->name);
        bool same = t->rank == n->var.rank;
        for (int j = 0; same && j < t->rank; j++) same = t->shape[j] == n->var.dim[j];
        if (!same)
            return err_set(err, ERR_MISMATCH,
                           "'%s': tensor '%s' does not have the shape that the metadata asks for",
                           io_tensors_name(weights), n->name);
    }
    return ERR_OK;
}

err_code cap_weights_read(const nn_param *n, const io_tensors *weights, real *to, error *err)
{
    int64_t shape[NN_MAX_RANK];
    for (int j = 0; j < n->var.rank; j++) shape[j] = n->var.dim[j];
    err_code code = io_tensors_read_f32(weights, n->name, n->var.rank, shape, to, err);
    const io_tensor *stored = io_tensors_find(weights, n->name);
    if (stored) io_tensors_forget(weights, stored);
    return code;
}
