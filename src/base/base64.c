#include "src/base/base64.h"

void text_append_base64(text *t, const uint8_t *bytes, size_t size)
{
    static const char letter[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char line[256];
    size_t n = 0;
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t three = (uint32_t)bytes[i] << 16;
        if (left > 1) three |= (uint32_t)bytes[i + 1] << 8;
        if (left > 2) three |= bytes[i + 2];
        line[n++] = letter[three >> 18];
        line[n++] = letter[three >> 12 & 63];
        line[n++] = left > 1 ? letter[three >> 6 & 63] : '=';
        line[n++] = left > 2 ? letter[three & 63] : '=';
        if (n < sizeof line && left > 3) continue;
        text_append_bytes(t, line, n);
        n = 0;
    }
}
