/* How exact the weights of a model in use are. */
#ifndef CAPTIONER_PRECISION_H
#define CAPTIONER_PRECISION_H

#include "src/base/error.h"

/* What the weights are rounded to for use. Sums, the state of the decoder and the probabilities are f32. */
typedef enum {
    CAP_BF16, /* 8 bits of mantissa; on CPUs with AMX the encoder's convolutions too. The default */
    CAP_F32,  /* as stored */
    CAP_INT8, /* the decoder's matrices 8 bits with a scale for each output; the encoder as BF16 */
    CAP_PRECISIONS
} cap_precision;

extern const char *const cap_precision_names[CAP_PRECISIONS]; /* "bf16", "f32", "int8" */

/* ARGUMENT for a number that names none. */
err_code cap_precision_check(cap_precision precision, error *err);

#endif
