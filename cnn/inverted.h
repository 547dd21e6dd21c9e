/* Networks of inverted residuals with linear bottlenecks (Sandler et al. 2018): a convolution of stride 2,
 * runs of blocks, a 1x1 convolution; ReLU6. Their nodes are named "stem", "block1.depthwise",
 * "block1.project", "block2.expand", ..., "head". */
#ifndef CNN_INVERTED_H
#define CNN_INVERTED_H

#include "cnn/nodes.h"

/* A run of equal blocks; the first one has the stride, the others 1. A stage of 0 blocks ends the list. */
typedef struct cnn_inverted_stage {
    int blocks, channels, stride;
    int expand; /* inner channels per input channel */
    int kernel; /* of the depthwise convolution */
} cnn_inverted_stage;

void cnn_build_inverted(cnn_net *net, int stem, const cnn_inverted_stage *stages, int head);

#endif
