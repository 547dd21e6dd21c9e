#include "src/base/entity.h"

#include <stdbool.h>
#include <string.h>

enum { REPLACEMENT = 0xFFFD, LAST_CODE_POINT = 0x10FFFF };

static int digit_value(char c, int base)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;
    return at && at - digits < base ? (int)(at - digits) : -1;
}

/* &#39; or &#x27; ; 0 where there is none */
static size_t read_numeric_entity(const char *s, uint32_t *c)
{
    if (s[1] != '#') return 0;
    bool hex = s[2] == 'x' || s[2] == 'X';
    size_t first = hex ? 3 : 2, i = first;
    uint32_t value = 0;
    for (int d; i < first + 7 && (d = digit_value(s[i], hex ? 16 : 10)) >= 0; i++)
        value = value * (hex ? 16 : 10) + (uint32_t)d;
    if (i == first || s[i] != ';' || !value || value > LAST_CODE_POINT) return 0;
    *c = value >= 0xD800 && value < 0xE000 ? REPLACEMENT : value;
    return i + 1;
}

size_t text_entity_read(const char *s, uint32_t *c)
{
    static const struct {
        const char *name;
        uint32_t c;
    } named[] = {{"&amp;", '&'},       {"&lt;", '<'},       {"&gt;", '>'},       {"&quot;", '"'},
                 {"&apos;", '\''},     {"&nbsp;", 0xA0},    {"&lsquo;", 0x2018}, {"&rsquo;", 0x2019},
                 {"&ldquo;", 0x201C},  {"&rdquo;", 0x201D}, {"&ndash;", 0x2013}, {"&mdash;", 0x2014},
                 {"&hellip;", 0x2026}, {"&eacute;", 0xE9},  {"&pound;", 0xA3},   {"&euro;", 0x20AC},
                 {"&cent;", 0xA2},     {"&frac12;", 0xBD},  {"&shy;", 0xAD},     {"&deg;", 0xB0}};
    if (*s != '&') return 0;
    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++) {
        size_t length = strlen(named[i].name);
        if (strncmp(s, named[i].name, length)) continue;
        *c = named[i].c;
        return length;
    }
    return read_numeric_entity(s, c);
}
