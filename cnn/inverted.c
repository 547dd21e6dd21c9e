#include "cnn/inverted.h"

static int block(cnn_net *net, int number, int x, int in, const cnn_inverted_stage *s, int stride)
{
    int inner = in * s->expand, y = x;
    if (s->expand > 1)
        y = cnn_node_conv(net, cnn_named("block%d.expand", number), y,
                          (cnn_conv_shape){.channels = inner, .kernel = 1, .stride = 1, .act = NN_RELU6});
    y = cnn_node_depthwise(net, cnn_named("block%d.depthwise", number), y,
                           (cnn_conv_shape){.kernel = s->kernel, .stride = stride, .act = NN_RELU6});
    return cnn_node_conv(net, cnn_named("block%d.project", number), y,
                         (cnn_conv_shape){.channels = s->channels,
                                          .kernel = 1,
                                          .stride = 1,
                                          .plus = stride == 1 && in == s->channels ? x : 0});
}

void cnn_build_inverted(cnn_net *net, int stem, const cnn_inverted_stage *stages, int head)
{
    int channels = stem, number = 0;
    int x = cnn_node_conv(net, cnn_named("stem"), 0,
                          (cnn_conv_shape){.channels = stem, .kernel = 3, .stride = 2, .act = NN_RELU6});
    for (const cnn_inverted_stage *s = stages; s->blocks; s++)
        for (int i = 0; i < s->blocks; i++) {
            x = block(net, ++number, x, channels, s, i ? 1 : s->stride);
            channels = s->channels;
        }
    cnn_node_conv(net, cnn_named("head"), x,
                  (cnn_conv_shape){.channels = head, .kernel = 1, .stride = 1, .act = NN_RELU6});
}
