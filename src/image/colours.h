/* Inside src/image: from the colours a file stores to sRGB, which is what nets were trained on and what
 * screens show. A file says what its numbers stand for by an ICC profile, or (PNG) by primaries and a curve;
 * a reader makes a transform of that, and runs it over the pixels as they come.
 *
 *     img_transform *t = NULL;
 *     rc = img_transform_icc(src, icc, length, (img_layout){IMG_RGB, 3, 8, pixels}, &t, info, e);
 *     img_transform_run(t, row, row, width);
 *     img_transform_free(&t);
 *
 * Most pictures are in sRGB, with a profile that says so or with none: then there is no transform (NULL), and
 * running it does nothing. */
#ifndef IMAGE_COLOURS_H
#define IMAGE_COLOURS_H

#include "src/image/format.h"

typedef enum img_space {
    IMG_GREY, /* stored as three samples that are alike */
    IMG_RGB,
    IMG_CMYK, /* light, not ink: 255 where there is none, as in JPEG */
} img_space;

typedef struct img_layout {
    img_space space;
    int samples;   /* of a pixel: 3, or 4 for CMYK and where alpha follows, which is left alone */
    int bits;      /* of a sample: 8, or 16 (uint16_t) */
    size_t pixels; /* how many there will be, roughly */
} img_layout;

/* -- What a profile says (icc.c) ---------------------------------------------------------------------- */

/* Whether the profile is one for pictures of `space`; those for RGB fit grey ones, too. */
bool img_icc_fits(const uint8_t *icc, size_t length, img_space space);

/* Whether it says sRGB, to less than half a level: looked up in its matrix and curves. */
bool img_icc_is_srgb(const uint8_t *icc, size_t length);

/* sRGB's curve: light 0..1 of a stored number 0..1 (IEC 61966-2-1). */
double img_srgb_light(double stored);

/* -- What numbers without a profile say (rgb_space.c) ------------------------------------------------- */

enum { IMG_CURVE = 4096 };

typedef struct img_rgb_space {
    double xy[4][2];           /* CIE x and y of white, red, green, blue */
    uint16_t curve[IMG_CURVE]; /* stored number, 0 to the largest, to light, 0 to 65535 */
} img_rgb_space;

/* Primaries (NULL: those of sRGB) and the exponent from numbers to light. False: it is sRGB, or impossible.
 */
bool img_space_of_gamma(const double xy[4][2], double exponent, img_rgb_space *out);

/* The four numbers of ITU-T H.273 in a cICP chunk: primaries, transfer, matrix, full range. False: it is
 * sRGB, or unknown. */
bool img_space_of_cicp(const uint8_t cicp[4], img_rgb_space *out);

/* -- Transforms (transform.c) ------------------------------------------------------------------------- */

typedef struct img_transform img_transform;

/* *out is NULL when nothing is to be done: the profile says sRGB, or it is damaged or for another kind of
 * picture and ignored as viewers do, with a warning in `info`. Errors: MEMORY. */
err_code img_transform_icc(const img_source *src, const uint8_t *icc, size_t length, img_layout layout,
                           img_transform **out, img_info *info, error *e);
err_code img_transform_space(const img_source *src, const img_rgb_space *space, img_layout layout,
                             img_transform **out, img_info *info, error *e);

/* At most the pixels of a row. CMYK becomes 8-bit RGB at `to`; everything else stays laid out as it is and
 * may be changed in place. */
void img_transform_run(const img_transform *t, const void *from, void *to, size_t pixels);
void img_transform_free(img_transform **t); /* NULL and pointer to NULL are fine */

/* All of that for pixels[height][width][samples], RGB of 8 bits with or without alpha, in place. */
err_code img_apply_profile(const img_source *src, const uint8_t *icc, size_t length, uint8_t *pixels,
                           int width, int height, int samples, img_info *info, error *e);

#endif
