/* Pre-training: an encoder learns to see before it learns to speak, from random weights, on photos with class
 * labels, from a teacher's features, or both.
 *
 *     cap_pretrain_settings s = cap_pretrain_defaults();
 *     s.classes[s.class_sources++] = (cap_class_source){"tiny_imagenet_200.tar", "tiny_imagenet"};
 *     s.out = "encoder.safetensors";
 *     cap_pretrain_events on = {.ctx = me, .stop = was_interrupted, .batch = show, .epoch = tell};
 *     if (cap_pretrain_run(&s, &on, &err)) ...
 *
 * Each source of labelled photos has a softmax over its own classes on the mean of the encoder's map. The
 * teacher sees the same augmented pixels; the map, averaged down to the teacher's grid and sent through one
 * linear layer, is pulled to its features (captioner/train/distil.h). A photo's loss is
 *     cross-entropy (labelled photos)  +  teacher_weight * distance to the teacher (all photos)
 *
 * Files: OUT, the encoder (after every epoch and at the end); OUT.ckpt, all that training needs to go on;
 * OUT.log.jsonl, a line of JSON per epoch and per 100 batches; OUT.lock while a run writes them.
 *
 * OUT is safetensors: tensors "encoder.*" (F32) and the metadata "caption", one JSON object:
 *     {"kind": "encoder", "architecture": "small", "preprocess": {"size": 160, "fit": "stretch",
 *      "mean": [r, g, b], "std": [r, g, b]}, "record": {"command": ..., "epochs": [...], ...}}
 *
 * The same settings and files give the same weights, whatever the number of threads; a run that was
 * interrupted and resumed ends with the weights of one that was not. */
#ifndef CAPTIONER_PRETRAIN_H
#define CAPTIONER_PRETRAIN_H

#include "captioner/train/pretrain_data.h"
#include "src/math/gemm.h"
#include "src/train/optim.h"

typedef struct cap_pretrain_settings {
    const char *encoder; /* row of the backbone table; default "small" */
    int size;            /* side of the photos it sees, pixels, CNN_MIN_SIDE..CNN_MAX_SIDE; default 160 */
    cap_class_source classes[CAP_MAX_SOURCES];
    int class_sources;
    const char *photos;       /* folder of photos without labels; NULL = none; needs a teacher */
    const char *list;         /* captions that name the photos to take; NULL = all of the folder */
    const char *teacher;      /* a safetensors file that cnn/import.h knows; NULL = none */
    double teacher_weight;    /* default 1 */
    double squared_weight;    /* of the squared distance beside the cosine; default 0.1 */
    double smoothing;         /* of the labels, 0..1; default 0.1 */
    int epochs, batch;        /* defaults 12, 64 */
    optim_kind optim;         /* default OPTIM_ADAMW */
    double rate;              /* peak learning rate; 0 = 0.002 (AdamW), 0.05 (SGD) */
    double decay, clip;       /* defaults 0.05; 5, 0 = gradients are not clipped */
    int warmup;               /* batches until the peak; default 500, at most a fifth of the run */
    gemm_precision precision; /* default GEMM_BF16 */
    ds_augment augment;
    int threads, loader_threads; /* 0 = one per CPU; default 1 */
    size_t cache_bytes;          /* for decoded photos; default 0 */
    uint64_t seed;               /* default 1 */
    const char *out;
    const char *command; /* goes into the record; NULL = none */
    bool resume; /* go on from OUT.ckpt, which must be there; more epochs than it was begun with: the learning
                    rate goes on as in a run of so many; epochs = 0: as many as it was begun with */
    bool force;  /* begin anew where OUT, OUT.ckpt or the log is there already */
} cap_pretrain_settings;

cap_pretrain_settings cap_pretrain_defaults(void);

typedef struct cap_pretrain_progress {
    int epoch, epochs;    /* epoch counts from 1 */
    long photos, total;   /* of this epoch */
    long resumed;         /* of these, done before this run began */
    double loss;          /* means over the epoch so far */
    double accuracy;      /* NAN without labels */
    double cosine;        /* to the teacher; NAN without one */
    double rate, seconds; /* seconds: of all runs */
} cap_pretrain_progress;

/* How the encoder does on the held-out photos of one source. */
typedef struct cap_pretrain_score {
    const char *source;
    int32_t photos;
    double accuracy, cosine; /* NAN without labels, without a teacher */
} cap_pretrain_score;

/* Called in the caller's thread; each may be NULL. */
typedef struct cap_pretrain_events {
    void *ctx;
    bool (*stop)(void *ctx); /* asked after every batch; true: save and return ERR_INTERRUPTED */
    void (*begin)(void *ctx, const cap_photos *photos, size_t parameters, const cap_pretrain_progress *p);
    void (*batch)(void *ctx, const cap_pretrain_progress *p); /* and before the first one of an epoch */
    void (*epoch)(void *ctx, const cap_pretrain_progress *p, const cap_pretrain_score *score, int scores);
    void (*bad_photo)(void *ctx, const char *problem);
} cap_pretrain_events;

/* Errors: ARGUMENT (settings; an earlier run's files are there), INTERRUPTED (saved; resume goes on),
 * MISMATCH (the checkpoint is of other settings), FORMAT (too many unreadable photos, a damaged checkpoint),
 * LIMIT (the loss, gradient or weights are no longer finite numbers: files stay as they were), and those of
 * files. */
err_code cap_pretrain_run(const cap_pretrain_settings *s, const cap_pretrain_events *on, error *err);

#endif
