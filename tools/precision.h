/* The option --precision of the verbs that use a model.
 *
 *     const char *precision = PRECISION_DEFAULT;
 *     const opt options[] = {..., PRECISION_OPTION(precision), {0}};
 *     ...parse...
 *     options.precision = precision_find(precision);
 */
#ifndef TOOLS_PRECISION_H
#define TOOLS_PRECISION_H

#include "captioner/net/precision.h"
#include "tools/options.h"

#define PRECISION_DEFAULT cap_precision_names[(cap_open_options){0}.precision]

/* clang-format off */
#define PRECISION_OPTION(name)                                                                               \
    {"precision", .kind = OPT_CHOICE, .metavar = "auto|bf16|f32|int8", .value = &(name),                          \
     .help = "what the weights are rounded to; auto: what is fastest on this CPU for a photo, opening "                \
             "included (caption --version says what)"}
/* clang-format on */

cap_precision precision_find(const char *name); /* one of cap_precision_names */

#endif
