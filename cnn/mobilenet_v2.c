/* MobileNetV2, width 1.0: inverted residuals with linear bottlenecks (Sandler, Howard, Zhu, Zhmoginov, Chen
 * 2018, table 2), without the classifier. */
#include "cnn/blocks.h"

const cnn_stage cnn_mobilenet_v2_stages[] = {{1, 16, 1, 1}, {2, 24, 2, 6},  {3, 32, 2, 6},  {4, 64, 2, 6},
                                             {3, 96, 1, 6}, {3, 160, 2, 6}, {1, 320, 1, 6}, {0}};

enum { STEM = 32, HEAD = 1280 };

static void inverted_block(cnn_net *net, int number, int in, int out, int stride, int expand)
{
    int inner = in * expand;
    cnn_block *b = cnn_add_block(net, "block", number, stride == 1 && in == out);
    if (expand > 1) cnn_add_unit(net, b, "expand", (cnn_unit_shape){in, inner, 1, 1, NN_RELU6, false, false});
    cnn_add_unit(net, b, "depthwise", (cnn_unit_shape){inner, inner, 3, stride, NN_RELU6, true, false});
    cnn_add_unit(net, b, "project", (cnn_unit_shape){inner, out, 1, 1, NN_LINEAR, false, false});
}

void cnn_build_mobilenet_v2(cnn_net *net, const cnn_stage *stages)
{
    int channels = STEM, number = 0;
    cnn_block *b = cnn_add_block(net, "stem", 0, false);
    cnn_add_unit(net, b, NULL, (cnn_unit_shape){3, STEM, 3, 2, NN_RELU6, false, false});
    for (const cnn_stage *s = stages; s->blocks; s++)
        for (int i = 0; i < s->blocks; i++) {
            inverted_block(net, ++number, channels, s->channels, i ? 1 : s->stride, s->expand);
            channels = s->channels;
        }
    b = cnn_add_block(net, "head", 0, false);
    cnn_add_unit(net, b, NULL, (cnn_unit_shape){channels, HEAD, 1, 1, NN_RELU6, false, false});
}
