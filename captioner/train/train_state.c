/* The state of a run on disk: what an interrupted run needs to go on to the same bits. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "captioner/train/train_fields.h"
#include "captioner/train/train_run.h"
#include "src/io/json.h"
#include "src/train/checkpoint.h"

/* ---- what must not change ---- */

void cap_run_put_hash(io_json_build *b, json_t *o, const char *key, hash128 h)
{
    char hex[HASH_HEX];
    hash_hex(h, hex);
    io_json_put_string(b, o, key, hex);
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
    const struct {
        const char *name;
        int64_t value;
    } whole[] = {{"seed", (int64_t)s->seed},  {"epochs", s->epochs},       {"batch", s->batch},
                 {"per-image", r->per_image}, {"max-words", s->max_words}, {"min-count", s->min_count}};
    const struct {
        const char *name;
        double value;
    } fractions[] = {{"rate", s->rate},
                     {"warmup", s->warmup},
                     {"weight-decay", s->decay},
                     {"clip", s->clip},
                     {"label-smoothing", s->loss.smoothing},
                     {"coverage", s->loss.coverage},
                     {"scheduled-sampling", s->loss.sampling},
                     {"focus", s->loss.focus},
                     {"teacher-forcing", s->teacher_forcing}};
    io_json_build b = io_json_build_object();
    json_t *decoder = cap_decoder_config_to_json(&r->model->decoder.config);
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        io_json_put_int(&b, b.root, whole[i].name, whole[i].value);
    io_json_put_string(&b, b.root, "precision", s->bf16 ? "bf16" : "f32");
    io_json_put_members(&b, b.root, decoder);
    json_decref(decoder);
    json_object_del(b.root, "features"); /* follows from the encoder's */
    for (size_t i = 0; i < sizeof fractions / sizeof *fractions; i++)
        io_json_put_number(&b, b.root, fractions[i].name, fractions[i].value);
    r->task->settings(r, &b, b.root);
    if (r->has_val) {
        io_json_put_int(&b, b.root, "best-by", s->best_by);
        io_json_put_int(&b, b.root, "scored", s->scored);
        io_json_put_int(&b, b.root, "beam", s->beam);
    }
    return io_json_take(&b);
}

static bool same_value(const json_t *a, const json_t *b)
{
    if (!json_is_number(a) || !json_is_number(b)) return json_equal(a, b);
    double x = json_number_value(a), y = json_number_value(b);
    return fabs(x - y) <= 1e-12 * (1 + fabs(x));
}

static err_code is_other(const cap_run *r, const char *key, const json_t *was, const json_t *now, error *err)
{
    char *old = was ? io_json_text(was, JSON_REAL_PRECISION(6)) : NULL;
    char *mine = now ? io_json_text(now, JSON_REAL_PRECISION(6)) : NULL;
    err_code code = err_set(err, ERR_MISMATCH, "cannot resume from '%.200s': '%s' was %.80s and is now %.80s",
                            r->files.state, key, old ? old : "not stated", mine ? mine : "not known");
    free(old);
    free(mine);
    return code;
}

/* All but the number of epochs, which may grow. */
static err_code compare_settings(const cap_run *r, const json_t *saved, error *err)
{
    json_t *mine = fixed_settings(r), *value;
    const char *key;
    err_code code = mine ? ERR_OK : err_set(err, ERR_MEMORY, "out of memory while resuming");
    json_object_foreach(mine, key, value)
    {
        const json_t *other = json_object_get(saved, key);
        if (!code && strcmp(key, "epochs") != 0 && !(other && same_value(value, other)))
            code = is_other(r, key, other, value, err);
    }
    json_object_foreach((json_t *)saved, key, value)
    {
        if (!code && !json_object_get(mine, key)) code = is_other(r, key, value, NULL, err);
    }
    json_decref(mine);
    return code;
}

/* ---- saving ---- */

#define ROW(field, kind, least, most)                                                                        \
    {                                                                                                        \
#field, offsetof(cap_progress, field), kind, least, most                                             \
    }
#define MOST_STEPS 9e15 /* what a double counts to */

