/* The trainer's way through the epochs of a run, whatever its task. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "captioner/train/task.h"
#include "src/train/checkpoint.h"

void cap_run_say(const cap_run *r, const char *format, ...)
{
    char line[800];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (r->events->say) r->events->say(r->events->ctx, line);
}

bool cap_run_stopped(const cap_run *r)
{
    return r->events->stop && r->events->stop(r->events->ctx);
}

err_code cap_run_validated(const cap_run *r, const char *unit, long done, long total, error *err)
{
    if (r->events->progress) r->events->progress(r->events->ctx, "validating", unit, done, total, NULL);
    if (!done || !cap_run_stopped(r)) return ERR_OK;
    return err_set(err, ERR_INTERRUPTED,
                   "interrupted while validating; the state is saved, --resume goes on from here");
}

static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

const char *cap_run_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* ---- divergence ---- */

static err_code diverged_at(const cap_run *r, int64_t step, const char *what, error *err)
{
    cap_divergence d = {.what = what,
                        .epoch = r->at.epoch + 1,
                        .epochs = r->s->epochs,
                        .step = step,
                        .rate = r->s->rate,
                        .clip = r->s->clip,
                        .kept = r->at.best_epoch + 1};
    return cap_train_diverged(&r->files, &d, err);
}

err_code cap_run_diverged(const cap_run *r, const char *what, error *err)
{
    return diverged_at(r, r->at.step, what, err);
}

err_code cap_run_check_weights(const cap_run *r, io_dtype dtype, error *err)
{
    return ckpt_fits(r->params, NULL, dtype) ? ERR_OK : cap_run_diverged(r, "a weight", err);
}

/* ---- an epoch ---- */

static void add_counts(cap_progress *at, double loss, const cap_counts *c)
{
    at->step++;
    at->batch++;
    at->loss += loss;
    at->nll += c->nll;
    at->judged += c->judged;
    at->hits += c->hits;
    at->cosine += c->cosine;
    at->reward += c->reward;
    at->beside += c->beside;
}

static err_code take_step(cap_run *r, error *err)
{
    nn_tape *t = &r->tape;
    error none = {0};
    cap_counts counts = {0};
    nn_begin(t);
    arena_reset(&r->step_memory);
    t->step = (uint64_t)r->at.step;
    *err = none;
    nn_var *loss = r->task->loss(r, &counts, err);
    if (err->code) return err->code;
    if (!loss || (nn_params_zero_grad(r->params, t->threads), nn_backward(t, loss), t->failed))
        return err_no_memory(err, "in a training step; a smaller --batch needs less");
    double value = (double)loss->data[0], rate = schedule_rate(&r->schedule, r->at.step);
    if (!isfinite(value)) return diverged_at(r, r->at.step + 1, "the loss", err);
    double norm = optim_clip(r->params, t->threads, r->s->clip);
    if (!isfinite(norm)) return diverged_at(r, r->at.step + 1, "the gradient", err);
    optim_step(&r->optim, r->threads, rate);
    add_counts(&r->at, value, &counts);
    return cap_run_log_step(r, value, &counts, rate, norm, err);
}

static void show_progress(const cap_run *r)
{
    if (!r->events->progress) return;
    const cap_progress *at = &r->at;
    char label[40], note[60] = "";
    snprintf(label, sizeof label, "epoch %lld/%d", (long long)at->epoch + 1, r->s->epochs);
    if (at->batch > 0) {
        bool rewarded = r->extent.has_reward;
        snprintf(note, sizeof note, "%s %.3f", rewarded ? "reward" : "loss",
                 (rewarded ? at->reward : at->loss) / (double)at->batch);
    }
    double all = (double)r->extent.units;
    r->events->progress(r->events->ctx, label, r->task->unit,
                        (long)(all * (double)at->batch / (double)r->batches), (long)all, note);
}

/* Stops in the middle of an epoch, or of its validation. */
static err_code keep_state(cap_run *r, error *err)
{
    err_code code = cap_run_check_weights(r, IO_F32, err);
    return code ? code : cap_run_save_state(r, err);
}

static err_code begin_epoch(cap_run *r, error *err)
{
    r->tape.recording = r->tape.training = true;
    err_code code = r->task->count(r, r->at.epoch, &r->batches, err);
    return code || !r->task->begin ? code : r->task->begin(r, err);
}

