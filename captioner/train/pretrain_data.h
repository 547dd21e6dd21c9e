/* The photos an encoder is pre-trained on, from several sources as one list.
 *
 * Sources with classes come first, in the order given; each has its own numbering of classes, and so its own
 * output layer. Photos without labels make the last source. Every source has a part for training and a part
 * that is held out. */
#ifndef CAPTIONER_PRETRAIN_DATA_H
#define CAPTIONER_PRETRAIN_DATA_H

#include "datasets/folders.h"
#include "datasets/loader.h"

enum { CAP_MAX_SOURCES = 8 };

/* Class folders: PATH/PREFIX/train/<class>/<photo>, and PREFIX/val with the same classes if there is one.
 * PATH is a folder or a .tar archive; prefix may be "". */
typedef struct cap_class_source {
    const char *path, *prefix;
} cap_class_source;

/* Photos of one source: item[first .. first+count-1] of the list they belong to. */
typedef struct cap_span {
    int32_t first, count;
} cap_span;

typedef struct cap_photo_source {
    const char *name; /* the prefix, or the path; "photos" for those without labels */
    int32_t classes;  /* 0 = without labels */
    cap_span train, held_out;
} cap_photo_source;

/* Photos; item[i] is of source source_of[i], and labels count from 0 in each source. */
typedef struct cap_photo_list {
    ds_item *item;
    int8_t *source_of;
    int32_t items;
} cap_photo_list;

typedef struct cap_photos {
    cap_photo_source source[CAP_MAX_SOURCES + 1];
    int sources;
    cap_photo_list train, held_out;
    ds_folders folders[2 * CAP_MAX_SOURCES]; /* own the archives and names */
    int opened;
    arena memory;
} cap_photos;

/* photos: a folder of photos without labels, NULL = none; list: a file of captions that names the ones to
 * take (NULL: all of the folder, in order of their names). Every 50th of them is held out. A class of a val
 * part that the train part does not have is an error (ERR_MISMATCH). On failure *out is empty. */
err_code cap_photos_open(const cap_class_source *classes, int count, const char *photos, const char *list,
                         cap_photos *out, error *err);
void cap_photos_close(cap_photos *p);

/* Epoch `epoch` of the training photos in batches: all of them in an order drawn from (seed, epoch), cut into
 * batches of `batch`; the photos that do not fill the last one are left out of this epoch, as batch
 * normalisation needs batches of one size. Fewer photos than `batch` are one batch. The arrays live in
 * `memory`. */
err_code cap_photos_schedule(const cap_photos *p, int batch, uint64_t seed, uint32_t epoch, arena *memory,
                             ds_schedule *out, error *err);
int32_t cap_photos_batches(const cap_photos *p, int batch); /* of an epoch */

/* All held-out photos in their order; the batches of a source are its own. */
err_code cap_photos_schedule_held_out(const cap_photos *p, int batch, arena *memory, ds_schedule *out,
                                      error *err);

#endif
