/* TIFF through libtiff: the first page, whatever its samples, as RGBA. */
#include "src/image/colours.h"

#if HAVE_TIFF

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <tiffio.h>

#include "src/image/library.h"

#define EACH_CALL(X)                                                                                         \
    X(TIFFOpenOptionsAlloc)                                                                                  \
    X(TIFFOpenOptionsFree)                                                                                   \
    X(TIFFOpenOptionsSetErrorHandlerExtR)                                                                    \
    X(TIFFOpenOptionsSetWarningHandlerExtR)                                                                  \
    X(TIFFClientOpenExt)                                                                                     \
    X(TIFFClose)                                                                                             \
    X(TIFFGetField)                                                                                          \
    X(TIFFGetFieldDefaulted)                                                                                 \
    X(TIFFSetField)                                                                                          \
    X(TIFFRGBAImageOK)                                                                                       \
    X(TIFFReadRGBAImageOriented)

IMG_LIBRARY(TIFF_SONAME, EACH_CALL)

/* What the library reads from, and what it complained of first. */
typedef struct input {
    const img_source *src;
    uint64_t at;
    char problem[160];
} input;

/* ---- a file in memory ---- */

static tmsize_t read_input(thandle_t handle, void *to, tmsize_t wanted)
{
    input *in = handle;
    uint64_t left = in->at < in->src->length ? in->src->length - in->at : 0;
    size_t n = (uint64_t)wanted < left ? (size_t)wanted : (size_t)left;
    memcpy(to, in->src->bytes + (n ? in->at : 0), n);
    in->at += n;
    return (tmsize_t)n;
}

static tmsize_t write_nothing(thandle_t handle, void *from, tmsize_t size)
{
    (void)handle;
    (void)from;
    (void)size;
    return -1;
}

static toff_t seek_input(thandle_t handle, toff_t to, int whence)
{
    input *in = handle;
    in->at = whence == SEEK_SET ? to : whence == SEEK_CUR ? in->at + to : in->src->length + to;
    return in->at;
}

static int close_input(thandle_t handle)
{
    (void)handle;
    return 0;
}

static toff_t size_input(thandle_t handle)
{
    const input *in = handle;
    return in->src->length;
}

__attribute__((format(printf, 4, 0))) static int keep_problem(TIFF *tiff, void *ctx, const char *module,
                                                              const char *format, va_list args);

static int keep_problem(TIFF *tiff, void *ctx, const char *module, const char *format, va_list args)
{
    input *in = ctx;
    (void)tiff;
    (void)module;
    if (!*in->problem) vsnprintf(in->problem, sizeof in->problem, format, args);
    return 1;
}

static int ignore_warning(TIFF *tiff, void *ctx, const char *module, const char *format, va_list args)
{
    (void)tiff;
    (void)ctx;
    (void)module;
    (void)format;
    (void)args;
    return 1;
}

static TIFF *open_input(input *in)
{
    TIFFOpenOptions *o = lib.TIFFOpenOptionsAlloc();
    if (!o) return NULL;
    lib.TIFFOpenOptionsSetErrorHandlerExtR(o, keep_problem, in);
    lib.TIFFOpenOptionsSetWarningHandlerExtR(o, ignore_warning, in);
    TIFF *tiff = lib.TIFFClientOpenExt(in->src->name, "rm", in, read_input, write_nothing, seek_input,
                                       close_input, size_input, NULL, NULL, o);
    lib.TIFFOpenOptionsFree(o);
    return tiff;
}

/* ---- the picture ---- */

static err_code damaged(const input *in, error *e)
{
    return img_damaged(in->src, "damaged TIFF data", *in->problem ? in->problem : NULL, e);
}

/* The library's pixels, whose alpha is multiplied in already, over white. */
static void unpack(const uint32_t *raster, size_t pixels, uint8_t *rgb)
{
    for (size_t i = 0; i < pixels; i++) {
        unsigned rest = 255 - TIFFGetA(raster[i]);
        const unsigned c[3] = {TIFFGetR(raster[i]) + rest, TIFFGetG(raster[i]) + rest,
                               TIFFGetB(raster[i]) + rest};
        for (int k = 0; k < 3; k++) rgb[3 * i + (size_t)k] = (uint8_t)(c[k] < 255 ? c[k] : 255);
    }
}

/* Profiles of pictures whose samples the library gives as they are. */
static err_code apply_profile(TIFF *tiff, const img_source *src, img *out, img_info *info, error *e)
{
    uint32_t length = 0;
    uint16_t photometric = 0;
    const void *icc = NULL;
    lib.TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &photometric);
    bool plain = photometric == PHOTOMETRIC_RGB || photometric == PHOTOMETRIC_YCBCR;
    if (!plain || !lib.TIFFGetField(tiff, TIFFTAG_ICCPROFILE, &length, &icc) || !length) return ERR_OK;
    return img_apply_profile(src, icc, length, out->rgb, out->width, out->height, 3, info, e);
}

static err_code read_pixels(TIFF *tiff, const input *in, uint32_t width, uint32_t height, img *out, error *e)
{
    size_t pixels = (size_t)width * height;
    uint32_t *raster = malloc(pixels * sizeof *raster);
    if (!raster) return err_no_memory(e, "while reading '%s'", in->src->name);
    /* Turning is ours; the library would only mirror. */
    lib.TIFFSetField(tiff, TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT);
    bool good = lib.TIFFReadRGBAImageOriented(tiff, width, height, raster, ORIENTATION_TOPLEFT, 1);
    err_code code = good ? img_create(out, (int)width, (int)height, e) : damaged(in, e);
    if (!code) unpack(raster, pixels, out->rgb);
    free(raster);
    return code;
}

static err_code read_picture(TIFF *tiff, const input *in, const img_read_options *options, img *out,
                             img_info *info, error *e)
{
    uint32_t width = 0, height = 0;
    uint16_t orientation = 1;
    char problem[1024] = "";
    lib.TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &width);
    lib.TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &height);
    lib.TIFFGetFieldDefaulted(tiff, TIFFTAG_ORIENTATION, &orientation);
    if (!width || !height || width > IMG_MAX_SIDE || height > IMG_MAX_SIDE)
        return img_damaged(in->src, "a TIFF of impossible size", NULL, e);
    err_code code = img_check_size(in->src, options, width, height, e);
    if (!code && !lib.TIFFRGBAImageOK(tiff, problem))
        code = err_set(e, ERR_UNSUPPORTED, "cannot read '%s': a kind of TIFF that is not supported: %.200s",
                       in->src->name, problem);
    if (!code) code = read_pixels(tiff, in, width, height, out, e);
    if (!code) code = apply_profile(tiff, in->src, out, info, e);
    info->width = (int)width;
    info->height = (int)height;
    info->orientation = orientation >= 1 && orientation <= 8 ? orientation : 1;
    return code;
}

err_code img_tiff_read(const img_source *src, const img_read_options *options, img *out, img_info *info,
                       error *e)
{
    if (!have_library()) return img_not_loaded(src, TIFF_SONAME, e);
    input in = {.src = src};
    TIFF *tiff = open_input(&in);
    if (!tiff) return damaged(&in, e);
    err_code code = read_picture(tiff, &in, options, out, info, e);
    lib.TIFFClose(tiff);
    return code;
}

#else

err_code img_tiff_read(const img_source *src, const img_read_options *options, img *out, img_info *info,
                       error *e)
{
    (void)options;
    (void)out;
    (void)info;
    return img_not_built(src, "TIFF", "libtiff", e);
}

#endif
