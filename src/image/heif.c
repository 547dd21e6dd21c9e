/* HEIC, HEIF and AVIF through libheif, which turns pictures upright by itself. */
#include "src/image/colours.h"

#if HAVE_HEIF

#include <libheif/heif.h>
#include <stdlib.h>

#include "src/image/library.h"

#define EACH_CALL(X)                                                                                         \
    X(heif_context_alloc)                                                                                    \
    X(heif_context_free)                                                                                     \
    X(heif_context_read_from_memory_without_copy)                                                            \
    X(heif_context_get_primary_image_handle)                                                                 \
    X(heif_image_handle_release)                                                                             \
    X(heif_image_handle_get_width)                                                                           \
    X(heif_image_handle_get_height)                                                                          \
    X(heif_image_handle_has_alpha_channel)                                                                   \
    X(heif_image_handle_get_raw_color_profile_size)                                                          \
    X(heif_image_handle_get_raw_color_profile)                                                               \
    X(heif_decode_image)                                                                                     \
    X(heif_image_release)                                                                                    \
    X(heif_image_get_plane_readonly)                                                                         \
    X(heif_image_get_width)                                                                                  \
    X(heif_image_get_height)

IMG_LIBRARY(HEIF_SONAME, EACH_CALL)

/* What is open while a picture is read. */
typedef struct heif {
    const img_source *src;
    struct heif_context *context;
    struct heif_image_handle *handle;
    struct heif_image *image;
    int samples; /* 4 with alpha, else 3 */
} heif;

static err_code fail(const heif *h, struct heif_error problem, error *e)
{
    if (problem.code == heif_error_Memory_allocation_error)
        return err_no_memory(e, "while reading '%s'", h->src->name);
    if (problem.code == heif_error_Unsupported_feature || problem.code == heif_error_Unsupported_filetype)
        return err_set(e, ERR_UNSUPPORTED, "cannot read '%s': this libheif cannot decode it: %s",
                       h->src->name, problem.message);
    return img_damaged(h->src, "damaged HEIF data", problem.message, e);
}

static err_code open_picture(heif *h, const img_read_options *options, error *e)
{
    h->context = lib.heif_context_alloc();
    if (!h->context) return err_no_memory(e, "while reading '%s'", h->src->name);
    struct heif_error problem =
        lib.heif_context_read_from_memory_without_copy(h->context, h->src->bytes, h->src->length, NULL);
    if (!problem.code) problem = lib.heif_context_get_primary_image_handle(h->context, &h->handle);
    if (problem.code) return fail(h, problem, e);
    int width = lib.heif_image_handle_get_width(h->handle),
        height = lib.heif_image_handle_get_height(h->handle);
    if (width < 1 || height < 1) return img_damaged(h->src, "a picture of impossible size", NULL, e);
    return img_check_size(h->src, options, (uint64_t)width, (uint64_t)height, e);
}

/* The rows of the library's picture, which may be padded. */
static err_code copy_rows(const heif *h, img *out, error *e)
{
    int stride, width = lib.heif_image_get_width(h->image, heif_channel_interleaved);
    int height = lib.heif_image_get_height(h->image, heif_channel_interleaved);
    const uint8_t *from = lib.heif_image_get_plane_readonly(h->image, heif_channel_interleaved, &stride);
    if (!from || width < 1 || height < 1 || width > IMG_MAX_SIDE || height > IMG_MAX_SIDE)
        return img_damaged(h->src, "damaged HEIF data", NULL, e);
    size_t row = (size_t)width * (size_t)h->samples;
    out->rgb = malloc(row * (size_t)height);
    if (!out->rgb) return err_no_memory(e, "while reading '%s'", h->src->name);
    out->width = width;
    out->height = height;
    for (size_t y = 0; y < (size_t)height; y++) memcpy(out->rgb + y * row, from + y * (size_t)stride, row);
    return ERR_OK;
}

static err_code apply_profile(const heif *h, img *out, img_info *info, error *e)
{
    size_t length = lib.heif_image_handle_get_raw_color_profile_size(h->handle);
    if (!length || length > h->src->length) return ERR_OK;
    uint8_t *icc = malloc(length);
    if (!icc) return err_no_memory(e, "while reading '%s'", h->src->name);
    struct heif_error problem = lib.heif_image_handle_get_raw_color_profile(h->handle, icc);
    err_code code = problem.code ? ERR_OK
                                 : img_apply_profile(h->src, icc, length, out->rgb, out->width, out->height,
                                                     h->samples, info, e);
    free(icc);
    return code;
}

static err_code read_picture(heif *h, img *out, img_info *info, error *e)
{
    h->samples = lib.heif_image_handle_has_alpha_channel(h->handle) ? 4 : 3;
    struct heif_error problem = lib.heif_decode_image(
        h->handle, &h->image, heif_colorspace_RGB,
        h->samples == 4 ? heif_chroma_interleaved_RGBA : heif_chroma_interleaved_RGB, NULL);
    if (problem.code) return fail(h, problem, e);
    err_code code = copy_rows(h, out, e);
    if (!code) code = apply_profile(h, out, info, e);
    if (code) return code;
    if (h->samples == 4) img_drop_alpha(out);
    info->width = out->width;
    info->height = out->height;
    return ERR_OK;
}

err_code img_heif_read(const img_source *src, const img_read_options *options, img *out, img_info *info,
                       error *e)
{
    if (!have_library()) return img_not_loaded(src, HEIF_SONAME, e);
    heif h = {.src = src};
    err_code code = open_picture(&h, options, e);
    if (!code) code = read_picture(&h, out, info, e);
    if (h.image) lib.heif_image_release(h.image);
    if (h.handle) lib.heif_image_handle_release(h.handle);
    if (h.context) lib.heif_context_free(h.context);
    return code;
}

#else

err_code img_heif_read(const img_source *src, const img_read_options *options, img *out, img_info *info,
                       error *e)
{
    (void)options;
    (void)out;
    return img_not_built(src, info->format, "libheif", e);
}

#endif
