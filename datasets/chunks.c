#include "datasets/chunks.h"

#include "datasets/points.h"
#include "src/base/text.h"

#include <string.h>

/* The code point at s and, in *size, its bytes; 0 at the end of the line. */
static uint32_t point_at(const char *s, int32_t *size)
{
    const char *next = s;
    int32_t point = *s ? text_utf8_next(&next, s + strnlen(s, 4)) : 0;
    *size = (int32_t)(next - s);
    return point < 0 ? 0xfffd : (uint32_t)point;
}

static bool is_digit(uint32_t point)
{
    return point >= '0' && point <= '9';
}

static bool is_apostrophe(uint32_t point)
{
    return point == '\'' || point == 0x2019;
}

/* Is the mark of `size` bytes at s, which stands behind `before`, the point or colon of a number? */
static bool is_in_number(uint32_t mark, uint32_t before, const char *after)
{
    return (mark == '.' || mark == ',' || mark == ':') && is_digit(before) && is_digit((unsigned char)*after);
}

/* Bytes of the letters at s. */
static int32_t letters_size(const char *s)
{
    uint32_t before = 0;
    int32_t total = 0, size;
    for (int points = 0; points < DS_CHUNK_POINTS; points++) {
        uint32_t point = point_at(s + total, &size);
        if (!point) break;
        if (!ds_point_is_letter(point) && !is_in_number(point, before, s + total + size)) break;
        total += size;
        before = point;
    }
    return total;
}

/* Bytes of the run of `mark` at s. */
static int32_t run_size(const char *s, uint32_t mark)
{
    int32_t total = 0, size;
    for (int points = 0; points < DS_CHUNK_POINTS && point_at(s + total, &size) == mark; points++)
        total += size;
    return total;
}

bool ds_chunk_next(ds_chunker *it, ds_chunk *out)
{
    int32_t size, ignored;
    uint32_t point = point_at(it->at, &size);
    bool behind_letters = it->last == DS_CHUNK_LETTERS || it->last == DS_CHUNK_CLITIC;
    *out = (ds_chunk){.text = it->at};
    if (!point) return false;
    if (ds_point_is_letter(point)) {
        *out = (ds_chunk){DS_CHUNK_LETTERS, it->at, letters_size(it->at)};
    } else if (ds_point_is_blank(point)) {
        *out = (ds_chunk){DS_CHUNK_BLANK, it->at, size};
    } else if (is_apostrophe(point) && behind_letters &&
               ds_point_is_letter(point_at(it->at + size, &ignored))) {
        *out = (ds_chunk){DS_CHUNK_CLITIC, it->at, size + letters_size(it->at + size)};
    } else {
        *out = (ds_chunk){DS_CHUNK_MARK, it->at, run_size(it->at, point)};
    }
    it->at += out->size;
    it->last = out->kind;
    return true;
}