static err_code run_epoch(cap_run *r, error *err)
{
    err_code code = begin_epoch(r, err);
    if (code) return code;
    if (r->at.batch < r->batches) show_progress(r); /* the clock starts before the first step */
    while (r->at.batch < r->batches) {
        if ((code = take_step(r, err))) return code;
        show_progress(r);
        if (!cap_run_stopped(r)) continue;
        if ((code = keep_state(r, err))) return code;
        return err_set(err, ERR_INTERRUPTED, "interrupted; the state is saved, --resume goes on from here");
    }
    return ERR_OK;
}

/* An end during validation keeps the epoch's steps: resumed, it begins with the validation. */
static err_code validate(cap_run *r, cap_epoch *e, error *err)
{
    error saving = {0};
    r->tape.recording = r->tape.training = false;
    optim_swap_average(&r->optim);
    err_code code = r->task->validate(r, e, err);
    optim_swap_average(&r->optim);
    if (!code && !isfinite(e->val_loss)) return cap_run_diverged(r, "the loss of validation", err);
    if (!code && isnan(e->goodness)) return cap_run_diverged(r, "the score of validation", err);
    if (code != ERR_INTERRUPTED || !keep_state(r, &saving)) return code;
    return err_set(err, saving.code, "%s", saving.text);
}

/* `seconds`: for the batches from `first` on, which a resumed epoch began with. */
static cap_epoch figures(const cap_run *r, double seconds, int64_t first)
{
    const cap_progress *at = &r->at;
    double batches = (double)at->batch, judged = (double)at->judged;
    return (cap_epoch){
        .epoch = (int)at->epoch + 1,
        .epochs = r->s->epochs,
        .unit = r->task->unit,
        .between = r->task->between,
        .loss = at->loss / batches,
        .perplexity = at->judged && r->extent.judges_always ? exp(at->nll / judged) : (double)NAN,
        .accuracy = at->judged ? (double)at->hits / judged : (double)NAN,
        .cosine = r->extent.has_cosine ? at->cosine / batches : (double)NAN,
        .reward = r->extent.has_reward ? at->reward / batches : (double)NAN,
        .beside = r->extent.has_beside ? at->beside / batches : (double)NAN,
        .seconds = seconds,
        .rate = (double)r->extent.units * (double)(at->batch - first) / batches / seconds,
    };
}

static err_code finish_epoch(cap_run *r, double seconds, int64_t first, error *err)
{
    cap_progress *at = &r->at;
    cap_epoch e = figures(r, seconds, first);
    if (isinf(e.perplexity)) return cap_run_diverged(r, "the perplexity", err);
    err_code code = cap_run_check_weights(r, r->stored, err);
    if (!code && r->has_val) code = validate(r, &e, err);
    if (code || (code = cap_run_report(r, &e, err))) return code;
    at->epoch++;
    at->batch = at->judged = at->hits = 0;
    at->loss = at->nll = at->cosine = at->reward = at->beside = 0;
    return cap_run_save_state(r, err);
}

static bool out_of_patience(const cap_run *r)
{
    return r->s->patience > 0 && r->at.best_epoch >= 0 &&
           r->at.epoch - 1 - r->at.best_epoch >= r->s->patience;
}

static err_code run_epochs(cap_run *r, error *err)
{
    err_code code = ERR_OK;
    if (r->at.epoch >= r->s->epochs)
        cap_run_say(r, "nothing left to do: all %d epochs are done; a larger --epochs goes on", r->s->epochs);
    while (!code && r->at.epoch < r->s->epochs && !out_of_patience(r)) {
        double start = seconds_now();
        int64_t first = r->at.batch;
        code = run_epoch(r, err);
        if (!code) code = finish_epoch(r, seconds_now() - start, first, err);
    }
    if (!code && r->at.epoch < r->s->epochs)
        cap_run_say(r, "no better score for %d epochs: stopped early", r->s->patience);
    return code;
}

err_code cap_run_task(const cap_task *task, const cap_run_settings *s, const void *asked,
                      const cap_train_events *events, error *err)
{
    static const cap_train_events silent = {0};
    error local = {0};
    cap_run r;
    if (!err) err = &local;
    err_code code = cap_run_open(&r, task, s, asked, events ? events : &silent, err);
    if (!code) code = run_epochs(&r, err);
    cap_run_close(&r);
    return code;
}
