#include "src/meta/tiff.h"

#include <string.h>

enum { HEADER = 8, ENTRY = 12, DESCRIPTION = 0x010E, TYPE_ASCII = 2 };

bool tiff_u16(const tiff *t, size_t at, unsigned *value)
{
    if (t->length < 2 || at > t->length - 2) return false;
    const uint8_t *p = t->bytes + at;
    *value = t->big ? (unsigned)p[0] << 8 | p[1] : (unsigned)p[1] << 8 | p[0];
    return true;
}

bool tiff_u32(const tiff *t, size_t at, uint32_t *value)
{
    unsigned a, b;
    if (!tiff_u16(t, at, &a) || !tiff_u16(t, at + 2, &b)) return false;
    *value = t->big ? (uint32_t)a << 16 | b : (uint32_t)b << 16 | a;
    return true;
}

/* Bytes of "Exif\0\0" before the header. */
static size_t mark_length(const uint8_t *bytes, size_t length)
{
    return length >= 6 && !memcmp(bytes, "Exif\0", 5) ? 6 : 0;
}

bool tiff_open(tiff *t, const uint8_t *bytes, size_t length, uint32_t *directory)
{
    size_t mark = mark_length(bytes, length);
    bytes += mark;
    length -= mark;
    if (length < HEADER) return false;
    *t = (tiff){bytes, length, bytes[0] == 'M'};
    unsigned magic;
    if (memcmp(bytes, "II", 2) && memcmp(bytes, "MM", 2)) return false;
    return tiff_u16(t, 2, &magic) && magic == 42 && tiff_u32(t, 4, directory);
}

static size_t size_of_type(unsigned type)
{
    static const uint8_t size[] = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8};
    return type < sizeof size ? size[type] : type == 129 ? 1 : 0; /* 129: UTF-8, EXIF 3.0 */
}

bool tiff_find(const tiff *t, uint32_t directory, unsigned tag, tiff_entry *out)
{
    unsigned entries, found;
    if (!tiff_u16(t, directory, &entries)) return false;
    for (size_t at = (size_t)directory + 2; entries-- > 0; at += ENTRY) {
        uint32_t offset;
        *out = (tiff_entry){.at = at, .value = at + 8};
        if (!tiff_u16(t, at, &found) || !tiff_u16(t, at + 2, &out->type) ||
            !tiff_u32(t, at + 4, &out->count) || !tiff_u32(t, at + 8, &offset))
            return false;
        if (found != tag) continue;
        if ((uint64_t)out->count * size_of_type(out->type) > 4) out->value = offset;
        return true;
    }
    return false;
}

/* ---- ImageDescription ---- */

/* Does the entry hold letters that lie in the block? */
static bool holds_text(const tiff *t, const tiff_entry *e)
{
    return size_of_type(e->type) == 1 && e->value <= t->length && e->count <= t->length - e->value;
}

bool tiff_description(const uint8_t *exif, size_t length, const char **at, size_t *n)
{
    tiff t;
    uint32_t directory;
    tiff_entry e;
    if (!tiff_open(&t, exif, length, &directory) || !tiff_find(&t, directory, DESCRIPTION, &e)) return false;
    if (!holds_text(&t, &e)) return false;
    *at = (const char *)t.bytes + e.value;
    for (*n = 0; *n < e.count && (*at)[*n];) ++*n;
    return true;
}

static void put_u16(uint8_t *p, unsigned value, bool big)
{
    p[big ? 0 : 1] = (uint8_t)(value >> 8);
    p[big ? 1 : 0] = (uint8_t)value;
}

static void put_u32(uint8_t *p, uint32_t value, bool big)
{
    put_u16(p + (big ? 0 : 2), value >> 16, big);
    put_u16(p + (big ? 2 : 0), value & 0xFFFF, big);
}

static void append_u16(text *out, unsigned value, bool big)
{
    uint8_t p[2];
    put_u16(p, value, big);
    text_append_bytes(out, (const char *)p, 2);
}

static void append_u32(text *out, uint32_t value, bool big)
{
    uint8_t p[4];
    put_u32(p, value, big);
    text_append_bytes(out, (const char *)p, 4);
}

