/* HTML entities, which captions gathered from web pages hold: &amp; &#39; &#x27; and the like. Those who
 * learn words and those who score them must read them alike. */
#ifndef BASE_ENTITY_H
#define BASE_ENTITY_H

#include <stddef.h>
#include <stdint.h>

/* The code point of the entity at the NUL-terminated `s`; returns the bytes it took, 0 when there is none. A
 * number that is a surrogate gives U+FFFD. */
size_t text_entity_read(const char *s, uint32_t *c);

#endif