static const cap_field rows[] = {
    ROW(epoch, CAP_WHOLE, 0, CAP_MOST_EPOCHS),
    ROW(batch, CAP_WHOLE, 0, INT32_MAX),
    ROW(step, CAP_WHOLE, 0, MOST_STEPS),
    ROW(best_epoch, CAP_WHOLE, -1, CAP_MOST_EPOCHS - 1),
    ROW(loss, CAP_SUM, 0, DBL_MAX),
    ROW(nll, CAP_SUM, 0, DBL_MAX),
    ROW(words, CAP_COUNT, 0, MOST_STEPS),
    ROW(hits, CAP_COUNT, 0, MOST_STEPS),
    ROW(batches, CAP_COUNT, 0, INT32_MAX),
};
enum { ROWS = sizeof rows / sizeof *rows };

err_code cap_run_save_state(cap_run *r, error *err)
{
    io_json_build b = io_json_build_object();
    io_json_put(&b, b.root, "settings", fixed_settings(r));
    cap_fields_put(&b, b.root, rows, ROWS, &r->at);
    if (r->at.best_epoch >= 0) io_json_put_number(&b, b.root, "best", r->at.best);
    json_t *o = io_json_take(&b);
    char *state = o ? io_json_text(o, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(o);
    if (!state) return err_set(err, ERR_MEMORY, "out of memory while saving '%.300s'", r->files.state);
    io_metadata pair = {"training", state};
    err_code code = ckpt_save(r->files.state, &r->model->params, NULL, &r->optim, &pair, 1, IO_F32, err);
    free(state);
    return code ? code : cap_train_files_own(&r->files, err);
}

/* ---- loading ---- */

/* Sums of the current epoch: each batch adds words, and no batch or word a loss beyond a float. */
static const char *odd_sum(const cap_run *r)
{
    const cap_progress *a = &r->at;
    const ds_encoded *d = r->targets;
    double most_words = (double)d->first[d->captions] + (double)d->captions; /* each ends with <end> */
    if (a->batches != (double)a->batch) return "batches";
    if (a->words > most_words || (a->words > 0) != (a->batch > 0)) return "words";
    if (a->hits > a->words) return "hits";
    if (a->loss > (double)FLT_MAX * a->batches) return "loss";
    return a->nll > (double)FLT_MAX * a->words ? "nll" : NULL;
}

/* Captions of one photo side by side fill batches differently in every epoch. */
static bool steps_fit(const cap_run *r)
{
    const cap_progress *a = &r->at;
    int64_t before = a->step - a->batch, captions = r->targets->captions;
    int64_t least = (captions + r->s->batch - 1) / r->s->batch;
    if (r->optim.steps != a->step) return false;
    if (!r->per_image) return before == a->epoch * r->epoch_batches;
    return before >= a->epoch * least && before <= a->epoch * captions;
}

/* The best of epochs that are done; without validation the last one. */
static bool best_fits(const cap_run *r, const json_t *o)
{
    const cap_progress *a = &r->at;
    const json_t *best = json_object_get(o, "best");
    if (a->best_epoch < 0) return !best && (a->epoch == 0 || r->has_val);
    if (!json_is_number(best) || !isfinite(a->best)) return false;
    if (!r->has_val) return a->best_epoch == a->epoch - 1 && a->best == (double)a->epoch;
    return r->s->best_by == CAP_BEST_LOSS ? a->best <= 0 : a->best >= 0 && a->best <= 100;
}

static err_code check_progress(const cap_run *r, const json_t *o, const char *where, int64_t epochs,
                               error *err)
{
    const cap_progress *a = &r->at;
    const char *odd = odd_sum(r);
    ds_plan *plan = NULL;
    err_code code = cap_run_plan(r, (uint32_t)a->epoch, &plan, err);
    if (code) return code;
    if (a->batch > ds_plan_batches(plan)) odd = "batch";
    ds_plan_free(&plan);
    if (a->epoch > epochs || (a->epoch == epochs && a->batch)) odd = "epoch";
    if (!steps_fit(r)) odd = "step";
    if (a->best_epoch >= a->epoch) odd = "best_epoch";
    if (!odd && !best_fits(r, o)) odd = "best";
    return odd ? cap_field_impossible(where, odd, err) : ERR_OK;
}

static err_code read_progress(cap_run *r, const json_t *o, const char *where, int64_t epochs, error *err)
{
    static const char *const further[] = {"settings", "best", NULL};
    err_code code = cap_fields_read(o, where, rows, ROWS, &r->at, err);
    if (!code) code = cap_fields_only(o, where, rows, ROWS, further, err);
    if (code) return code;
    r->at.best = r->at.best_epoch < 0 ? -INFINITY : json_number_value(json_object_get(o, "best"));
    return check_progress(r, o, where, epochs, err);
}

/* A run that finds no better epoch later would end without a model. */
static err_code check_best_is_there(const cap_run *r, error *err)
{
    if (r->at.best_epoch < 0 || !access(r->s->out, F_OK)) return ERR_OK;
    return err_set(
        err, ERR_MISSING,
        "cannot resume from '%.200s': '%.200s', the model of its epoch %lld, is gone; put it back, "
        "or begin anew with --force",
        r->files.state, r->s->out, (long long)r->at.best_epoch + 1);
}

/* Epochs are the one thing that may differ: more of them make the schedule longer. */
static err_code take_epochs(cap_run *r, int64_t before, error *err)
{
    const cap_progress *a = &r->at;
    int64_t begun = a->epoch + (a->batch > 0);
    if (!r->s->epochs) r->settings.epochs = (int)before;
    if (r->s->epochs < begun)
        return err_set(err, ERR_ARGUMENT,
                       "cannot resume from '%.200s' with --epochs %d: %lld are done%s; give %lld or more",
                       r->files.state, r->s->epochs, (long long)a->epoch,
                       a->batch ? " and one more is begun" : "", (long long)begun);
    if (r->s->epochs == before) return ERR_OK;
    cap_run_schedule(r);
    cap_run_say(
        r, "%d epochs instead of %lld: the learning rate goes on as in a run of %d from the start, at %.3g",
        r->s->epochs, (long long)before, r->s->epochs, schedule_rate(&r->schedule, a->step));
    return ERR_OK;
}

static err_code read_settings(const cap_run *r, const json_t *o, const char *where, int64_t *epochs,
                              error *err)
{
    static const cap_field row[] = {{"epochs", 0, CAP_WHOLE, 1, CAP_MOST_EPOCHS}};
    json_t *settings;
    err_code code = io_json_object(o, "settings", where, &settings, err);
    if (!code) code = cap_fields_read(settings, where, row, 1, epochs, err);
    return code ? code : compare_settings(r, settings, err);
}

/* Settings come before shapes: "'hidden' was 512" says more than a tensor that does not fit. */
static err_code load_from(cap_run *r, const io_tensors *file, error *err)
{
    const char *state = io_tensors_metadata(file, "training");
    json_t *o = NULL;
    int64_t epochs;
    char where[300];
    if (!state)
        return err_set(err, ERR_MISMATCH, "cannot resume: '%.300s' is no state of a training run",
                       r->files.state);
    snprintf(where, sizeof where, "'%.290s'", r->files.state);
    err_code code = io_json_parse(state, strlen(state), r->files.state, &o, err);
    if (!code) code = read_settings(r, o, where, &epochs, err);
    if (!code) code = ckpt_read(file, &r->model->params, NULL, &r->optim, err);
    if (!code) code = read_progress(r, o, where, epochs, err);
    if (!code) code = check_best_is_there(r, err);
    if (!code) code = take_epochs(r, epochs, err);
    json_decref(o);
    return code;
}

err_code cap_run_load_state(cap_run *r, error *err)
{
    io_tensors *file = io_tensors_open(r->files.state, err);
    if (!file) return err->code;
    err_code code = load_from(r, file, err);
    io_tensors_close(&file);
    if (!code)
        cap_run_say(r, "resumed at epoch %lld, batch %lld", (long long)r->at.epoch + 1,
                    (long long)r->at.batch);
    return code;
}
