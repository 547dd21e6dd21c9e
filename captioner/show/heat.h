/* Heat: what colour says how much a place was looked at, the same in pictures, on pages and in terminals.
 *
 *     cap_heat h = cap_heat_at(open);                  0: not looked at, 1: looked at most
 *     pixel = pixel + h.cover * (h.colour - pixel)
 *
 * The colours rise in lightness from a night blue to a pale yellow, so that they are told apart on dark
 * photos as on light ones, in print without colours, and by eyes that mix up red and green. Their values are
 * those of the colour map inferno (S. van der Walt and N. Smith, 2015, CC0). */
#ifndef CAPTIONER_HEAT_H
#define CAPTIONER_HEAT_H

#include "src/image/draw.h"

typedef struct cap_heat {
    img_colour colour;
    float cover; /* of the photo beneath, 0..1 */
} cap_heat;

enum { CAP_HEAT_STEPS = 9 };

/* Step i is that of i / (CAP_HEAT_STEPS - 1); between steps all numbers go in straight lines. */
extern const cap_heat cap_heat_steps[CAP_HEAT_STEPS];

cap_heat cap_heat_at(float open); /* held to 0..1 */

#endif
