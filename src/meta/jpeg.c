/* JPEG: segments before the picture's first scan. EXIF and XMP are segments APP1 (EXIF 2.32, 4.7.2; ISO 16684-3,
 * 1.1.3), Photoshop's resources are APP13, split over several where they are long. What comes with the first scan
 * is copied as it is; the offsets of further pictures behind it (CIPA DC-007, APP2 "MPF") follow. */
#include "src/meta/format.h"

#include <string.h>

#include "src/meta/tiff.h"

enum { SOI = 0xD8, EOI = 0xD9, SOS = 0xDA, APP0 = 0xE0, APP1 = 0xE1, APP2 = 0xE2, APP13 = 0xED };
enum { LARGEST = 65533 }; /* bytes of a segment's data: two count themselves */

static const char exif_mark[] = "Exif\0", xmp_mark[] = "http://ns.adobe.com/xap/1.0/", mpf_mark[] = "MPF",
                  resources_mark[] = "Photoshop 3.0"; /* each with its NUL; that of EXIF has two */

typedef struct segment {
    const uint8_t *at, *data;
    size_t size, whole; /* of the data; with what stands in front */
    uint8_t marker;
    bool known;
    meta_kind kind;
    meta_block block; /* behind the mark */
} segment;

static bool matches(const meta_file *f)
{
    return f->size >= 3 && !memcmp(f->bytes, "\xFF\xD8\xFF", 3);
}

static bool begins(const segment *s, const char *mark, size_t n, meta_block *out)
{
    if (s->size < n || memcmp(s->data, mark, n) != 0) return false;
    *out = (meta_block){s->data + n, s->size - n};
    return true;
}

static void look_at(segment *s)
{
    s->known = true;
    if (s->marker == APP1 && begins(s, exif_mark, sizeof exif_mark, &s->block))
        s->kind = META_EXIF;
    else if (s->marker == APP1 && begins(s, xmp_mark, sizeof xmp_mark, &s->block))
        s->kind = META_XMP;
    else if (s->marker == APP13 && begins(s, resources_mark, sizeof resources_mark, &s->block))
        s->kind = META_RESOURCES;
    else
        s->known = false;
}

/* The segment at *at, which moves behind it. */
static err_code next_segment(const meta_file *f, size_t *at, segment *s, error *err)
{
    size_t start = *at, i = start;
    *s = (segment){0};
    if (i >= f->size || f->bytes[i] != 0xFF)
        return meta_damaged(f, "a segment is not where it should be", err);
    while (i < f->size && f->bytes[i] == 0xFF) i++; /* fill bytes */
    if (f->size - i < 3) return meta_damaged(f, "it is cut off", err);
    *s = (segment){.at = f->bytes + start, .marker = f->bytes[i], .data = f->bytes + i + 3};
    size_t length = (size_t)f->bytes[i + 1] << 8 | f->bytes[i + 2];
    if (s->marker < 0xC0 || s->marker == EOI || (s->marker >= 0xD0 && s->marker <= SOI))
        return meta_damaged(f, "it has no picture", err);
    if (length < 2 || length - 2 > f->size - (i + 3)) return meta_damaged(f, "a segment is cut off", err);
    s->size = length - 2;
    *at = i + 1 + length;
    s->whole = *at - start;
    look_at(s);
    return ERR_OK;
}

static err_code read(const meta_file *f, arena *memory, meta_blocks *out, error *err)
{
    segment s;
    text resources = {0};
    err_code code = ERR_OK;
    *out = (meta_blocks){0};
    for (size_t at = 2; !code;) {
        code = next_segment(f, &at, &s, err);
        if (code || s.marker == SOS) break;
        if (s.known && s.kind == META_RESOURCES)
            text_append_bytes(&resources, (const char *)s.block.bytes, s.block.size);
        else if (s.known && !out->of[s.kind].bytes)
            out->of[s.kind] = s.block;
    }
    const void *kept = resources.length ? arena_alloc(memory, resources.length) : "";
    if (!code && (resources.failed || !kept)) code = err_no_memory(err, "while reading '%.200s'", f->name);
    if (!code && resources.length) {
        memcpy((void *)(uintptr_t)kept, resources.data, resources.length);
        out->of[META_RESOURCES] = (meta_block){kept, resources.length};
    }
    text_release(&resources);
    return code;
}

/* ---- writing ---- */

static void append_segment(text *out, uint8_t marker, const char *mark, size_t mark_size,
                           const uint8_t *bytes, size_t size)
{
    size_t length = mark_size + size + 2;
    const uint8_t head[4] = {0xFF, marker, (uint8_t)(length >> 8), (uint8_t)length};
    text_append_bytes(out, (const char *)head, sizeof head);
    text_append_bytes(out, mark, mark_size);
    text_append_bytes(out, (const char *)bytes, size);
}

