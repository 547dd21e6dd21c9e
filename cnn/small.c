/* Our own small residual network (basic blocks of He et al. 2015) for inputs of 160 to 224 pixels: a narrow
 * body at stride 16 keeps many regions, 10x10 of a 160 pixel photo, for attention to choose from. */
#include "cnn/nodes.h"

/* A run of equal blocks; the first one has the stride, the others 1. */
static const struct {
    int blocks, channels, stride;
} stages[] = {{1, 64, 1}, {2, 128, 2}, {2, 256, 2}};

enum { STAGES = sizeof stages / sizeof *stages };

static int basic_block(cnn_net *net, int number, int x, int in, int out, int stride)
{
    int around = x;
    if (in != out || stride != 1)
        around = cnn_node_conv(net, cnn_named("block%d.shortcut", number), x,
                               (cnn_conv_shape){.channels = out, .kernel = 1, .stride = stride});
    x = cnn_node_conv(net, cnn_named("block%d.conv1", number), x,
                      (cnn_conv_shape){.channels = out, .kernel = 3, .stride = stride, .act = NN_RELU});
    return cnn_node_conv(
        net, cnn_named("block%d.conv2", number), x,
        (cnn_conv_shape){
            .channels = out, .kernel = 3, .stride = 1, .act = NN_RELU, .plus = around, .zero_gamma = true});
}

static int stem(cnn_net *net, int number, int x, int out)
{
    return cnn_node_conv(net, cnn_named("stem%d", number), x,
                         (cnn_conv_shape){.channels = out, .kernel = 3, .stride = 2, .act = NN_RELU});
}

static void build(cnn_net *net)
{
    int channels = stages[0].channels, number = 0;
    int x = stem(net, 2, stem(net, 1, 0, channels / 2), channels);
    for (int s = 0; s < STAGES; s++)
        for (int i = 0; i < stages[s].blocks; i++) {
            x = basic_block(net, ++number, x, channels, stages[s].channels, i ? 1 : stages[s].stride);
            channels = stages[s].channels;
        }
}

const cnn_backbone_row cnn_small = {.name = "small",
                                    .about = "small residual network, to be trained from scratch",
                                    .size = 160,
                                    .stride = 16,
                                    .channels = 256,
                                    .epsilon = 1e-5,
                                    .build = build};
