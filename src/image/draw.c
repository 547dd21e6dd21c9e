#include "src/image/draw.h"

#include <string.h>

/* The part of at .. at + size inside 0 .. limit: its start and length; `skipped` pixels were cut in front. */
static int clip(int *at, int size, int limit, int *skipped)
{
    int64_t from = *at, to = from + size;
    if (from < 0) from = 0;
    if (to > limit) to = limit;
    if (to <= from) return 0;
    *skipped = (int)(from - *at);
    *at = (int)from;
    return (int)(to - from);
}

void img_fill_rect(img *dst, int x, int y, int width, int height, img_colour colour)
{
    int skipped;
    width = clip(&x, width, dst->width, &skipped);
    height = clip(&y, height, dst->height, &skipped);
    for (int row = y; row < y + height; row++) {
        uint8_t *p = dst->rgb + 3 * ((size_t)row * dst->width + x);
        for (int i = 0; i < width; i++, p += 3) {
            p[0] = colour.r;
            p[1] = colour.g;
            p[2] = colour.b;
        }
    }
}

void img_blit(img *dst, int x, int y, const img *src)
{
    int left = 0, top = 0;
    int width = clip(&x, src->width, dst->width, &left);
    int height = clip(&y, src->height, dst->height, &top);
    if (!width) return;
    for (int row = 0; row < height; row++)
        memcpy(dst->rgb + 3 * ((size_t)(y + row) * dst->width + x),
               src->rgb + 3 * ((size_t)(top + row) * src->width + left), (size_t)width * 3);
}
