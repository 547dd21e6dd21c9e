/* Photo files and XMP files into which words are written: what was written must be found again. */
#include <stdlib.h>

#include "src/meta/meta.h"
#include "tests/fuzz/fuzz.h"

typedef err_code writer(const uint8_t *bytes, size_t size, const char *name, const meta_words *words,
                        meta_policy policy, text *out, meta_done *done, error *err);

static void try(writer *write, const uint8_t *bytes, size_t size)
{
    static const char *const keyword[] = {"dog", "grass"};
    const meta_words words = {.description = "A dog.",
                              .alt_text = "A dog.",
                              .keyword = keyword,
                              .keywords = 2,
                              .mark = {.version = "1", .model = "m", .confidence = 0.5}};
    for (int policy = META_KEEP; policy <= META_REPLACE; policy++) {
        text first = {0}, second = {0};
        error err = {0};
        meta_done done;
        if (write(bytes, size, "a", &words, (meta_policy)policy, &first, &done, &err)) {
            fuzz_must_say(&err);
        } else if (done.changed) {
            fuzz_taken++;
            if (write((const uint8_t *)first.data, first.length, "a", &words, META_KEEP, &second, &done,
                      &err))
                abort();
            if (done.changed && policy == META_REPLACE) abort(); /* it says all that now */
        }
        text_release(&first);
        text_release(&second);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    try(meta_write, bytes, size);
    try(meta_write_sidecar, bytes, size);
    return 0;
}
