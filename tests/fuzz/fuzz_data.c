/* libFuzzer target for what training reads besides photos: the same bytes as a captions file and as a tar
 * archive. Not built by default; in bash, from the top folder:
 *
 *     clang -g -O1 -fsanitize=fuzzer,address,undefined -std=gnu17 -I. tests/fuzz/fuzz_data.c \
 *         datasets/{coco,json_stream,tar}.c src/io/{file,json}.c src/base/{arena,error,text}.c \
 *         -DHAVE_UTF8PROC=0 -ljansson -o build/fuzz_data
 *     mkdir -p build/corpus_data && build/fuzz_data -max_len=4096 build/corpus_data tests/cases/coco
 */
#include "datasets/coco.h"
#include "datasets/tar.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void read_captions(const uint8_t *bytes, size_t size)
{
    ds_captions c;
    error e = {0};
    if (ds_captions_parse((const char *)bytes, size, "fuzz", NULL, &c, &e) && !e.text[0]) abort();
    ds_captions_release(&c);
}

static void walk_archive(const uint8_t *bytes, size_t size)
{
    ds_tar t = {.bytes = bytes, .size = size, .name = "fuzz"};
    ds_tar_entry entry;
    error e = {0};
    bool more;
    volatile uint8_t last; /* every byte promised can be read */
    while (!ds_tar_next(&t, &entry, &more, &e) && more)
        for (size_t i = 0; i < entry.size; i++) last = entry.bytes[i];
    if (e.code && !e.text[0]) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    read_captions(bytes, size);
    walk_archive(bytes, size);
    return 0;
}
