/* A task is a row: what is learnt, as the trainer sees it. To add one, write a file that fills such a row and
 * hand it to cap_run_task (trainer.h); tests/task_test.c has one of a few lines.
 *
 *     cap_task_captions   photos to captions         (train_photos*.c)
 *     cap_task_pairs      text to text               (train_text*.c)
 *     cap_task_language   texts, word by word        (train_language.c, train_texts.c)
 *     cap_task_pretrain   photos to classes and to what a teacher sees in them (pretrain*.c)
 *     cap_task_classify   lines to classes           (train_classify.c)
 *     cap_task_masked     lines to words of theirs   (train_masked.c)
 *
 * Epochs, steps, optimiser, schedule, state, log, lock, choice of the best and what is said of them are the
 * trainer's (train*.c), one code for all. A task knows where its batches come from, the loss of one, what its
 * validation measures, and what is saved as its result. */
#ifndef CAPTIONER_TASK_H
#define CAPTIONER_TASK_H

#include <jansson.h>

#include "captioner/train/train_files.h"
#include "captioner/train/trainer.h"
#include "src/base/arena.h"
#include "src/base/hash.h"
#include "src/base/pool.h"
#include "src/base/text.h"
#include "src/io/dtype.h"
#include "src/io/json_build.h"
#include "src/nn/params.h"

typedef struct cap_run cap_run;

/* What the loss of a batch was made of; the trainer adds it up over an epoch. */
typedef struct cap_counts {
    int64_t judged, hits; /* targets with a right answer, words or labelled photos; answers that were right */
    double nll;           /* sum over the judged */
    double cosine;        /* of features to a teacher's, mean over the batch */
    double reward; /* what the model's own sentences are worth (self_critical.h), mean over the batch */
    double beside; /* loss of what is learnt beside the units, captions without photos, or, where there is a
                      reward, theirs; 0: nothing is */
} cap_counts;

/* What an epoch can be; states are held against it. */
typedef struct cap_extent {
    int64_t units;                       /* of an epoch, that batches are made of */
    int64_t batches;                     /* of the first epoch, which the schedule goes by */
    int64_t least_batches, most_batches; /* of any epoch */
    int64_t most_judged;                 /* of an epoch; 0: the task judges nothing */
    bool judges_always;                  /* something in every batch */
    bool has_cosine, has_reward, has_beside;
    bool any_loss;      /* it may be below 0 */
    double worst, best; /* goodness that a validation can give; equal: any */
} cap_extent;

struct cap_task {
    const char *name;    /* as in states: "captions" */
    const char *unit;    /* what is learnt from, in the plural: "captions" */
    const char *between; /* input and output of a sample: " -> "; NULL: it shows none */
    size_t data_bytes;   /* of the task's own state, zeroed at cap_run.data before open */
    int log_every;       /* steps that get a line of the log; 0: none does */

    /* Before anything is opened: asked->... is possible. NULL: always. */
    err_code (*check)(const void *asked, const cap_run_settings *s, error *err);

    /* Reads the data, declares and finishes the parameters; sets params, extent and has_val of the run. */
    err_code (*open)(cap_run *r, error *err);
    void (*introduce)(const cap_run *r, text *line); /* appends a few words on data and model */
    err_code (*prepare)(cap_run *r, error *err);     /* before the first step, weights are settled; or NULL */
    void (*close)(cap_run *r);                       /* also after an open that failed */

    err_code (*count)(cap_run *r, int64_t epoch, int64_t *batches, error *err); /* of that epoch */

    /* Before the steps of epoch r->at.epoch, of which r->at.batch are done. NULL: nothing to do. */
    err_code (*begin)(cap_run *r, error *err);

    /* The loss of batch r->at.batch, a scalar on the tape. A failure shows on the tape (NULL) or in *err. */
    nn_var *(*loss)(cap_run *r, cap_counts *counts, error *err);

    /* The validation part of an epoch's figures: validated, val_loss, goodness, samples; ERR_INTERRUPTED when
     * asked to stop. The samples' texts live in r->step_memory or longer. NULL: there is none. */
    err_code (*validate)(cap_run *r, cap_epoch *e, error *err);
    void (*tell)(const cap_run *r, const cap_epoch *e, text *line); /* the validation in words */

