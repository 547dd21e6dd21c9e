/* TIFF structures, as EXIF and multi-picture JPEGs have them: a header, directories (IFD) of entries of 12 bytes,
 * and values behind offsets. Layout: TIFF 6.0, section 2. Every offset comes from the file, so every read is
 * checked against the block's length.
 *
 *     tiff t;
 *     uint32_t directory;
 *     if (!tiff_open(&t, bytes, length, &directory)) ...
 *     tiff_entry e;
 *     if (tiff_find(&t, directory, 0x0112, &e)) ... e.value is the offset of its value ...
 */
#ifndef META_TIFF_H
#define META_TIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/text.h"

typedef struct tiff {
    const uint8_t *bytes;
    size_t length;
    bool big; /* most significant byte first */
} tiff;

/* Checks the header; the offset of the first directory. An "Exif\0\0" in front is skipped. */
bool tiff_open(tiff *t, const uint8_t *bytes, size_t length, uint32_t *directory);

/* False: beyond the end. */
bool tiff_u16(const tiff *t, size_t at, unsigned *value);
bool tiff_u32(const tiff *t, size_t at, uint32_t *value);

typedef struct tiff_entry {
    size_t at;      /* of its 12 bytes */
    unsigned type;  /* 2 ASCII, 3 SHORT, 4 LONG, 7 UNDEFINED, ... */
    uint32_t count; /* of items, not of bytes */
    size_t value;   /* offset of the value: in the entry itself where it has at most 4 bytes */
} tiff_entry;

/* The first entry with the tag; false: there is none, or the directory is cut off. Where the value ends is not
 * checked. */
bool tiff_find(const tiff *t, uint32_t directory, unsigned tag, tiff_entry *out);

/* The ImageDescription of an EXIF block: false: none. `*at` points into the block, without NULs at its end. */
bool tiff_description(const uint8_t *exif, size_t length, const char **at, size_t *n);

/* Appends the block with another ImageDescription: nothing that was there moves, for maker notes have offsets of
 * their own; a directory without the tag is copied to the end. An empty block becomes a new one. False: the block
 * is damaged. */
bool tiff_describe(const uint8_t *exif, size_t length, const char *description, text *out);

#endif
