/* YOLOX-nano (Ge, Liu, Wang, Li, Sun 2021), a detector: CSPDarknet with depthwise convolutions, a pyramid of
 * three maps with paths down and up (PAN), and for each map a head with branches of its own for classes and
 * for boxes. Nodes have the names of its own checkpoints. Out come the pixels of all three maps, each with x,
 * y, log width, log height, objectness and the probabilities of 80 classes; cnn/detect.h makes boxes of them.
 */
#include <stdio.h>
#include <string.h>

#include "cnn/import.h"
#include "cnn/nodes.h"

enum { STEM = 16, HEAD = 64, CLASSES = 80, BOX = 4, MAPS = 3 };

/* COCO's things, in the order of its 80 classes. */
static const char *const things[CLASSES] = {"person",        "bicycle",      "car",
                                            "motorcycle",    "airplane",     "bus",
                                            "train",         "truck",        "boat",
                                            "traffic light", "fire hydrant", "stop sign",
                                            "parking meter", "bench",        "bird",
                                            "cat",           "dog",          "horse",
                                            "sheep",         "cow",          "elephant",
                                            "bear",          "zebra",        "giraffe",
                                            "backpack",      "umbrella",     "handbag",
                                            "tie",           "suitcase",     "frisbee",
                                            "skis",          "snowboard",    "sports ball",
                                            "kite",          "baseball bat", "baseball glove",
                                            "skateboard",    "surfboard",    "tennis racket",
                                            "bottle",        "wine glass",   "cup",
                                            "fork",          "knife",        "spoon",
                                            "bowl",          "banana",       "apple",
                                            "sandwich",      "orange",       "broccoli",
                                            "carrot",        "hot dog",      "pizza",
                                            "donut",         "cake",         "chair",
                                            "couch",         "potted plant", "bed",
                                            "dining table",  "toilet",       "tv",
                                            "laptop",        "mouse",        "remote",
                                            "keyboard",      "cell phone",   "microwave",
                                            "oven",          "toaster",      "sink",
                                            "refrigerator",  "book",         "clock",
                                            "vase",          "scissors",     "teddy bear",
                                            "hair drier",    "toothbrush"};

static int conv(cnn_net *net, const char *name, int x, int channels, int kernel)
{
    return cnn_node_conv(
        net, cnn_named("%s", name), x,
        (cnn_conv_shape){.channels = channels, .kernel = kernel, .stride = 1, .act = NN_SILU});
}

/* 1x1, "NAME.PART". */
static int pointwise(cnn_net *net, const char *name, const char *part, int x, int channels)
{
    return conv(net, cnn_named("%s.%s", name, part).text, x, channels, 1);
}

/* A depthwise convolution of 3x3 and a 1x1 one. */
static int separable(cnn_net *net, const char *name, int x, int channels, int stride)
{
    x = cnn_node_depthwise(net, cnn_named("%s.dconv", name), x,
                           (cnn_conv_shape){.kernel = 3, .stride = stride, .act = NN_SILU});
    return pointwise(net, name, "pconv", x, channels);
}

/* Cross stage partial: half the channels go through `depth` bottlenecks, the others around them. */
static int cross_stage(cnn_net *net, const char *name, int x, int channels, int depth, bool around)
{
    int half = channels / 2, y = pointwise(net, name, "conv1", x, half);
    int other = pointwise(net, name, "conv2", x, half);
    for (int i = 0; i < depth; i++) {
        int z = pointwise(net, cnn_named("%s.m.%d", name, i).text, "conv1", y, half);
        z = separable(net, cnn_named("%s.m.%d.conv2", name, i).text, z, half, 1);
        y = around ? cnn_node_add(net, z, y) : z;
    }
    return pointwise(net, name, "conv3", cnn_node_concat(net, (int[]){y, other}, 2), channels);
}

/* Spatial pyramid pooling. */
static int pyramid_pool(cnn_net *net, const char *name, int x, int channels)
{
    x = pointwise(net, name, "conv1", x, channels / 2);
    int parts[] = {x, cnn_node_max_pool(net, x, 5, 1), cnn_node_max_pool(net, x, 9, 1),
                   cnn_node_max_pool(net, x, 13, 1)};
    return pointwise(net, name, "conv2", cnn_node_concat(net, parts, 4), channels);
}

