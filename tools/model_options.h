/* The options of a model that looks at photos, for the verbs that open one.
 *
 *     q.settings.max_pixels = MODEL_MAX_PIXELS;
 *     const opt options[] = {MODEL_OPTIONS(q.model, q.settings), ..., {0}};       path, cap_settings
 */
#ifndef TOOLS_MODEL_OPTIONS_H
#define TOOLS_MODEL_OPTIONS_H

#include "tools/options.h"

enum { MODEL_MAX_PIXELS = 250000000 };

/* clang-format off */
#define MODEL_OPTIONS(path, settings)                                                                        \
    {"Model", .kind = OPT_GROUP},                                                                            \
    {"model", 'm', OPT_INPUT, "FILE", &(path), .help = "the model; the built-in one if absent"},             \
    {"threads", 't', OPT_INT, "N", &(settings).threads, 0, 1024, "0: one per CPU"},                          \
    {"max-pixels", .kind = OPT_SIZE, .metavar = "N", .value = &(settings).max_pixels, .min = 1,              \
     .max = 1e12, .help = "larger photos are refused"}
/* clang-format on */

#endif
