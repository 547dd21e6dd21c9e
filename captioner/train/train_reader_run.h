/* What the tasks of readers keep during a run: shared by train_reader.c, train_classify.c and train_masked.c
 * alone. */
#ifndef CAPTIONER_TRAIN_READER_RUN_H
#define CAPTIONER_TRAIN_READER_RUN_H

#include "captioner/net/bert.h"
#include "captioner/train/task.h"
#include "captioner/train/train_reader.h"
#include "datasets/batch.h"
#include "datasets/pairs.h"
#include "datasets/sources.h"
#include "src/base/list.h"

enum { CAP_READ_LINES = 64 }; /* of a batch while validating */

/* Lines of a file, as texts and as pieces. */
typedef struct cap_reading {
    ds_pairs lines;     /* of masked words the targets are "" */
    ds_sources pieces;  /* [CLS] .. [SEP] */
    ds_encoded planned; /* the same arrays, line i as caption i of photo i: what batches are planned from */
    int32_t *label;     /* [lines] number of each line's; of masked words NULL */
    arena memory;       /* of numbers */
} cap_reading;

typedef struct cap_reader_data {
    cap_bert *model;
    cap_reading train, val;
    ds_plan *plan;
    int64_t judged;         /* of the last validation: lines or masked pieces ... */
    int64_t hits;           /* ... that were told right, */
    int64_t (*of_class)[2]; /* [labels] lines of each class, and those told right */
} cap_reader_data;

static inline cap_reader_data *cap_reader_of(const cap_run *r)
{
    return r->data;
}

static inline const cap_reader_settings *cap_reader_asked(const cap_run *r)
{
    return r->asked;
}

/* ---- train_reader.c: members of both tasks, and what they are made of ---- */

/* Reads the lines of both files; `labelled`: with their labels behind a tab. */
err_code cap_reader_read(cap_run *r, bool labelled, error *err);

/* The model, with these labels (count 0: none), and the pieces of all lines. */
err_code cap_reader_begin(cap_run *r, const char *const *labels, int count, error *err);

void cap_reader_tell_start(const cap_run *r); /* once the lines are known to be good */

err_code cap_reader_check(const void *asked, const cap_run_settings *run, error *err);
void cap_reader_close(cap_run *r);
err_code cap_reader_count(cap_run *r, int64_t epoch, int64_t *batches, error *err);
err_code cap_reader_plan(cap_run *r, error *err);
void cap_reader_put_settings(const cap_run *r, io_json_build *b, json_t *o);
err_code cap_reader_save(cap_run *r, const cap_epoch *e, error *err);
void cap_reader_introduce(const cap_run *r, text *line);

/* The lines of batch r->at.batch, or which[0..n-1] of `from`: which they are and their pieces, in
 * step_memory. */
err_code cap_reader_batch(cap_run *r, const int32_t **which, ds_source_batch *out, error *err);

/* Goes through the lines to validate on, those of like length together: judge(r, which, lines, ..) adds to
 * *nll the loss of a batch, the tape being new. */
typedef err_code cap_judge_batch(cap_run *r, const int32_t *which, const ds_source_batch *lines, double *nll,
                                 error *err);
err_code cap_reader_judge(cap_run *r, cap_judge_batch *judge, double *nll, error *err);

extern const cap_task cap_task_classify, cap_task_masked;

#endif
