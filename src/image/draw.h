/* Painting on pictures: rectangles, pictures on pictures, text in any script.
 *
 *     img_text_style style = {.size = 20, .align = IMG_CENTRE};         black
 *     img_text(&sheet, 0, 300, 320, "개  0.83", &style, &err);
 *
 * Everything is clipped to the picture painted on; positions may lie outside of it. */
#ifndef IMAGE_DRAW_H
#define IMAGE_DRAW_H

#include "src/image/image.h"

typedef struct img_colour {
    uint8_t r, g, b;
} img_colour;

void img_fill_rect(img *dst, int x, int y, int width, int height, img_colour colour);

/* Copies `src` with its top left corner at x, y. `src` is not `dst`. */
void img_blit(img *dst, int x, int y, const img *src);

typedef enum {
    IMG_LEFT,   /* lines begin at one column */
    IMG_CENTRE, /* lines have their middle at one column */
} img_align;

typedef struct img_text_style {
    int size;          /* letter size in pixels: about the distance of two lines less the gap; 4..400 */
    img_colour colour; /* {0} = black */
    img_align align;
    bool bold;
} img_text_style;

/* Paints UTF-8 text into the column x .. x + width, its top at y, wrapped between words (or, for a word that
 * is wider than the column, within it); "\n" starts a line. With pango every script is shaped and takes a
 * font that has it; without, a built-in font has ASCII only and shows a box for anything else. Bytes that are
 * not UTF-8 become replacement characters. Errors: ARGUMENT (width < 1, size out of range), MEMORY. */
err_code img_text(img *dst, int x, int y, int width, const char *text, const img_text_style *style, error *e);

/* The size in pixels that text takes when wrapped at `wrap` pixels (0 = never wrapped). */
err_code img_text_size(const char *text, int wrap, const img_text_style *style, int *width, int *height,
                       error *e);

#endif
