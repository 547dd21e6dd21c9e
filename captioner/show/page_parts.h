/* Inside captioner/show: the files of captioner/show/page, which the build takes into the program, and what
 * photos become on a page. */
#ifndef CAPTIONER_PAGE_PARTS_H
#define CAPTIONER_PAGE_PARTS_H

#include "captioner/caption.h"
#include "captioner/show/alignment.h"
#include "src/base/error.h"
#include "src/base/text.h"
#include "src/io/json_build.h"

typedef struct cap_page_part {
    const char *begin, *end;
} cap_page_part;

typedef struct cap_page_parts {
    cap_page_part photos_html, lines_html, style, heat, common, photos_script, lines_script;
} cap_page_parts;

cap_page_parts cap_page_get_parts(void);

/* Appends a photo, scaled to `side` pixels: a script element with the data as JSON, of class "item", and one
 * with its pixels as a JPEG in base64. Nothing in it ends a script element. */
err_code cap_page_put_photo(text *t, const char *path, const cap_description *d, int side, error *err);
err_code cap_page_put_failed(text *t, const char *path, const char *reason, error *err);

err_code cap_page_put_line(text *t, int64_t number, const char *sentence, const cap_map *map, error *err);

/* Their pieces. */
void cap_page_begin_item(text *t);
void cap_page_put_path(io_json_build *b, const char *path); /* as people may see it */
void cap_page_put_weights(io_json_build *b, json_t *o, const char *key, const float *weight, size_t count);

/* Appends the tree as JSON of ASCII letters that may stand in a script element, and releases it. */
err_code cap_page_put_json(text *t, json_t *tree, error *err);

void cap_page_put_escaped(text *t, const char *s); /* as text or an attribute of HTML */

#endif
