/* Batches of captions: which captions go together, in what order, as padded rows of word numbers.
 *
 *     ds_encoded data;  ds_encode_captions(&caps, vocab, &memory, &data, &err);
 *     for each epoch:
 *         ds_plan_settings s = {.batch = 64, .per_image = 5, .max_words = 20, .seed = 1, .epoch = epoch};
 *         ds_plan *plan;   ds_plan_create(&data, &s, &plan, &err);
 *         for (int i = 0; i < ds_plan_batches(plan); i++) {
 *             ds_batch b;   ds_plan_batch(plan, i, &step_memory, &b, &err);
 *             ...
 *         }
 *         ds_plan_free(&plan);
 *
 * An epoch holds every caption exactly once. Two ways of putting them together:
 *
 *   per_image = k >= 1   groups of k captions of one photo, so that the encoder's work on a photo serves k
 * rows; a batch holds at most batch / k groups. What is left of a photo's captions makes smaller groups.
 *   per_image = 0        every caption for itself, for features that cost nothing (a cache). Captions of
 * similar length go together: shuffled, cut into pools of DS_POOL_BATCHES batches, sorted by length inside a
 * pool, and the batches shuffled.
 *
 * The plan is a function of data, settings, seed and epoch alone. */
#ifndef DATASETS_BATCH_H
#define DATASETS_BATCH_H

#include "datasets/encode.h"
#include "src/base/arena.h"
#include "src/base/error.h"

#include <stdint.h>

enum { DS_POOL_BATCHES = 50, DS_MAX_BATCH = 1 << 16 };

typedef struct ds_plan_settings {
    int32_t batch;     /* rows at most, 1..DS_MAX_BATCH */
    int32_t per_image; /* captions of one photo in a batch, 0..batch; 0 = by length */
    int32_t max_words; /* longer captions are cut; 0 = no limit */
    uint64_t seed;
    uint32_t epoch;
} ds_plan_settings;

/* Rows are sorted by decreasing length, so that the rows still active at a time step are the first ones. A
 * photo appears once in image[], however many rows it has. */
typedef struct ds_batch {
    int32_t rows, images;
    int32_t *image;     /* [images] index into the data set's images */
    int32_t *row_image; /* [rows] index into image[] */
    int32_t *caption;   /* [rows] index into the data set's captions */
    int32_t *length;    /* [rows] words and <end>, without <start>: at least 1 */
    int32_t *tokens;    /* [rows][max_len+1] <start> w1 .. wn <end> <pad> .. */
    int32_t max_len;    /* length[0] */
} ds_batch;

typedef struct ds_plan ds_plan;

/* The plan keeps a pointer to `data`, which must outlive it. *plan is set on success only. */
err_code ds_plan_create(const ds_encoded *data, const ds_plan_settings *settings, ds_plan **plan, error *err);
void ds_plan_free(ds_plan **plan);
int32_t ds_plan_batches(const ds_plan *plan);

/* Batch i of the plan, its arrays in `memory`. May be called in any order, from several threads at once. */
err_code ds_plan_batch(const ds_plan *plan, int32_t i, arena *memory, ds_batch *out, error *err);

/* These captions [count] as a batch, count 1 and more, its arrays in `memory`. */
err_code ds_batch_of(const ds_encoded *data, const int32_t *caption, int32_t count, int32_t max_words,
                     arena *memory, ds_batch *out, error *err);

#endif