/* An entry for `n` letters at `offset`, or in the entry itself where they fit. */
static void make_entry(uint8_t entry[ENTRY], const char *letters, size_t n, size_t offset, bool big)
{
    put_u16(entry, DESCRIPTION, big);
    put_u16(entry + 2, TYPE_ASCII, big);
    put_u32(entry + 4, (uint32_t)n, big);
    memset(entry + 8, 0, 4);
    if (n > 4)
        put_u32(entry + 8, (uint32_t)offset, big);
    else
        memcpy(entry + 8, letters, n);
}

static void append_value(text *out, const char *letters, size_t n)
{
    if (n > 4) text_append_bytes(out, letters, n);
}

/* The entry that is there gets another value, at the end; the old one, if it lies there, is cut off. */
static bool replace(const tiff *t, const tiff_entry *e, const char *description, text *out)
{
    size_t start = out->length, keep = t->length, n = strlen(description) + 1;
    if (holds_text(t, e) && e->value >= e->at + ENTRY && e->value + e->count == t->length) keep = e->value;
    if (keep & 1) keep = t->length;
    text_append_bytes(out, (const char *)t->bytes, keep);
    if (keep & 1) text_append_bytes(out, "", 1);
    size_t offset = out->length - start;
    append_value(out, description, n);
    if (!out->failed) make_entry((uint8_t *)out->data + start + e->at, description, n, offset, t->big);
    return true;
}

/* The directory at the end once more, with the new entry in its place by tag. */
static bool add(const tiff *t, uint32_t directory, const char *description, text *out)
{
    unsigned entries, tag;
    uint32_t next = 0;
    size_t first = (size_t)directory + 2, start = out->length, before = 0, n = strlen(description) + 1;
    if (!tiff_u16(t, directory, &entries) || entries == 0xFFFF) return false;
    if (t->length < first || (size_t)entries * ENTRY > t->length - first) return false;
    tiff_u32(t, first + (size_t)entries * ENTRY, &next); /* some lack it: then nothing follows */
    while (before < entries && tiff_u16(t, first + before * ENTRY, &tag) && tag < DESCRIPTION) before++;
    text_append_bytes(out, (const char *)t->bytes, t->length);
    if (t->length & 1) text_append_bytes(out, "", 1);
    size_t moved = out->length - start;
    uint8_t entry[ENTRY];
    make_entry(entry, description, n, moved + 2 + ((size_t)entries + 1) * ENTRY + 4, t->big);
    append_u16(out, entries + 1, t->big);
    text_append_bytes(out, (const char *)t->bytes + first, before * ENTRY);
    text_append_bytes(out, (const char *)entry, ENTRY);
    text_append_bytes(out, (const char *)t->bytes + first + before * ENTRY, (entries - before) * ENTRY);
    append_u32(out, next, t->big);
    append_value(out, description, n);
    if (!out->failed) put_u32((uint8_t *)out->data + start + 4, (uint32_t)moved, t->big);
    return true;
}

bool tiff_describe(const uint8_t *exif, size_t length, const char *description, text *out)
{
    static const uint8_t fresh[] = {'M', 'M', 0, 42, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0};
    tiff t;
    uint32_t directory;
    tiff_entry e;
    if (!length) { /* a header, and a directory without entries, which moves to its own place */
        t = (tiff){fresh, HEADER, true};
        size_t n = strlen(description) + 1;
        uint8_t entry[ENTRY];
        text_append_bytes(out, (const char *)fresh, HEADER);
        make_entry(entry, description, n, HEADER + 2 + ENTRY + 4, true);
        append_u16(out, 1, true);
        text_append_bytes(out, (const char *)entry, ENTRY);
        append_u32(out, 0, true);
        append_value(out, description, n);
        return true;
    }
    if (!tiff_open(&t, exif, length, &directory)) return false;
    text_append_bytes(out, (const char *)exif, (size_t)(t.bytes - exif));
    if (tiff_find(&t, directory, DESCRIPTION, &e)) return replace(&t, &e, description, out);
    return add(&t, directory, description, out);
}
