/* After an epoch: the best is chosen and saved, the log gets its line. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "captioner/train/task.h"
#include "src/io/file.h"
#include "src/io/json.h"

/* ---- the log ---- */

/* What was not measured is left out. */
static void put_measured(io_json_build *b, json_t *o, const char *key, double value)
{
    if (!isnan(value)) io_json_put_number(b, o, key, value);
}

/* What is not finite is written as null. */
static json_t *epoch_json(const cap_run *r, const cap_epoch *e)
{
    char rate[60];
    snprintf(rate, sizeof rate, "%s_per_second", r->task->unit);
    io_json_build b = io_json_build_object();
    io_json_put_int(&b, b.root, "epoch", e->epoch);
    io_json_put_int(&b, b.root, "steps", r->at.step);
    io_json_put_number(&b, b.root, "loss", e->loss);
    put_measured(&b, b.root, "perplexity", e->perplexity);
    put_measured(&b, b.root, "accuracy", e->accuracy);
    put_measured(&b, b.root, "cosine", e->cosine);
    put_measured(&b, b.root, "reward", e->reward);
    put_measured(&b, b.root, isnan(e->reward) ? "loss_without_photos" : "reward_without_photos", e->beside);
    io_json_put_number(&b, b.root, "seconds", e->seconds);
    io_json_put_number(&b, b.root, rate, e->rate);
    io_json_put_bool(&b, b.root, "best", e->best);
    if (e->validated) {
        json_t *validation = io_json_put_object(&b, b.root, "validation");
        if (r->task->scores) r->task->scores(r, e, &b, validation);
        json_t *samples = e->samples ? io_json_put_array(&b, b.root, "samples") : NULL;
        for (int i = 0; i < e->samples; i++) r->task->sample(e, i, &b, io_json_put_object(&b, samples, NULL));
    }
    return io_json_take(&b);
}

/* Where files of an earlier run may lie, a state comes first. */
static err_code own_files(cap_run *r, error *err)
{
    if (!cap_train_files_of_another(&r->files)) return ERR_OK;
    err_code code = cap_run_check_weights(r, IO_F32, err);
    return code ? code : cap_run_save_state(r, err);
}

static err_code append_log(const cap_run *r, json_t *o, error *err)
{
    char *line = o ? io_json_text(o, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
    json_decref(o);
    if (!line) return err_no_memory(err, "while writing '%.300s'", r->files.log);
    err_code code = io_append_line(r->files.log, line, err);
    free(line);
    return code;
}

err_code cap_run_log_step(cap_run *r, double loss, const cap_counts *counts, double rate, double norm,
                          error *err)
{
    if (!r->task->log_every || r->at.step % r->task->log_every) return ERR_OK;
    err_code code = own_files(r, err);
    if (code) return code;
    io_json_build b = io_json_build_object();
    io_json_put_int(&b, b.root, "step", r->at.step);
    io_json_put_number(&b, b.root, "loss", loss);
    if (r->extent.has_cosine) io_json_put_number(&b, b.root, "cosine", counts->cosine);
    io_json_put_number(&b, b.root, "rate", rate);
    io_json_put_number(&b, b.root, "norm", norm);
    return append_log(r, io_json_take(&b), err);
}

/* ---- the result ---- */

void cap_run_record(const cap_run *r, const cap_epoch *e, io_json_build *b, json_t *training)
{
    const cap_run_settings *s = r->s;
    if (s->command) io_json_put_string(b, b->root, "command", s->command);
    io_json_put_int(b, training, "epoch", e->epoch);
    io_json_put_number(b, training, "loss", e->loss);
    io_fields_write(cap_run_fields, s, b, training);
    if (e->validated && r->task->scores)
        r->task->scores(r, e, b, io_json_put_object(b, b->root, "validation"));
}

err_code cap_run_report(cap_run *r, cap_epoch *e, error *err)
{
    double value = e->validated ? e->goodness : e->epoch; /* else the last one is the best */
    text words = {0};
    e->best = value > r->at.best;
    err_code code = own_files(r, err);
    if (!code && e->best) {
        r->at.best = value;
        r->at.best_epoch = r->at.epoch;
        optim_swap_average(&r->optim);
        code = r->task->save(r, e, err);
        optim_swap_average(&r->optim);
    }
    if (!code) code = append_log(r, epoch_json(r, e), err);
    if (e->validated && r->task->tell) r->task->tell(r, e, &words);
    if (words.length) e->validation = text_string(&words);
    if (!code && r->events->epoch) r->events->epoch(r->events->ctx, e);
    text_release(&words);
    return code;
}