static void append_resources(text *out, const meta_block *b)
{
    const size_t most = LARGEST - sizeof resources_mark;
    for (size_t at = 0; at < b->size; at += most)
        append_segment(out, APP13, resources_mark, sizeof resources_mark, b->bytes + at,
                       b->size - at < most ? b->size - at : most);
}

static void append_block(text *out, meta_kind kind, const meta_block *b)
{
    if (!b->bytes) return;
    if (kind == META_EXIF) append_segment(out, APP1, exif_mark, sizeof exif_mark, b->bytes, b->size);
    if (kind == META_XMP) append_segment(out, APP1, xmp_mark, sizeof xmp_mark, b->bytes, b->size);
    if (kind == META_RESOURCES) append_resources(out, b);
}

/* Which kinds the file has. */
static err_code find_kinds(const meta_file *f, bool has[META_KINDS], error *err)
{
    segment s;
    for (size_t at = 2;;) {
        err_code code = next_segment(f, &at, &s, err);
        if (code || s.marker == SOS) return code;
        if (s.known) has[s.kind] = true;
    }
}

/* Where things lay, and where they lie. */
typedef struct moved {
    size_t old_mpf, new_mpf; /* the header that offsets of pictures count from; 0: there is none */
    size_t mpf_size;
    size_t old_scan, new_scan;
} moved;

static void put_32(uint8_t *p, uint32_t value, bool big)
{
    for (int i = 0; i < 4; i++) p[i] = (uint8_t)(value >> (big ? 24 - 8 * i : 8 * i));
}

/* The first picture has grown, and the others have moved with their distance from the header. */
static void mend_pictures(const moved *m, const meta_file *f, text *out, size_t start)
{
    enum { ENTRIES = 0xB002, ENTRY = 16 };
    tiff t;
    tiff_entry e;
    uint32_t directory, size, offset;
    if (!m->old_mpf || out->failed) return;
    if (!tiff_open(&t, f->bytes + m->old_mpf, m->mpf_size, &directory) ||
        !tiff_find(&t, directory, ENTRIES, &e))
        return;
    if (e.value > t.length || e.count > t.length - e.value) return;
    uint8_t *new = (uint8_t *)out->data + start + m->new_mpf;
    for (size_t at = e.value; at + ENTRY <= e.value + e.count; at += ENTRY) {
        if (!tiff_u32(&t, at + 4, &size) || !tiff_u32(&t, at + 8, &offset)) return;
        uint64_t old = (uint64_t)m->old_mpf + offset;
        if (!offset)
            put_32(new + at + 4, (uint32_t)(size + m->new_scan - m->old_scan), t.big);
        else if (old >= m->old_scan)
            put_32(new + at + 8, (uint32_t)(old + m->new_scan - m->old_scan - m->new_mpf), t.big);
    }
}

static err_code write(const meta_file *f, const meta_blocks *blocks, text *out, error *err)
{
    segment s;
    meta_block part;
    moved m = {0};
    bool has[META_KINDS] = {false}, written[META_KINDS] = {false}, placed = false;
    size_t at = 2, start = out->length;
    err_code code = find_kinds(f, has, err);
    if (code) return code;
    text_append_bytes(out, (const char *)f->bytes, 2);
    for (;;) {
        size_t from = at;
        code = next_segment(f, &at, &s, err);
        if (code) return code;
        if (!placed && s.marker != APP0 && !(s.known && s.kind == META_EXIF)) {
            for (int k = 0; k < META_KINDS; k++) /* new ones: behind JFIF and EXIF */
                if (!has[k] && blocks->changed[k]) append_block(out, (meta_kind)k, &blocks->of[k]);
            placed = true;
        }
        if (s.marker == SOS) {
            m.old_scan = from;
            m.new_scan = out->length - start;
            text_append_bytes(out, (const char *)f->bytes + from, f->size - from);
            mend_pictures(&m, f, out, start);
            return ERR_OK;
        }
        if (s.marker == APP2 && !m.old_mpf && begins(&s, mpf_mark, sizeof mpf_mark, &part)) {
            m.old_mpf = (size_t)(part.bytes - f->bytes);
            m.mpf_size = part.size;
            m.new_mpf = out->length - start + (m.old_mpf - from);
        }
        if (!s.known || !blocks->changed[s.kind]) {
            text_append_bytes(out, (const char *)s.at, s.whole);
        } else if (!written[s.kind]) {
            append_block(out, s.kind, &blocks->of[s.kind]);
            written[s.kind] = true;
        } else if (s.kind != META_RESOURCES) {
            text_append_bytes(out, (const char *)s.at, s.whole); /* a second one: not ours to judge */
        }
    }
}

const meta_format meta_jpeg = {matches, read, write, true, LARGEST - sizeof xmp_mark};
