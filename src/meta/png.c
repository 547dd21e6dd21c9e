/* PNG (W3C, third edition): EXIF is the chunk eXIf, XMP the text (iTXt) with the key "XML:com.adobe.xmp". New ones
 * come before the first IDAT. */
#include "src/meta/format.h"

#include <string.h>

static const uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
enum { HEAD = 8, FRAME = 12 }; /* length, four letters; and the checksum */

static const char xmp_key[] = "XML:com.adobe.xmp", note_key[] = "Description";

typedef struct chunk {
    const uint8_t *at, *data;
    size_t size, whole; /* of the data; with its frame */
    bool known;         /* it is a block of `kind` */
    meta_kind kind;
    meta_block block;
} chunk;

static bool matches(const meta_file *f)
{
    return f->size >= sizeof signature && !memcmp(f->bytes, signature, sizeof signature);
}

static bool is_type(const chunk *c, const char *type)
{
    return !memcmp(c->at + 4, type, 4);
}

static bool has_key(const chunk *c, const char *key)
{
    size_t n = strlen(key) + 1;
    return c->size >= n && !memcmp(c->data, key, n);
}

/* The text of an iTXt, which is not compressed: behind flag, method, language, and the key in that language. */
static bool find_text(const chunk *c, size_t at, meta_block *out)
{
    if (c->size - at < 2 || c->data[at]) return false;
    at += 2;
    for (int i = 0; i < 2; i++) {
        const uint8_t *zero = memchr(c->data + at, 0, c->size - at);
        if (!zero) return false;
        at = (size_t)(zero - c->data) + 1;
    }
    *out = (meta_block){c->data + at, c->size - at};
    return true;
}

static bool fail_compressed(const meta_file *f, error *err)
{
    err_set(err, ERR_UNSUPPORTED, "the XMP of '%.200s' is compressed: it is left alone", f->name);
    return false;
}

/* What the chunk says, if it is for us. False: it cannot be told. */
static bool look_at(const meta_file *f, chunk *c, error *err)
{
    if (is_type(c, "eXIf")) {
        c->known = true;
        c->kind = META_EXIF;
        c->block = (meta_block){c->data, c->size};
    } else if (is_type(c, "iTXt") && has_key(c, xmp_key)) {
        c->known = true;
        c->kind = META_XMP;
        if (!find_text(c, sizeof xmp_key, &c->block)) return fail_compressed(f, err);
    } else if (is_type(c, "tEXt") && has_key(c, note_key)) {
        c->known = true;
        c->kind = META_NOTE;
        c->block = (meta_block){c->data + sizeof note_key, c->size - sizeof note_key};
    } else if (is_type(c, "iTXt") && has_key(c, note_key)) {
        c->known = find_text(c, sizeof note_key, &c->block);
        c->kind = META_NOTE;
    }
    return true;
}

/* The chunk at *at, which moves behind it. */
static err_code next_chunk(const meta_file *f, size_t *at, chunk *c, error *err)
{
    size_t left = f->size - *at;
    *c = (chunk){0};
    if (left < FRAME || meta_big(f->bytes + *at) > left - FRAME)
        return meta_damaged(f, "a chunk is cut off", err);
    *c = (chunk){.at = f->bytes + *at, .data = f->bytes + *at + HEAD, .size = meta_big(f->bytes + *at)};
    c->whole = c->size + FRAME;
    *at += c->whole;
    return look_at(f, c, err) ? ERR_OK : ERR_UNSUPPORTED;
}

/* As ImageMagick wrote it before there was eXIf: as text, in hexadecimal digits. */
static bool is_raw_exif(const chunk *c)
{
    bool is_a_text = is_type(c, "tEXt") || is_type(c, "zTXt") || is_type(c, "iTXt");
    return is_a_text && (has_key(c, "Raw profile type exif") || has_key(c, "Raw profile type APP1"));
}

static err_code read(const meta_file *f, arena *memory, meta_blocks *out, error *err)
{
    chunk c;
    err_code code = ERR_OK;
    (void)memory;
    *out = (meta_blocks){0};
    for (size_t at = sizeof signature; !code && at < f->size;) {
        code = next_chunk(f, &at, &c, err);
        if (code) break;
        if (c.known && !out->of[c.kind].bytes) out->of[c.kind] = c.block;
        if (is_raw_exif(&c)) out->exif_elsewhere = true;
        if (is_type(&c, "IEND")) break;
    }
    return code;
}

/* The checksum of chunks (PNG, annex D). */
static uint32_t checksum(const uint8_t *p, size_t n)
{
    uint32_t c = 0xFFFFFFFF;
    while (n--) {
        c ^= *p++;
        for (int i = 0; i < 8; i++) c = c & 1 ? 0xEDB88320 ^ c >> 1 : c >> 1;
    }
    return ~c;
}

static void append_big(text *out, uint32_t value)
{
    const uint8_t p[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
                          (uint8_t)value};
    text_append_bytes(out, (const char *)p, sizeof p);
}

static void append_chunk(text *out, const char *type, const char *front, size_t front_size,
                         const meta_block *b)
{
    append_big(out, (uint32_t)(front_size + b->size));
    size_t start = out->length;
    text_append(out, type);
    text_append_bytes(out, front, front_size);
    text_append_bytes(out, (const char *)b->bytes, b->size);
    if (!out->failed) append_big(out, checksum((const uint8_t *)out->data + start, out->length - start));
}

static void append_block(text *out, meta_kind kind, const meta_block *b)
{
    static const char front[sizeof xmp_key + 4] =
        "XML:com.adobe.xmp"; /* and zeros: not compressed, no language */
    if (!b->bytes) return;
    if (kind == META_EXIF) append_chunk(out, "eXIf", "", 0, b);
    if (kind == META_XMP) append_chunk(out, "iTXt", front, sizeof front, b);
}

static err_code write(const meta_file *f, const meta_blocks *blocks, text *out, error *err)
{
    chunk c;
    bool written[META_KINDS] = {false}, seen[META_KINDS] = {false};
    size_t at = sizeof signature;
    text_append_bytes(out, (const char *)signature, sizeof signature);
    for (bool over = false; !over && at < f->size;) {
        err_code code = next_chunk(f, &at, &c, err);
        if (code) return code;
        over = is_type(&c, "IEND");
        for (int k = 0; k < META_KINDS; k++) { /* what is new comes before the pixels */
            if (written[k] || !blocks->changed[k] || (!is_type(&c, "IDAT") && !over)) continue;
            append_block(out, (meta_kind)k, &blocks->of[k]);
            written[k] = true;
        }
        if (!c.known || !blocks->changed[c.kind] || seen[c.kind]) {
            text_append_bytes(out, (const char *)c.at, c.whole);
            continue;
        }
        seen[c.kind] = true;
        if (!written[c.kind]) append_block(out, c.kind, &blocks->of[c.kind]);
        written[c.kind] = true;
    }
    text_append_bytes(out, (const char *)f->bytes + at, f->size - at);
    return ERR_OK;
}

const meta_format meta_png = {matches, read, write, false, 100 << 20};
