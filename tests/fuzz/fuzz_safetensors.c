/* The safetensors reader: whatever the bytes, it refuses or every tensor can be read to its end. */
#include <stdlib.h>

#include "src/io/safetensors.h"
#include "tests/fuzz/fuzz.h"

static void read_tensor(const io_tensors *t, const io_tensor *x, size_t size)
{
    error err = {0};
    size_t n = io_tensor_length(x);
    if (n > size || io_tensors_find(t, x->name) != x) abort(); /* no element is smaller than a byte */
    float *out = malloc((n ? n : 1) * sizeof *out);
    if (out && io_tensors_read_f32(t, x->name, x->rank, x->shape, out, &err)) fuzz_must_say(&err);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    error err = {0};
    io_tensors *t = io_tensors_open_memory(bytes, size, "fuzz", &err);
    if (!t) {
        fuzz_must_say(&err);
        return 0;
    }
    fuzz_taken++;
    for (size_t i = 0; i < io_tensors_count(t); i++) read_tensor(t, io_tensors_at(t, i), size);
    io_tensors_metadata(t, "format");
    io_tensors_close(&t);
    return 0;
}
