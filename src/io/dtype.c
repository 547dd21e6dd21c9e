#include "src/io/dtype.h"

#include <string.h>

#include "src/math/kernels.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "stored tensors are little-endian, as this machine must be");

size_t io_dtype_size(io_dtype type)
{
    static const uint8_t sizes[] = {
#define X(name, size) size,
        IO_DTYPE_LIST(X)
#undef X
    };
    return (unsigned)type < IO_DTYPES ? sizes[type] : 0;
}

const char *io_dtype_name(io_dtype type)
{
    static const char *const names[] = {
#define X(name, size) #name,
        IO_DTYPE_LIST(X)
#undef X
    };
    return (unsigned)type < IO_DTYPES ? names[type] : "?";
}

int io_dtype_find(const char *name)
{
    for (int i = 0; i < IO_DTYPES; i++)
        if (strcmp(name, io_dtype_name((io_dtype)i)) == 0) return i;
    return -1;
}

static uint32_t float_bits(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

static float bits_float(uint32_t u)
{
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

/* A half is sign 1, exponent 5 (bias 15), fraction 10; a float 1, 8 (bias 127), 23. All cases are computed
 * and one is selected, so that the loop has no branch and vectorises. */
static uint16_t float_to_half(float x)
{
    uint32_t u = float_bits(x), a = u & 0x7FFFFFFFu;
    uint32_t normal =
        (a + 0xFFF + (a >> 13 & 1) - (112u << 23)) >> 13; /* a carry may reach infinity: right */
    /* Below 2^-14 the unit is 2^-24, which is that of floats in 0.5..1: adding 0.5 rounds. */
    uint32_t subnormal = float_bits(bits_float(a) + 0.5f) - float_bits(0.5f);
    uint32_t h = a < 0x38800000u ? subnormal : normal;
    h = a >= 0x47800000u ? 0x7C00 : h;                      /* 65536 and more */
    h = a > 0x7F800000u ? (0x7E00 | (a >> 13 & 0x3FF)) : h; /* NaN, made quiet */
    return (uint16_t)(h | (u >> 16 & 0x8000));
}

static uint16_t float_to_brain(float x)
{
    uint32_t u = float_bits(x);
    uint32_t rounded = (u + 0x7FFF + (u >> 16 & 1)) >> 16;
    return (uint16_t)((u & 0x7FFFFFFFu) > 0x7F800000u ? (u >> 16 | 0x40) : rounded);
}

void io_f32_to_f16(const float *x, uint16_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++) out[i] = float_to_half(x[i]);
}

void io_f32_to_bf16(const float *x, uint16_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++) out[i] = float_to_brain(x[i]);
}

/* out[i] = expression in `v`, the i-th element read byte-wise because a file promises no alignment. */
#define CONVERT(type, expression)                                                                            \
    for (size_t i = 0; i < n; i++) {                                                                         \
        type v;                                                                                              \
        memcpy(&v, (const uint8_t *)data + i * sizeof v, sizeof v);                                          \
        out[i] = (expression);                                                                               \
    }

void io_f16_to_f32(const void *data, float *out, size_t n)
{
    kernels_best()->vector.from_halves(data, out, n);
}

void io_bf16_to_f32(const void *data, float *out, size_t n)
{
    CONVERT(uint16_t, bits_float((uint32_t)v << 16))
}

void io_to_f32(io_dtype type, const void *data, float *out, size_t n)
{
    switch (type) {
    case IO_F32:
        if (n) memcpy(out, data, n * sizeof *out);
        break;
    case IO_F16:
        io_f16_to_f32(data, out, n);
        break;
    case IO_BF16:
        io_bf16_to_f32(data, out, n);
        break;
    case IO_F64:
        CONVERT(double, (float)v) break;
    case IO_I8:
        CONVERT(int8_t, (float)v) break;
    case IO_U8:
        CONVERT(uint8_t, (float)v) break;
    case IO_I16:
        CONVERT(int16_t, (float)v) break;
    case IO_I32:
        CONVERT(int32_t, (float)v) break;
    case IO_I64:
        CONVERT(int64_t, (float)v) break;
    case IO_BOOL:
        CONVERT(uint8_t, v ? 1.0f : 0.0f) break;
    case IO_DTYPES:
        break;
    }
}

/* The bits of the largest magnitude: without the sign, bits rise with the magnitude, and those of infinity
 * and NaN are the highest. */
#define LARGEST(type, signed_type, bits, mask)                                                               \
    signed_type most = 0;                                                                                    \
    for (size_t i = 0; i < n; i++) {                                                                         \
        type v;                                                                                              \
        memcpy(&v, (const uint8_t *)data + i * sizeof v, sizeof v);                                          \
        signed_type magnitude = (signed_type)(v & (mask));                                                   \
        most = magnitude > most ? magnitude : most;                                                          \
    }                                                                                                        \
    bits = (type)most;

float io_largest(io_dtype type, const void *data, size_t n)
{
    if (type == IO_F32) {
        uint32_t bits;
        LARGEST(uint32_t, int32_t, bits, 0x7FFFFFFFu)
        return bits_float(bits);
    }
    if (type == IO_F64) {
        uint64_t bits;
        double value;
        LARGEST(uint64_t, int64_t, bits, UINT64_MAX >> 1)
        memcpy(&value, &bits, sizeof value);
        return (float)value;
    }
    if (type == IO_F16 || type == IO_BF16) {
        uint16_t bits;
        LARGEST(uint16_t, int16_t, bits, 0x7FFF)
        float largest;
        io_to_f32(type, &bits, &largest, 1);
        return largest;
    }
    return 0;
}
