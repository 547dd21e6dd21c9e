/* Pairs of texts: the bytes in both one-file forms, and, parted at a zero byte, as two parallel files. */
#include <stdlib.h>
#include <string.h>

#include "datasets/pairs.h"
#include "tests/fuzz/fuzz.h"

static void look(err_code code, ds_pairs *p, const error *e)
{
    if (code) fuzz_must_say(e);
    if (!code && p->count < 1) abort();
    for (int32_t i = 0; !code && i < p->count; i++)
        if (!p->source[i][0] || !p->target[i][0] || p->line[i] < 1) abort();
    if (!code) fuzz_taken++;
    ds_pairs_release(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    ds_pairs pairs;
    const uint8_t *zero = size ? memchr(bytes, 0, size) : NULL;
    size_t first = zero ? (size_t)(zero - bytes) : size, rest = zero ? size - first - 1 : 0;
    for (int f = 0; f < DS_PAIRS_FORMATS; f++) {
        error e = {0};
        look(ds_pairs_read(fuzz_file(0, bytes, size), (ds_pairs_format)f, &pairs, &e), &pairs, &e);
    }
    error e = {0};
    const char *source = fuzz_file(0, bytes, first), *target = fuzz_file(1, zero ? zero + 1 : bytes, rest);
    look(ds_pairs_read_two(source, target, &pairs, &e), &pairs, &e);
    return 0;
}
