/* What the task of translating keeps during a run: shared by train_text*.c alone. */
#ifndef CAPTIONER_TRAIN_TEXT_H
#define CAPTIONER_TRAIN_TEXT_H

#include "captioner/score/text_score.h"
#include "captioner/train/train_sentences.h"
#include "datasets/sources.h"

/* Pairs as lines and as numbers. */
typedef struct cap_text_split {
    ds_pairs pairs;
    ds_sources sources;
    ds_encoded targets;
    arena memory; /* of the numbers */
} cap_text_split;

typedef struct cap_text_data {
    cap_sentences sentences;
    ds_pairs all; /* what train and val were parted from, if they were */
    cap_text_split train, val;
    cap_text_counts lines; /* of the last validation ... */
    double bleu, exact;    /* ... 0..100; share of lines, 0..1 */
} cap_text_data;

static inline cap_text_data *data_of(const cap_run *r)
{
    return r->data;
}

/* Members of cap_task_pairs: validation loss, all lines translated, scores and samples. */
err_code cap_text_validate(cap_run *r, cap_epoch *e, error *err);
void cap_text_tell(const cap_run *r, const cap_epoch *e, text *line);
void cap_text_scores(const cap_run *r, const cap_epoch *e, io_json_build *b, json_t *o);
void cap_text_sample(const cap_epoch *e, int i, io_json_build *b, json_t *o);

#endif
