/* Weights made by others: tensors of a known kind of file put into the parameters of a network. What a file
 * is, its tensors' names say.
 *
 *     io_tensors *file = io_tensors_open("mobilenet_v2.safetensors", &err);
 *     const cnn_backbone_row *row = cnn_import_find(file, &err);      NULL: nothing that is known
 *     cnn_net_create(row->name, "encoder.", &params, &net, &err), nn_params_finish(...)
 *     cnn_import(file, net, &pre, &err)
 *     io_tensors_close(&file);
 */
#ifndef CNN_IMPORT_H
#define CNN_IMPORT_H

#include "cnn/backbone.h"
#include "cnn/preprocess.h"
#include "src/io/safetensors.h"

enum { CNN_IMPORT_NAME = 96 };

/* Where a node's numbers are: "KERNEL.weight" ([O,I,k,k]; depthwise [C,1,k,k]) and, of a node with a bias,
 * "KERNEL.bias"; of a norm "NORM.weight", "NORM.bias", "NORM.running_mean" and "NORM.running_var". */
typedef struct cnn_import_names {
    char kernel[CNN_IMPORT_NAME], norm[CNN_IMPORT_NAME];
} cnn_import_names;

struct cnn_import_row {
    const char *mark;      /* a tensor that such files have, */
    int64_t shape[4];      /* of a shape that no other kind has */
    bool bgr;              /* its first convolution reads blue, green, red; ours reads red first */
    float mean[3], std[3]; /* of red, green, blue on the scale 0..1, unless the file's metadata say */
    void (*names)(const char *node, cnn_import_names *out);
};

/* The network that the file has weights of. NULL: of none; MISMATCH. */
const cnn_backbone_row *cnn_import_find(const io_tensors *file, error *err);

/* Its weights into the parameters of `net`, after nn_params_finish; what else is in the file (a classifier)
 * is passed over. Mean and deviation of the input come from the file's metadata "mean" and "std" ("[r,g,b]"),
 * or from the row; the size is the row's, photos are stretched. `pre` may be NULL. Errors: MISMATCH (the net
 * is another one; a tensor is missing or of another shape), FORMAT (metadata), MEMORY. After an error the
 * parameters are partly written. */
err_code cnn_import(const io_tensors *file, const cnn_net *net, cnn_preprocess *pre, error *err);

#endif
