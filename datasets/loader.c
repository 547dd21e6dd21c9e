#include "datasets/loader.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Streams of random numbers under the seed: the loader's own, away from those of other users. */
#define VIEW_STREAM ((uint64_t)0x76696577 << 32)

enum {
    MAX_SIZE = 4096,
    MAX_THREADS = 64,
    MAX_DEPTH = 64,
    MAX_IMAGES = 1 << 16,
    VIEW_DRAWS = 1 << 8,
    GREY = 128
};

/* The room of one batch in the ring; batch i uses slot i % depth. */
typedef struct slot {
    uint8_t *pixels; /* [max_images][size][size][3] */
    char **problem;  /* [max_images] why a photo is grey; NULL = it is not */
    int32_t left;    /* photos not done yet */
    err_code code;   /* memory ran out */
} slot;

struct ds_loader {
    ds_loader_settings s;
    ds_augment augment;
    size_t image_bytes;
    pthread_mutex_t mutex; /* guards all below, but not pixels of photos under way */
    pthread_cond_t changed;
    pthread_t thread[MAX_THREADS];
    int threads; /* running */
    bool quit;
    ds_schedule schedule;
    uint32_t epoch;
    slot *slot;       /* [depth] */
    int32_t consumed; /* batches handed out in this epoch */
    int32_t batch;    /* the batch of the next photo to take */
    int32_t taken;    /* photos taken in this epoch */
    int busy;         /* photos under way */
    img *cache;       /* [items] shrunk photos; rgb NULL = not kept */
    size_t cached;
    bool *bad; /* [items] counted as bad */
    int32_t bads;
};

ds_loader_settings ds_loader_defaults(void)
{
    return (ds_loader_settings){
        .size = 224, .max_images = 32, .threads = 1, .depth = 3, .store_side = 256, .max_bad_share = 0.01};
}

/* -- One photo ---------------------------------------------------------------------------------- */

/* Shrinks in place so that the short side is store_side. */
static err_code shrink(const ds_loader *l, img *photo, error *err)
{
    int side = l->s.store_side, small = photo->width < photo->height ? photo->width : photo->height;
    if (!side || small <= side) return ERR_OK;
    int width = (int)(((int64_t)photo->width * side + small / 2) / small);
    int height = (int)(((int64_t)photo->height * side + small / 2) / small);
    img reduced = {0};
    err_code code = img_resize(photo, img_whole(photo), width, height, IMG_BILINEAR, &reduced, err);
    if (code) return code;
    img_release(photo);
    *photo = reduced;
    return ERR_OK;
}

static err_code decode_photo(const ds_loader *l, int32_t index, img *photo, error *err)
{
    img_read_options options = {.reduce_to = l->s.store_side};
    err_code code = ds_item_read(&l->s.item[index], &options, photo, err);
    if (!code) code = shrink(l, photo, err);
    if (code) img_release(photo);
    return code;
}

static err_code cut_view(const ds_loader *l, const img *photo, int32_t index, uint32_t epoch, uint8_t *out,
                         error *err)
{
    ds_view view = ds_view_plain(photo, l->s.fit);
    if (l->s.augment) {
        rng r = {.seed = l->s.seed, .stream = VIEW_STREAM | epoch, .index = (uint64_t)index * VIEW_DRAWS};
        view = ds_view_draw(photo, l->s.fit, &l->augment, !l->s.keep_sides || !l->s.keep_sides[index], &r);
    }
    return ds_view_apply(photo, &view, l->s.size, out, err);
}

/* Keeps the photo when there is room; returns whether the cache owns it now. Two threads may have decoded the
 * same photo: the first one's is kept. */
static bool offer_to_cache(ds_loader *l, int32_t index, const img *photo)
{
    size_t bytes = (size_t)photo->width * photo->height * 3;
    pthread_mutex_lock(&l->mutex);
    bool kept = !l->cache[index].rgb && bytes <= l->s.cache_bytes - l->cached;
    if (kept) {
        l->cache[index] = *photo;
        l->cached += bytes;
    }
    pthread_mutex_unlock(&l->mutex);
    return kept;
}

/* `cached` is what the cache held when the photo was taken: entries are never changed or given up before
 * free. */
static err_code make_view(ds_loader *l, img cached, int32_t index, uint32_t epoch, uint8_t *out, error *err)
{
    if (cached.rgb) return cut_view(l, &cached, index, epoch, out, err);
    img photo = {0};
    err_code code = decode_photo(l, index, &photo, err);
    if (code) return code;
    code = cut_view(l, &photo, index, epoch, out, err);
    if (code || !offer_to_cache(l, index, &photo)) img_release(&photo);
    return code;
}

/* -- The ring ------------------------------------------------------------------------------------ */

/* A photo may be taken while its batch has a slot: the last batch handed out keeps its own until the next
 * call. */
