#include "src/image/image.h"
#include "src/image/format.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

err_code img_create(img *out, int width, int height, error *e)
{
    *out = (img){0};
    if (width < 1 || height < 1 || width > IMG_MAX_SIDE || height > IMG_MAX_SIDE)
        return err_set(e, ERR_ARGUMENT, "cannot make a picture of %d x %d pixels: a side is 1 to %d", width,
                       height, IMG_MAX_SIDE);
    out->rgb = malloc((size_t)width * height * 3);
    if (!out->rgb) return err_no_memory(e, "for a picture of %d x %d pixels", width, height);
    out->width = width;
    out->height = height;
    return ERR_OK;
}

void img_release(img *im)
{
    if (!im) return;
    free(im->rgb);
    *im = (img){0};
}

img_box img_whole(const img *im)
{
    return (img_box){0, 0, im->width, im->height};
}

/* Where in the stored pixels the upright picture starts, and the steps there for one pixel right and down. */
typedef struct walk {
    ptrdiff_t start, right, down;
} walk;

static walk upright_walk(int orientation, ptrdiff_t w, ptrdiff_t h)
{
    switch (orientation) {
    case 2:
        return (walk){w - 1, -1, w};
    case 3:
        return (walk){w * h - 1, -1, -w};
    case 4:
        return (walk){(h - 1) * w, 1, -w};
    case 5:
        return (walk){0, w, 1};
    case 6:
        return (walk){(h - 1) * w, -w, 1};
    case 7:
        return (walk){w * h - 1, -w, -1};
    case 8:
        return (walk){w - 1, w, -1};
    default:
        return (walk){0, 1, w};
    }
}

err_code img_orient(img *im, int orientation, error *e)
{
    if (orientation < 2 || orientation > 8) return ERR_OK;
    bool swap = orientation >= 5;
    img turned;
    err_code rc = img_create(&turned, swap ? im->height : im->width, swap ? im->width : im->height, e);
    if (rc) return rc;
    walk step = upright_walk(orientation, im->width, im->height);
    uint8_t *to = turned.rgb;
    for (int y = 0; y < turned.height; y++) {
        const uint8_t *from = im->rgb + 3 * (step.start + y * step.down);
        for (int x = 0; x < turned.width; x++, to += 3, from += 3 * step.right) memcpy(to, from, 3);
    }
    img_release(im);
    *im = turned;
    return ERR_OK;
}

err_code img_check_size(const img_source *src, const img_read_options *options, uint64_t width,
                        uint64_t height, error *e)
{
    if (!width || !height) return img_damaged(src, "the picture has no pixels", NULL, e);
    if (width > IMG_MAX_SIDE || height > IMG_MAX_SIDE)
        return err_set(e, ERR_LIMIT,
                       "cannot read '%s': a side of %" PRIu64 " x %" PRIu64 " is over the limit of %d pixels",
                       src->name, width, height, IMG_MAX_SIDE);
    if (width * height > options->max_pixels)
        return err_set(e, ERR_LIMIT,
                       "cannot read '%s': %" PRIu64 " x %" PRIu64 " is over the limit of %" PRIu64 " pixels",
                       src->name, width, height, options->max_pixels);
    return ERR_OK;
}

err_code img_damaged(const img_source *src, const char *problem, const char *detail, error *e)
{
    if (detail) return err_set(e, ERR_FORMAT, "cannot read '%s': %s (%s)", src->name, problem, detail);
    return err_set(e, ERR_FORMAT, "cannot read '%s': %s", src->name, problem);
}

err_code img_not_built(const img_source *src, const char *format, const char *library, error *e)
{
    return err_set(e, ERR_UNSUPPORTED, "cannot read '%s': caption was built without %s support (%s)",
                   src->name, format, library);
}

void img_drop_alpha(img *out)
{
    size_t pixels = (size_t)out->width * (size_t)out->height;
    img_over_white(out->rgb, pixels);
    uint8_t *packed = realloc(out->rgb, pixels * 3);
    if (packed) out->rgb = packed;
}

void img_over_white(uint8_t *rgba, size_t pixels)
{
    const uint8_t *in = rgba;
    uint8_t *out = rgba;
    for (size_t i = 0; i < pixels; i++, in += 4, out += 3) {
        unsigned a = in[3];
        for (int c = 0; c < 3; c++) out[c] = (uint8_t)((in[c] * a + 255 * (255 - a) + 127) / 255);
    }
}
