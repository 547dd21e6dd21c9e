/* BMP, read by ourselves: no library of Debian's reads it alone. The headers are those of OS/2 (12 bytes) and of
 * Windows (40, 52, 56, 108 and 124 bytes); 1, 4, 8, 16, 24 and 32 bits a pixel, run-length coding of 4 and 8.
 * Source: Microsoft, "Bitmap Storage" and BITMAPV5HEADER. */
#include <stdlib.h>
#include <string.h>

#include "src/image/format.h"

enum { FILE_HEADER = 14, CORE_HEADER = 12, INFO_HEADER = 40, MOST_HEADER = 124 };
typedef enum { PLAIN, RLE8, RLE4, MASKS, ALPHA_MASKS = 6 } coding;

typedef struct bmp {
    const img_source *src;
    int width, height;
    bool top_down;
    int bits; /* of a pixel */
    coding coding;
    uint32_t mask[4];    /* red, green, blue, alpha; 16 and 32 bits */
    size_t pixels;       /* where they begin in the file */
    int colours;         /* of the palette */
    uint8_t rgb[256][3]; /* which is black beyond them */
} bmp;

static uint32_t u16(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8;
}

static uint32_t u32(const uint8_t *p)
{
    return u16(p) | u16(p + 2) << 16;
}

static err_code damaged(const bmp *b, const char *problem, error *e)
{
    return img_damaged(b->src, problem, NULL, e);
}

static const char too_short[] = "the BMP data ends too early; the file is truncated";

/* ---- headers ---- */

static err_code check_kind(const bmp *b, error *e)
{
    bool plain =
        b->bits == 1 || b->bits == 4 || b->bits == 8 || b->bits == 16 || b->bits == 24 || b->bits == 32;
    bool good = (b->coding == PLAIN && plain) || (b->coding == RLE8 && b->bits == 8) ||
                (b->coding == RLE4 && b->bits == 4) ||
                ((b->coding == MASKS || b->coding == ALPHA_MASKS) && (b->bits == 16 || b->bits == 32));
    if (good && !(b->top_down && (b->coding == RLE8 || b->coding == RLE4))) return ERR_OK;
    return err_set(e, ERR_UNSUPPORTED, "cannot read '%s': a kind of BMP that is not supported", b->src->name);
}

static void set_masks(bmp *b, const uint8_t *info, size_t header)
{
    bool wide = b->bits == 32;
    const uint32_t usual[3] = {wide ? 0xFF0000 : 0x7C00, wide ? 0xFF00 : 0x3E0, wide ? 0xFF : 0x1F};
    memcpy(b->mask, usual, sizeof usual);
    if (b->coding != MASKS && b->coding != ALPHA_MASKS) return;
    for (int i = 0; i < 3; i++) b->mask[i] = u32(info + INFO_HEADER + 4 * i);
    if (header >= INFO_HEADER + 16 || b->coding == ALPHA_MASKS) b->mask[3] = u32(info + INFO_HEADER + 12);
}

/* The bytes of masks that follow the oldest header of Windows rather than being a part of it. */
static size_t loose_masks(const bmp *b, size_t header)
{
    if (header != INFO_HEADER) return 0;
    return b->coding == MASKS ? 12 : b->coding == ALPHA_MASKS ? 16 : 0;
}

static err_code read_palette(bmp *b, size_t at, uint32_t count, size_t each, error *e)
{
    uint32_t most = b->bits <= 8 ? 1u << b->bits : 0;
    if (!count || count > most) count = most;
    for (uint32_t i = 0; i < count && at + each <= b->src->length; i++, at += each) {
        const uint8_t *p = b->src->bytes + at;
        const uint8_t rgb[3] = {p[2], p[1], p[0]};
        if (at >= b->pixels) break; /* OS/2 writes shorter palettes than it says */
        memcpy(b->rgb[i], rgb, 3);
        b->colours++;
    }
    return most && !b->colours ? damaged(b, "a BMP without its palette", e) : ERR_OK;
}

static err_code read_windows(bmp *b, const uint8_t *info, size_t header, uint32_t *palette, error *e)
{
    int64_t height = (int32_t)u32(info + 8), width = (int32_t)u32(info + 4);
    b->top_down = height < 0;
    height = height < 0 ? -height : height;
    if (width < 1 || !height || width > IMG_MAX_SIDE || height > IMG_MAX_SIDE)
        return damaged(b, "a BMP of impossible size", e);
    b->width = (int)width;
    b->height = (int)height;
    b->bits = (int)u16(info + 14);
    b->coding = (coding)u32(info + 16);
    *palette = u32(info + 32);
    if (FILE_HEADER + header + loose_masks(b, header) > b->src->length) return damaged(b, too_short, e);
    return check_kind(b, e);
}

static err_code read_header(bmp *b, error *e)
{
    const uint8_t *bytes = b->src->bytes, *info = bytes + FILE_HEADER;
    if (b->src->length < FILE_HEADER + CORE_HEADER) return damaged(b, too_short, e);
    size_t header = u32(info);
    uint32_t palette = 0;
    err_code code;
    b->pixels = u32(bytes + 10);
    if (header > MOST_HEADER || (header != CORE_HEADER && header < INFO_HEADER))
        return damaged(b, "a BMP with an unknown header", e);
    if (FILE_HEADER + header > b->src->length) return damaged(b, too_short, e);
    if (header == CORE_HEADER) {
        b->width = (int)u16(info + 4);
        b->height = (int)u16(info + 6);
        b->bits = (int)u16(info + 10);
        if (!b->width || !b->height) return damaged(b, "a BMP of impossible size", e);
        code = check_kind(b, e);
    } else {
        code = read_windows(b, info, header, &palette, e);
    }
    if (code) return code;
    if (header == CORE_HEADER)
        set_masks(b, NULL, 0);
    else
        set_masks(b, info, header);
    size_t at = FILE_HEADER + header + loose_masks(b, header);
    return read_palette(b, at, palette, header == CORE_HEADER ? 3 : 4, e);
}

