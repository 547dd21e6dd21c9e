/* Text: growable strings and UTF-8.
 *
 *     text t = {0};                          a zeroed text is the empty string
 *     text_printf(&t, "%d words: ", n);
 *     text_append(&t, word);
 *     if (t.failed) return ERR_MEMORY;       once, at the end: after a failure the other calls do nothing
 *     puts(text_string(&t));
 *     text_release(&t);
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct text {
    char *data;       /* NUL-terminated, or NULL while empty: read it through text_string */
    size_t length;    /* bytes before the NUL */
    int64_t capacity; /* bytes allocated */
    bool failed;      /* memory ran out: the text is incomplete */
} text;

void text_append(text *t, const char *s);
void text_append_bytes(text *t, const char *bytes, size_t n);
void text_append_point(text *t, uint32_t point); /* one code point as UTF-8 */
void text_printf(text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_clear(text *t);               /* empty again, memory kept; `failed` stays, to be seen at the end */
const char *text_string(const text *t); /* never NULL; valid until the next change */
char *text_take(text *t);   /* the string, to be freed by the caller; NULL if failed; t is empty */
void text_release(text *t); /* back to zero */

/* Reads the code point at *s, which must be before `end`, and moves *s past it. Malformed UTF-8 (overlong
 * forms, surrogates, beyond 10FFFF, cut off) gives -1 and moves by one byte. */
int32_t text_utf8_next(const char **s, const char *end);
int text_utf8_put(uint32_t point, char out[4]); /* number of bytes; what is no code point becomes U+FFFD */

/* True when all n bytes are UTF-8; otherwise *fault (may be NULL) is the offset of the first bad byte. */
bool text_utf8_valid(const char *s, size_t n, size_t *fault);

/* Appends the n bytes with each letter in lower case (one code point to one code point, no locale). Malformed
 * bytes are kept. With utf8proc: all scripts. Without: Latin, Greek, Cyrillic. */
void text_lower(text *out, const char *s, size_t n);
uint32_t text_lower_point(uint32_t point);
uint32_t text_lower_point_plain(uint32_t point); /* the twin without utf8proc */

/* ---- from outside, and for people ---- */

/* Would a terminal obey this code point, or would it turn the direction of the text around it? Control
 * characters, U+0080 to U+009F, line separators, marks and overrides of direction. */
bool text_is_commanding(uint32_t point);

/* Reads one character at *s, which must be before `end`, moves *s past it, and writes it to `out` as a
 * terminal may show it; returns the bytes written. Commanding ones are escaped: \t \n \r, \xHH where they are
 * one byte, else \uHHHH. Everything else stays as it is, bytes that are not UTF-8 too: a file name leads back
 * to its file. */
enum { TEXT_SHOWN = 8 };
int text_show_next(const char **s, const char *end, char out[TEXT_SHOWN]);
void text_append_shown(text *t, const char *s); /* all of s */

/* How many bytes a byte order mark takes before the n bytes of a text: 0 (there is none) or 3 (UTF-8).
 * Negative: the text is UTF-16 or UTF-32, as its mark says. */
int text_byte_order_mark(const char *s, size_t n);
#define TEXT_IS_UTF16 "the text is UTF-16; save it as UTF-8" /* what to say then */

/* Terminal columns the n bytes take: wide (East Asian, emoji) 2, combining and control 0, malformed bytes 1.
 */
size_t text_width(const char *s, size_t n);

#endif
