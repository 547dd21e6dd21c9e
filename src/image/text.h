/* Inside src/image: the coverage of laid-out text, and the built-in font behind it where pango is missing. */
#ifndef IMAGE_TEXT_H
#define IMAGE_TEXT_H

#include "src/image/draw.h"

/* How much of each pixel letters cover: 0 none .. 255 all. */
typedef struct img_mask {
    int width, height;
    uint8_t *cover; /* [height][width], malloc-owned; NULL when only the size was asked for */
} img_mask;

/* Lays text out, wrapped at `wrap` pixels (0 = never). The mask is `wrap` wide if wrapped, else as wide as
 * the text. */
typedef err_code img_layout(const char *text, int wrap, const img_text_style *style, bool paint,
                            img_mask *mask, error *e);

/* The built-in font: fixed cells of 6 x 9 dots holding letters of 5 x 7, enlarged by a whole number. */
img_layout img_font_layout;

#endif
