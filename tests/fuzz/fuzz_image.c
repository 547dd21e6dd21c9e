/* libFuzzer target for the picture readers. Not built by default; in bash, from the top folder:
 *
 *     clang -g -fsanitize=fuzzer,address,undefined -D_GNU_SOURCE -DHAVE_WEBP=1 -DHAVE_PANGO=0 -I. \
 *         tests/fuzz/fuzz_image.c src/image/{image,read,jpeg,png,webp,exif,resize}.c src/base/error.c \
 *         -ljpeg -lpng -lwebp -lm -o build/fuzz_image
 *     mkdir -p build/corpus && build/fuzz_image -rss_limit_mb=1500 build/corpus tests/images
 */
#include "src/image/image.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    img photo, small;
    error e = {0};
    img_read_options options = {.max_pixels = 1 << 20, .reduce_to = length % 2 ? 16 : 0};
    if (img_read_memory(bytes, length, "fuzz", &options, &photo, NULL, &e)) {
        if (!e.text[0] || photo.rgb) abort();
        return 0;
    }
    if (!img_resize(&photo, img_whole(&photo), 24, 24, IMG_BILINEAR, &small, &e)) img_release(&small);
    img_release(&photo);
    return 0;
}
