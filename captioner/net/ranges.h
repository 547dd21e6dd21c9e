/* The ranges of what the networks of a captioner compute, with which they run in 8 bits (cnn/backbone.h): its
 * encoder's and its detector's. Found once for a finished model (captioner/ranges_find.h), kept in its file
 * as the tensors "ranges.encoder" and "ranges.objects", each [cnn_net_ranges, 2]. A model without them does
 * not run in 8 bits.
 *
 *     if (cap_ranges_exist(tensors)) ... packing as PACKED_I8 is of use ...
 *     if (cap_ranges_load(model, tensors, &err)) ...
 *     for (each dense weight) cap_ranges_scale(model, weight, values), then it is packed
 *     if (cap_ranges_narrow(model, &err)) ... */
#ifndef CAPTIONER_RANGES_H
#define CAPTIONER_RANGES_H

#include "captioner/net/model.h"
#include "cnn/backbone.h"

enum { CAP_RANGED = 2 }; /* networks that have ranges, at most */

typedef struct cap_ranges {
    cnn_range *of[CAP_RANGED]; /* [count]; NULL: the model lacks the network */
    int count[CAP_RANGED];
} cap_ranges;

void cap_ranges_release(cap_ranges *r); /* zeroed ones are fine */

/* The networks of a model, those that it lacks NULL. */
cnn_net *cap_ranged_net(const cap_model *m, int which);

/* Whether a file has any; whether a tensor is theirs. */
bool cap_ranges_exist(const io_tensors *t);
bool cap_ranges_own(const char *name);

/* Gives the networks of m their ranges. Errors: those of io_tensors_read_f32, MEMORY. */
err_code cap_ranges_load(cap_model *m, const io_tensors *t, error *err);

/* Multiplies the rows of a weight by what the network asks for; nothing, where it asks for nothing. */
void cap_ranges_scale(const cap_model *m, const nn_var *weight, real *values);

/* Once the weights are packed. Errors: those of cnn_net_narrow. */
err_code cap_ranges_narrow(cap_model *m, error *err);

/* Entries for a file, at most CAP_RANGED; returns how many. They borrow r, and shapes[]. */
int cap_ranges_entries(const cap_ranges *r, int64_t shapes[CAP_RANGED][2], io_tensor_entry *to);

#endif
