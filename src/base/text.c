#include "src/base/text.h"

#include "src/base/list.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if HAVE_UTF8PROC
#include <utf8proc.h>
#endif

/* ---- growable strings ---- */

/* Room for `more` bytes and the NUL. */
static bool reserve(text *t, size_t more)
{
    if (t->failed) return false;
    t->failed = more == SIZE_MAX || !LIST_ROOM(t->data, t->length, more + 1, t->capacity);
    return !t->failed;
}

void text_append_bytes(text *t, const char *bytes, size_t n)
{
    if (!reserve(t, n)) return;
    if (n) memcpy(t->data + t->length, bytes, n);
    t->length += n;
    t->data[t->length] = 0;
}

void text_append(text *t, const char *s)
{
    text_append_bytes(t, s, strlen(s));
}

void text_append_point(text *t, uint32_t point)
{
    char bytes[4];
    text_append_bytes(t, bytes, text_utf8_put(point, bytes));
}

void text_printf(text *t, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    if (n < 0) {
        t->failed = true;
    } else if (reserve(t, n)) {
        vsnprintf(t->data + t->length, (size_t)n + 1, format, again);
        t->length += n;
    }
    va_end(again);
    va_end(args);
}

void text_clear(text *t)
{
    t->length = 0;
    if (t->data) t->data[0] = 0;
}

const char *text_string(const text *t)
{
    return t->data ? t->data : "";
}

char *text_take(text *t)
{
    char *s = NULL;
    if (reserve(t, 0)) {
        s = t->data;
        s[t->length] = 0;
        t->data = NULL;
    }
    text_release(t);
    return s;
}

void text_release(text *t)
{
    free(t->data);
    *t = (text){0};
}

/* ---- letters ---- */

/* How a range of capitals maps: every point by `offset`, or, as in alphabets that alternate capital and small
 * letter, every even or odd point by one. */
typedef struct letter_range {
    uint16_t first, last;
    int16_t offset;
    uint8_t step; /* 1: all of them; 2: those at an even distance from first */
} letter_range;

static const letter_range letters[] = {
    {'A', 'Z', 32, 1},
    /* Latin-1 and Latin Extended-A */
    {0xC0, 0xD6, 32, 1},
    {0xD8, 0xDE, 32, 1},
    {0x100, 0x12E, 1, 2},
    {0x130, 0x130, 'i' - 0x130, 1},
    {0x132, 0x136, 1, 2},
    {0x139, 0x147, 1, 2},
    {0x14A, 0x176, 1, 2},
    {0x178, 0x178, 0xFF - 0x178, 1},
    {0x179, 0x17D, 1, 2},
    /* Greek */
    {0x386, 0x386, 38, 1},
    {0x388, 0x38A, 37, 1},
    {0x38C, 0x38C, 64, 1},
    {0x38E, 0x38F, 63, 1},
    {0x391, 0x3A1, 32, 1},
    {0x3A3, 0x3AB, 32, 1},
    /* Cyrillic */
    {0x400, 0x40F, 80, 1},
    {0x410, 0x42F, 32, 1},
    {0x460, 0x480, 1, 2},
    {0x48A, 0x4BE, 1, 2},
    {0x4C0, 0x4C0, 15, 1},
    {0x4C1, 0x4CD, 1, 2},
    {0x4D0, 0x52E, 1, 2},
    /* Latin Extended Additional: Vietnamese and others */
    {0x1E00, 0x1E94, 1, 2},
    {0x1EA0, 0x1EFE, 1, 2},
};

uint32_t text_lower_point_plain(uint32_t point)
{
    for (size_t i = 0; i < sizeof letters / sizeof letters[0] && point >= letters[i].first; i++) {
        const letter_range *r = &letters[i];
        if (point > r->last) continue;
        return (point - r->first) % r->step ? point : (uint32_t)((int32_t)point + r->offset);
    }
    return point;
}

uint32_t text_lower_point(uint32_t point)
{
    if (point < 0x80) return point >= 'A' && point <= 'Z' ? point + 32 : point;
#if HAVE_UTF8PROC
    return point <= 0x10FFFF ? (uint32_t)utf8proc_tolower((utf8proc_int32_t)point) : point;
#else
    return text_lower_point_plain(point);
#endif
}

void text_lower(text *out, const char *s, size_t n)
{
    for (const char *p = s, *end = s + n; p < end && !out->failed;) {
        const char *start = p;
        int32_t point = text_utf8_next(&p, end);
        if (point < 0)
            text_append_bytes(out, start, 1);
        else
            text_append_point(out, text_lower_point((uint32_t)point));
    }
}

void text_append_shown(text *t, const char *s)
{
    char shown[TEXT_SHOWN];
    for (const char *end = s + strlen(s); s < end;) {
        int n = text_show_next(&s, end, shown);
        text_append_bytes(t, shown, n);
    }
}

static int point_width(int32_t point)
{
    if (point < 0) return 1;
#if HAVE_UTF8PROC
    return utf8proc_charwidth(point);
#else
    static const struct {
        int32_t first, last;
        int width;
    } ranges[] = {
        {0, 0x1F, 0},          {0x7F, 0x9F, 0},       {0x300, 0x36F, 0},     {0x1100, 0x115F, 2},
        {0x200B, 0x200F, 0},   {0x20D0, 0x20FF, 0},   {0x2E80, 0xA4CF, 2},   {0xAC00, 0xD7A3, 2},
        {0xF900, 0xFAFF, 2},   {0xFE00, 0xFE0F, 0},   {0xFE30, 0xFE6F, 2},   {0xFF00, 0xFF60, 2},
        {0xFFE0, 0xFFE6, 2},   {0x1F300, 0x1F64F, 2}, {0x1F680, 0x1F6FF, 2}, {0x1F900, 0x1F9FF, 2},
        {0x20000, 0x3FFFD, 2},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0] && point >= ranges[i].first; i++)
        if (point <= ranges[i].last) return ranges[i].width;
    return 1;
#endif
}

size_t text_width(const char *s, size_t n)
{
    size_t columns = 0;
    for (const char *p = s, *end = s + n; p < end;) columns += point_width(text_utf8_next(&p, end));
    return columns;
}
