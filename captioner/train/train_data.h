/* What training reads: captions with their photos, as regions computed along or once and for all.
 *
 *     cap_split train;
 *     cap_photo_set set = {.captions = "captions.json", .images = "photos"};
 *     cap_split_source from = {.set = &set, .sets = 1, .verb = "trains on", .max_missing = 0.01};
 *     cap_split_open(&train, &from, events, &err);
 *     cap_split_encode(&train, vocab, &err);
 *     cap_split_keep_features(&train, model, "cache", pool, events, &err);      frozen encoder only
 *     cap_split_close(&train); */
#ifndef CAPTIONER_TRAIN_DATA_H
#define CAPTIONER_TRAIN_DATA_H

#include "captioner/net/model.h"
#include "captioner/train/train.h"
#include "datasets/coco.h"
#include "datasets/encode.h"
#include "datasets/feature_cache.h"
#include "datasets/item.h"
#include "datasets/loader.h"

/* The photos of one file of captions, one after the other in the split they belong to. */
typedef struct cap_part {
    const char *images; /* the folder */
    int32_t first, count;
    int times;             /* that an epoch sees each of them; 0: they are only measured */
    const char *style;     /* NULL: not told */
    ds_features *features; /* NULL: photos are decoded and encoded along */
    char *features_path;
} cap_part;

typedef struct cap_split {
    ds_captions captions; /* of all parts */
    ds_encoded encoded;   /* the same as numbers */
    ds_item *items;       /* [captions.images] */
    /* What an epoch sees: each photo as often as its part says, its repetitions being photos of their own. */
    ds_encoded turns;
    const int32_t *photo; /* [turns.images] which of captions.image each is, */
    ds_item *seen;        /* [turns.images] and its item */
    cap_part part[CAP_MOST_SETS];
    int parts;
    arena memory;
    double max_damaged;             /* share of photos that may be missing or damaged */
    const cap_train_events *events; /* who is told of them */
} cap_split;

typedef struct cap_split_source {
    const cap_photo_set *set;  /* [sets] */
    int sets;                  /* 1..CAP_MOST_SETS */
    ds_captions_settings take; /* which of the files' splits */
    const char *verb;          /* what is done with them, for what is said: "trains on" */
    double max_missing;        /* share of photos that may be missing or damaged */
} cap_split_source;

/* The part that a photo of captions.image belongs to. */
const cap_part *cap_split_part(const cap_split *s, int32_t photo);

/* events->say is told which splits were taken, which photos are missing and what else the file holds that is
 * of no use. Missing photos are left out up to the share, then refused. */
err_code cap_split_open(cap_split *s, const cap_split_source *from, const cap_train_events *events,
                        error *err);
err_code cap_split_encode(cap_split *s, const ds_vocab *vocab, error *err);
void cap_split_close(cap_split *s);

/* Adds the words of a split's captions, each as often as it is there, whatever its photo's times. */
err_code cap_split_count(const cap_split *s, ds_counter *counter, error *err);

/* A ds_bad_photo that tells ctx, a cap_train_events, of a photo that cannot be decoded. */
void cap_split_say_damaged(void *ctx, const ds_item *item, const char *problem);

/* Opens or computes the encoder's maps of all photos: a file in `folder` for each part, named after weights,
 * preprocessing and the photos (folder, names, sizes, times of change). A file that is cut short or of another
 * kind is made anew. */
err_code cap_split_keep_features(cap_split *s, const cap_model *m, const char *folder, pool *threads,
                                 error *err);

/* For the names of what is kept: of the model's parameters whose names begin with `prefix`; of the photos of a
 * part, over h. */
hash128 cap_model_hash(const cap_model *m, const char *prefix, uint64_t seed);
hash128 cap_split_hash(const cap_split *s, const cap_part *part, hash128 h);

bool cap_split_keeps_features(const cap_split *s);

/* Regions [photos, L, D] of kept features, as the tape's input; photo[] are numbers of captions.image. NULL on failure (t->failed or *err). A
 * photo's features that are not what was written: ERR_FORMAT, naming the file to delete. */
nn_var *cap_split_features(const cap_split *s, nn_tape *t, const cap_model *m, const int32_t *photo,
                           int photos, error *err);

/* Plain photos one after the other, without augmentation, `batch` at a time. */
err_code cap_split_plain_loader(const cap_split *s, const cap_model *m, int batch, ds_loader **loader,
                                ds_schedule *order, arena *memory, error *err);

#endif
