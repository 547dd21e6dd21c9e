/* MobileNetV2, width 1.0: inverted residuals with linear bottlenecks (Sandler, Howard, Zhu, Zhmoginov, Chen
 * 2018, table 2), without the classifier. */
#include <stdio.h>
#include <string.h>

#include "cnn/import.h"
#include "cnn/inverted.h"

static const cnn_inverted_stage stages[] = {
    {1, 16, 1, 1, 3}, {2, 24, 2, 6, 3},  {3, 32, 2, 6, 3},  {4, 64, 2, 6, 3},
    {3, 96, 1, 6, 3}, {3, 160, 2, 6, 3}, {1, 320, 1, 6, 3}, {0}};

enum { STEM = 32, HEAD = 1280 };

static void build(cnn_net *net)
{
    cnn_build_inverted(net, STEM, stages, HEAD);
}

/* torchvision's names. It counts the layers of a block: conv.N.0 and conv.N.1 are convolution and norm of the
 * expansion (if there is one) and of the depthwise part, then come the projection conv.N and its norm
 * conv.N+1. Stem and head are features 0 and 18. */
static void names(const char *node, cnn_import_names *out)
{
    char part[16] = "";
    int number = strcmp(node, "head") ? 0 : 18;
    if (sscanf(node, "block%d.%15s", &number, part) != 2) {
        snprintf(out->kernel, sizeof out->kernel, "features.%d.0", number);
        snprintf(out->norm, sizeof out->norm, "features.%d.1", number);
        return;
    }
    int deep = number > 1; /* the place of the depthwise part */
    if (!strcmp(part, "project")) {
        snprintf(out->kernel, sizeof out->kernel, "features.%d.conv.%d", number, deep + 1);
        snprintf(out->norm, sizeof out->norm, "features.%d.conv.%d", number, deep + 2);
        return;
    }
    int layer = strcmp(part, "expand") ? deep : 0;
    snprintf(out->kernel, sizeof out->kernel, "features.%d.conv.%d.0", number, layer);
    snprintf(out->norm, sizeof out->norm, "features.%d.conv.%d.1", number, layer);
}

static const cnn_import_row torchvision = {.mark = "features.18.0.weight",
                                           .shape = {HEAD, 320, 1, 1},
                                           .mean = {0.485F, 0.456F, 0.406F},
                                           .std = {0.229F, 0.224F, 0.225F},
                                           .names = names};

const cnn_backbone_row cnn_mobilenet_v2 = {.name = "mobilenet_v2",
                                           .about = "MobileNetV2, with weights learned from ImageNet",
                                           .size = 224,
                                           .stride = 32,
                                           .channels = HEAD,
                                           .epsilon = 1e-5,
                                           .build = build,
                                           .import = &torchvision};
