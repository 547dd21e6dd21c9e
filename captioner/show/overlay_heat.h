/* Inside captioner/show/overlay.h: the steps of one panel, which the sheet takes one by one. */
#ifndef CAPTIONER_OVERLAY_HEAT_H
#define CAPTIONER_OVERLAY_HEAT_H

#include "captioner/show/overlay.h"
#include "src/image/draw.h"

/* The options with their defaults for this photo filled in; ARGUMENT when one is out of range. */
err_code cap_overlay_settings(const img *photo, const cap_overlay_options *options,
                              cap_overlay_options *settings, error *e);

/* ARGUMENT when the view is not inside the photo or the grid cannot be painted. */
err_code cap_overlay_check(const img *photo, cap_view view, int grid_h, int grid_w, error *e);

/* The photo at panel size. */
err_code cap_overlay_photo(const img *photo, int panel_width, img *out, error *e);

/* Covers `panel`, which is `photo` at another size, in the style and opacity of the settings. */
err_code cap_overlay_cover(const img *photo, cap_view view, int grid_h, int grid_w, const float *alpha,
                           const cap_overlay_options *settings, img *panel, error *e);

/* What a word looked at, on `panel`, which shows `photo` at another size: the cover, and the box (one without a
 * label, or NULL: none), which is framed, and open in a veil; heat goes on inside of it. */
err_code cap_overlay_look(const img *photo, cap_view view, int grid_h, int grid_w, const float *alpha,
                          const cap_overlay_box *box, const cap_overlay_options *settings, img *panel,
                          error *e);

/* Is the panel of a word with this box covered by what the scale explains? */
bool cap_overlay_is_covered(const cap_overlay_options *settings, const cap_overlay_box *box);

/* The weight of the right end of the scale of alpha [regions]: the largest, or what would count as a peak. */
float cap_overlay_most(const float *alpha, int regions);

/* What a scale shows for a place that is so open, 0..1. */
img_colour cap_overlay_scale(const cap_overlay_options *settings, float open);

#endif
