/* EfficientNet-Lite2 (Tan, Le 2019; the Lite family by R. Liu, 2020: no squeeze and excitation, ReLU6),
 * without the classifier. Weights are learned with TensorFlow's padding and its epsilon. */
#include <stdio.h>
#include <string.h>

#include "cnn/import.h"
#include "cnn/inverted.h"

static const cnn_inverted_stage stages[] = {
    {1, 16, 1, 1, 3},  {3, 24, 2, 6, 3},  {3, 48, 2, 6, 5},  {4, 88, 2, 6, 3},
    {4, 120, 1, 6, 5}, {5, 208, 2, 6, 5}, {1, 352, 1, 6, 3}, {0}};

enum { STEM = 32, HEAD = 1280 };

static void build(cnn_net *net)
{
    cnn_build_inverted(net, STEM, stages, HEAD);
}

/* The names of the PyTorch conversions: blocks are counted from 0 and their norms in order, so that a block
 * without expansion begins with _bn1 all the same. */
static void names(const char *node, cnn_import_names *out)
{
    char part[16] = "";
    int number = 0;
    if (sscanf(node, "block%d.%15s", &number, part) != 2) {
        snprintf(out->kernel, sizeof out->kernel, "_conv_%s", node);
        snprintf(out->norm, sizeof out->norm, "_bn%d", strcmp(node, "stem") != 0);
        return;
    }
    int norm = !strcmp(part, "expand") ? 0 : !strcmp(part, "depthwise") ? 1 : 2;
    snprintf(out->kernel, sizeof out->kernel, "_blocks.%d._%s_conv", number - 1, part);
    snprintf(out->norm, sizeof out->norm, "_blocks.%d._bn%d", number - 1, norm);
}

static const cnn_import_row pytorch = {.mark = "_conv_head.weight",
                                       .shape = {HEAD, 352, 1, 1},
                                       .mean = {127 / 255.0F, 127 / 255.0F, 127 / 255.0F},
                                       .std = {128 / 255.0F, 128 / 255.0F, 128 / 255.0F},
                                       .names = names};

const cnn_backbone_row cnn_efficientnet_lite2 = {.name = "efficientnet_lite2",
                                                 .about =
                                                     "EfficientNet-Lite2, with weights learned from ImageNet",
                                                 .size = 260,
                                                 .stride = 32,
                                                 .channels = HEAD,
                                                 .epsilon = 1e-3,
                                                 .same = true,
                                                 .build = build,
                                                 .import = &pytorch};
