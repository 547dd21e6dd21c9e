/* How exact the weights of a model in use are. */
#ifndef CAPTIONER_PRECISION_H
#define CAPTIONER_PRECISION_H

#include "captioner/caption.h"
#include "src/base/error.h"

extern const char *const cap_precision_names[CAP_PRECISIONS]; /* "auto", "bf16", "f32", "int8" */

/* ARGUMENT for a number that names none. */
err_code cap_precision_check(cap_precision precision, error *err);

#endif
