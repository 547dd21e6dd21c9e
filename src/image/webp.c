/* WebP through libwebp; a build without it recognises the files and says what it lacks. */
#include "src/image/format.h"

#if HAVE_WEBP

#include <stdlib.h>
#include <string.h>

#include <webp/decode.h>

static uint32_t read_u32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* The chunks of the container follow each other: four letters, a length, that many bytes, padded to even. */
static int read_orientation(const img_source *src)
{
    for (size_t at = 12; src->length - at >= 8;) {
        size_t size = read_u32(src->bytes + at + 4);
        if (size > src->length - at - 8) break;
        if (!memcmp(src->bytes + at, "EXIF", 4)) return img_exif_orientation(src->bytes + at + 8, size);
        size += size & 1;
        if (size > src->length - at - 8) break;
        at += 8 + size;
    }
    return 1;
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

/* Checks the header of the file; nothing of the picture's size is allocated yet. */
static err_code check(const img_source *src, const img_read_options *options, WebPBitstreamFeatures *features,
                      error *e)
{
    if ((uint64_t)read_u32(src->bytes + 4) + 8 > src->length)
        return img_damaged(src, problem_text(VP8_STATUS_NOT_ENOUGH_DATA), NULL, e);
    VP8StatusCode status = WebPGetFeatures(src->bytes, src->length, features);
    if (status != VP8_STATUS_OK) return img_damaged(src, problem_text(status), NULL, e);
    if (features->has_animation)
        return err_set(e, ERR_UNSUPPORTED,
                       "cannot read '%s': an animated WebP; save one of its pictures on its own", src->name);
    return img_check_size(src, options, (uint64_t)features->width, (uint64_t)features->height, e);
}

static VP8StatusCode decode(const img_source *src, uint8_t *pixels, int width, int height, bool alpha)
{
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config)) return VP8_STATUS_INVALID_PARAM;
    config.output.colorspace = alpha ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = pixels;
    config.output.u.RGBA.stride = width * (alpha ? 4 : 3);
    config.output.u.RGBA.size = (size_t)config.output.u.RGBA.stride * (size_t)height;
    VP8StatusCode status = WebPDecode(src->bytes, src->length, &config);
    WebPFreeDecBuffer(&config.output);
    return status;
}

err_code img_webp_read(const img_source *src, const img_read_options *options, img *out, img_info *info,
                       error *e)
{
    WebPBitstreamFeatures features;
    err_code rc = check(src, options, &features, e);
    if (rc) return rc;
    size_t pixels = (size_t)features.width * (size_t)features.height;
    out->rgb = malloc(pixels * (features.has_alpha ? 4 : 3));
    if (!out->rgb) return err_set(e, ERR_MEMORY, "cannot read '%s': out of memory", src->name);
    out->width = info->width = features.width;
    out->height = info->height = features.height;
    VP8StatusCode status = decode(src, out->rgb, features.width, features.height, features.has_alpha);
    if (status == VP8_STATUS_OUT_OF_MEMORY)
        return err_set(e, ERR_MEMORY, "cannot read '%s': out of memory", src->name);
    if (status != VP8_STATUS_OK) return img_damaged(src, problem_text(status), NULL, e);
    info->orientation = read_orientation(src);
    if (features.has_alpha) {
        img_over_white(out->rgb, pixels);
        uint8_t *packed = realloc(out->rgb, pixels * 3);
        if (packed) out->rgb = packed;
    }
    return ERR_OK;
}

#else

err_code img_webp_read(const img_source *src, const img_read_options *options, img *out, img_info *info,
                       error *e)
{
    (void)options;
    (void)out;
    (void)info;
    return err_set(e, ERR_UNSUPPORTED, "cannot read '%s': WebP is not supported by this build", src->name);
}

#endif
