/* What a code point is, and which parts it has: for tokenisers that must agree with those of others.
 *
 *     if (text_kind_of(point) == TEXT_ACCENT) ...
 *     uint32_t part[TEXT_PARTS];
 *     int n = text_decompose(0xE9, part);            e and U+0301
 *
 * The categories and canonical decompositions of Unicode, by utf8proc. A build without it knows ASCII, the
 * Latin letters up to U+017F, Hangul, and the commonest marks of punctuation; everything else is a letter. */
#ifndef BASE_LETTERS_H
#define BASE_LETTERS_H

#include <stdint.h>

typedef enum text_kind {
    TEXT_LETTER,      /* letters, digits, symbols, marks that take room: all the rest */
    TEXT_SPACE,       /* Zs, Zl, Zp; tab, newline, carriage return */
    TEXT_CONTROL,     /* Cc but for those three, Cf, Cn, Co, Cs */
    TEXT_PUNCTUATION, /* Pc, Pd, Ps, Pe, Pi, Pf, Po */
    TEXT_ACCENT,      /* Mn: marks that stand on the letter before */
} text_kind;

enum { TEXT_PARTS = 8 };

text_kind text_kind_of(uint32_t point);
text_kind text_kind_plain(uint32_t point); /* the twin without utf8proc */

/* The parts of the canonical decomposition, the point itself where it has none; how many, 1 or more. */
int text_decompose(uint32_t point, uint32_t part[TEXT_PARTS]);
int text_decompose_plain(uint32_t point,
                         uint32_t part[TEXT_PARTS]); /* its twin: U+0301 stands for any accent */

#endif
