/* What pre-training writes down: where it stands (for OUT.ckpt), what it did (for OUT and the log). */
#ifndef CAPTIONER_PRETRAIN_RECORD_H
#define CAPTIONER_PRETRAIN_RECORD_H

#include <jansson.h>

#include "captioner/train/pretrain.h"
#include "cnn/preprocess.h"

/* Between two batches. */
typedef struct cap_pretrain_position {
    int64_t epoch, batch;           /* the next one, from 0 */
    int64_t photos, labelled, hits; /* of this epoch so far */
    double loss, cosine;            /* sums over its batches, weighted by their photos */
    double seconds;                 /* of all runs */
    json_t *epochs;                 /* array: an object for each finished epoch */
} cap_pretrain_position;

/* The settings that decide the result, as an object; NULL when memory is out. */
json_t *cap_pretrain_describe(const cap_pretrain_settings *s, const cap_photos *photos);

/* The position as JSON text with the settings it belongs to; the caller frees it. NULL: out of memory. */
char *cap_pretrain_state_text(const json_t *settings, const cap_pretrain_position *at);

/* What a position is held against. */
typedef struct cap_pretrain_shape {
    int32_t batches, batch; /* of an epoch; photos of each */
    int64_t steps;          /* of the optimiser */
    bool has_teacher;
} cap_pretrain_shape;

/* Reads it back; at->epochs is a new reference, *epochs the number it was begun with. ERR_MISMATCH names the
 * first setting that differs, of all but the epochs; ERR_FORMAT a field that is missing or cannot be. */
err_code cap_pretrain_state_parse(const char *state, const char *path, const json_t *settings,
                                  const cap_pretrain_shape *shape, cap_pretrain_position *at, int *epochs,
                                  error *err);

/* The metadata "caption" of OUT; the caller frees it. NULL: out of memory. */
char *cap_pretrain_encoder_text(const cap_pretrain_settings *s, const json_t *settings,
                                const cnn_preprocess *pre, const cap_pretrain_position *at);

/* An epoch's object: means and scores. */
json_t *cap_pretrain_epoch_json(const cap_pretrain_progress *p, const cap_pretrain_score *score, int scores);

#endif
