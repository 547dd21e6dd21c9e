/* Base64 (RFC 4648, section 4): bytes as letters, for pages and terminals.
 *
 *     text t = {0};
 *     text_append_base64(&t, bytes, size);        "Y2F0" for "cat" */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stdint.h>

#include "src/base/text.h"

/* Appends 4 letters for each 3 bytes, the last ones padded with '='; no line breaks. */
void text_append_base64(text *t, const uint8_t *bytes, size_t size);

#endif
