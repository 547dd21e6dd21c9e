/* What the task of captioning photos keeps during a run: shared by train_photos*.c alone. */
#ifndef CAPTIONER_TRAIN_PHOTOS_H
#define CAPTIONER_TRAIN_PHOTOS_H

#include "captioner/score/score.h"
#include "captioner/train/train_data.h"
#include "captioner/train/train_loader.h"
#include "captioner/train/train_sentences.h"

typedef struct cap_photo_data {
    cap_sentences sentences;
    cap_split train, val;
    bool encoder_trains;
    ds_loader *loader; /* of the training photos; NULL with kept features */
    ds_schedule schedule;
    arena lists; /* of the schedule */
    char cache[4200];
    cap_scores scores; /* of the last validation, .image is not set */
} cap_photo_data;

/* Members of cap_task_captions: validation loss and, with captions decoded freely, scores and samples. */
err_code cap_photos_validate(cap_run *r, cap_epoch *e, error *err);
void cap_photos_tell(const cap_run *r, const cap_epoch *e, text *line);
void cap_photos_scores(const cap_run *r, const cap_epoch *e, io_json_build *b, json_t *o);
void cap_photos_sample(const cap_epoch *e, int i, io_json_build *b, json_t *o);

#endif
