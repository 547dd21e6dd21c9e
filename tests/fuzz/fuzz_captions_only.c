/* Captions without photos: any bytes, with a few names of objects. */
#include <stdlib.h>

#include "datasets/captions_only.h"
#include "tests/fuzz/fuzz.h"

static void look_at_image(const ds_captions_only *o, int32_t i)
{
    const ds_image *image = &o->captions.image[i];
    if (image->count < 1 || image->id < 0 || o->first[i] > o->first[i + 1]) abort();
    for (int32_t k = image->first; k < image->first + image->count; k++)
        if (o->captions.caption[k].image != i || !o->captions.caption[k].text[0]) abort();
    for (int64_t k = o->first[i]; k < o->first[i + 1]; k++)
        if (!o->listed[i] || o->object[k] < 0 || o->object[k] > 2) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const char *const names[] = {"dog", "bench", "traffic light"};
    ds_captions_only o;
    error e = {0};
    if (ds_captions_only_read(fuzz_file(0, bytes, size), names, 3, &o, &e)) {
        fuzz_must_say(&e);
        if (o.captions.images || o.memory.blocks || o.texts.blocks) abort();
        return 0;
    }
    if (o.captions.captions < 1) abort();
    for (int32_t i = 0; i < o.captions.images; i++) look_at_image(&o, i);
    ds_captions_only_release(&o);
    fuzz_taken++;
    return 0;
}
