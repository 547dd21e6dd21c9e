/* After an epoch: the best is chosen, the model file and its record are written, the log gets its line. */
#include <stdio.h>
#include <stdlib.h>

#include "captioner/train/train_run.h"
#include "src/io/file.h"
#include "src/io/json.h"

/* What is not finite is written as null. */
static json_t *epoch_json(const cap_run *r, const cap_epoch *e)
{
    char rate[60];
    snprintf(rate, sizeof rate, "%s_per_second", r->task->unit);
    io_json_build b = io_json_build_object();
    io_json_put_int(&b, b.root, "epoch", e->epoch);
    io_json_put_int(&b, b.root, "steps", r->at.step);
    io_json_put_number(&b, b.root, "loss", e->loss);
    io_json_put_number(&b, b.root, "perplexity", e->perplexity);
    io_json_put_number(&b, b.root, "accuracy", e->accuracy);
    io_json_put_number(&b, b.root, "seconds", e->seconds);
    io_json_put_number(&b, b.root, rate, e->rate);
    io_json_put_bool(&b, b.root, "best", e->best);
    if (e->validated) {
        r->task->scores(r, e, &b, io_json_put_object(&b, b.root, "validation"));
        json_t *samples = io_json_put_array(&b, b.root, "samples");
        for (int i = 0; i < e->samples; i++) r->task->sample(e, i, &b, io_json_put_object(&b, samples, NULL));
    }
    return io_json_take(&b);
}

static err_code append_log(const cap_run *r, const cap_epoch *e, error *err)
{
    json_t *o = epoch_json(r, e);
    char *line = o ? io_json_text(o, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
    json_decref(o);
    if (!line) return err_set(err, ERR_MEMORY, "out of memory while writing '%.300s'", r->files.log);
    err_code code = io_append_line(r->files.log, line, err);
    free(line);
    return code;
}

/* After a failure the record is not whole, and the model is not saved. */
static err_code write_record(const cap_run *r, const cap_epoch *e, error *err)
{
    const cap_train_settings *s = r->s;
    io_json_build b = {.root = json_incref(r->model->record)};
    if (s->command) io_json_put_string(&b, b.root, "command", s->command);
    if (s->licence) io_json_put_string(&b, b.root, "licence", s->licence);
    json_t *training = io_json_put_object(&b, b.root, "training"), *record = NULL;
    r->task->record(r, &b, training);
    io_json_put_int(&b, training, "epoch", e->epoch);
    io_json_put_int(&b, training, "epochs", s->epochs);
    io_json_put_int(&b, training, "batch", s->batch);
    io_json_put_number(&b, training, "rate", s->rate);
    io_json_put_number(&b, training, "weight_decay", s->decay);
    io_json_put_number(&b, training, "label_smoothing", s->loss.smoothing);
    io_json_put_number(&b, training, "loss", e->loss);
    io_json_put_int(&b, training, "seed", (int64_t)s->seed);
    io_json_put_string(&b, training, "precision", s->bf16 ? "bf16" : "f32");
    if (e->validated) r->task->scores(r, e, &b, io_json_put_object(&b, b.root, "validation"));
    err_code code = io_json_done(&b, "the model's record", &record, err);
    json_decref(record);
    return code;
}

err_code cap_run_report(cap_run *r, cap_epoch *e, error *err)
{
    double value = e->validated ? r->task->goodness(r, e) : e->epoch; /* else the last one is the best */
    e->best = value > r->at.best;
    err_code code = cap_train_files_of_another(&r->files) ? cap_run_save_state(r, err) : ERR_OK;
    if (!code && e->best) {
        r->at.best = value;
        r->at.best_epoch = r->at.epoch;
        code = write_record(r, e, err);
        if (!code) code = cap_model_save(r->model, r->s->out, r->s->dtype, err);
    }
    if (!code) code = append_log(r, e, err);
    if (!code && r->events->epoch) r->events->epoch(r->events->ctx, e);
    return code;
}