    /* Each adds to an object: scores of a validated epoch, for log and record; a sample, for the log; the
     * settings that a resumed run must share. */
    void (*scores)(const cap_run *r, const cap_epoch *e, io_json_build *b, json_t *o);
    void (*sample)(const cap_epoch *e, int i, io_json_build *b, json_t *o);
    void (*settings)(const cap_run *r, io_json_build *b, json_t *o);

    /* Writes OUT as it is after this epoch, the best one; cap_run_record has the trainer's part of its record.
     */
    err_code (*save)(cap_run *r, const cap_epoch *e, error *err);
};

extern const cap_task cap_task_captions, cap_task_pairs, cap_task_language, cap_task_pretrain;

/* Where a run stands; saved in OUT.state. */
typedef struct cap_progress {
    int64_t epoch, batch, step; /* next epoch and batch (0-based), optimiser steps done */
    int64_t judged, hits;       /* sums of the current epoch, as the next ones */
    double loss, nll, cosine, reward, beside;
    double best;        /* larger is better, whatever the score */
    int64_t best_epoch; /* 0-based; -1: none yet */
} cap_progress;

struct cap_run {
    const cap_run_settings *s; /* `settings`, for reading */
    cap_run_settings settings; /* those given; epochs 0, when resuming, become those of the state */
    const void *asked;         /* the task's own, as given */
    const cap_train_events *events;
    const cap_task *task;
    void *data; /* the task's */

    /* of the task's open */
    nn_params *params; /* everything that is learnt, and running statistics */
    cap_extent extent;
    bool has_val;
    io_dtype stored; /* of the numbers in OUT; IO_F32 unless set */

    optim optim;
    schedule schedule;
    pool *threads;
    arena memory, step_memory; /* of the tape; reset before every step */
    nn_tape tape;
    int64_t batches; /* of the current epoch */
    cap_progress at;
    cap_train_files files;
};

/* ---- for tasks ---- */

void cap_run_say(const cap_run *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool cap_run_stopped(const cap_run *r);

/* While validating, after each part: tells how far it is; ERR_INTERRUPTED when asked to stop. */
err_code cap_run_validated(const cap_run *r, const char *unit, long done, long total, error *err);

/* For cap_task.settings: a hash as a member. */
void cap_run_put_hash(io_json_build *b, json_t *o, const char *key, hash128 h);

/* For the record of a result: command and, in `training`, epochs, steps and settings; the scores of the
 * validation. */
void cap_run_record(const cap_run *r, const cap_epoch *e, io_json_build *b, json_t *training);

/* ERR_LIMIT: after the steps done, `what` is no longer a finite number. */
err_code cap_run_diverged(const cap_run *r, const char *what, error *err);

const char *cap_run_base_name(const char *path);

/* ---- for the trainer's files (train*.c) ---- */

/* Sets up everything up to the first step (or the step a saved state stands at). */
err_code cap_run_open(cap_run *r, const cap_task *task, const cap_run_settings *s, const void *asked,
                      const cap_train_events *events, error *err);
void cap_run_close(cap_run *r);

/* The learning rate's way over the run, once epochs are known. */
void cap_run_schedule(cap_run *r);

/* OUT.state. Loading compares the settings first: a run can only be resumed as it was begun, but for the
 * number of epochs. Every field must be there, of its type, and possible. */
err_code cap_run_save_state(cap_run *r, error *err);
err_code cap_run_load_state(cap_run *r, error *err);

/* After an epoch: chooses the best, has it saved, and writes the log. */
err_code cap_run_report(cap_run *r, cap_epoch *e, error *err);

/* The line of a step, where the task wants one. */
err_code cap_run_log_step(cap_run *r, double loss, const cap_counts *counts, double rate, double norm,
                          error *err);

/* Whether what is about to be written, of the result or of its optimiser too, is made of numbers that a file
 * of `dtype` can hold. */
err_code cap_run_check_weights(const cap_run *r, io_dtype dtype, error *err);

#endif
