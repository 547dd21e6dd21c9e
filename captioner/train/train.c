#include "captioner/train/train.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "captioner/train/train_run.h"
#include "src/train/checkpoint.h"

cap_train_settings cap_train_defaults(void)
{
    return (cap_train_settings){.encoder = "small",
                                .augment = true,
                                .photo_memory = 128000000,
                                .decoder = cap_decoder_defaults(),
                                .loss = {.smoothing = 0.1},
                                .teacher_forcing = 1,
                                .epochs = 20,
                                .batch = 128,
                                .max_words = 20,
                                .min_count = 5,
                                .rate = 1e-3,
                                .encoder_factor = 1,
                                .warmup = 0.05,
                                .decay = 0.01,
                                .clip = 5,
                                .scored = 300,
                                .beam = 3,
                                .dtype = IO_F16,
                                .max_missing = 0.01,
                                .seed = 1};
}

/* For some ten thousand pairs, of dates or of sentences. */
cap_train_settings cap_train_text_defaults(void)
{
    cap_train_settings s = cap_train_defaults();
    s.kind = CAP_TEXT;
    s.text = (cap_text_settings){.format = DS_PAIRS_TSV,
                                 .val_share = 0.1,
                                 .source_level = {.level = DS_WORD},
                                 .target_level = {.level = DS_WORD},
                                 .encoder = cap_encoder_text_defaults()};
    s.decoder = cap_decoder_text_defaults();
    s.max_words = 200;
    s.rate = 2e-3;
    s.min_count = 0;
    s.best_by = CAP_BEST_BLEU;
    s.scored = 0;
    s.beam = 1;
    return s;
}

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

double cap_run_seconds(void)
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

/* ---- an epoch ---- */

static err_code begin_epoch(cap_run *r, ds_plan **plan, error *err)
{
    ds_plan_free(plan);
    err_code code = cap_run_plan(r, (uint32_t)r->at.epoch, plan, err);
    if (code) return code;
    return r->task->begin ? r->task->begin(r, *plan, err) : ERR_OK;
}

/* The model's own words come in more and more often (Bengio et al. 2015), on top of a constant share. */
static cap_loss_options loss_options(const cap_run *r)
{
    cap_loss_options o = r->s->loss;
    double done = (double)r->at.step / (double)(r->schedule.steps > 1 ? r->schedule.steps - 1 : 1);
    o.sampling = 1 - r->s->teacher_forcing * (1 - r->s->loss.sampling * (done < 1 ? done : 1));
    return o;
}

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
    return ckpt_fits(&r->model->params, NULL, dtype) ? ERR_OK : cap_run_diverged(r, "a weight", err);
}

static err_code step(cap_run *r, const ds_plan *plan, error *err)
{
    nn_tape *t = &r->tape;
    ds_batch b;
    error none = {0};
    nn_begin(t);
    arena_reset(&r->step_memory);
    t->step = (uint64_t)r->at.step;
    err_code code = ds_plan_batch(plan, (int32_t)r->at.batch, &r->step_memory, &b, err);
    if (code) return code;
    *err = none;
    nn_loss_info info = {0};
    cap_loss_options options = loss_options(r);
    cap_encoded input = r->task->encode(r, &b, err);
    cap_memory m = cap_decoder_remember(t, &r->model->decoder, &input);
    nn_var *loss = cap_decoder_loss(t, &r->model->decoder, &m, &b, &options, &info);
    if (err->code) return err->code;
    if (!loss || (nn_params_zero_grad(&r->model->params, t->threads), nn_backward(t, loss), t->failed))
        return err_set(err, ERR_MEMORY, "out of memory in a training step; a smaller --batch needs less");
    if (!isfinite((double)loss->data[0])) return diverged_at(r, r->at.step + 1, "the loss", err);
    if (!isfinite(optim_clip(&r->model->params, t->threads, r->s->clip)))
        return diverged_at(r, r->at.step + 1, "the gradient", err);
    optim_step(&r->optim, r->threads, schedule_rate(&r->schedule, r->at.step));
    r->at.step++;
    r->at.batch++;
    r->at.batches++;
    r->at.loss += (double)loss->data[0];
    r->at.nll += info.nll;
    r->at.words += info.count;
    r->at.hits += info.hits;
    return ERR_OK;
}

