#include "src/base/letters.h"

#include <stddef.h>
#include <string.h>

#if HAVE_UTF8PROC
#include <utf8proc.h>
#endif

static text_kind kind_of_ascii(uint32_t point)
{
    if (point == '\t' || point == '\n' || point == '\r' || point == ' ') return TEXT_SPACE;
    if (point < ' ' || point == 0x7F) return TEXT_CONTROL;
    return strchr("!\"#%&'()*,-./:;?@[\\]_{}", (int)point) ? TEXT_PUNCTUATION : TEXT_LETTER;
}

/* ---- without a library ---- */

text_kind text_kind_plain(uint32_t point)
{
    static const struct {
        uint32_t first, last;
        text_kind kind;
    } ranges[] = {
        {0x80, 0x9F, TEXT_CONTROL},         {0xA0, 0xA0, TEXT_SPACE},
        {0xA1, 0xA1, TEXT_PUNCTUATION},     {0xA7, 0xA7, TEXT_PUNCTUATION},
        {0xAB, 0xAB, TEXT_PUNCTUATION},     {0xAD, 0xAD, TEXT_CONTROL},
        {0xB6, 0xB7, TEXT_PUNCTUATION},     {0xBB, 0xBB, TEXT_PUNCTUATION},
        {0xBF, 0xBF, TEXT_PUNCTUATION},     {0x300, 0x36F, TEXT_ACCENT},
        {0x2000, 0x200A, TEXT_SPACE},       {0x200B, 0x200F, TEXT_CONTROL},
        {0x2010, 0x2027, TEXT_PUNCTUATION}, {0x2028, 0x2029, TEXT_SPACE},
        {0x202A, 0x202E, TEXT_CONTROL},     {0x202F, 0x202F, TEXT_SPACE},
        {0x2030, 0x2043, TEXT_PUNCTUATION}, {0x2045, 0x2051, TEXT_PUNCTUATION},
        {0x2053, 0x205E, TEXT_PUNCTUATION}, {0x205F, 0x205F, TEXT_SPACE},
        {0x2060, 0x206F, TEXT_CONTROL},     {0x3000, 0x3000, TEXT_SPACE},
        {0x3001, 0x3003, TEXT_PUNCTUATION}, {0x3008, 0x3011, TEXT_PUNCTUATION},
        {0x3014, 0x301F, TEXT_PUNCTUATION}, {0xD800, 0xF8FF, TEXT_CONTROL},
        {0xFE00, 0xFE0F, TEXT_ACCENT},      {0xFEFF, 0xFEFF, TEXT_CONTROL},
        {0xFF01, 0xFF03, TEXT_PUNCTUATION}, {0xFF05, 0xFF0A, TEXT_PUNCTUATION},
        {0xFF0C, 0xFF0F, TEXT_PUNCTUATION}, {0xFF1A, 0xFF1B, TEXT_PUNCTUATION},
        {0xFF1F, 0xFF20, TEXT_PUNCTUATION},
    };
    if (point < 0x80) return kind_of_ascii(point);
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0] && point >= ranges[i].first; i++)
        if (point <= ranges[i].last) return ranges[i].kind;
    return TEXT_LETTER;
}

/* Unicode 15, section 3.12: a syllable is its place in a cube of 19 x 21 x 28 first, middle and last letters.
 * */
static int decompose_hangul(uint32_t point, uint32_t part[TEXT_PARTS])
{
    uint32_t at = point - 0xAC00, last = at % 28;
    part[0] = 0x1100 + at / 588;
    part[1] = 0x1161 + at % 588 / 28;
    part[2] = 0x11A7 + last;
    return last ? 3 : 2;
}

int text_decompose_plain(uint32_t point, uint32_t part[TEXT_PARTS])
{
    /* The letters under the accents of U+00C0 to U+017F; '.': there is none. */
    static const char base[] =
        "AAAAAA.CEEEEIIII.NOOOOO..UUUUY..aaaaaa.ceeeeiiii.nooooo..uuuuy.y"
        "AaAaAaCcCcCcCcDd..EeEeEeEeEeGgGgGgGgHh..IiIiIiIiI...JjKk.LlLlLl."
        "...NnNnNn...OoOoOo..RrRrRrSsSsSsSsTtTt..UuUuUuUuUuUuWwYyYZzZzZz.";
    if (point >= 0xAC00 && point <= 0xD7A3) return decompose_hangul(point, part);
    part[0] = point;
    if (point < 0xC0 || point > 0x17F || base[point - 0xC0] == '.') return 1;
    part[0] = (unsigned char)base[point - 0xC0];
    part[1] = 0x301;
    return 2;
}

/* ---- with it ---- */

#if HAVE_UTF8PROC

text_kind text_kind_of(uint32_t point)
{
    if (point < 0x80) return kind_of_ascii(point);
    switch (utf8proc_category((utf8proc_int32_t)point)) {
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
        return TEXT_SPACE;
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CS:
        return TEXT_CONTROL;
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO:
        return TEXT_PUNCTUATION;
    case UTF8PROC_CATEGORY_MN:
        return TEXT_ACCENT;
    default:
        return TEXT_LETTER;
    }
}

int text_decompose(uint32_t point, uint32_t part[TEXT_PARTS])
{
    utf8proc_int32_t found[TEXT_PARTS];
    int last = 0; /* of the rules for letters that belong together, which do not matter here */
    utf8proc_ssize_t n =
        point < 0x80 || point > 0x10FFFF
            ? 0
            : utf8proc_decompose_char((utf8proc_int32_t)point, found, TEXT_PARTS, UTF8PROC_DECOMPOSE, &last);
    part[0] = point;
    if (n < 1 || n > TEXT_PARTS) return 1;
    for (utf8proc_ssize_t i = 0; i < n; i++) part[i] = (uint32_t)found[i];
    return (int)n;
}

#else

text_kind text_kind_of(uint32_t point)
{
    return text_kind_plain(point);
}

int text_decompose(uint32_t point, uint32_t part[TEXT_PARTS])
{
    return text_decompose_plain(point, part);
}

#endif
