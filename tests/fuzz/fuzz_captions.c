/* Files of captions, COCO's form and Karpathy's, whole and by split. */
#include "datasets/coco.h"
#include "tests/fuzz/fuzz.h"

static void read_captions(const uint8_t *bytes, size_t size, const char *split)
{
    ds_captions c;
    error e = {0};
    ds_captions_settings settings = {.split = split};
    if (ds_captions_parse((const char *)bytes, size, "fuzz", &settings, &c, &e))
        fuzz_must_say(&e);
    else
        fuzz_taken++;
    ds_captions_release(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    read_captions(bytes, size, NULL);
    read_captions(bytes, size, "train,restval");
    return 0;
}
