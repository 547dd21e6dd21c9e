/* After an epoch: the best is chosen, the model file and its record are written, the log gets its line. */
#include <stdio.h>
#include <stdlib.h>

#include "captioner/train_run.h"
#include "src/io/file.h"
#include "src/io/json.h"

static json_t *epoch_json(const cap_run *r, const cap_epoch *e)
{
    char rate[60];
    snprintf(rate, sizeof rate, "%s_per_second", r->task->unit);
    json_t *o = json_pack("{s:i, s:I, s:f, s:f, s:f, s:f, s:f, s:b}", "epoch", e->epoch, "steps",
                          (json_int_t)r->at.step, "loss", e->loss, "perplexity", e->perplexity, "accuracy",
                          e->accuracy, "seconds", e->seconds, rate, e->rate, "best", e->best);
    if (!o || !e->validated) return o;
    json_object_set_new(o, "validation", r->task->scores(r, e));
    json_t *samples = json_array();
    for (int i = 0; i < e->samples; i++) json_array_append_new(samples, r->task->sample(e, i));
    json_object_set_new(o, "samples", samples);
    return o;
}

static err_code append_log(const cap_run *r, const cap_epoch *e, error *err)
{
    json_t *o = epoch_json(r, e);
    char *line = o ? json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
    json_decref(o);
    if (!line) return err_set(err, ERR_MEMORY, "out of memory while writing '%s'", r->files.log);
    err_code code = io_append_line(r->files.log, line, err);
    free(line);
    return code;
}

static void write_record(const cap_run *r, const cap_epoch *e)
{
    const cap_train_settings *s = r->s;
    json_t *o = r->model->record, *training = json_object();
    if (s->command) json_object_set_new(o, "command", json_string(s->command));
    if (s->licence) json_object_set_new(o, "licence", json_string(s->licence));
    json_object_set_new(o, "training", training);
    r->task->record(r, training);
    json_object_update_new(training,
                           json_pack("{s:i, s:i, s:i, s:f, s:f, s:f, s:f, s:I, s:s}", "epoch", e->epoch,
                                     "epochs", s->epochs, "batch", s->batch, "rate", s->rate, "weight_decay",
                                     s->decay, "label_smoothing", s->loss.smoothing, "loss", e->loss, "seed",
                                     (json_int_t)s->seed, "precision", s->bf16 ? "bf16" : "f32"));
    if (e->validated) json_object_set_new(o, "validation", r->task->scores(r, e));
}

err_code cap_run_report(cap_run *r, cap_epoch *e, error *err)
{
    double value = e->validated ? r->task->goodness(r, e) : e->epoch; /* else the last one is the best */
    e->best = value > r->at.best;
    err_code code = ERR_OK;
    if (e->best) {
        r->at.best = value;
        r->at.best_epoch = r->at.epoch;
        write_record(r, e);
        code = cap_model_save(r->model, r->s->out, r->s->dtype, err);
    }
    if (!code) code = append_log(r, e, err);
    if (!code && r->events->epoch) r->events->epoch(r->events->ctx, e);
    return code;
}
