/* Weights made by others: tensors of a known file put into the parameters of a backbone.
 *
 *     io_tensors *file = io_tensors_open("mobilenet_v2.safetensors", &err);
 *     cnn_import_mobilenet_v2(file, "encoder.", &params, &pre, &err)
 *     io_tensors_close(&file);
 */
#ifndef CNN_IMPORT_H
#define CNN_IMPORT_H

#include "cnn/preprocess.h"
#include "src/io/safetensors.h"
#include "src/nn/params.h"

/* MobileNetV2 under torchvision's names (features.0.0.weight [O,I,k,k], ...; a classifier is ignored) into
 * the parameters that cnn_net_create("mobilenet_v2", prefix, ...) declared, after nn_params_finish. Mean and
 * deviation of the input come from the file's metadata "mean" and "std" ("[r,g,b]"; ImageNet's without them);
 * size 224, stretched. `pre` may be NULL. Errors: MISSING (a parameter: another architecture),
 * MISMATCH (a tensor is missing or of another shape), FORMAT (metadata), MEMORY. After an error the
 * parameters are partly written. */
err_code cnn_import_mobilenet_v2(const io_tensors *file, const char *prefix, nn_params *params,
                                 cnn_preprocess *pre, error *err);

#endif
