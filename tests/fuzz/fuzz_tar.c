/* Tar archives of photos. The checksums of headers are put right first, as most changes would end there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "datasets/tar.h"
#include "tests/fuzz/fuzz.h"

enum { BLOCK = 512, SUM = 148, SUM_BYTES = 8 };

static void mend_checksums(uint8_t *bytes, size_t size)
{
    for (size_t at = 0; at + BLOCK <= size; at += BLOCK) {
        uint8_t *h = bytes + at;
        unsigned sum = SUM_BYTES * ' ';
        char digits[SUM_BYTES + 1];
        if (memcmp(h + 257, "ustar", 5) != 0) continue;
        for (int i = 0; i < BLOCK; i++)
            if (i < SUM || i >= SUM + SUM_BYTES) sum += h[i];
        snprintf(digits, sizeof digits, "%06o", sum);
        memcpy(h + SUM, digits, 7);
    }
}

static void walk(const uint8_t *bytes, size_t size)
{
    ds_tar t = {.bytes = bytes, .size = size, .name = "fuzz"};
    ds_tar_entry entry;
    error e = {0};
    bool more;
    volatile uint8_t last; /* every byte promised can be read */
    err_code code;
    while (!(code = ds_tar_next(&t, &entry, &more, &e)) && more) {
        for (size_t i = 0; i < entry.size; i++) last = entry.bytes[i];
        fuzz_taken++;
    }
    (void)last;
    if (code) fuzz_must_say(&e);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = (uint8_t *)fuzz_text(bytes, size);
    mend_checksums(copy, size);
    walk(copy, size);
    free(copy);
    walk(bytes, size);
    return 0;
}
