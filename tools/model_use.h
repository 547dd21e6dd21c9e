/* A model in use, for the verbs that open one: what the command line says of it, and what was opened.
 *
 *     model_use use = model_use_defaults();
 *     cap_request request = cap_request_defaults(CAP_PHOTOS);
 *     const opt options[] = {MODEL_OPTIONS(use, request), ..., {0}};
 *     ...parse...
 *     if (!model_use_open(&use, CAP_PHOTOS, &request, &err)) ... use.model, use.session ...
 *     model_use_close(&use); */
#ifndef TOOLS_MODEL_USE_H
#define TOOLS_MODEL_USE_H

#include "captioner/caption.h"
#include "src/base/error.h"
#include "tools/options.h"
#include "tools/precision.h"

typedef struct model_use {
    const char *path;      /* NULL: the built-in one */
    int threads;           /* 0: one per CPU */
    const char *precision; /* one of cap_precision_names */
    cap_model *model;
    cap_session *session;
} model_use;

model_use model_use_defaults(void);

/* The model, which must read that, and one session; the request is held against the model, so that what
 * cannot be is said before anything is done. */
err_code model_use_open(model_use *u, cap_reads reads, const cap_request *request, error *err);
void model_use_close(model_use *u); /* also after a failure */

/* clang-format off */
#define MODEL_OPTIONS(use, request)                                                                          \
    {"Model", .kind = OPT_GROUP},                                                                            \
    {"model", 'm', OPT_INPUT, "FILE", &(use).path, .help = "the model; the built-in one if absent"},         \
    {"threads", 't', OPT_INT, "N", &(use).threads, 0, 1024, "0: one per CPU"},                               \
    {"max-pixels", .kind = OPT_SIZE, .metavar = "N", .value = &(request).max_pixels, .min = 1,               \
     .max = 1e12, .help = "larger photos are refused"},                                                      \
    PRECISION_OPTION((use).precision)
/* clang-format on */

enum { MODEL_MAX_PIXELS = 250000000 }; /* the default, for the help */

#endif
