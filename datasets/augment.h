/* Views of a photo: which part of it, mirrored or not, in which light, as u8 [size][size][3].
 *
 *     ds_augment a = ds_augment_defaults();
 *     rng r = {.seed = seed, .stream = epoch, .index = ...};
 *     ds_view v = ds_view_draw(&photo, DS_STRETCH, &a, may_mirror, &r);     for training
 *     ds_view v = ds_view_plain(&photo, DS_STRETCH);                       without augmentation
 *     if (ds_view_apply(&photo, &v, 224, pixels, &err)) ... */
#ifndef DATASETS_AUGMENT_H
#define DATASETS_AUGMENT_H

#include "src/base/error.h"
#include "src/base/rng.h"
#include "src/image/image.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum ds_fit {
    DS_STRETCH,     /* the whole photo, its sides stretched to a square */
    DS_CENTRE_CROP, /* the largest square in its middle */
} ds_fit;

typedef struct ds_augment {
    bool mirror; /* half of the photos, where the caller allows it */
    double area_min,
        area_max;  /* share of the photo's area a random crop takes, 0 < min <= max <= 1; 1, 1 = none */
    double aspect; /* a crop's sides differ by up to this ratio, >= 1. DS_STRETCH: after stretching */
    double jitter; /* brightness, contrast, saturation are drawn from 1-jitter..1+jitter; 0..1 */
} ds_augment;

typedef struct ds_view {
    img_box box; /* pixels of the photo */
    bool mirror;
    float brightness, contrast, saturation; /* factors; 1 leaves as it is */
} ds_view;

ds_augment ds_augment_defaults(void); /* mirror, area 0.6..1, aspect 4/3, jitter 0.3 */
err_code ds_augment_check(const ds_augment *a, error *err);

ds_view ds_view_plain(const img *photo, ds_fit fit);
ds_view ds_view_draw(const img *photo, ds_fit fit, const ds_augment *a, bool may_mirror, rng *r);

/* Resamples (bilinear, antialiased) into out [size][size][3]. */
err_code ds_view_apply(const img *photo, const ds_view *view, int size, uint8_t *out, error *err);

#endif
