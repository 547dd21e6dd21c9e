#include "datasets/points.h"

#include <stddef.h>

typedef struct range {
    uint32_t first, last;
} range;

static bool is_in(const range *table, size_t count, uint32_t point)
{
    for (size_t i = 0; i < count; i++)
        if (point >= table[i].first && point <= table[i].last) return true;
    return false;
}

bool ds_point_is_separator(uint32_t point)
{
    static const range table[] = {
        {0x80, 0xa9},       {0xab, 0xb1},     {0xb4, 0xb4},     {0xb6, 0xb8},     {0xbb, 0xbb},
        {0xbf, 0xbf},       {0xd7, 0xd7},     {0xf7, 0xf7},     {0x1680, 0x1680}, {0x2000, 0x2069},
        {0x20a0, 0x20cf},   {0x2100, 0x2bff}, {0x3000, 0x3004}, {0x3008, 0x3020}, {0x3030, 0x3030},
        {0xe000, 0xf8ff},   {0xff01, 0xff0f}, {0xff1a, 0xff20}, {0xff3b, 0xff40}, {0xff5b, 0xff65},
        {0x1f000, 0x1faff},
    };
    return is_in(table, sizeof table / sizeof table[0], point);
}

bool ds_point_is_invisible(uint32_t point)
{
    static const range table[] = {
        {0xad, 0xad},     {0x200b, 0x200f}, {0x202a, 0x202e},   {0x2060, 0x2064},
        {0xfe00, 0xfe0f}, {0xfeff, 0xfeff}, {0xe0000, 0xe007f},
    };
    return is_in(table, sizeof table / sizeof table[0], point);
}

bool ds_point_is_blank(uint32_t point)
{
    static const range table[] = {
        {0, ' '},         {0x7f, 0xa0},     {0x1680, 0x1680}, {0x2000, 0x200a},
        {0x2028, 0x2029}, {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000},
    };
    return is_in(table, sizeof table / sizeof table[0], point);
}

bool ds_point_is_letter(uint32_t point)
{
    if (point >= 0x80) return !ds_point_is_separator(point);
    return (point >= '0' && point <= '9') || (point >= 'a' && point <= 'z') || (point >= 'A' && point <= 'Z');
}