/* The maps at strides 8, 16 and 32. */
static void darknet(cnn_net *net, int map[MAPS])
{
    int x = conv(net, "backbone.backbone.stem.conv", cnn_node_space_to_depth(net, 0), STEM, 3);
    x = separable(net, "backbone.backbone.dark2.0", x, 2 * STEM, 2);
    x = cross_stage(net, "backbone.backbone.dark2.1", x, 2 * STEM, 1, true);
    x = separable(net, "backbone.backbone.dark3.0", x, 4 * STEM, 2);
    map[0] = x = cross_stage(net, "backbone.backbone.dark3.1", x, 4 * STEM, 3, true);
    x = separable(net, "backbone.backbone.dark4.0", x, 8 * STEM, 2);
    map[1] = x = cross_stage(net, "backbone.backbone.dark4.1", x, 8 * STEM, 3, true);
    x = separable(net, "backbone.backbone.dark5.0", x, 16 * STEM, 2);
    x = pyramid_pool(net, "backbone.backbone.dark5.1", x, 16 * STEM);
    map[2] = cross_stage(net, "backbone.backbone.dark5.2", x, 16 * STEM, 1, false);
}

static int beside(cnn_net *net, int x, int y)
{
    return cnn_node_concat(net, (int[]){x, y}, 2);
}

/* Down the pyramid, from coarse to fine, and up again. */
static void path_aggregation(cnn_net *net, int map[MAPS])
{
    int coarse = pointwise(net, "backbone", "lateral_conv0", map[2], 8 * STEM);
    int x = beside(net, cnn_node_upsample(net, coarse), map[1]);
    x = cross_stage(net, "backbone.C3_p4", x, 8 * STEM, 1, false);
    int middle = pointwise(net, "backbone", "reduce_conv1", x, 4 * STEM);
    x = beside(net, cnn_node_upsample(net, middle), map[0]);
    map[0] = x = cross_stage(net, "backbone.C3_p3", x, 4 * STEM, 1, false);
    x = beside(net, separable(net, "backbone.bu_conv2", x, 4 * STEM, 2), middle);
    map[1] = x = cross_stage(net, "backbone.C3_n3", x, 8 * STEM, 1, false);
    x = beside(net, separable(net, "backbone.bu_conv1", x, 8 * STEM, 2), coarse);
    map[2] = cross_stage(net, "backbone.C3_n4", x, 16 * STEM, 1, false);
}

static int predict(cnn_net *net, const char *what, int level, int x, int channels, nn_act act)
{
    return cnn_node_conv(
        net, cnn_named("head.%s_preds.%d", what, level), x,
        (cnn_conv_shape){.channels = channels, .kernel = 1, .stride = 1, .act = act, .biased = true});
}

static int branch(cnn_net *net, const char *what, int level, int x)
{
    for (int i = 0; i < 2; i++)
        x = separable(net, cnn_named("head.%s_convs.%d.%d", what, level, i).text, x, HEAD, 1);
    return x;
}

static int head(cnn_net *net, int level, int x)
{
    x = conv(net, cnn_named("head.stems.%d", level).text, x, HEAD, 1);
    int classes = predict(net, "cls", level, branch(net, "cls", level, x), CLASSES, NN_SIGMOID);
    int boxes = branch(net, "reg", level, x);
    int parts[] = {predict(net, "reg", level, boxes, BOX, NN_LINEAR),
                   predict(net, "obj", level, boxes, 1, NN_SIGMOID), classes};
    return cnn_node_concat(net, parts, 3);
}

static void build(cnn_net *net)
{
    int map[MAPS];
    darknet(net, map);
    path_aggregation(net, map);
    for (int i = 0; i < MAPS; i++) map[i] = head(net, i, map[i]);
    cnn_node_stack(net, map, MAPS);
}

static void names(const char *node, cnn_import_names *out)
{
    bool bare = strstr(node, "_preds.");
    snprintf(out->kernel, sizeof out->kernel, "%s%s", node, bare ? "" : ".conv");
    snprintf(out->norm, sizeof out->norm, "%s.bn", node);
}

/* It was trained on bytes as they are. */
static const cnn_import_row megvii = {.mark = "backbone.backbone.stem.conv.conv.weight",
                                      .shape = {STEM, 12, 3, 3},
                                      .bgr = true,
                                      .mean = {0, 0, 0},
                                      .std = {1 / 255.0F, 1 / 255.0F, 1 / 255.0F},
                                      .names = names};

const cnn_backbone_row cnn_yolox_nano = {.name = "yolox_nano",
                                         .about = "YOLOX-nano, a detector of COCO's 80 objects",
                                         .size = 416,
                                         .stride = 8,
                                         .channels = BOX + 1 + CLASSES,
                                         .classes = CLASSES,
                                         .class_names = things,
                                         .epsilon = 1e-3,
                                         .build = build,
                                         .import = &megvii};
