/* Networks in 8 bits, for CPUs that multiply bytes (kernels_int8 of src/math/kernels.h): maps are bytes, with
 * a scale for each channel and one zero; weights are bytes with a scale for each channel of the result, those
 * of a dense convolution multiplied by the scales of what it reads; what follows a convolution (bias,
 * activation, the map that is added) is done on the way out of its sums. Private to cnn/: cnn_net_scale and
 * cnn_net_narrow of backbone.h make a plan (byte_plan.c), and executors run it (by_bytes.c). */
#ifndef CNN_BYTES_H
#define CNN_BYTES_H

#include "cnn/nodes.h"

typedef struct cnn_byte_node {
    bool narrow; /* the result is bytes; else numbers */
    bool takes;  /* its inputs are bytes */
    /* of a result that is bytes: b of channel c stands for (b - zero) * scale[c] */
    int zero;               /* 0..255 */
    float *scale, *inverse; /* these and others: [channels up to a multiple of 16] */
    /* of convolutions, and sums of two maps */
    kernels_byte_finish finish; /* plus is set when it runs */
    float *factor, *shift, *plus_factor;
    int32_t *start;
    int8_t *weights; /* depthwise: in the order of byte_depthwise_order */
} cnn_byte_node;

struct cnn_bytes {
    int count; /* of nodes */
    cnn_byte_node *node;
    float *numbers; /* all of the arrays of floats */
    bool ready;     /* the weights are there, too */
};

void cnn_bytes_free(cnn_bytes **b); /* NULL and pointer to NULL are fine */

/* Whether nodes 1..last, which nobody records, run in bytes; then x [N,H,W,C] to y, the result of node `last`,
 * photo by photo, in slots of the worker. False after a failure. */
bool cnn_bytes_take(const cnn_net *net, const nn_tape *t, int last);
bool cnn_forward_by_bytes(const cnn_net *net, nn_tape *t, workspace *space, int worker, const nn_var *x,
                          const cnn_extent *extent, real *y);

#endif
