/* WebP through libwebp; a build without it recognises the files and says what it lacks. */
#include "src/image/colours.h"

#if HAVE_WEBP

#include <stdlib.h>
#include <string.h>

#include <webp/decode.h>

/* What is decoded: a whole file, or the data of one picture in an animation, and where it lies on the canvas.
 */
typedef struct picture {
    const uint8_t *bytes;
    size_t length;
    int x, y, width, height;
    bool alpha;
} picture;

static uint32_t read_u24(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;
}

static uint32_t read_u32(const uint8_t *p)
{
    return read_u24(p) | (uint32_t)p[3] << 24;
}

/* The chunks of the container follow each other: four letters, a length, that many bytes, padded to even.
 * Returns the bytes of the first one of that name, or NULL. */
static const uint8_t *find_chunk(const img_source *src, const char *letters, size_t *length)
{
    for (size_t at = 12; src->length - at >= 8;) {
        size_t size = read_u32(src->bytes + at + 4);
        if (size > src->length - at - 8) break;
        *length = size;
        if (!memcmp(src->bytes + at, letters, 4)) return src->bytes + at + 8;
        size += size & 1;
        if (size > src->length - at - 8) break;
        at += 8 + size;
    }
    return NULL;
}

static int read_orientation(const img_source *src)
{
    size_t length;
    const uint8_t *exif = find_chunk(src, "EXIF", &length);
    return exif ? img_exif_orientation(exif, length) : 1;
}

static const char *problem_text(VP8StatusCode status)
{
    switch (status) {
    case VP8_STATUS_UNSUPPORTED_FEATURE:
        return "a kind of WebP that is not supported";
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
        return "the WebP data ends too early; the file is truncated";
    default:
        return "damaged WebP data";
    }
}

/* The first picture of an animation. Its chunk: x / 2, y / 2, width - 1, height - 1, duration, flags, then
 * what a file of that picture alone would hold behind its header (the WebP container specification, "ANMF").
 */
static err_code find_first_picture(const img_source *src, int width, int height, picture *p, error *e)
{
    enum { HEADER = 16 };
    size_t length;
    WebPBitstreamFeatures features;
    const uint8_t *frame = find_chunk(src, "ANMF", &length);
    if (!frame || length < HEADER) return img_damaged(src, "an animated WebP without a picture", NULL, e);
    *p = (picture){.bytes = frame + HEADER, .length = length - HEADER};
    p->x = 2 * (int)read_u24(frame);
    p->y = 2 * (int)read_u24(frame + 3);
    VP8StatusCode status = WebPGetFeatures(p->bytes, p->length, &features);
    if (status != VP8_STATUS_OK) return img_damaged(src, problem_text(status), NULL, e);
    if (features.width > width - p->x || features.height > height - p->y)
        return img_damaged(src, "damaged WebP data", "a picture of the animation lies outside of it", e);
    p->width = features.width;
    p->height = features.height;
    p->alpha =
        features.has_alpha || p->width < width || p->height < height; /* nothing around it: transparent */
    return ERR_OK;
}

/* Checks the header of the file; nothing of the picture's size is allocated yet. */
static err_code check_header(const img_source *src, const img_read_options *options, int *width, int *height,
                             picture *p, error *e)
{
    WebPBitstreamFeatures features;
    if ((uint64_t)read_u32(src->bytes + 4) + 8 > src->length)
        return img_damaged(src, problem_text(VP8_STATUS_NOT_ENOUGH_DATA), NULL, e);
    VP8StatusCode status = WebPGetFeatures(src->bytes, src->length, &features);
    if (status != VP8_STATUS_OK) return img_damaged(src, problem_text(status), NULL, e);
    *width = features.width;
    *height = features.height;
    err_code rc = img_check_size(src, options, (uint64_t)features.width, (uint64_t)features.height, e);
    if (rc) return rc;
    if (features.has_animation) return find_first_picture(src, *width, *height, p, e);
    *p = (picture){src->bytes, src->length, 0, 0, *width, *height, features.has_alpha};
    return ERR_OK;
}

/* Decodes the picture into its place on pixels[height][width][4 with alpha, else 3]. */
static VP8StatusCode decode(const picture *p, uint8_t *pixels, int width)
{
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config)) return VP8_STATUS_INVALID_PARAM;
    int each = p->alpha ? 4 : 3, stride = width * each;
    config.output.colorspace = p->alpha ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = pixels + (size_t)p->y * stride + (size_t)p->x * each;
    config.output.u.RGBA.stride = stride;
    config.output.u.RGBA.size = (size_t)stride * (p->height - 1) + (size_t)p->width * each;
    VP8StatusCode status = WebPDecode(p->bytes, p->length, &config);
    WebPFreeDecBuffer(&config.output);
    return status;
}

err_code img_webp_read(const img_source *src, const img_read_options *options, img *out, img_info *info,
                       error *e)
{
    picture p = {0};
    int width = 0, height = 0;
    err_code rc = check_header(src, options, &width, &height, &p, e);
    if (rc) return rc;
    size_t pixels = (size_t)width * height;
    out->rgb = calloc(pixels, p.alpha ? 4 : 3);
    if (!out->rgb) return err_no_memory(e, "while reading '%s'", src->name);
    out->width = info->width = width;
    out->height = info->height = height;
    VP8StatusCode status = decode(&p, out->rgb, width);
    if (status == VP8_STATUS_OUT_OF_MEMORY) return err_no_memory(e, "while reading '%s'", src->name);
    if (status != VP8_STATUS_OK) return img_damaged(src, problem_text(status), NULL, e);
    info->orientation = read_orientation(src);
    size_t length;
    const uint8_t *icc = find_chunk(src, "ICCP", &length);
    if (icc) rc = img_apply_profile(src, icc, length, out->rgb, width, height, p.alpha ? 4 : 3, info, e);
    if (!rc && p.alpha) img_drop_alpha(out);
    return rc;
}

#else

err_code img_webp_read(const img_source *src, const img_read_options *options, img *out, img_info *info,
                       error *e)
{
    (void)options;
    (void)out;
    (void)info;
    return img_not_built(src, "WebP", "libwebp", e);
}

#endif
