#include "captioner/score/ptb_chars.h"

#include "src/base/entity.h"

enum { REPLACEMENT = 0xFFFD, LAST_CODE_POINT = 0x10FFFF };

typedef struct range {
    uint32_t first, last;
} range;

static bool in_ranges(uint32_t c, const range *r, size_t count)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (c > r[middle].last)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && c >= r[low].first;
}

#define IN(c, table) in_ranges(c, table, sizeof table / sizeof table[0])

bool cap_char_is_blank(uint32_t c)
{
    static const range blanks[] = {{0x09, 0x0D},     {0x1C, 0x20},     {0x85, 0x85},     {0xA0, 0xA0},
                                   {0x1680, 0x1680}, {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F},
                                   {0x205F, 0x205F}, {0x3000, 0x3000}};
    return IN(c, blanks);
}

bool cap_char_is_invisible(uint32_t c)
{
    static const range invisible[] = {{0xAD, 0xAD},     {0x180B, 0x180E}, {0x200B, 0x200F}, {0x202A, 0x202E},
                                      {0x2060, 0x206F}, {0xFE00, 0xFE0F}, {0xFEFF, 0xFEFF}};
    return IN(c, invisible);
}

/* Coarse on purpose: whole blocks of scripts, without the blocks of punctuation, symbols and emoji. */
bool cap_char_is_letter(uint32_t c)
{
    static const range letters[] = {
        {'A', 'Z'},         {'a', 'z'},         {0xAA, 0xAA},       {0xB5, 0xB5},     {0xBA, 0xBA},
        {0xC0, 0xD6},       {0xD8, 0xF6},       {0xF8, 0x2C1},      {0x300, 0x374},   {0x376, 0x37D},
        {0x37F, 0x383},     {0x386, 0x386},     {0x388, 0x481},     {0x483, 0x559},   {0x560, 0x588},
        {0x591, 0x5BD},     {0x5BF, 0x5BF},     {0x5C1, 0x5C2},     {0x5C4, 0x5F2},   {0x610, 0x61A},
        {0x620, 0x669},     {0x66E, 0x6D3},     {0x6D5, 0x6FF},     {0x710, 0x963},   {0x966, 0x96F},
        {0x971, 0xE3E},     {0xE40, 0xE4E},     {0xE50, 0x10FA},    {0x10FC, 0x135F}, {0x1380, 0x1FFE},
        {0x2071, 0x2071},   {0x207F, 0x207F},   {0x2090, 0x209C},   {0x20D0, 0x20F0}, {0x2C00, 0x2DFF},
        {0x3005, 0x3007},   {0x302A, 0x302F},   {0x3031, 0x3035},   {0x3041, 0x309F}, {0x30A1, 0x30FA},
        {0x30FC, 0x318E},   {0x31A0, 0x31BF},   {0x31F0, 0x31FF},   {0x3400, 0x4DBF}, {0x4E00, 0xABFF},
        {0xAC00, 0xD7FB},   {0xF900, 0xFD3D},   {0xFD50, 0xFDFB},   {0xFE20, 0xFE2F}, {0xFE70, 0xFEFC},
        {0xFF10, 0xFF19},   {0xFF21, 0xFF3A},   {0xFF41, 0xFF5A},   {0xFF66, 0xFFDC}, {0x10000, 0x1CFFF},
        {0x1D400, 0x1D7FF}, {0x1E000, 0x1EEFF}, {0x20000, 0x3FFFF},
    };
    return IN(c, letters);
}

bool cap_char_is_digit(uint32_t c)
{
    return c >= '0' && c <= '9';
}

/* step 1: every letter of the range moves; step 2: every other one, from the first, is a capital. */
uint32_t cap_char_lower(uint32_t c)
{
    static const struct {
        uint32_t first, last, step;
        int32_t move;
    } rows[] = {
        {'A', 'Z', 1, 32},       {0xC0, 0xD6, 1, 32},     {0xD8, 0xDE, 1, 32},       {0x100, 0x12E, 2, 1},
        {0x130, 0x130, 1, -199}, {0x132, 0x136, 2, 1},    {0x139, 0x147, 2, 1},      {0x14A, 0x176, 2, 1},
        {0x178, 0x178, 1, -121}, {0x179, 0x17D, 2, 1},    {0x1CD, 0x1DB, 2, 1},      {0x1DE, 0x1EE, 2, 1},
        {0x1F8, 0x21E, 2, 1},    {0x222, 0x232, 2, 1},    {0x246, 0x24E, 2, 1},      {0x386, 0x386, 1, 38},
        {0x388, 0x38A, 1, 37},   {0x38C, 0x38C, 1, 64},   {0x38E, 0x38F, 1, 63},     {0x391, 0x3A1, 1, 32},
        {0x3A3, 0x3AB, 1, 32},   {0x3D8, 0x3EE, 2, 1},    {0x400, 0x40F, 1, 80},     {0x410, 0x42F, 1, 32},
        {0x460, 0x480, 2, 1},    {0x48A, 0x4BE, 2, 1},    {0x4C0, 0x4C0, 1, 15},     {0x4C1, 0x4CD, 2, 1},
        {0x4D0, 0x52E, 2, 1},    {0x531, 0x556, 1, 48},   {0x10A0, 0x10C5, 1, 7264}, {0x1E00, 0x1E94, 2, 1},
        {0x1EA0, 0x1EFE, 2, 1},  {0x2C00, 0x2C2F, 1, 48}, {0xFF21, 0xFF3A, 1, 32},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0] && c >= rows[i].first; i++)
        if (c <= rows[i].last)
            return (c - rows[i].first) % rows[i].step ? c : (uint32_t)((int32_t)c + rows[i].move);
    return c;
}

static size_t read_utf8(const unsigned char *s, uint32_t *c)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000}; /* longer forms of these are forged */
    size_t length = s[0] < 0x80   ? 1
                    : s[0] < 0xC2 ? 0
                    : s[0] < 0xE0 ? 2
                    : s[0] < 0xF0 ? 3
                    : s[0] < 0xF5 ? 4
                                  : 0;
    *c = length == 1 ? s[0] : s[0] & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((s[i] & 0xC0) != 0x80)
            length = 0;
        else
            *c = *c << 6 | (s[i] & 0x3F);
    }
    bool valid = length && *c >= smallest[length] && *c <= LAST_CODE_POINT && !(*c >= 0xD800 && *c < 0xE000);
    if (!valid) *c = REPLACEMENT;
    return valid ? length : 1;
}

size_t cap_char_read(const char *s, uint32_t *c)
{
    size_t entity = text_entity_read(s, c);
    return entity ? entity : read_utf8((const unsigned char *)s, c);
}

char *cap_char_write(char *to, uint32_t c)
{
    if (c < 0x80) {
        *to++ = (char)c;
        return to;
    }
    int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const unsigned char lead[] = {0, 0xC0, 0xE0, 0xF0};
    *to++ = (char)(lead[more] | c >> (6 * more));
    while (more--) *to++ = (char)(0x80 | (c >> (6 * more) & 0x3F));
    return to;
}
