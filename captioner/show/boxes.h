/* Boxes with names, painted on a photo: what a model named in it.
 *
 *     const cap_overlay_box list[] = {{{20, 30, 200, 180}, "dog 0.93"}};
 *     cap_overlay_boxes(&photo, list, 1, 960, &picture, &err);
 *     img_write_png("boxes.png", &picture, &err);
 *     img_release(&picture);
 */
#ifndef CAPTIONER_BOXES_H
#define CAPTIONER_BOXES_H

#include "captioner/caption.h"
#include "src/image/image.h"

typedef struct cap_overlay_box {
    cap_view box;      /* in pixels of the photo; what lies outside is cut off */
    const char *label; /* NULL: there is no box; "": it has no name */
} cap_overlay_box;

/* The concept with a box that word `word` of a sentence about the photo looked at, if at no region more; -1:
 * none. */
int cap_overlay_object(const cap_description *d, const cap_alternative *said, int word);

/* The photo, `width` pixels wide (64..4096, narrower if it were more than 1.5 times as high as that), with all
 * boxes, the first one on top. Errors: ARGUMENT, MEMORY. */
err_code cap_overlay_boxes(const img *photo, const cap_overlay_box *boxes, int count, int width, img *out,
                           error *e);

/* One box on `panel`, which is `photo` at another size, in colour `number` of a few. */
err_code cap_overlay_paint_box(const img *photo, const cap_overlay_box *box, int number, img *panel,
                               error *e);

/* What `from` has inside the box, to the same place of `panel`: two pictures of one size. */
void cap_overlay_open_box(const img *photo, const cap_overlay_box *box, const img *from, img *panel);

#endif