/* ---- pixels ---- */

static uint8_t *row_at(const bmp *b, img *out, int y)
{
    int row = b->top_down ? y : b->height - 1 - y;
    return out->rgb + (size_t)row * (size_t)b->width * 3;
}

/* The part of a pixel that a mask picks, as 0..255. */
static uint8_t pick(uint32_t pixel, uint32_t mask)
{
    if (!mask) return 0;
    uint32_t shift = (uint32_t)__builtin_ctz(mask), most = mask >> shift;
    return (uint8_t)(((uint64_t)((pixel & mask) >> shift) * 255 + most / 2) / most);
}

static void put_masked(const bmp *b, uint32_t pixel, uint8_t *to)
{
    uint32_t alpha = b->mask[3] ? pick(pixel, b->mask[3]) : 255;
    for (int i = 0; i < 3; i++)
        to[i] = (uint8_t)((pick(pixel, b->mask[i]) * alpha + 255 * (255 - alpha) + 127) / 255);
}

static void read_row(const bmp *b, const uint8_t *from, uint8_t *to)
{
    for (int x = 0; x < b->width; x++, to += 3) {
        int at = x * b->bits;
        if (b->bits <= 8) {
            memcpy(to, b->rgb[from[at / 8] >> (8 - b->bits - at % 8) & ((1 << b->bits) - 1)], 3);
        } else if (b->bits == 24) {
            const uint8_t rgb[3] = {from[3 * x + 2], from[3 * x + 1], from[3 * x]};
            memcpy(to, rgb, 3);
        } else {
            put_masked(b, b->bits == 16 ? u16(from + 2 * x) : u32(from + 4 * x), to);
        }
    }
}

static err_code read_rows(const bmp *b, img *out, error *e)
{
    size_t stride = ((size_t)b->width * (size_t)b->bits + 31) / 32 * 4;
    size_t used = ((size_t)b->width * (size_t)b->bits + 7) / 8; /* the last row may lack its padding */
    const img_source *s = b->src;
    if (b->pixels > s->length || (s->length - b->pixels < used) ||
        (s->length - b->pixels - used) / stride < (size_t)(b->height - 1))
        return damaged(b, too_short, e);
    for (int y = 0; y < b->height; y++)
        read_row(b, s->bytes + b->pixels + (size_t)y * stride, row_at(b, out, y));
    return ERR_OK;
}

/* A run: where the next pixel goes. What is never reached stays as the first colour. */
typedef struct pen {
    const bmp *b;
    img *out;
    int x, y;
} pen;

static void put_index(pen *p, uint8_t index)
{
    if (p->y >= p->b->height || p->x >= p->b->width) return;
    memcpy(row_at(p->b, p->out, p->y) + (size_t)p->x++ * 3, p->b->rgb[index], 3);
}

/* The i-th index of bytes that hold one or two each. */
static uint8_t index_of(const bmp *b, const uint8_t *bytes, int i)
{
    if (b->coding == RLE8) return bytes[i];
    return i % 2 ? bytes[i / 2] & 15 : bytes[i / 2] >> 4;
}

/* What follows a zero: the end of a row, of the picture, a jump, or pixels as they are. */
static bool read_escape(pen *p, const uint8_t **at, const uint8_t *end, uint8_t what, bool *done)
{
    if (what == 0) {
        p->x = 0;
        p->y++;
    } else if (what == 1) {
        *done = true;
    } else if (what == 2) {
        if (end - *at < 2) return false;
        p->x += (*at)[0];
        p->y += (*at)[1];
        *at += 2;
    } else {
        size_t bytes = p->b->coding == RLE8 ? what : (what + 1u) / 2;
        if ((size_t)(end - *at) < bytes) return false;
        for (int i = 0; i < what; i++) put_index(p, index_of(p->b, *at, i));
        bytes += bytes & 1;
        *at += (size_t)(end - *at) < bytes ? end - *at : (ptrdiff_t)bytes;
    }
    return true;
}

static err_code read_runs(const bmp *b, img *out, error *e)
{
    const img_source *s = b->src;
    if (b->pixels > s->length) return damaged(b, too_short, e);
    const uint8_t *at = s->bytes + b->pixels, *end = s->bytes + s->length;
    pen p = {.b = b, .out = out};
    for (size_t i = 0; i < (size_t)b->width * (size_t)b->height; i++) memcpy(out->rgb + 3 * i, b->rgb[0], 3);
    for (bool done = false; !done && p.y < b->height;) {
        if (end - at < 2) return damaged(b, too_short, e);
        uint8_t count = at[0], what = at[1];
        const uint8_t twice[2] = {what, what};
        at += 2;
        if (!count && !read_escape(&p, &at, end, what, &done)) return damaged(b, too_short, e);
        for (int i = 0; i < count; i++) put_index(&p, b->coding == RLE8 ? what : index_of(b, twice, i % 2));
    }
    return ERR_OK;
}

err_code img_bmp_read(const img_source *src, const img_read_options *options, img *out, img_info *info,
                      error *e)
{
    bmp b = {.src = src};
    err_code code = read_header(&b, e);
    if (!code) code = img_check_size(src, options, (uint64_t)b.width, (uint64_t)b.height, e);
    if (!code) code = img_create(out, b.width, b.height, e);
    if (code) return code;
    info->width = b.width;
    info->height = b.height;
    return b.coding == RLE8 || b.coding == RLE4 ? read_runs(&b, out, e) : read_rows(&b, out, e);
}
