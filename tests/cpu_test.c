/* Flags of CPUs and the mask of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "src/math/kernels.h"

enum { WIDE = CPU_AVX2 | CPU_AVX512 };

static void masks(void **state)
{
    (void)state;
    static const struct {
        const char *mask;
        cpu_flags left;
    } cases[] = {{NULL, CPU_ALL},
                 {"generic", 0},
                 {"avx2", CPU_AVX2},
                 {"avx512", WIDE},
                 {"vnni", WIDE | CPU_VNNI},
                 {"avx512+vnni", WIDE | CPU_VNNI},
                 {"vnni+bf16", WIDE | CPU_VNNI | CPU_BF16},
                 {"generic+avx2", CPU_AVX2},
                 {"amx", CPU_ALL},
                 {"", CPU_ALL}, /* what names nothing masks nothing */
                 {"avx", CPU_ALL},
                 {"avx512+", CPU_ALL},
                 {"avx512+sse", CPU_ALL}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(cpu_mask_of(cases[i].mask), cases[i].left);
}

static void names(void **state)
{
    (void)state;
    char name[CPU_NAME_SIZE];
    assert_string_equal(cpu_flags_name(0, name), "generic");
    assert_string_equal(cpu_flags_name(CPU_AVX2, name), "avx2");
    assert_string_equal(cpu_flags_name(WIDE | CPU_BF16, name), "avx512+bf16");
    assert_string_equal(cpu_flags_name(CPU_ALL, name), "avx512+vnni+bf16+amx");
    for (cpu_flags flags = 0; flags <= CPU_ALL; flags++) { /* a name is a mask that leaves what it names */
        cpu_flags left = cpu_mask_of(cpu_flags_name(flags, name));
        assert_int_equal(left & flags, flags);
    }
}

/* The environment takes flags away and gives none. */
static void environment(void **state)
{
    (void)state;
    unsetenv("CAPTION_CPU");
    cpu_flags all = cpu_get_flags();
    setenv("CAPTION_CPU", "avx512", 1);
    assert_int_equal(cpu_get_flags(), all & WIDE);
    setenv("CAPTION_CPU", "generic", 1);
    assert_int_equal(cpu_get_flags(), 0);
    setenv("CAPTION_CPU", "amx", 1);
    assert_int_equal(cpu_get_flags(), all);
}

/* No entry is missing on any CPU, and only what multiplies bf16, or bytes, fast is asked for it. */
static void whole_tables(void **state)
{
    (void)state;
    for (cpu_flags flags = 0; flags <= CPU_ALL; flags++) {
        kernels k;
        kernels_fill(flags, &k);
        assert_true(k.vector.exp && k.vector.from_halves && k.f32.packed && k.int8.packed && k.optim.adamw);
        assert_true(k.attention.match && k.lstm.cell && k.norm.apply && k.conv.depthwise_row);
        assert_true(k.bf16.narrow && k.bf16.gemm_suits && k.bf16.gemm && k.bf16.packed && k.bf16.pack_pairs);
        assert_true(k.bf16.stride && k.bf16.round && k.bf16.packed_rounded && k.bf16.packed_to_rounded);
        assert_true(k.bf16.taps_pack && k.bf16.taps && k.bf16.depthwise && k.bf16.peak);
        assert_non_null(k.fastest.why);
        assert_true(k.int8.product && k.int8.depthwise && k.int8.narrow && k.int8.mix && k.int8.pack_panel);
        assert_true(k.bf16.fast || (k.fastest.encoder != PACKED_BF16 && k.fastest.words != PACKED_BF16));
        assert_true(k.int8.fast || (k.fastest.encoder != PACKED_I8 && k.fastest.words != PACKED_I8));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(masks), cmocka_unit_test(names),
                                       cmocka_unit_test(environment), cmocka_unit_test(whole_tables)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
