/* What the task of pre-training keeps during a run: shared by pretrain*.c alone. */
#ifndef CAPTIONER_PRETRAIN_RUN_H
#define CAPTIONER_PRETRAIN_RUN_H

#include "captioner/train/distil.h"
#include "captioner/train/pretrain.h"
#include "captioner/train/train_loader.h"
#include "cnn/backbone.h"
#include "cnn/preprocess.h"

/* An output layer; w is NULL when there is none. */
typedef struct cap_layer {
    nn_var *w, *b;
} cap_layer;

/* Sums over the held-out photos of one source. */
typedef struct cap_tally {
    double cosine;
    int64_t photos, labelled, hits;
} cap_tally;

typedef struct cap_pretrain_data {
    char *architecture; /* of the encoder */
    cap_photos photos;
    nn_params params;
    cnn_net *net;
    cnn_preprocess preprocess;
    int map_side, channels;
    cap_layer head[CAP_MAX_SOURCES]; /* of the sources with classes */
    cap_teacher *teacher;
    cap_layer student;   /* the map's features to the teacher's */
    nn_var *goal_square; /* [1] running mean square of the teacher's features; 0 = none seen yet */
    int pool_kernel;     /* the map's regions per region of the teacher, on a side */
    ds_loader *train_loader, *test_loader;
    ds_schedule schedule;
    arena lists;                          /* of the schedule */
    cap_tally tally[CAP_MAX_SOURCES + 1]; /* of the last validation */
} cap_pretrain_data;

/* Members of cap_task_pretrain. */
nn_var *cap_pretrain_loss(cap_run *r, cap_counts *counts, error *err);
err_code cap_pretrain_validate(cap_run *r, cap_epoch *e, error *err);
void cap_pretrain_tell(const cap_run *r, const cap_epoch *e, text *line);
void cap_pretrain_scores(const cap_run *r, const cap_epoch *e, io_json_build *b, json_t *o);

#endif
