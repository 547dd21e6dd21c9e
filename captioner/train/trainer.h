/* The trainer: what every training shares, whatever it is that learns.
 *
 *     cap_run_settings s = {.out = "model.safetensors", .epochs = 20, .batch = 128, .rate = 1e-3, .seed = 1};
 *     cap_train_events events = {.ctx = me, .say = say, .stop = was_interrupted};
 *     if (cap_run_task(&cap_task_captions, &s, &what_the_task_asks, &events, &err)) ...
 *
 * cap_train (train.h), cap_train_reader (train_reader.h) and cap_pretrain (pretrain.h) do so for the tasks of
 * this program; a new task is written against task.h.
 *
 * OUT holds the result of the best epoch by the task's validation (the last epoch without validation); it is
 * replaced atomically, so that at any moment a complete one lies there. OUT.state holds everything to go on:
 * parameters, moments, epoch and batch. OUT.log.jsonl gets a line of JSON per epoch. OUT.lock is there while
 * a run writes these: a second one is refused. So is a new run where one of the files is there, unless
 * `force`. A run whose loss, gradient or weights are no longer finite numbers ends with ERR_LIMIT and leaves
 * result and state as they were. The same seed, files and settings give the same bits whatever the number of
 * threads, resumed or not. */
#ifndef CAPTIONER_TRAINER_H
#define CAPTIONER_TRAINER_H

#include <stdbool.h>
#include <stdint.h>

#include "src/base/error.h"
#include "src/io/fields.h"
#include "src/math/gemm.h"
#include "src/train/optim.h"

enum { CAP_MOST_EPOCHS = 100000 };

typedef enum {
    CAP_FALL_COSINE,  /* to a hundredth */
    CAP_FALL_LINEAR,  /* to a twentieth */
    CAP_FALL_INVSQRT, /* with the inverse square root of the step */
} cap_fall;

typedef struct cap_run_settings {
    const char *out;
    const char *command; /* the command line, for the record; NULL: left out */
    int epochs, batch;   /* batch in what the task counts: captions, pairs, photos */
    optim_kind optimiser;
    double rate;              /* peak learning rate */
    double warmup;            /* share of all steps until the peak */
    cap_fall fall;            /* of the rate behind its peak */
    double decay, clip;       /* weight decay; global gradient norm, 0 = no limit */
    double average;           /* what an average of the weights keeps of itself at each step, below 1; it is
                                 validated and saved in their place (optim_keep_average); 0 = there is none */
    gemm_precision precision; /* of large products */
    uint64_t seed;
    int patience; /* epochs without a better score before stopping; 0 = never */
    int threads;  /* 0 = all CPUs */
    bool resume;  /* go on from OUT.state; more epochs than it was begun with: the learning rate goes on as in
                     a run of so many; epochs = 0: as many as it was begun with */
    bool force;   /* begin anew where there is a result, a state or a log already */
} cap_run_settings;

/* Those that decide the bits: checked before a run, written into the state, compared when it is resumed. */
extern const io_field cap_run_fields[];

typedef struct cap_epoch {
    int epoch, epochs; /* 1-based */
    const char *unit;  /* what is learnt from: "captions", "pairs", "photos" */
    double loss;       /* mean of the batches */
    double perplexity; /* per target that is judged; NAN, like the next three: the task has no such thing */
    double accuracy;   /* share of the judged ones, 0..1 */
    double cosine;     /* of features to a teacher's: mean cosine */
    double reward;     /* of the model's own sentences while they are what it learns from */
    double
        beside; /* mean loss (with a reward: the reward) of what is learnt beside the units; NAN: nothing is */
    double seconds, rate; /* rate: units per second */
    bool validated, best;
    double val_loss;        /* without smoothing; 0: not measured */
    double goodness;        /* of the validation, larger is better: what the best epoch is chosen by */
    const char *validation; /* in words: "BLEU-4 11.2, CIDEr 24.1"; NULL when not validated */
    int samples;
    const char *between; /* an input and an output: " -> " */
    const char *sample_input[4],
        *sample_output[4]; /* the photo's file name or the line; what the model says */
} cap_epoch;

typedef struct cap_train_events { /* any member may be NULL */
    void *ctx;
    void (*say)(void *ctx, const char *sentence);
    /* The first call of a label says what was done before it began: 0, or more where a run is resumed. */
    void (*progress)(void *ctx, const char *label, const char *unit, long done, long total, const char *note);
    void (*epoch)(void *ctx, const cap_epoch *e);
    bool (*stop)(void *ctx); /* asked after every step: true saves the state and ends with ERR_INTERRUPTED */
} cap_train_events;

typedef struct cap_task cap_task;

/* `asked`: the task's own settings. events and err may be NULL. */
err_code cap_run_task(const cap_task *task, const cap_run_settings *s, const void *asked,
                      const cap_train_events *events, error *err);

#endif
