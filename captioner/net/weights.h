/* Weights of a file, held against the parameters that its metadata ask for. */
#ifndef CAPTIONER_WEIGHTS_H
#define CAPTIONER_WEIGHTS_H

#include "src/io/safetensors.h"
#include "src/nn/params.h"

/* Before memory is taken: the shapes follow from sizes that a file merely states, the tensors are really
 * there, so that a small file cannot ask for more than its own size. MISMATCH names the first tensor that is
 * missing or of another shape. */
err_code cap_weights_check(const nn_params *params, const io_tensors *weights, error *err);

/* The numbers of a parameter, which the file has; the memory of the file is given back: a model is not to lie
 * in memory twice. */
err_code cap_weights_read(const nn_param *n, const io_tensors *weights, real *to, error *err);

#endif
