/* What captions and pairs share: a decoder learns sentences from what an encoder gives. For train_photos*.c
 * and train_text*.c alone, whose data begin with a cap_sentences. */
#ifndef CAPTIONER_TRAIN_SENTENCES_H
#define CAPTIONER_TRAIN_SENTENCES_H

#include "captioner/score/cider_ids.h"
#include "captioner/train/task.h"
#include "captioner/train/train.h"

typedef struct cap_sentences {
    cap_train_settings s; /* those given, with per_image chosen */
    cap_model *model;
    const ds_encoded *targets; /* of the training part: what plans are made from */
    ds_plan *plan;             /* of the present epoch */
    arena memory;              /* of the next two */
    cap_object_names objects;  /* what words name, where they are guided to look at it */
    const bool *names;    /* [V] words that name what a photo shows, where they are paid for; else NULL */
    cap_cider_ids *judge; /* of self-critical training: what `targets` say; NULL: it is none */
} cap_sentences;

static inline cap_sentences *cap_sentences_of(const cap_run *r)
{
    return r->data;
}

static inline const cap_train_settings *asked(const cap_run *r)
{
    return &cap_sentences_of(r)->s;
}

static inline cap_model *model_of(const cap_run *r)
{
    return cap_sentences_of(r)->model;
}

/* For the task's check: the ranges of what captions and pairs share. */
err_code cap_sentences_check(const cap_train_settings *s, error *err);

/* First in the task's open: takes over the settings. */
void cap_sentences_begin(cap_run *r);

/* The model of the run: from drawn weights (`from` NULL), or from those of the model that the settings start
 * from, whose sizes they are held against. `make` sets cap_sentences.model, with the words of `from` among
 * its own. */
typedef err_code cap_make_model(cap_run *r, const cap_model *from, error *err);
err_code cap_sentences_make(cap_run *r, cap_make_model *make, error *err);

/* Last in the task's open, where s.per_image, model and targets are set: tells the run of them. */
err_code cap_sentences_ready(cap_run *r, error *err);
void cap_sentences_close(cap_run *r);

/* Members of a cap_task, or the better part of them. */
err_code cap_sentences_count(cap_run *r, int64_t epoch, int64_t *batches, error *err);
err_code cap_sentences_plan(cap_run *r, error *err);

/* The inputs of a batch, on the tape: states for each of batch->images. A failure shows on the tape or in
 * *err. */
typedef cap_encoded cap_encode_batch(cap_run *r, const ds_batch *batch, error *err);

/* Of the present epoch's plan. */
nn_var *cap_sentences_loss(cap_run *r, cap_encode_batch *encode, cap_counts *counts, error *err);

/* Of other captions beside it. */
typedef struct cap_lesson {
    cap_encoded input; /* on the tape: memories for each of batch.images */
    ds_batch batch;
    bool lent;                  /* the regions are another photo's */
    const cap_cider_ids *judge; /* of batch.image, for self-critical training; NULL: word by word */
    uint32_t source;            /* samples are drawn differently for another one; 0: the plan's */
} cap_lesson;

nn_var *cap_sentences_loss_of(cap_run *r, const cap_lesson *l, cap_counts *counts, error *err);

/* The settings that decide the steps, and those of the validation. */
void cap_sentences_settings(const cap_run *r, io_json_build *b, json_t *o);
void cap_sentences_judging(const cap_run *r, io_json_build *b, json_t *o);

/* Writes the record, to which `task` adds what it learned from, and the model. */
err_code cap_sentences_save(cap_run *r, const cap_epoch *e,
                            void (*task)(const cap_run *r, io_json_build *b, json_t *training), error *err);

/* A hash of the targets, over `h`. */
hash128 cap_sentences_hash(const ds_encoded *d, hash128 h);

#endif
