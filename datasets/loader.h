/* Loader: threads that decode and augment the photos of coming batches ahead of the one who trains on them.
 *
 *     ds_loader_settings s = ds_loader_defaults();
 *     s.item = items;  s.items = n;  s.size = 224;  s.max_images = 64;
 *     ds_loader *l;
 *     if (ds_loader_create(&s, &l, &err)) ...
 *     for each epoch:
 *         ds_loader_start(l, &schedule, epoch, &err);
 *         ds_images b;
 *         while (!(code = ds_loader_next(l, &b, &err)) && b.images) train(b.pixels, b.images);
 *     ds_loader_free(&l);                       at any moment, also in the middle of an epoch
 *
 * What comes out is a function of the photos, the settings, the epoch and the schedule, never of the threads:
 * batches come in order, and a photo's view is drawn from (seed, epoch, its index).
 *
 * A photo is decoded, shrunk to the store size, perhaps kept in the cache (so that later epochs need not
 * decode it again), and its view is cut from that. A photo that cannot be decoded is reported once, replaced
 * by grey and counted; when more than the allowed share of all photos is bad, next fails. */
#ifndef DATASETS_LOADER_H
#define DATASETS_LOADER_H

#include "datasets/augment.h"
#include "datasets/batch.h"
#include "datasets/item.h"

typedef struct ds_loader ds_loader;

/* Called from within ds_loader_next, in the caller's thread. */
typedef void (*ds_bad_photo)(void *ctx, const ds_item *item, const char *problem);

typedef struct ds_loader_settings {
    const ds_item *item; /* [items] kept by the caller until the loader is freed */
    int32_t items;
    int size;           /* side of the square views, pixels, 1..4096 */
    int32_t max_images; /* images of one batch at most */
    int threads;        /* workers beside the caller, 0..64; the caller helps when it would wait; default 1 */
    int depth;          /* batches under way or ready, the caller's included, 2..64; default 3 */
    int store_side;     /* photos are shrunk so that the short side is this; 0 = not; default 256 */
    size_t cache_bytes; /* memory for shrunk photos; 0 = no cache; default 0 */
    ds_fit fit;         /* default DS_STRETCH */
    const ds_augment *augment; /* NULL = plain views (default); copied */
    const bool *keep_sides;    /* [items] true = never mirror; NULL = all may be; kept by the caller */
    uint64_t seed;
    double max_bad_share; /* of the items; default 0.01 */
    ds_bad_photo report;  /* NULL = nobody is told */
    void *ctx;
} ds_loader_settings;

/* The photos of an epoch: batch i is image[start[i] .. start[i+1]-1]. */
typedef struct ds_schedule {
    int32_t batches;
    const int32_t *start; /* [batches+1] */
    const int32_t *image; /* [start[batches]] item indices */
} ds_schedule;

typedef struct ds_images {
    int32_t images;        /* 0 = the epoch is over */
    int32_t batch;         /* its number */
    const int32_t *image;  /* [images] item indices */
    const uint8_t *pixels; /* [images][size][size][3]; valid until the next call of next, start or free */
} ds_images;

ds_loader_settings ds_loader_defaults(void);
err_code ds_loader_create(const ds_loader_settings *settings, ds_loader **loader, error *err);
void ds_loader_free(ds_loader **loader);

/* Begins an epoch, leaving the present one if it is not over. The schedule is kept by the caller until it
 * ends. */
err_code ds_loader_start(ds_loader *l, const ds_schedule *schedule, uint32_t epoch, error *err);
err_code ds_loader_next(ds_loader *l, ds_images *out, error *err);

int32_t ds_loader_bad(const ds_loader *l);   /* photos found undecodable so far */
size_t ds_loader_cached_bytes(ds_loader *l); /* memory the cache holds */

/* The photos of a plan's batches, in the order of ds_batch.image; the arrays live in `memory`. */
err_code ds_schedule_of_plan(const ds_plan *plan, arena *memory, ds_schedule *out, error *err);

#endif
