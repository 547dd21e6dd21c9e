/* Photos: JPEG, PNG and WebP. The checksums of a PNG's chunks are put right first, or hardly any change of
 * its bytes would get past them; the bytes as they are come after that. */
#include <stdlib.h>
#include <string.h>

#include "src/image/image.h"
#include "tests/fuzz/fuzz.h"

static uint32_t crc(const uint8_t *bytes, size_t n)
{
    uint32_t c = 0xFFFFFFFFu;
    for (size_t i = 0; i < n; i++) {
        c ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) c = c >> 1 ^ (c & 1 ? 0xEDB88320u : 0);
    }
    return ~c;
}

/* In place; false: no PNG, or nothing to mend. */
static bool mend_checksums(uint8_t *bytes, size_t size)
{
    static const uint8_t signature[8] = "\x89PNG\r\n\x1A\n";
    bool mended = false;
    if (size < 8 || memcmp(bytes, signature, 8) != 0) return false;
    for (size_t at = 8; size - at >= 12;) {
        size_t n = (size_t)bytes[at] << 24 | (size_t)bytes[at + 1] << 16 | (size_t)bytes[at + 2] << 8 |
                   bytes[at + 3];
        if (n > size - at - 12) break;
        uint32_t c = crc(bytes + at + 4, n + 4);
        uint8_t wanted[4] = {(uint8_t)(c >> 24), (uint8_t)(c >> 16), (uint8_t)(c >> 8), (uint8_t)c};
        mended |= memcmp(bytes + at + 8 + n, wanted, 4) != 0;
        memcpy(bytes + at + 8 + n, wanted, 4);
        at += 12 + n;
    }
    return mended;
}

static void read_photo(const uint8_t *bytes, size_t size)
{
    img photo, small;
    error e = {0};
    img_read_options options = {.max_pixels = 1 << 20, .reduce_to = size % 2 ? 16 : 0};
    if (img_read_memory(bytes, size, "fuzz", &options, &photo, NULL, &e)) {
        fuzz_must_say(&e);
        if (photo.rgb) abort();
        return;
    }
    fuzz_taken++;
    if (!img_resize(&photo, img_whole(&photo), 24, 24, IMG_BILINEAR, &small, &e)) img_release(&small);
    img_release(&photo);
}

static void find_notes(const uint8_t *bytes, size_t size)
{
    static const char *const key[] = {"Software", "Title", ""};
    char text[32];
    for (size_t i = 0; i < sizeof key / sizeof *key; i++)
        if (img_find_note(bytes, size, key[i], text, sizeof text) && strlen(text) >= sizeof text) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = (uint8_t *)fuzz_text(bytes, size);
    if (mend_checksums(copy, size)) read_photo(copy, size);
    free(copy);
    read_photo(bytes, size);
    find_notes(bytes, size);
    return 0;
}
