/* Overlays: where a model looked, painted on the photo.
 *
 *     cap_view view = cap_view_centre(&photo);      the network saw the central square
 *     cap_overlay_sheet(&photo, view, 7, 7, words, word, probability, alpha, sentence, NULL, &sheet, &err);
 *     img_write_png("overlay.png", &sheet, &err);
 *     img_release(&sheet);
 *
 * gh, gw: the grid of regions, rows and columns. alpha: one row [gh * gw] a word, weights >= 0 that sum to 1,
 * the region of row y and column x at y * gw + x. */
#ifndef CAPTIONER_OVERLAY_H
#define CAPTIONER_OVERLAY_H

#include "captioner/caption.h"
#include "captioner/show/boxes.h"
#include "src/image/image.h"

cap_view cap_view_whole(const img *photo);  /* preprocessing that stretches the photo to a square */
cap_view cap_view_centre(const img *photo); /* preprocessing that crops the central square */

/* What shows where a word looked. */
typedef enum cap_overlay_style {
    CAP_OVERLAY_VEIL, /* a dark veil, open where it looked: the photo keeps its colours there */
    CAP_OVERLAY_HEAT, /* colours (captioner/show/heat.h), which show on dark photos, too */
    CAP_OVERLAY_BOXES, /* the whole photo with the object that it looked at framed; heat where there was none */
    CAP_OVERLAY_STYLES
} cap_overlay_style;

extern const char *const cap_overlay_style_names[CAP_OVERLAY_STYLES]; /* "veil", ... */

typedef struct cap_overlay_options {
    int panel_width; /* pixels, 64..4096; 0 = 320, and more for photos wider than 4 to 3 */
    int columns; /* panels side by side; 0 = a sheet about 1.5 times as wide as high, its last row well filled
                  */
    cap_overlay_style style;
    float opacity; /* of what lies over the photo, 0..1; 0 = 0.85 */
    bool content;  /* no panels for words that mean little by themselves, like "a" and "of" */
    const cap_overlay_box
        *boxes; /* [words] of a sheet: what a word looked at more than at any region, which is
                                     then framed; NULL: none */
} cap_overlay_options;

/* The contact sheet: first the photo with the sentence beneath, then one panel a word, its word and
 * probability beneath, and a scale: its right end is the largest weight of the word. `photo` is upright and at any size. `sentence` and `probability` may be NULL and are
 * then left out; `options` may be NULL. Errors: ARGUMENT (a view outside the photo, a setting or the grid out
 * of range), LIMIT (a sheet over 250 million pixels), MEMORY. */
err_code cap_overlay_sheet(const img *photo, cap_view view, int grid_h, int grid_w, int words,
                           const char *const *word, const float *probability, const float *alpha,
                           const char *sentence, const cap_overlay_options *options, img *out, error *e);

/* One panel: the photo, panel_width wide (narrower if it were more than 1.5 times as high as that), under a
 * veil that is open where alpha [gh * gw] is large, or under heat. The weights are enlarged smoothly (cubic B-spline). Even
 * attention is half veiled everywhere, nothing looked at fully veiled, the most looked-at place of a panel
 * open. */
err_code cap_overlay_heat(const img *photo, cap_view view, int grid_h, int grid_w, const float *alpha,
                          const cap_overlay_options *options, img *out, error *e);

#endif
