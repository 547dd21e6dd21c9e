/* The state of a run on disk: what an interrupted run needs to go on to the same bits. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "captioner/train_run.h"
#include "src/io/json.h"
#include "src/train/checkpoint.h"

/* ---- what must not change ---- */

json_t *cap_run_hash_json(hash128 h)
{
    char hex[HASH_HEX];
    hash_hex(h, hex);
    return json_string(hex);
}

hash128 cap_run_hash_targets(const ds_encoded *d, hash128 h)
{
    h = hash_bytes(d->words, (size_t)d->first[d->captions] * sizeof *d->words, h.lo);
    h = hash_bytes(d->first, ((size_t)d->captions + 1) * sizeof *d->first, h.lo);
    return hash_bytes(d->image, (size_t)d->captions * sizeof *d->image, h.lo);
}

/* In the words of the command line where there is an option. With other values the batches, the numbers or
 * the choice of the best epoch would be others. */
static json_t *fixed_settings(const cap_run *r)
{
    const cap_train_settings *s = r->s;
    json_t *o = json_pack("{s:I, s:i, s:i, s:i, s:i, s:i, s:s}", "seed", (json_int_t)s->seed, "epochs",
                          s->epochs, "batch", s->batch, "per-image", r->per_image, "max-words", s->max_words,
                          "min-count", s->min_count, "precision", s->bf16 ? "bf16" : "f32");
    json_object_update_new(o, cap_decoder_config_to_json(&r->model->decoder.config));
    json_object_del(o, "features"); /* follows from the encoder's */
    json_object_update_new(o, json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "rate", s->rate,
                                        "warmup", s->warmup, "weight-decay", s->decay, "clip", s->clip,
                                        "label-smoothing", s->loss.smoothing, "coverage", s->loss.coverage,
                                        "scheduled-sampling", s->loss.sampling, "focus", s->loss.focus,
                                        "teacher-forcing", s->teacher_forcing));
    r->task->settings(r, o);
    if (r->has_val)
        json_object_update_new(o, json_pack("{s:i, s:i, s:i}", "best-by", (int)s->best_by, "scored",
                                            s->scored, "beam", s->beam));
    return o;
}

static bool same_value(const json_t *a, const json_t *b)
{
    if (!json_is_number(a) || !json_is_number(b)) return json_equal(a, b);
    double x = json_number_value(a), y = json_number_value(b);
    return fabs(x - y) <= 1e-12 * (1 + fabs(x));
}

/* A setting that the state does not mention was not yet recorded when it was written: nothing to compare. */
static err_code compare_settings(const cap_run *r, const json_t *saved, error *err)
{
    json_t *mine = fixed_settings(r), *value;
    const char *key;
    err_code code = mine ? ERR_OK : err_set(err, ERR_MEMORY, "out of memory while resuming");
    json_object_foreach(mine, key, value)
    {
        json_t *other = json_object_get(saved, key);
        if (code || !other || same_value(value, other)) continue;
        char *was = json_dumps(other, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
        char *now = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
        code = err_set(err, ERR_MISMATCH, "cannot resume from '%.200s': '%s' was %.80s and is now %.80s",
                       r->state_path, key, was ? was : "?", now ? now : "?");
        free(was);
        free(now);
    }
    json_decref(mine);
    return code;
}

/* ---- saving ---- */

err_code cap_run_save_state(cap_run *r, error *err)
{
    const cap_progress *a = &r->at;
    json_t *o = json_pack("{s:o, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:I}", "settings", fixed_settings(r),
                          "epoch", (json_int_t)a->epoch, "batch", (json_int_t)a->batch, "step",
                          (json_int_t)a->step, "loss", a->loss, "nll", a->nll, "words", a->words, "hits",
                          a->hits, "batches", a->batches, "best_epoch", (json_int_t)a->best_epoch);
    if (o && a->best_epoch >= 0) json_object_set_new(o, "best", json_real(a->best));
    char *state = o ? json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(o);
    if (!state) return err_set(err, ERR_MEMORY, "out of memory while saving '%s'", r->state_path);
    io_metadata pair = {"training", state};
    err_code code = ckpt_save(r->state_path, &r->model->params, NULL, &r->optim, &pair, 1, IO_F32, err);
    free(state);
    return code;
}

/* ---- loading ---- */

typedef struct count_row {
    const char *name;
    size_t offset;
    int64_t least;
} count_row;

typedef struct sum_row {
    const char *name;
    size_t offset;
} sum_row;

static const count_row counts[] = {{"epoch", offsetof(cap_progress, epoch), 0},
                                   {"batch", offsetof(cap_progress, batch), 0},
                                   {"step", offsetof(cap_progress, step), 0},
                                   {"best_epoch", offsetof(cap_progress, best_epoch), -1}};
static const sum_row sums[] = {{"loss", offsetof(cap_progress, loss)},
                               {"nll", offsetof(cap_progress, nll)},
                               {"words", offsetof(cap_progress, words)},
                               {"hits", offsetof(cap_progress, hits)},
                               {"batches", offsetof(cap_progress, batches)}};

/* The batch is held against its epoch's plan when that is made. */
static err_code read_progress(cap_run *r, const json_t *o, error *err)
{
    char *at = (char *)&r->at;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        json_t *n = json_object_get(o, counts[i].name);
        int64_t value = json_integer_value(n);
        if (!json_is_integer(n) || value < counts[i].least || value > INT32_MAX)
            return err_set(err, ERR_FORMAT, "'%.300s': '%s' is missing or out of range", r->state_path,
                           counts[i].name);
        memcpy(at + counts[i].offset, &value, sizeof value);
    }
    for (size_t i = 0; i < sizeof sums / sizeof *sums; i++) {
        json_t *n = json_object_get(o, sums[i].name);
        double value = json_number_value(n);
        if (!json_is_number(n))
            return err_set(err, ERR_FORMAT, "'%.300s': '%s' is no number", r->state_path, sums[i].name);
        memcpy(at + sums[i].offset, &value, sizeof value);
    }
    json_t *best = json_object_get(o, "best");
    if (json_is_number(best)) r->at.best = json_number_value(best);
    return ERR_OK;
}

/* Settings come before shapes: "'hidden' was 512" says more than a tensor that does not fit. */
static err_code load_from(cap_run *r, const io_tensors *file, error *err)
{
    const char *state = io_tensors_metadata(file, "training");
    json_t *o = NULL, *settings;
    if (!state)
        return err_set(err, ERR_MISMATCH, "cannot resume: '%.300s' is no state of a training run",
                       r->state_path);
    err_code code = io_json_parse(state, strlen(state), r->state_path, &o, err);
    if (!code) code = io_json_object(o, "settings", r->state_path, &settings, err);
    if (!code) code = compare_settings(r, settings, err);
    if (!code) code = ckpt_read(file, &r->model->params, NULL, &r->optim, err);
    if (!code) code = read_progress(r, o, err);
    json_decref(o);
    return code;
}

err_code cap_run_load_state(cap_run *r, error *err)
{
    io_tensors *file = io_tensors_open(r->state_path, err);
    if (!file) return err->code;
    err_code code = load_from(r, file, err);
    io_tensors_close(&file);
    if (!code)
        cap_run_say(r, "resumed at epoch %lld, batch %lld", (long long)r->at.epoch + 1,
                    (long long)r->at.batch);
    return code;
}
