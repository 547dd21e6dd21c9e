/* EXIF blocks, as they lie in a JPEG, PNG or WebP file. */
#include <stdlib.h>

#include "src/image/format.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    int orientation = img_exif_orientation(bytes, size);
    if (orientation < 1 || orientation > 8) abort();
    if (orientation > 1) fuzz_taken++;
    return 0;
}
