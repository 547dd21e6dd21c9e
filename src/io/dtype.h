/* Element types of stored tensors, and the conversions between them and float. */
#ifndef IO_DTYPE_H
#define IO_DTYPE_H

#include <stddef.h>
#include <stdint.h>

/* X(name, bytes of an element) */
#define IO_DTYPE_LIST(X)                                                                                     \
    X(F32, 4)                                                                                                \
    X(F64, 8)                                                                                                \
    X(F16, 2)                                                                                                \
    X(BF16, 2)                                                                                               \
    X(I8, 1)                                                                                                 \
    X(U8, 1)                                                                                                 \
    X(I16, 2)                                                                                                \
    X(I32, 4)                                                                                                \
    X(I64, 8)                                                                                                \
    X(BOOL, 1)

typedef enum {
#define X(name, size) IO_##name,
    IO_DTYPE_LIST(X)
#undef X
        IO_DTYPES /* how many there are */
} io_dtype;

size_t io_dtype_size(io_dtype type);      /* bytes of one element */
const char *io_dtype_name(io_dtype type); /* "F32", as written in files */
int io_dtype_find(const char *name);      /* an io_dtype, or -1 */

/* Arrays of n. Halves and bfloat16 are bit patterns and need no alignment; rounding is to nearest, ties to
 * even; too large becomes infinity, subnormals, infinities and NaN are kept. */
void io_f16_to_f32(const void *data, float *out, size_t n);
void io_f32_to_f16(const float *x, uint16_t *out, size_t n);
void io_bf16_to_f32(const void *data, float *out, size_t n);
void io_f32_to_bf16(const float *x, uint16_t *out, size_t n);

/* Any type to float, integers as they are (no scale), BOOL as 0 or 1. `data` needs no alignment. */
void io_to_f32(io_dtype type, const void *data, float *out, size_t n);

/* The largest magnitude of n values: infinity or NaN when one of them is. Integers are 0. */
float io_largest(io_dtype type, const void *data, size_t n);

#endif
