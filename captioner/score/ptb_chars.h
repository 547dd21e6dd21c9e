/* Characters for captioner/score/ptb.c: decoding, classes and lower case of Unicode code points. */
#ifndef CAPTIONER_PTB_CHARS_H
#define CAPTIONER_PTB_CHARS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One code point from UTF-8 or an HTML entity (&amp; &#39; &#x27;) at the NUL-terminated `s`; returns the
 * bytes it took, at least 1. A byte that is no UTF-8 gives U+FFFD. */
size_t cap_char_read(const char *s, uint32_t *c);

/* UTF-8 of `c` (1 to 4 bytes, no NUL) into `to`; returns the end. */
char *cap_char_write(char *to, uint32_t c);

bool cap_char_is_blank(uint32_t c);     /* separates words: spaces, line ends */
bool cap_char_is_invisible(uint32_t c); /* soft hyphen, zero-width, variation selectors */
bool cap_char_is_letter(uint32_t c);    /* letters and combining marks of any script, no digits */
bool cap_char_is_digit(uint32_t c);     /* 0-9 */
uint32_t cap_char_lower(uint32_t c);

#endif
