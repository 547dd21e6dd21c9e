/* Looking at a description in a terminal that knows letters and colours only: the photo, and beneath it small
 * ones, one a word, with what it looked at, as half blocks.
 *
 *     text t = {0};
 *     if (cap_look_put(&description, &options, 80, CAP_COLOURS_ALL, &t, &err)) ...
 *     fputs(text_string(&t), stdout); */
#ifndef CAPTIONER_LOOK_H
#define CAPTIONER_LOOK_H

#include "captioner/caption.h"
#include "captioner/show/overlay.h"
#include "captioner/show/terminal.h"

enum { CAP_LOOK_LEAST = 20 }; /* columns at least */

/* Appends lines of at most `columns` columns (CAP_LOOK_LEAST or more). The description kept its photo. Of the
 * options count style, opacity, content, columns and boxes. Errors: ARGUMENT, MEMORY. */
err_code cap_look_put(const cap_description *d, const cap_overlay_options *options, int columns,
                      cap_colours colours, text *out, error *err);

#endif
