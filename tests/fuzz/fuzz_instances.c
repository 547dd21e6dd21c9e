/* Files of objects with boxes, COCO's form. */
#include <stdlib.h>

#include "captioner/score/grounding.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const char *const word[] = {"a", "dog", "traffic", "light"};
    static const cap_point at[4] = {{0, 0}, {0.5F, 0.5F}, {1, 1}, {0.2F, 0.9F}};
    ds_instances o;
    error e = {0};
    cap_grounding g = {0};
    if (ds_instances_parse((const char *)bytes, size, "fuzz", &o, &e)) {
        fuzz_must_say(&e);
        return 0;
    }
    fuzz_taken++;
    for (int32_t i = 0; i < o.images; i++) cap_grounding_add(&g, word, at, 4, &o, o.image[i].id);
    if (g.inside > g.words || g.centre > g.words || !(g.area <= (double)g.words)) abort();
    ds_instances_release(&o);
    return 0;
}
