/* The state of a training run, and what a run asks of its task: shared by the files of the trainer (train*.c)
 * alone.
 *
 * Epochs, steps, optimiser, schedule, state, log, choice of the best and the model file are one code for all
 * tasks. A task knows where inputs come from, how a batch of them is encoded, and what its validation
 * measures:
 *
 *     cap_task_photos   photos to captions (train_photos*.c, train_data.c)
 *     cap_task_text     text to text       (train_text*.c) */
#ifndef CAPTIONER_TRAIN_RUN_H
#define CAPTIONER_TRAIN_RUN_H

#include <jansson.h>

#include "captioner/net/model.h"
#include "captioner/train/train.h"
#include "captioner/train/train_files.h"
#include "src/base/hash.h"
#include "src/base/pool.h"
#include "src/io/json_build.h"
#include "src/train/optim.h"

typedef struct cap_run cap_run;

typedef struct cap_task {
    const char *unit;  /* what is learnt from, in the plural: "captions" */
    size_t data_bytes; /* of the task's own state, zeroed at cap_run.data before open */

    err_code (*check)(const cap_train_settings *s, error *err);

    /* Reads the data and makes the model; sets model, targets, has_val and per_image of the run. */
    err_code (*open)(cap_run *r, error *err);
    void (*introduce)(const cap_run *r, text *line); /* appends a few words on data and model */
    err_code (*prepare)(cap_run *r, error *err);     /* before the first step, weights are settled; or NULL */
    void (*close)(cap_run *r);                       /* also after an open that failed */

    /* Before the steps of an epoch, of which r->at.batch are done. NULL: nothing to do. */
    err_code (*begin)(cap_run *r, const ds_plan *plan, error *err);

    /* The inputs of a batch, on the tape: states for each of batch->images. A failure shows on the tape or in
     * *err. */
    cap_encoded (*encode)(cap_run *r, const ds_batch *batch, error *err);

    /* The validation part of an epoch's figures; ERR_INTERRUPTED when asked to stop. The samples' texts live
     * in r->step_memory or longer. */
    err_code (*validate)(cap_run *r, cap_epoch *e, error *err);
    double (*goodness)(const cap_run *r, const cap_epoch *e); /* by best_by; larger is better */

    /* Each adds to an object: scores of a validated epoch, for log and record; a sample, for the log;
     * settings that a resumed run must share; the record of training, which lies in that of the model,
     * b->root. */
    void (*scores)(const cap_run *r, const cap_epoch *e, io_json_build *b, json_t *o);
    void (*sample)(const cap_epoch *e, int i, io_json_build *b, json_t *o);
    void (*settings)(const cap_run *r, io_json_build *b, json_t *o);
    void (*record)(const cap_run *r, io_json_build *b, json_t *training);
} cap_task;

extern const cap_task cap_task_photos, cap_task_text;

/* Where a run stands; saved in OUT.state. */
typedef struct cap_progress {
    int64_t epoch, batch, step;             /* next epoch and batch (0-based), optimiser steps done */
    double loss, nll, words, hits, batches; /* sums of the current epoch */
    double best;                            /* larger is better, whatever the score */
    int64_t best_epoch;                     /* 0-based; -1: none yet */
} cap_progress;

struct cap_run {
    const cap_train_settings *s; /* `settings`, for reading */
    cap_train_settings settings; /* those given; epochs 0, when resuming, become those of the state */
    const cap_train_events *events;
    const cap_task *task;
    void *data; /* the task's */
    cap_model *model;
    const ds_encoded *targets; /* of the training part: what plans are made from */
    bool has_val;
    int per_image; /* see ds_plan_settings */
    optim optim;
    schedule schedule;
    pool *threads;
    arena memory, step_memory;
    nn_tape tape;
    int epoch_batches; /* of the first epoch, which the schedule goes by */
    cap_progress at;
    cap_train_files files;
};

void cap_run_say(const cap_run *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool cap_run_stopped(const cap_run *r);
double cap_run_seconds(void); /* monotonic clock */

/* Sets up everything up to the first step (or the step a saved state stands at). */
err_code cap_run_open(cap_run *r, const cap_train_settings *s, const cap_train_events *events, error *err);
void cap_run_close(cap_run *r);

/* The learning rate's way over the run, once epochs are known. */
void cap_run_schedule(cap_run *r);

/* A plan of epoch `epoch` of the run's targets. */
err_code cap_run_plan(const cap_run *r, uint32_t epoch, ds_plan **plan, error *err);

/* OUT.state. Loading compares the settings first: a run can only be resumed as it was begun, but for the
 * number of epochs. Every field must be there, of its type, and possible. */
err_code cap_run_save_state(cap_run *r, error *err);
err_code cap_run_load_state(cap_run *r, error *err);

/* For cap_task.settings: a hash of the targets, over `h`; and a hash as a member. */
hash128 cap_run_hash_targets(const ds_encoded *d, hash128 h);
void cap_run_put_hash(io_json_build *b, json_t *o, const char *key, hash128 h);

/* After an epoch: chooses the best, writes the model, its record and the log. */
err_code cap_run_report(cap_run *r, cap_epoch *e, error *err);

/* ERR_LIMIT: after the steps done, `what` is no longer a finite number. */
err_code cap_run_diverged(const cap_run *r, const char *what, error *err);

/* Whether what is about to be written, of the model or of its optimiser too, is made of numbers that a file
 * of `dtype` can hold. */
err_code cap_run_check_weights(const cap_run *r, io_dtype dtype, error *err);

const char *cap_run_base_name(const char *path);

#endif
