/* Notes of a PNG: the text chunks before its pixels. */
#include "src/image/image.h"

#include <string.h>

enum { SIGNATURE = 8, HEAD = 8, FRAME = 12 }; /* a chunk: length, four letters, that many bytes, a checksum */

typedef struct span {
    const uint8_t *at, *end;
} span;

/* Moves past a string that a 0 ends. False: it does not end. */
static bool skip_string(span *s)
{
    const uint8_t *zero = memchr(s->at, 0, (s->end - s->at));
    if (zero) s->at = zero + 1;
    return zero;
}

/* iTXt, after the key: compressed or not, how, the language, the key in that language, the text. */
static bool skip_language(span *s)
{
    if (s->end - s->at < 2 || s->at[0]) return false;
    s->at += 2;
    return skip_string(s) && skip_string(s);
}

/* Leaves the text alone in *s when the chunk of this type is the note of that key. */
static bool is_note(const uint8_t *type, span *s, const char *key)
{
    size_t n = strlen(key) + 1;
    bool plain = !memcmp(type, "tEXt", 4);
    if (!plain && memcmp(type, "iTXt", 4) != 0) return false;
    if ((size_t)(s->end - s->at) < n || memcmp(s->at, key, n) != 0) return false;
    s->at += n;
    return plain || skip_language(s);
}

static size_t read_length(const uint8_t *p)
{
    return (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
}

bool img_find_note(const uint8_t *bytes, size_t length, const char *key, char *text, size_t room)
{
    if (length < SIGNATURE || memcmp(bytes, "\x89PNG\r\n\x1A\n", SIGNATURE) != 0) return false;
    for (size_t at = SIGNATURE; length - at >= FRAME;) {
        const uint8_t *type = bytes + at + 4;
        size_t size = read_length(bytes + at);
        if (!memcmp(type, "IDAT", 4) || size > length - at - FRAME) return false;
        span s = {bytes + at + HEAD, bytes + at + HEAD + size};
        if (is_note(type, &s, key)) {
            size_t n = (size_t)(s.end - s.at) < room ? (size_t)(s.end - s.at) : room - 1;
            memcpy(text, s.at, n);
            text[n] = 0;
            return true;
        }
        at += FRAME + size;
    }
    return false;
}
