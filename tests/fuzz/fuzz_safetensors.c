/* Fuzzes the safetensors reader: whatever the bytes, it refuses or every tensor can be read to its end.
 * Not part of the build:
 *
 *     clang -g -O1 -std=gnu17 -fsanitize=fuzzer,address,undefined -I. tests/fuzz/fuzz_safetensors.c
 * src/io/[d-s]*.c \ src/base/text.c src/base/error.c -DHAVE_UTF8PROC=0 -ljansson -lm -o fuzz_safetensors
 *     ./fuzz_safetensors -max_len=4096 corpus/
 */
#include "src/io/safetensors.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    error err = {0};
    io_tensors *t = io_tensors_open_memory(bytes, size, "fuzz", &err);
    if (!t) {
        if (err.code == ERR_OK || !err.text[0]) abort();
        return 0;
    }
    for (size_t i = 0; i < io_tensors_count(t); i++) {
        const io_tensor *x = io_tensors_at(t, i);
        size_t n = (size_t)io_tensor_length(x);
        if (n > size || io_tensors_find(t, x->name) != x) abort(); /* no element is smaller than a byte */
        float *out = malloc((n ? n : 1) * sizeof *out);
        io_tensors_read_f32(t, x->name, x->rank, x->shape, out, &err);
        free(out);
    }
    io_tensors_metadata(t, "format");
    io_tensors_close(&t);
    return 0;
}
