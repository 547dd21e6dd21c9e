/* Features of a frozen encoder, computed once for a data set and kept in a file of half floats.
 *
 *     ds_features_shape shape = {.key = key, .images = n, .regions = 49, .channels = 1280};
 *     ds_features_writer *w;
 *     if (ds_features_create("train.features", &shape, &w, &err)) ...
 *     for each image in order: ds_features_put(w, map, &err);
 *     ds_features_finish(&w, &err);                    now the file is there, whole
 *
 *     ds_features *f;
 *     if (ds_features_open("train.features", &shape, &f, &err)) ...      ERR_MISMATCH = make it anew
 *     ds_features_get(f, image, out, &err);
 *     ds_features_close(&f);
 *
 * The file, little-endian: 64 bytes of header (magic, version, regions, channels, images, key, hash of the
 * header so far), then f16 [images][regions][channels], then u64 [images], a hash of each image's bytes. An
 * image's hash is checked when it is first read. A file that another program cuts short while it is open
 * gives ERR_FORMAT. */
#ifndef DATASETS_FEATURE_CACHE_H
#define DATASETS_FEATURE_CACHE_H

#include "src/base/error.h"
#include "src/base/hash.h"

#include <stddef.h>
#include <stdint.h>

typedef struct ds_features_shape {
    hash128 key; /* names weights, preprocessing and list of photos: features of another key do not fit */
    uint64_t images;
    uint32_t regions, channels; /* L and D; images * L * D * 2 bytes at most 2^48 */
} ds_features_shape;

typedef struct ds_features ds_features;
typedef struct ds_features_writer ds_features_writer;

err_code ds_features_create(const char *path, const ds_features_shape *shape, ds_features_writer **w,
                            error *err);

/* The next image's map [L][D]. */
err_code ds_features_put(ds_features_writer *w, const float *map, error *err);

/* Puts the file in place; fails (ERR_ARGUMENT) unless every image was put. Frees the writer in any case. */
err_code ds_features_finish(ds_features_writer **w, error *err);
void ds_features_abort(ds_features_writer **w); /* leaves no file; NULL and pointer to NULL are fine */

/* ERR_MISSING: no file. ERR_MISMATCH: of another key or shape. ERR_FORMAT: damaged or cut off. */
err_code ds_features_open(const char *path, const ds_features_shape *expected, ds_features **f, error *err);
void ds_features_close(ds_features **f);

/* Image i as floats, out [L][D]. Several threads may read at once. ERR_FORMAT when its bytes are damaged. */
err_code ds_features_get(ds_features *f, uint64_t image, float *out, error *err);

#endif
