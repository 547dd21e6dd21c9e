/* The one fact a captioner needs from EXIF: which way is up. Layout: TIFF 6.0, section 2; the tag: EXIF 2.32,
 * table 4. Every offset comes from the file, so every read is checked against the block's length. */
#include "src/image/format.h"

#include <string.h>

typedef struct tiff {
    const uint8_t *bytes;
    size_t length;
    bool big; /* most significant byte first */
} tiff;

static bool read_u16(const tiff *t, size_t at, unsigned *value)
{
    if (t->length < 2 || at > t->length - 2) return false;
    const uint8_t *p = t->bytes + at;
    *value = t->big ? (unsigned)p[0] << 8 | p[1] : (unsigned)p[1] << 8 | p[0];
    return true;
}

static bool read_u32(const tiff *t, size_t at, uint32_t *value)
{
    unsigned a, b;
    if (!read_u16(t, at, &a) || !read_u16(t, at + 2, &b)) return false;
    *value = t->big ? (uint32_t)a << 16 | b : (uint32_t)b << 16 | a;
    return true;
}

/* Checks the header; the offset of the first directory. */
static bool open_tiff(tiff *t, const uint8_t *exif, size_t length, uint32_t *directory)
{
    if (length >= 6 && !memcmp(exif, "Exif\0", 5)) {
        exif += 6;
        length -= 6;
    }
    if (length < 8) return false;
    *t = (tiff){exif, length, exif[0] == 'M'};
    unsigned magic;
    if (memcmp(exif, "II", 2) && memcmp(exif, "MM", 2)) return false;
    return read_u16(t, 2, &magic) && magic == 42 && read_u32(t, 4, directory);
}

int img_exif_orientation(const uint8_t *exif, size_t length)
{
    enum { ORIENTATION = 0x0112, TYPE_SHORT = 3 };
    tiff t;
    uint32_t directory;
    unsigned entries, tag, type, value;
    if (!exif || !open_tiff(&t, exif, length, &directory) || !read_u16(&t, directory, &entries)) return 1;
    for (size_t at = (size_t)directory + 2; entries-- > 0; at += 12) {
        if (!read_u16(&t, at, &tag) || !read_u16(&t, at + 2, &type) || !read_u16(&t, at + 8, &value))
            return 1;
        if (tag == ORIENTATION) return type == TYPE_SHORT && value >= 1 && value <= 8 ? (int)value : 1;
    }
    return 1;
}