static bool can_take(const ds_loader *l)
{
    int32_t oldest = l->consumed ? l->consumed - 1 : 0;
    return l->batch < l->schedule.batches && l->batch < oldest + l->s.depth;
}

/* Makes the slot of the present batch ready to be filled. */
static void prepare_slot(ds_loader *l)
{
    slot *s = &l->slot[l->batch % l->s.depth];
    s->left = l->schedule.start[l->batch + 1] - l->schedule.start[l->batch];
    s->code = ERR_OK;
    for (int32_t i = 0; i < l->s.max_images; i++) {
        free(s->problem[i]);
        s->problem[i] = NULL;
    }
}

/* Takes the next photo and makes its view; false when there is none to take. The mutex is held on entry and
 * return, and free meanwhile. */
static bool work_one(ds_loader *l)
{
    if (!can_take(l)) return false;
    int32_t batch = l->batch, at = l->taken - l->schedule.start[batch], index = l->schedule.image[l->taken];
    slot *s = &l->slot[batch % l->s.depth];
    if (at == 0) prepare_slot(l);
    if (++l->taken == l->schedule.start[batch + 1]) l->batch++;
    uint8_t *out = s->pixels + at * l->image_bytes;
    uint32_t epoch = l->epoch;
    img cached = l->cache[index];
    l->busy++;
    pthread_mutex_unlock(&l->mutex);
    error problem = {0};
    err_code code = make_view(l, cached, index, epoch, out, &problem);
    char *text = NULL;
    if (code) {
        memset(out, GREY, l->image_bytes);
        text = strdup(problem.text);
        if (!text) code = ERR_MEMORY;
    }
    pthread_mutex_lock(&l->mutex);
    s->problem[at] = text;
    if (code == ERR_MEMORY) s->code = ERR_MEMORY;
    s->left--;
    l->busy--;
    pthread_cond_broadcast(&l->changed);
    return true;
}

static void *work_on_slots(void *arg)
{
    ds_loader *l = arg;
    pthread_mutex_lock(&l->mutex);
    while (!l->quit)
        if (!work_one(l)) pthread_cond_wait(&l->changed, &l->mutex);
    pthread_mutex_unlock(&l->mutex);
    return NULL;
}

/* -- Life ---------------------------------------------------------------------------------------- */

static err_code check_settings(const ds_loader_settings *s, error *err)
{
    if (s->items < 0 || s->size < 1 || s->size > MAX_SIZE)
        return err_set(err, ERR_ARGUMENT, "photos of %d pixels are not possible: 1 to %d", s->size, MAX_SIZE);
    if (s->max_images < 1 || s->max_images > MAX_IMAGES)
        return err_set(err, ERR_ARGUMENT, "%d photos in a batch are not possible: 1 to %d",
                       (int)s->max_images, MAX_IMAGES);
    if (s->threads < 0 || s->threads > MAX_THREADS)
        return err_set(err, ERR_ARGUMENT, "%d loader threads are not possible: 0 to %d", s->threads,
                       MAX_THREADS);
    if (s->depth < 2 || s->depth > MAX_DEPTH)
        return err_set(err, ERR_ARGUMENT, "%d batches ahead are not possible: 2 to %d", s->depth, MAX_DEPTH);
    if (s->store_side < 0)
        return err_set(err, ERR_ARGUMENT, "a store side of %d pixels is not possible", s->store_side);
    return s->augment ? ds_augment_check(s->augment, err) : ERR_OK;
}

static int make_slots(ds_loader *l)
{
    size_t images = l->s.max_images;
    l->slot = calloc(l->s.depth, sizeof *l->slot);
    l->cache = calloc((size_t)l->s.items + 1, sizeof *l->cache);
    l->bad = calloc((size_t)l->s.items + 1, sizeof *l->bad);
    if (!l->slot || !l->cache || !l->bad) return -1;
    for (int i = 0; i < l->s.depth; i++) {
        l->slot[i].pixels = malloc(images * l->image_bytes);
        l->slot[i].problem = calloc(images, sizeof *l->slot[i].problem);
        if (!l->slot[i].pixels || !l->slot[i].problem) return -1;
    }
    return 0;
}

err_code ds_loader_create(const ds_loader_settings *settings, ds_loader **out, error *err)
{
    err_code code = check_settings(settings, err);
    if (code) return code;
    ds_loader *l = calloc(1, sizeof *l);
    if (!l) return err_no_memory(err, "for the photo loader");
    l->s = *settings;
    l->image_bytes = (size_t)settings->size * settings->size * 3;
    if (settings->augment) {
        l->augment = *settings->augment;
        l->s.augment = &l->augment;
    }
    pthread_mutex_init(&l->mutex, NULL);
    pthread_cond_init(&l->changed, NULL);
    bool failed = make_slots(l);
    while (!failed && l->threads < settings->threads) {
        failed = pthread_create(&l->thread[l->threads], NULL, work_on_slots, l) != 0;
        if (!failed) l->threads++;
    }
    if (failed) {
        ds_loader_free(&l);
        return err_no_memory(err, "or threads for the photo loader");
    }
    *out = l;
    return ERR_OK;
}

