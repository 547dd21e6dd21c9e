/* Damaged weights show in what they compute: numbers that are infinite, or none.
 *
 *     if (!nn_is_finite(y)) return err_set(err, ERR_FORMAT, "the model computes no numbers");
 */
#ifndef NN_FINITE_H
#define NN_FINITE_H

#include "src/nn/tape.h"

static inline bool nn_is_finite(const nn_var *v)
{
    int odd = 0;
    for (size_t i = 0, n = nn_count(v); i < n; i++) {
        real x = v->data[i];
        odd |= x - x != 0; /* infinity less itself is not a number, which differs from all */
    }
    return !odd;
}

#endif
