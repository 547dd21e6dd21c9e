/* What the task of captioning photos keeps during a run: shared by train_photos*.c alone. */
#ifndef CAPTIONER_TRAIN_PHOTOS_H
#define CAPTIONER_TRAIN_PHOTOS_H

#include "captioner/score/score.h"
#include "captioner/train/train_data.h"
#include "captioner/train/train_loader.h"
#include "captioner/train/train_named.h"
#include "captioner/train/train_photoless.h"
#include "captioner/train/train_sentences.h"

/* What was found on a set. */
typedef struct cap_validation {
    cap_scores scores; /* .image is not set */
    double loss;       /* a word's */
} cap_validation;

typedef struct cap_photo_data {
    cap_sentences sentences;
    cap_split train;
    int photos;                   /* of the present step's batch */
    cap_split val[CAP_MOST_SETS]; /* each validated on by itself */
    int vals;
    /* of train_photos_concepts.c: */
    cap_photoless photoless; /* captions without photos; groups 0: there are none */
    bool alone;              /* they are all that is learnt from, and the plan is made of them */
    int32_t only_style;      /* how they are written; 0: not told */
    int32_t *style;          /* [train.captions.images] likewise of photos */
    bool has_concepts;
    cap_split_named seen, val_seen[CAP_MOST_SETS];
    cap_draw *draw;                 /* of captions without photos; NULL: there are none */
    cap_cider_ids *photoless_judge; /* of self-critical training; NULL: it is none */
    float *means;                   /* of the photos' regions, by the encoder as it began; NULL: not needed */
    arena named;                    /* lists of the above */
    bool encoder_trains;
    ds_loader *loader; /* of the training photos; NULL with kept features */
    ds_schedule schedule;
    arena lists;   /* of the schedule */
    arena samples; /* sentences of the last validation */
    char cache[4200];
    cap_validation validation[CAP_MOST_SETS]; /* the last one */
} cap_photo_data;

static inline cap_photo_data *data_of(const cap_run *r)
{
    return r->data;
}

/* ---- the model: train_photos_model.c ---- */

/* Is the encoder one of our own, trained along from the start? One of the architectures that others have
 * weights for is taken for imported where it is a model's. */
bool cap_photos_own_encoder(const cap_train_settings *s);

/* Is there none, what is named being all that the model sees? */
bool cap_photos_no_encoder(const cap_train_settings *s);

/* While opening, the captions being read: the model (see cap_sentences_make), with drawn weights or those of
 * files, and the captions as numbers of its vocabulary; then what of its encoder trains. */
err_code cap_photos_make_model(cap_run *r, const cap_model *from, error *err);
err_code cap_photos_prepare_encoder(cap_run *r, error *err);

/* ---- concepts, styles, captions without photos: train_photos_concepts.c ---- */

err_code cap_photos_check_concepts(const cap_train_settings *s, error *err);

/* In this order while opening: reads the captions without photos, whose words count like those of the photos;
 * sets namers, styles and the decoder's part of the model's form (`from`: the model to start from, or NULL),
 * once the captions are numbered by `vocab`; and, with the model made, weights (`fresh`: it does not start from
 * a model) and the styles of photos. */
err_code cap_photos_open_photoless(cap_run *r, const cap_model *from, error *err);
err_code cap_photos_form_concepts(cap_run *r, const cap_model *from, const ds_vocab *vocab,
                                  cap_model_form *form, error *err);
err_code cap_photos_begin_concepts(cap_run *r, bool fresh, error *err);

/* Before the first step: what is named in all photos, by namers that are taught here where they have to be, and
 * the tables to draw from. */
err_code cap_photos_name(cap_run *r, error *err);

/* After steps in which the encoder learned: teaches the namer of words anew. */
err_code cap_photos_rename(cap_run *r, error *err);
void cap_photos_close_concepts(cap_run *r);

/* Does the present step see the regions of its photos? */
bool cap_photos_show_regions(const cap_run *r);

/* Adds concepts and styles of the batch's photos, with what is left out in the present step: no concepts where
 * the tape does not train, as the model's own sentences are those of its use. */
err_code cap_photos_add_concepts(cap_run *r, const ds_batch *b, cap_encoded *e, error *err);

/* What was drawn for a batch of captions without photos, b->image[] being groups. */
err_code cap_photos_draw_groups(cap_run *r, const ds_batch *b, cap_encoded *e, error *err);

/* The present step's captions without photos beside those of the plan, likewise. */
err_code cap_photos_draw_batch(cap_run *r, ds_batch *b, cap_encoded *e, error *err);

/* Their loss, and of how many groups it is. */
nn_var *cap_photos_photoless_loss(cap_run *r, int *groups, cap_counts *counts, error *err);

/* Room on the tape for the concepts of some photos: all of *out; their numbers are to be put into *count.
 * NULL: out of memory, as the tape says. */
cap_concept *cap_photos_concepts(cap_run *r, int memories, cap_concepts *out, int32_t **count);

/* ---- sets ---- */

/* How a set is called among others: the file of its captions, with the folder that it lies in. */
const char *cap_photos_set_name(const cap_photo_set *set);

/* The sets up to the first one without captions. */
int cap_photos_sets(const cap_photo_set set[CAP_MOST_SETS]);

/* The sets that the run validates on. */
const cap_photo_set *cap_photos_val_sets(const cap_run *r);

/* ---- validation: train_photos_eval.c ---- */

/* Members of cap_task_captions: validation loss and, with captions decoded freely, scores and samples. */
err_code cap_photos_validate(cap_run *r, cap_epoch *e, error *err);
void cap_photos_tell(const cap_run *r, const cap_epoch *e, text *line);
void cap_photos_scores(const cap_run *r, const cap_epoch *e, io_json_build *b, json_t *o);
void cap_photos_sample(const cap_epoch *e, int i, io_json_build *b, json_t *o);

#endif