static void release_slots(ds_loader *l)
{
    for (int i = 0; l->slot && i < l->s.depth; i++) {
        for (int32_t j = 0; l->slot[i].problem && j < l->s.max_images; j++) free(l->slot[i].problem[j]);
        free(l->slot[i].problem);
        free(l->slot[i].pixels);
    }
    free(l->slot);
}

void ds_loader_free(ds_loader **loader)
{
    ds_loader *l = *loader;
    if (!l) return;
    pthread_mutex_lock(&l->mutex);
    l->quit = true;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->mutex);
    for (int i = 0; i < l->threads; i++) pthread_join(l->thread[i], NULL);
    pthread_cond_destroy(&l->changed);
    pthread_mutex_destroy(&l->mutex);
    release_slots(l);
    for (int32_t i = 0; l->cache && i < l->s.items; i++) img_release(&l->cache[i]);
    free(l->cache);
    free(l->bad);
    free(l);
    *loader = NULL;
}

/* -- The consumer's side -------------------------------------------------------------------------- */

static err_code check_schedule(const ds_loader *l, const ds_schedule *s, error *err)
{
    for (int32_t i = 0; i < s->batches; i++) {
        int32_t images = s->start[i + 1] - s->start[i];
        if (images < 1 || images > l->s.max_images)
            return err_set(err, ERR_ARGUMENT, "batch %d has %d photos, the loader has room for 1 to %d",
                           (int)i, (int)images, (int)l->s.max_images);
    }
    for (int32_t i = 0; s->batches && i < s->start[s->batches]; i++)
        if (s->image[i] < 0 || s->image[i] >= l->s.items)
            return err_set(err, ERR_ARGUMENT, "there is no photo %d", (int)s->image[i]);
    return ERR_OK;
}

err_code ds_loader_start(ds_loader *l, const ds_schedule *schedule, uint32_t epoch, error *err)
{
    if (schedule->batches && schedule->start[0] != 0)
        return err_set(err, ERR_ARGUMENT, "a schedule starts with photo 0, not %d", (int)schedule->start[0]);
    err_code code = check_schedule(l, schedule, err);
    if (code) return code;
    pthread_mutex_lock(&l->mutex);
    l->schedule.batches = 0; /* nothing more is taken from the old epoch */
    while (l->busy) pthread_cond_wait(&l->changed, &l->mutex);
    l->schedule = *schedule;
    l->epoch = epoch;
    l->consumed = l->batch = l->taken = 0;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->mutex);
    return ERR_OK;
}

/* Reports and counts the photos of a finished batch that are bad and were not known as such. */
static err_code judge_batch(ds_loader *l, const slot *s, const ds_images *b, error *err)
{
    if (s->code) return err_set(err, s->code, "out of memory while decoding photos");
    for (int32_t i = 0; i < b->images; i++) {
        int32_t index = b->image[i];
        if (!s->problem[i] || l->bad[index]) continue;
        l->bad[index] = true;
        l->bads++;
        if (l->s.report) l->s.report(l->s.ctx, &l->s.item[index], s->problem[i]);
        if (l->bads > l->s.max_bad_share * l->s.items)
            return err_set(err, ERR_FORMAT, "%d of %d photos cannot be read, the last: %.400s", (int)l->bads,
                           (int)l->s.items, s->problem[i]);
    }
    return ERR_OK;
}

err_code ds_loader_next(ds_loader *l, ds_images *out, error *err)
{
    *out = (ds_images){0};
    pthread_mutex_lock(&l->mutex);
    if (l->consumed >= l->schedule.batches) {
        pthread_mutex_unlock(&l->mutex);
        return ERR_OK;
    }
    int32_t batch = l->consumed++; /* gives the slot of the batch before free */
    const slot *s = &l->slot[batch % l->s.depth];
    pthread_cond_broadcast(&l->changed);
    while (l->batch <= batch || s->left)
        if (!work_one(l)) pthread_cond_wait(&l->changed, &l->mutex);
    pthread_mutex_unlock(&l->mutex);
    int32_t first = l->schedule.start[batch];
    *out = (ds_images){.images = l->schedule.start[batch + 1] - first,
                       .batch = batch,
                       .image = l->schedule.image + first,
                       .pixels = s->pixels};
    err_code code = judge_batch(l, s, out, err);
    if (code) *out = (ds_images){0};
    return code;
}

int32_t ds_loader_bad(const ds_loader *l)
{
    return l->bads;
}

size_t ds_loader_cached_bytes(ds_loader *l)
{
    pthread_mutex_lock(&l->mutex);
    size_t bytes = l->cached;
    pthread_mutex_unlock(&l->mutex);
    return bytes;
}
