/* The state of a training run, shared by the files of the trainer (train*.c) alone. */
#ifndef CAPTIONER_TRAIN_RUN_H
#define CAPTIONER_TRAIN_RUN_H

#include "captioner/model.h"
#include "captioner/train.h"
#include "captioner/train_data.h"
#include "src/train/optim.h"

/* Where a run stands; saved in OUT.state. */
typedef struct cap_progress {
    int64_t epoch, batch, step;             /* next epoch and batch (0-based), optimiser steps done */
    double loss, nll, words, hits, batches; /* sums of the current epoch */
    double best;                            /* larger is better, whatever the score */
    int64_t best_epoch;                     /* 0-based; -1: none yet */
} cap_progress;

typedef struct cap_run {
    const cap_train_settings *s;
    const cap_train_events *events;
    cap_split train, val;
    bool has_val, encoder_trains;
    cap_model *model;
    optim optim;
    schedule schedule;
    pool *threads;
    arena memory, step_memory;
    nn_tape tape;
    cap_progress at;
    int per_image;
    double started; /* seconds */
    char state_path[4200], log_path[4200], cache[4200];
} cap_run;

void cap_run_say(const cap_run *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool cap_run_stopped(const cap_run *r);
double cap_run_seconds(void); /* monotonic clock */

/* Sets up everything up to the first step (or the step a saved state stands at). */
err_code cap_run_open(cap_run *r, const cap_train_settings *s, const cap_train_events *events, error *err);
void cap_run_close(cap_run *r);

/* OUT.state. Loading compares the settings first: a run can only be resumed as it was begun. */
err_code cap_run_save_state(cap_run *r, error *err);
err_code cap_run_load_state(cap_run *r, error *err);

/* Validation loss and, with captions decoded freely, scores and samples. */
err_code cap_run_validate(cap_run *r, cap_epoch *e, error *err);

/* After an epoch: chooses the best, writes the model, its record and the log. */
err_code cap_run_report(cap_run *r, cap_epoch *e, error *err);

#endif
