/* WebP (RFC 9649): a RIFF file of chunks. EXIF and XMP are the chunks "EXIF" and "XMP ", the last ones, which flags in
 * the chunk VP8X announce; a simple file, which has none, gets one. */
#include "src/meta/format.h"

#include <string.h>

enum { FRONT = 12, HEAD = 8, EXTENDED = 10 };
enum { FLAG_XMP = 0x04, FLAG_EXIF = 0x08, FLAG_ALPHA = 0x10 };

typedef struct chunk {
    const uint8_t *at, *data;
    size_t size, whole; /* of the data; with head and padding */
} chunk;

static bool matches(const meta_file *f)
{
    return f->size >= FRONT && !memcmp(f->bytes, "RIFF", 4) && !memcmp(f->bytes + 8, "WEBP", 4);
}

/* Where the chunks end: behind may be bytes that are none of WebP's. */
static size_t end_of_riff(const meta_file *f)
{
    uint64_t end = (uint64_t)meta_little(f->bytes + 4) + HEAD;
    return end < f->size ? (size_t)end : f->size;
}

static bool is_type(const chunk *c, const char *type)
{
    return !memcmp(c->at, type, 4);
}

static err_code next_chunk(const meta_file *f, size_t end, size_t *at, chunk *c, error *err)
{
    size_t left = end - *at;
    *c = (chunk){0};
    if (left < HEAD || meta_little(f->bytes + *at + 4) > left - HEAD)
        return meta_damaged(f, "a chunk is cut off", err);
    *c =
        (chunk){.at = f->bytes + *at, .data = f->bytes + *at + HEAD, .size = meta_little(f->bytes + *at + 4)};
    c->whole = HEAD + c->size + (c->size & 1);
    if (c->whole > left) c->whole = left; /* the last padding may lack */
    *at += c->whole;
    return ERR_OK;
}

static bool find_kind(const chunk *c, meta_kind *kind)
{
    *kind = is_type(c, "EXIF") ? META_EXIF : META_XMP;
    return is_type(c, "EXIF") || is_type(c, "XMP ");
}

static err_code read(const meta_file *f, arena *memory, meta_blocks *out, error *err)
{
    chunk c;
    meta_kind kind;
    size_t end = end_of_riff(f);
    err_code code = ERR_OK;
    (void)memory;
    *out = (meta_blocks){0};
    for (size_t at = FRONT; !code && at < end;) {
        code = next_chunk(f, end, &at, &c, err);
        if (!code && find_kind(&c, &kind) && !out->of[kind].bytes)
            out->of[kind] = (meta_block){c.data, c.size};
    }
    return code;
}

/* ---- VP8X ---- */

static void put_24(uint8_t *p, uint32_t value)
{
    p[0] = (uint8_t)value;
    p[1] = (uint8_t)(value >> 8);
    p[2] = (uint8_t)(value >> 16);
}

/* The canvas of a simple file, from the head of its only picture: RFC 6386, 9.1 (lossy), RFC 9649, 3.4 (lossless). */
static bool measure(const chunk *c, uint8_t extended[EXTENDED])
{
    const uint8_t *p = c->data;
    uint32_t width, height;
    memset(extended, 0, EXTENDED);
    if (is_type(c, "VP8L")) {
        if (c->size < 5 || p[0] != 0x2F) return false;
        uint32_t bits = meta_little(p + 1);
        width = (bits & 0x3FFF) + 1;
        height = (bits >> 14 & 0x3FFF) + 1;
        if (bits >> 28 & 1) extended[0] |= FLAG_ALPHA;
    } else {
        if (!is_type(c, "VP8 ") || c->size < 10 || memcmp(p + 3, "\x9D\x01\x2A", 3) != 0) return false;
        width = meta_little(p + 6) & 0x3FFF;
        height = meta_little(p + 6) >> 16 & 0x3FFF;
        if (!width || !height) return false;
    }
    put_24(extended + 4, width - 1);
    put_24(extended + 7, height - 1);
    return true;
}

static void append_little(text *out, uint32_t value)
{
    const uint8_t p[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
                          (uint8_t)(value >> 24)};
    text_append_bytes(out, (const char *)p, sizeof p);
}

static void append_chunk(text *out, const char *type, const uint8_t *data, size_t size)
{
    text_append(out, type);
    append_little(out, (uint32_t)size);
    text_append_bytes(out, (const char *)data, size);
    if (size & 1) text_append_bytes(out, "", 1);
}

static uint8_t flags_of(const meta_blocks *blocks)
{
    return (uint8_t)((blocks->of[META_EXIF].bytes ? FLAG_EXIF : 0) |
                     (blocks->of[META_XMP].bytes ? FLAG_XMP : 0));
}

/* The first chunk: VP8X with other flags, or a new one before it. */
static err_code append_first(const meta_file *f, const chunk *c, const meta_blocks *blocks, text *out,
                             error *err)
{
    uint8_t extended[EXTENDED];
    bool there = is_type(c, "VP8X");
    if (there ? c->size < EXTENDED : !measure(c, extended))
        return meta_damaged(f, "its first chunk is wrong", err);
    if (there) {
        size_t start = out->length;
        text_append_bytes(out, (const char *)c->at, c->whole);
        if (!out->failed)
            out->data[start + HEAD] =
                (char)(((uint8_t)out->data[start + HEAD] & ~(FLAG_EXIF | FLAG_XMP)) | flags_of(blocks));
        return ERR_OK;
    }
    extended[0] |= flags_of(blocks);
    append_chunk(out, "VP8X", extended, EXTENDED);
    text_append_bytes(out, (const char *)c->at, c->whole);
    return ERR_OK;
}

static void append_block(text *out, const meta_block *b, meta_kind kind)
{
    if (b->bytes) append_chunk(out, kind == META_EXIF ? "EXIF" : "XMP ", b->bytes, b->size);
}

static err_code write(const meta_file *f, const meta_blocks *blocks, text *out, error *err)
{
    chunk c;
    meta_kind kind;
    bool written[META_KINDS] = {false};
    size_t end = end_of_riff(f), start = out->length, at = FRONT;
    text_append_bytes(out, (const char *)f->bytes, FRONT);
    while (at < end) {
        bool first = at == FRONT;
        err_code code = next_chunk(f, end, &at, &c, err);
        if (code) return code;
        if (first) {
            code = append_first(f, &c, blocks, out, err);
            if (code) return code;
        } else if (!find_kind(&c, &kind) || !blocks->changed[kind] || written[kind]) {
            text_append_bytes(out, (const char *)c.at, c.whole);
        } else {
            append_block(out, &blocks->of[kind], kind);
            written[kind] = true;
        }
    }
    if ((out->length - start) & 1) text_append_bytes(out, "", 1);
    for (int k = META_EXIF; k <= META_XMP; k++)
        if (blocks->changed[k] && !written[k]) append_block(out, &blocks->of[k], (meta_kind)k);
    size_t riff = out->length - start - HEAD;
    if (riff > UINT32_MAX)
        return err_set(err, ERR_LIMIT, "'%.200s' would become too large for a WebP file", f->name);
    for (int i = 0; i < 4 && !out->failed; i++) out->data[start + 4 + (size_t)i] = (char)(riff >> (8 * i));
    text_append_bytes(out, (const char *)f->bytes + end, f->size - end);
    return ERR_OK;
}

const meta_format meta_webp = {matches, read, write, false, 100 << 20};
