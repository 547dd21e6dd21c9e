/* Pictures in a terminal: as letters (half blocks, two pixels each), or as what some terminals read as pictures.
 *
 *     text t = {0};
 *     cap_blocks_put(&t, row, 3, 24, 2, CAP_COLOURS_ALL);       three pictures side by side
 *     cap_kitty_put(&t, &sheet, &err);                          or one that the terminal scales
 *     fputs(text_string(&t), stdout);
 *
 * Nothing is printed, and nothing is asked of a terminal: tools/terminal.h does that. */
#ifndef CAPTIONER_TERMINAL_H
#define CAPTIONER_TERMINAL_H

#include "src/base/error.h"
#include "src/base/text.h"
#include "src/image/draw.h"

typedef enum cap_colours {
    CAP_COLOURS_256, /* the cube of 6 x 6 x 6 and the greys that xterm has */
    CAP_COLOURS_ALL  /* 24 bits */
} cap_colours;

/* Appends lines in which `count` pictures stand side by side, each in the middle of `cell` columns, `gap`
 * columns between them; an upper half block is two pixels. Lines end as they began: without colours. */
void cap_blocks_put(text *t, const img *pictures, int count, int cell, int gap, cap_colours colours);

/* Appends the switch to a colour behind what follows, in spaces a swatch; 0 columns: none. */
void cap_swatch_put(text *t, img_colour c, int columns, cap_colours colours);

/* Appends the picture for terminals that know the graphics protocol of kitty (sw.kovidgoyal.net/kitty): a PNG
 * in base64, in escapes of at most 4096 letters. The cursor stands at the beginning of the line behind it. */
err_code cap_kitty_put(text *t, const img *im, error *err);

/* The same as sixels (VT300 series, DEC's STD 070), in 252 colours, dithered by Floyd and Steinberg's errors. */
err_code cap_sixel_put(text *t, const img *im, error *err);

#endif
