/* Inside captioner/show: the files of captioner/show/page, which the build takes into the program, and what
 * photos become on a page. */
#ifndef CAPTIONER_PAGE_PARTS_H
#define CAPTIONER_PAGE_PARTS_H

#include "captioner/caption.h"
#include "src/base/error.h"
#include "src/base/text.h"

typedef struct cap_page_part {
    const char *begin, *end;
} cap_page_part;

typedef struct cap_page_parts {
    cap_page_part photos_html, style, heat, photos_script;
} cap_page_parts;

cap_page_parts cap_page_get_parts(void);

/* Appends a photo, scaled to `side` pixels: a script element with the data as JSON, of class "photo", and one
 * with its pixels as a JPEG in base64. Nothing in it ends a script element. */
err_code cap_page_put_photo(text *t, const char *path, const cap_description *d, int side, error *err);
err_code cap_page_put_failed(text *t, const char *path, const char *reason, error *err);

/* Appends the tree as JSON of ASCII letters that may stand in a script element, and releases it. */
struct json_t;
err_code cap_page_put_json(text *t, struct json_t *tree, error *err);

void cap_page_put_escaped(text *t, const char *s); /* as text or an attribute of HTML */

#endif
