/* Maps of bytes (kernels_int8 of src/math/kernels.h) on AVX-512 VNNI (CPU_VNNI): vpdpbusd multiplies four
 * unsigned bytes by four signed ones and adds the products to a sum, exactly. */
#ifndef MATH_X86_VNNI_BYTES_H
#define MATH_X86_VNNI_BYTES_H

#include "src/math/kernels.h"

void vnni_byte_product(const kernels_byte_product *p);
void vnni_byte_depthwise(const kernels_byte_depthwise *d, const uint8_t *const *x, uint8_t *y);
void vnni_byte_narrow(const float *x, size_t n, float factor, float shift, uint8_t *y);
void vnni_byte_mix(const kernels_byte_mix *m, const uint8_t *a, const uint8_t *b, size_t pixels, uint8_t *y);

#endif