static void show_progress(const cap_run *r, const ds_plan *plan)
{
    if (!r->events->progress) return;
    char label[40], note[60] = "";
    snprintf(label, sizeof label, "epoch %lld/%d", (long long)r->at.epoch + 1, r->s->epochs);
    if (r->at.batches > 0) snprintf(note, sizeof note, "loss %.3f", r->at.loss / r->at.batches);
    long total = ds_plan_batches(plan), all = r->targets->captions;
    r->events->progress(r->events->ctx, label, r->task->unit,
                        (long)((double)all * (double)r->at.batch / (double)total), all, note);
}

/* Stops in the middle of an epoch, or of its validation. */
static err_code keep_state(cap_run *r, error *err)
{
    err_code code = cap_run_check_weights(r, IO_F32, err);
    return code ? code : cap_run_save_state(r, err);
}

static err_code run_epoch(cap_run *r, ds_plan **plan, error *err)
{
    err_code code = begin_epoch(r, plan, err);
    r->tape.recording = r->tape.training = true;
    int32_t n = code ? 0 : ds_plan_batches(*plan);
    if (r->at.batch < n) show_progress(r, *plan); /* the clock starts before the first step */
    while (!code && r->at.batch < n) {
        if ((code = step(r, *plan, err))) break;
        show_progress(r, *plan);
        if (!cap_run_stopped(r)) continue;
        if ((code = keep_state(r, err))) break;
        code = err_set(err, ERR_INTERRUPTED, "interrupted; the state is saved, --resume goes on from here");
    }
    return code;
}

/* An end during validation keeps the epoch's steps: resumed, it begins with the validation. */
static err_code validate(cap_run *r, cap_epoch *e, error *err)
{
    error saving = {0};
    r->tape.recording = r->tape.training = false;
    err_code code = r->task->validate(r, e, err);
    if (!code && !isfinite(e->val_loss)) return cap_run_diverged(r, "the loss of validation", err);
    if (code != ERR_INTERRUPTED || !keep_state(r, &saving)) return code;
    return err_set(err, saving.code, "%s", saving.text);
}

/* `seconds`: for the batches from `first` on, which a resumed epoch began with. */
static err_code finish_epoch(cap_run *r, double seconds, int64_t first, error *err)
{
    cap_progress *at = &r->at;
    cap_epoch e = {.kind = r->s->kind,
                   .epoch = (int)at->epoch + 1,
                   .epochs = r->s->epochs,
                   .unit = r->task->unit,
                   .seconds = seconds};
    e.loss = at->loss / at->batches;
    e.perplexity = exp(at->nll / at->words);
    e.accuracy = at->hits / at->words;
    e.rate = (double)r->targets->captions * (double)(at->batch - first) / (double)at->batch / seconds;
    if (!isfinite(e.perplexity)) return cap_run_diverged(r, "the perplexity", err);
    err_code code = cap_run_check_weights(r, r->s->dtype, err);
    if (!code && r->has_val) code = validate(r, &e, err);
    if (code || (code = cap_run_report(r, &e, err))) return code;
    at->epoch++;
    at->batch = 0;
    at->loss = at->nll = at->words = at->hits = at->batches = 0;
    return cap_run_save_state(r, err);
}

static bool out_of_patience(const cap_run *r)
{
    return r->s->patience > 0 && r->at.best_epoch >= 0 &&
           r->at.epoch - 1 - r->at.best_epoch >= r->s->patience;
}

static err_code run_epochs(cap_run *r, error *err)
{
    ds_plan *plan = NULL;
    err_code code = ERR_OK;
    if (r->at.epoch >= r->s->epochs)
        cap_run_say(r, "nothing left to do: all %d epochs are done; a larger --epochs goes on", r->s->epochs);
    while (!code && r->at.epoch < r->s->epochs && !out_of_patience(r)) {
        double start = cap_run_seconds();
        int64_t first = r->at.batch;
        code = run_epoch(r, &plan, err);
        if (!code) code = finish_epoch(r, cap_run_seconds() - start, first, err);
    }
    if (!code && r->at.epoch < r->s->epochs)
        cap_run_say(r, "no better score for %d epochs: stopped early", r->s->patience);
    ds_plan_free(&plan);
    return code;
}

err_code cap_train(const cap_train_settings *s, const cap_train_events *events, error *err)
{
    static const cap_train_events silent = {0};
    error local = {0};
    cap_run r;
    if (!err) err = &local;
    err_code code = cap_run_open(&r, s, events ? events : &silent, err);
    if (!code) code = run_epochs(&r, err);
    cap_run_close(&r);
    return code;
}
