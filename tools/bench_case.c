#include "tools/bench.h"

#include <string.h>

#include "src/base/rng.h"

pool *bench_pool(const bench_case *c)
{
    return c->row->all_threads ? c->env->pool : NULL;
}

void bench_draw(real *x, size_t count)
{
    rng r = {.seed = 1};
    for (size_t i = 0; x && i < count; i++) x[i] = (real)(rng_uniform(&r) - 0.5);
}

err_code bench_no_memory(const bench_case *c, error *err)
{
    return err_no_memory(err, "for the benchmark '%s'", c->row->name);
}

packed_type bench_packed_type(const char *name)
{
    return !strcmp(name, "int8") ? PACKED_I8 : !strcmp(name, "bf16") ? PACKED_BF16 : PACKED_F32;
}
