/* What a code point is to a tokeniser: blank, mark (punctuation, symbol) or letter. No locale. Everything
 * outside ASCII that is in no table is a letter, so that words of any script stay whole. */
#ifndef DATASETS_POINTS_H
#define DATASETS_POINTS_H

#include <stdbool.h>
#include <stdint.h>

/* Blanks, punctuation and symbols outside ASCII (point >= 0x80). */
bool ds_point_is_separator(uint32_t point);

/* Takes no room and no part in a word: soft hyphen, zero-width and direction marks, variation selectors. */
bool ds_point_is_invisible(uint32_t point);

/* Of all code points: control characters, spaces of any width, line and paragraph separators. */
bool ds_point_is_blank(uint32_t point);

/* Letters, digits and whatever else words are made of: neither blank nor punctuation nor symbol. */
bool ds_point_is_letter(uint32_t point);

#endif
