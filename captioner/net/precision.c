#include "captioner/net/precision.h"

#include "captioner/net/model.h"

const char *const cap_precision_names[CAP_PRECISIONS] = {
    [CAP_AUTO] = "auto", [CAP_BF16] = "bf16", [CAP_F32] = "f32", [CAP_INT8] = "int8"};

err_code cap_precision_check(cap_precision precision, error *err)
{
    if ((unsigned)precision < CAP_PRECISIONS) return ERR_OK;
    return err_set(err, ERR_ARGUMENT, "there is no precision number %d", (int)precision);
}

/* Where products in bf16 are not faster, a convolution in bf16 would be slower than one in f32, and less
 * exact; of bytes likewise. */
cap_packing cap_packing_of(cap_precision precision)
{
    static const packed_type linear[] = {
        [CAP_BF16] = PACKED_BF16, [CAP_F32] = PACKED_F32, [CAP_INT8] = PACKED_I8};
    const kernels *k = kernels_best();
    if (precision == CAP_AUTO) return (cap_packing){k->fastest.words, k->fastest.encoder};
    if (precision == CAP_INT8 && k->int8.fast) return (cap_packing){PACKED_I8, PACKED_I8};
    bool narrow = precision != CAP_F32 && gemm_rounds(GEMM_BF16);
    return (cap_packing){linear[precision], narrow ? PACKED_BF16 : PACKED_F32};
}

cap_packing cap_packing_of_texts(cap_precision precision)
{
    bool bytes = precision == CAP_AUTO && kernels_best()->fastest.words == PACKED_I8;
    return cap_packing_of(bytes ? CAP_F32 : precision);
}
