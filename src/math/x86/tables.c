#include "src/math/x86/tables.h"

#include <strings.h>

#include "src/math/x86/amx.h"
#include "src/math/x86/amx_packed.h"
#include "src/math/x86/amx_taps.h"
#include "src/math/x86/bf16_depthwise.h"
#include "src/math/x86/halves.h"
#include "src/math/x86/vnni.h"
#include "src/math/x86/vnni_bytes.h"

static void avx2(kernels *k)
{
    x86_fill_avx2(k);
    k->vector.from_halves = f16c_from_halves;
    k->f32.gemm_most = 1 << 27;
    k->fastest.why = "no VNNI: 8-bit weights gain nothing worth their rounding, bf16 loses in beam search";
}

static bool is_wide(const char *core)
{
    static const char *const wide[] = {"SkylakeX", "Cooperlake", "SapphireRapids"};
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++)
        if (!strcasecmp(core, wide[i])) return true;
    return false;
}

static void avx512(kernels *k)
{
    x86_fill_avx512(k);
    k->f32.gemm_most = 1 << 29;
    k->f32.openblas_is_wide = is_wide;
}

static void vnni(kernels *k)
{
    k->int8.fast = true;
    k->int8.packed = vnni_packed_i8;
    k->int8.product = vnni_byte_product;
    k->int8.depthwise = vnni_byte_depthwise;
    k->int8.narrow = vnni_byte_narrow;
    k->int8.mix = vnni_byte_mix;
    /* Convolutions of bytes take 0.4 to 0.5 of the time, and cost up to 3.7 CIDEr points on 80 photos of COCO
     * (0.3 on 1,000 of Flickr8k): too much to be taken unasked. */
    k->fastest.words = PACKED_I8;
    k->fastest.why = "VNNI multiplies bytes, no AMX; with int8 the encoder is faster, too, and less exact";
}

/* Products would not gain: what is converted is then multiplied in f32 all the same. */
static void bf16(kernels *k)
{
    k->bf16.narrow = amx_taps_round;
    k->bf16.stride = amx_packed_stride;
    k->bf16.round = amx_packed_round;
    k->bf16.taps_pack = amx_taps_pack;
    k->bf16.depthwise = bf16_depthwise_row;
}

static void amx(kernels *k)
{
    k->int8.fast = false; /* tiles multiply bf16 faster */
    k->bf16.fast = true;
    k->bf16.gemm_suits = amx_gemm_suits;
    k->bf16.gemm = amx_gemm_bf16;
    k->bf16.packed = amx_packed_bf16;
    k->bf16.packed_rounded = amx_packed_rounded;
    k->bf16.packed_to_rounded = amx_packed_to_rounded;
    k->bf16.taps = amx_taps_product;
    k->bf16.peak = amx_tiles_alone;
    k->fastest = (kernels_fastest){PACKED_BF16, PACKED_BF16, PACKED_BF16, "AMX multiplies bf16"};
}

void x86_fill(cpu_flags flags, kernels *k)
{
    static const struct {
        cpu_flags flag;
        void (*fill)(kernels *k);
    } steps[] = {{CPU_AVX2, avx2}, {CPU_AVX512, avx512}, {CPU_VNNI, vnni}, {CPU_BF16, bf16}, {CPU_AMX, amx}};
    for (unsigned i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (flags & steps[i].flag) steps[i].fill(k);
}
