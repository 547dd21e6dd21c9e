/* From a photo to the numbers a backbone reads: cut, resize, normalise.
 *
 *     cnn_preprocess pre;
 *     cnn_preprocess_default(&pre);
 *     uint8_t rgb[224 * 224 * 3];
 *     if (cnn_preprocess_photo(&pre, &photo, rgb, &err)) ...   bytes: small, can be kept for a whole data set
 *     cnn_normalise(&pre, rgb, 224 * 224, pixels);             pixels [224,224,3] = (rgb / 255 - mean) / std
 */
#ifndef CNN_PREPROCESS_H
#define CNN_PREPROCESS_H

#include "src/base/error.h"
#include "src/image/image.h"
#include "src/math/real.h"

typedef struct cnn_preprocess {
    int size; /* side of the square input in pixels, 1..CNN_MAX_SIDE; models: CNN_MIN_SIDE at least */
    enum {
        CNN_STRETCH, /* the whole photo, its sides made equal: no part is lost */
        CNN_CROP     /* the largest square in the middle: shapes are kept */
    } fit;
    float mean[3], std[3]; /* of red, green, blue, on the scale 0..1; std > 0 */
} cnn_preprocess;

/* What a model may see: from what the backbones make one region of, to what fits in memory while it trains. */
enum { CNN_MIN_SIDE = 32, CNN_MAX_SIDE = 2048 };

/* 224 pixels, stretched, mean and deviation of ImageNet's photos. */
void cnn_preprocess_default(cnn_preprocess *pre);

/* The rectangle of a photo of width x height that the net sees, in its pixels: box = {x0, y0, x1, y1}. */
void cnn_view(const cnn_preprocess *pre, int width, int height, double box[4]);

/* Resamples the view to rgb[size][size][3] (antialiased bilinear). Errors: ARGUMENT (size out of range, empty
 * photo), MEMORY. */
err_code cnn_preprocess_photo(const cnn_preprocess *pre, const img *photo, uint8_t *rgb, error *err);

/* How a photo lies in a square: scaled, at the top left. */
typedef struct cnn_letter {
    int size;          /* side of the square; a multiple of 32 */
    int width, height; /* of the photo, in its pixels */
    double scale;      /* pixels of the square per pixel of the photo */
} cnn_letter;

/* Resamples the whole photo into rgb[size][size][3] so that its longer side fills the square; around it is
 * grey (114). Errors: ARGUMENT (size out of range, empty photo), MEMORY. */
err_code cnn_letterbox(const img *photo, int size, uint8_t *rgb, cnn_letter *letter, error *err);

/* out[pixels][3] of rgb[pixels][3]. */
void cnn_normalise(const cnn_preprocess *pre, const uint8_t *rgb, size_t pixels, real *out);

#endif
