/* What the task of captioning photos keeps during a run: shared by train_photos*.c alone. */
#ifndef CAPTIONER_TRAIN_PHOTOS_H
#define CAPTIONER_TRAIN_PHOTOS_H

#include "captioner/score/score.h"
#include "captioner/train/train_data.h"
#include "captioner/train/train_loader.h"
#include "captioner/train/train_sentences.h"

/* What was found on a set. */
typedef struct cap_validation {
    cap_scores scores; /* .image is not set */
    double loss;       /* a word's */
} cap_validation;

typedef struct cap_photo_data {
    cap_sentences sentences;
    cap_split train;
    cap_split val[CAP_MOST_SETS]; /* each validated on by itself */
    int vals;
    bool encoder_trains;
    ds_loader *loader; /* of the training photos; NULL with kept features */
    ds_schedule schedule;
    arena lists;   /* of the schedule */
    arena samples; /* sentences of the last validation */
    char cache[4200];
    cap_validation validation[CAP_MOST_SETS]; /* the last one */
} cap_photo_data;

/* How a set is called among others: the file of its captions, with the folder that it lies in. */
const char *cap_photos_set_name(const cap_photo_set *set);

/* The sets up to the first one without captions. */
int cap_photos_sets(const cap_photo_set set[CAP_MOST_SETS]);

/* The sets that the run validates on. */
const cap_photo_set *cap_photos_val_sets(const cap_run *r);

/* Members of cap_task_captions: validation loss and, with captions decoded freely, scores and samples. */
err_code cap_photos_validate(cap_run *r, cap_epoch *e, error *err);
void cap_photos_tell(const cap_run *r, const cap_epoch *e, text *line);
void cap_photos_scores(const cap_run *r, const cap_epoch *e, io_json_build *b, json_t *o);
void cap_photos_sample(const cap_epoch *e, int i, io_json_build *b, json_t *o);

#endif
