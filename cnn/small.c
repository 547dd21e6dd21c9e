/* Our own small residual network (basic blocks of He et al. 2015) for inputs of 160 to 224 pixels: a narrow
 * body at stride 16 keeps many regions, 10x10 of a 160 pixel photo, for attention to choose from. */
#include "cnn/blocks.h"

const cnn_stage cnn_small_stages[] = {{1, 64, 1, 0}, {2, 128, 2, 0}, {2, 256, 2, 0}, {0}};

static void stem(cnn_net *net, int number, int in, int out)
{
    cnn_block *b = cnn_add_block(net, "stem", number, false);
    cnn_add_unit(net, b, NULL, (cnn_unit_shape){in, out, 3, 2, NN_RELU, false, false});
}

static void basic_block(cnn_net *net, int number, int in, int out, int stride)
{
    cnn_block *b = cnn_add_block(net, "block", number, true);
    cnn_add_unit(net, b, "conv1", (cnn_unit_shape){in, out, 3, stride, NN_RELU, false, false});
    cnn_add_unit(net, b, "conv2", (cnn_unit_shape){out, out, 3, 1, NN_RELU, false, true});
    if (in != out || stride != 1)
        cnn_add_shortcut(net, b, "shortcut", (cnn_unit_shape){in, out, 1, stride, NN_LINEAR, false, false});
}

void cnn_build_small(cnn_net *net, const cnn_stage *stages)
{
    int channels = stages[0].channels, number = 0;
    stem(net, 1, 3, channels / 2);
    stem(net, 2, channels / 2, channels);
    for (const cnn_stage *s = stages; s->blocks; s++)
        for (int i = 0; i < s->blocks; i++) {
            basic_block(net, ++number, channels, s->channels, i ? 1 : s->stride);
            channels = s->channels;
        }
}
