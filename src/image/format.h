/* Inside src/image: what a file format offers to read.c, and what the formats share. */
#ifndef IMAGE_FORMAT_H
#define IMAGE_FORMAT_H

#include "src/image/image.h"

/* An encoded picture in memory. */
typedef struct img_source {
    const uint8_t *bytes;
    size_t length;
    const char *name; /* for messages */
} img_source;

/* Decodes `src`; fills info->width, height (as stored) and orientation. `options` is never NULL and its
 * max_pixels never 0. `out` is empty on entry; on failure the caller releases it. */
typedef err_code img_reader(const img_source *src, const img_read_options *options, img *out, img_info *info,
                            error *e);

img_reader img_jpeg_read, img_png_read, img_webp_read, img_bmp_read, img_gif_read, img_tiff_read,
    img_heif_read, img_raw_read;

/* UNSUPPORTED, of a format whose library this build lacks: "... was built without HEIC support (libheif)". */
err_code img_not_built(const img_source *src, const char *format, const char *library, error *e);

/* Is it a camera's raw file, by its first bytes, or, where these are those of a TIFF, by the end of its name? */
bool img_is_raw(const uint8_t *bytes, size_t length, const char *name);

/* Lays the RGBA picture that `out` holds over white and gives back what memory is left over. */
void img_drop_alpha(img *out);

/* Says of a file that is none of ours what it is, by its first bytes: "cannot read 'name': an AVIF file; ...".
 * FORMAT or UNSUPPORTED. */
err_code img_refuse_foreign(const uint8_t *bytes, size_t length, const char *name, error *e);

/* LIMIT when a picture is too large by the options, with a sentence that says so. */
err_code img_check_size(const img_source *src, const img_read_options *options, uint64_t width,
                        uint64_t height, error *e);

/* FORMAT, "cannot read 'name': <problem>"; `detail` (may be NULL) is a library's own words. */
err_code img_damaged(const img_source *src, const char *problem, const char *detail, error *e);

/* Lays [pixels][4] RGBA over white and packs it to [pixels][3], in place. */
void img_over_white(uint8_t *rgba, size_t pixels);

/* The orientation in an EXIF block (a TIFF header, "Exif\0\0" before it or not): 1..8, 1 when there is none.
 */
int img_exif_orientation(const uint8_t *exif, size_t length);

#endif
