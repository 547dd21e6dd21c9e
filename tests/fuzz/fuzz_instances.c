/* Files of objects with boxes, COCO's form. */
#include <stdlib.h>

#include "captioner/score/grounding.h"
#include "tests/fuzz/fuzz.h"

static void point(const ds_instances *o)
{
    static const char *const word[] = {"a", "dog", "traffic", "light"};
    static const cap_point at[4] = {{0, 0}, {0.5F, 0.5F}, {1, 1}, {0.2F, 0.9F}};
    static ds_vocab *vocab;
    json_t *known = json_pack("[s,s,s,s,s,s,s,s]", "<pad>", "<start>", "<end>", "<unk>", word[0], word[1],
                              word[2], word[3]);
    arena memory = {0};
    cap_grounding g;
    if (!vocab && ds_vocab_from_json(known, &vocab, NULL)) abort();
    json_decref(known);
    if (cap_grounding_start(&g, o, vocab, &memory, NULL)) abort();
    for (int32_t i = 0; i < o->images; i++)
        if (cap_grounding_add(&g, word, at, 4, o->image[i].id, NULL)) abort();
    if (g.inside > g.words || g.centre > g.words || !(g.area <= (double)g.words)) abort();
    arena_release(&memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    ds_instances o;
    error e = {0};
    if (ds_instances_parse((const char *)bytes, size, "fuzz", &o, &e)) {
        fuzz_must_say(&e);
        return 0;
    }
    fuzz_taken++;
    point(&o);
    ds_instances_release(&o);
    return 0;
}
