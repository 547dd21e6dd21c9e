/* Pictures: reading JPEG, PNG, WebP, BMP and, where their libraries are there, GIF, TIFF, HEIC, AVIF and the
 * previews of raw files by content, turning by EXIF, resizing, writing.
 *
 *     img photo = {0};
 *     error err = {0};
 *     if (img_read_file("a.jpg", NULL, &photo, NULL, &err)) fprintf(stderr, "caption: %s\n", err.text);
 *     img small = {0};
 *     img_resize(&photo, img_whole(&photo), 224, 224, IMG_BILINEAR, &small, &err);
 *     img_release(&photo);
 *     img_release(&small);
 *
 * A zeroed img is empty and may be released. Functions that fill an img do not look at what it held before;
 * on failure they leave it empty. Nothing here is global: different threads may work on different images.
 * Damaged, truncated or hostile files give an error, never half a picture; one that lacks nothing but its end
 * marker is read, with a warning. Colours become sRGB, whatever profile the file has them in. Transparent
 * pixels are laid over white. Of an animation the first picture is read, of a TIFF the first page. */
#ifndef IMAGE_IMAGE_H
#define IMAGE_IMAGE_H

#include "src/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct img {
    int width, height; /* pixels */
    uint8_t *rgb;      /* [height][width][3], red green blue, 0..255; malloc-owned */
} img;

/* A picture of undefined content. Width and height are 1..IMG_MAX_SIDE. */
enum { IMG_MAX_SIDE = 1000000 };
err_code img_create(img *out, int width, int height, error *e);
void img_release(img *im);

/* -- Reading ---------------------------------------------------------------------------------------- */

typedef struct img_read_options {
    uint64_t max_pixels; /* a larger picture is refused before its memory is taken; 0 = 250 million */
    int reduce_to;       /* 0 = full size; else a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size as long
                            as both sides stay >= reduce_to (others are always read in full) ... */
    int longer_to; /* ... and the longer one >= longer_to; counts where reduce_to is not 0; 0 = no such bound */
    bool ignore_orientation; /* leave the pixels as stored instead of turning them upright */
} img_read_options;

typedef struct img_info {
    int width, height;  /* of the whole picture as displayed (turned upright, not reduced) */
    int orientation;    /* EXIF orientation found, 1..8; 1 when there is none */
    const char *format; /* "JPEG", "PNG", "WebP", "BMP", "GIF", "TIFF", "HEIC", "AVIF", "raw"; static */
    const char
        *warning; /* what is wrong with a file that was read all the same, as a clause; static, or NULL */
} img_info;

/* The format is recognised by content, never by name. `options` may be NULL (defaults), `info` may be NULL.
 * Files over 1 GiB are refused; fifos and other special files are read until they end, with the same bound.
 * Errors: MISSING (no such file), IO, FORMAT (no known format, or damaged), UNSUPPORTED, LIMIT, MEMORY. */
err_code img_read_file(const char *path, const img_read_options *options, img *out, img_info *info, error *e);

/* A picture from an open descriptor (0 = standard input), which stays open, or from memory: formats, limits
 * and errors are those of img_read_file. `name` is for messages only. */
err_code img_read_fd(int fd, const char *name, const img_read_options *options, img *out, img_info *info,
                     error *e);
err_code img_read_memory(const uint8_t *bytes, size_t length, const char *name,
                         const img_read_options *options, img *out, img_info *info, error *e);

/* The file behind a descriptor as it is, for reading it from memory more than once: at most 1 GiB, and no
 * further than its first bytes when they are of no known format. *data is malloc-owned, NULL after a
 * failure. */
err_code img_read_bytes(int fd, const char *name, uint8_t **data, size_t *length, error *e);

/* What img_read_bytes gives, of the file of that name. */
err_code img_read_file_bytes(const char *path, uint8_t **data, size_t *length, error *e);

/* The format that a file of this name should be of, by its ending: "JPEG", "HEIC", "raw", ...; NULL: no picture's,
 * or a hidden file. *read: this build reads it. For lists of folders: what a file is, reading it tells. */
const char *img_format_of_name(const char *name, bool *read);

/* Turns the stored pixels of an EXIF orientation (1..8; anything else counts as 1) upright, in place. */
err_code img_orient(img *im, int orientation, error *e);

/* -- Resizing --------------------------------------------------------------------------------------- */

typedef enum {
    IMG_BOX,      /* mean of the covered pixels */
    IMG_BILINEAR, /* triangle */
    IMG_BICUBIC,  /* Catmull-Rom-like cubic, a = -0.5 */
} img_filter;

/* A rectangle in source pixels: x0 <= x < x1, y0 <= y < y1; fractions are allowed. */
typedef struct img_box {
    double x0, y0, x1, y1;
} img_box;

img_box img_whole(const img *im);

/* Resamples the part `box` of `src` to width x height. The filter widens with the shrinking factor
 * (antialiasing), and it may look past the edges of the box but not of the picture, as Pillow's
 * Image.resize(size, BILINEAR, box=box) does; BOX and BILINEAR agree with it to within 1 level.
 * Errors: ARGUMENT (box empty or not inside the picture, size out of range), MEMORY. */
err_code img_resize(const img *src, img_box box, int width, int height, img_filter filter, img *out,
                    error *e);

/* -- Writing ---------------------------------------------------------------------------------------- */

/* The encoded picture in *bytes (malloc-owned, to be freed by the caller) and its length. */
err_code img_encode_png(const img *im, uint8_t **bytes, size_t *length, error *e);
err_code img_encode_jpeg(const img *im, int quality /* 1..100 */, uint8_t **bytes, size_t *length, error *e);

/* What a PNG says about itself, before its pixels. */
typedef struct img_note {
    const char *key;  /* 1..79 letters of ASCII: "Title", "Description", "Software", ... */
    const char *text; /* UTF-8 */
} img_note;

/* A PNG with notes, up to one whose key is NULL; NULL for none. */
err_code img_encode_png_noted(const img *im, const img_note *notes, uint8_t **bytes, size_t *length,
                              error *e);

/* The first note of that key among the first `length` bytes of a PNG: text[room], cut when it is longer.
 * False: no PNG, or no such note before the pixels or before the bytes end. */
bool img_find_note(const uint8_t *bytes, size_t length, const char *key, char *text, size_t room);

/* Writes the file whole or not at all: a temporary file in the same folder, flushed to the disk, then
 * renamed; removed on failure. What is not a regular file (a fifo, /dev/stdout) is written to directly. */
err_code img_write_png(const char *path, const img *im, error *e);
err_code img_write_jpeg(const char *path, const img *im, int quality, error *e);

#endif
