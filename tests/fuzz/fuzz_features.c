/* Files of a frozen encoder's features. The header's hash is put right first. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "datasets/feature_cache.h"
#include "tests/fuzz/fuzz.h"

enum { IMAGES = 2, REGIONS = 3, CHANNELS = 4, HASHED = 48 };

static void open_file(const uint8_t *bytes, size_t size)
{
    const ds_features_shape shape = {{1, 2}, IMAGES, REGIONS, CHANNELS};
    ds_features *f = NULL;
    float out[REGIONS * CHANNELS];
    error e = {0};
    if (ds_features_open(fuzz_file(0, bytes, size), &shape, &f, &e)) {
        fuzz_must_say(&e);
        return;
    }
    int good = 0;
    for (uint64_t i = 0; i <= IMAGES; i++) {
        e = (error){0};
        if (ds_features_get(f, i, out, &e))
            fuzz_must_say(&e);
        else
            good++;
    }
    fuzz_taken += good == IMAGES;
    if (good > IMAGES) abort();
    ds_features_close(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    open_file(bytes, size);
    if (size < HASHED + sizeof(uint64_t)) return 0;
    uint8_t *copy = (uint8_t *)fuzz_text(bytes, size);
    uint64_t hash = hash_bytes(copy, HASHED, 0).lo;
    memcpy(copy + HASHED, &hash, sizeof hash);
    open_file(copy, size);
    free(copy);
    return 0;
}
