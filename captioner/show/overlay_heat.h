/* Inside captioner/show/overlay.h: the steps of one panel, which the sheet takes one by one. */
#ifndef CAPTIONER_OVERLAY_HEAT_H
#define CAPTIONER_OVERLAY_HEAT_H

#include "captioner/show/overlay.h"

/* The options with their defaults filled in; ARGUMENT when one is out of range. */
err_code cap_overlay_settings(const cap_overlay_options *options, cap_overlay_options *settings, error *e);

/* ARGUMENT when the view is not inside the photo or the grid cannot be painted. */
err_code cap_overlay_check(const img *photo, cap_view view, int grid_h, int grid_w, error *e);

/* The photo at panel size. */
err_code cap_overlay_photo(const img *photo, int panel_width, img *out, error *e);

/* Veils `panel`, which is `photo` at another size. */
err_code cap_overlay_veil(const img *photo, cap_view view, int grid_h, int grid_w, const float *alpha,
                          float opacity, img *panel, error *e);

#endif
