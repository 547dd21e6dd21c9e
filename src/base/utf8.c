/* What text.h says of UTF-8; apart from text.c, for programs that link no library of letters. */
#include "src/base/text.h"

#include <stdio.h>
#include <string.h>

int32_t text_utf8_next(const char **s, const char *end)
{
    static const int32_t least[] = {0, 0x80, 0x800, 0x10000}; /* smaller in that many bytes is overlong */
    const unsigned char *p = (const unsigned char *)*s;
    int extra = p[0] < 0x80 ? 0 : (p[0] & 0xE0) == 0xC0 ? 1 : (p[0] & 0xF0) == 0xE0 ? 2 : 3;
    int32_t point = extra == 0 ? p[0] : p[0] & (0x3F >> extra);
    bool bad = (p[0] & 0xC0) == 0x80 || p[0] >= 0xF8 || end - *s <= extra;
    for (int i = 1; i <= extra && !bad; i++) {
        bad = (p[i] & 0xC0) != 0x80;
        point = point << 6 | (p[i] & 0x3F);
    }
    if (bad || point < least[extra] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) {
        *s += 1;
        return -1;
    }
    *s += extra + 1;
    return point;
}

int text_utf8_put(uint32_t point, char out[4])
{
    if (point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) point = 0xFFFD;
    int extra = point < 0x80 ? 0 : point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    static const unsigned char lead[] = {0, 0xC0, 0xE0, 0xF0};
    for (int i = extra; i > 0; i--) {
        out[i] = (char)(0x80 | (point & 0x3F));
        point >>= 6;
    }
    out[0] = (char)(lead[extra] | point);
    return extra + 1;
}

bool text_utf8_valid(const char *s, size_t n, size_t *fault)
{
    for (const char *p = s, *end = s + n; p < end;) {
        const char *start = p;
        if (text_utf8_next(&p, end) >= 0) continue;
        if (fault) *fault = start - s;
        return false;
    }
    return true;
}

/* ---- from outside, and for people ---- */

bool text_is_commanding(uint32_t point)
{
    if (point < 0x80) return point < 0x20 || point == 0x7F;
    return point < 0xA0 || point == 0x061C || point == 0x200E || point == 0x200F ||
           (point >= 0x2028 && point <= 0x202E) || (point >= 0x2066 && point <= 0x2069);
}

int text_show_next(const char **s, const char *end, char out[TEXT_SHOWN])
{
    static const char plain[] = "\t\n\r", codes[] = "tnr";
    const char *start = *s;
    int32_t point = text_utf8_next(s, end);
    unsigned char byte = (unsigned char)*start;
    /* Bytes below 0xA0 that are no UTF-8 count as what they are in terminals of 8 bits: control characters.
     */
    if (point < 0 ? byte >= 0xA0 : !text_is_commanding((uint32_t)point)) {
        size_t n = *s - start;
        memcpy(out, start, n);
        return (int)n;
    }
    const char *known = byte ? strchr(plain, byte) : NULL;
    if (known) return snprintf(out, TEXT_SHOWN, "\\%c", codes[known - plain]);
    if (point < 0x80) return snprintf(out, TEXT_SHOWN, "\\x%02x", byte);
    return snprintf(out, TEXT_SHOWN, "\\u%04x", (unsigned)point & 0xFFFF); /* none lies above */
}

int text_byte_order_mark(const char *s, size_t n)
{
    if (n >= 3 && !memcmp(s, "\xEF\xBB\xBF", 3)) return 3;
    bool wide = n >= 2 && (!memcmp(s, "\xFF\xFE", 2) || !memcmp(s, "\xFE\xFF", 2));
    return wide || (n >= 4 && !memcmp(s, "\0\0\xFE\xFF", 4)) ? -1 : 0;
}
