#include "captioner/train.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "captioner/train_run.h"

cap_train_settings cap_train_defaults(void)
{
    return (cap_train_settings){.encoder = "small",
                                .augment = true,
                                .decoder = cap_decoder_defaults(),
                                .loss = {.smoothing = 0.1},
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

/* ---- an epoch ---- */

typedef struct epoch_run {
    ds_plan *plan;
    ds_loader *loader; /* NULL with kept features */
    ds_schedule schedule;
    arena lists;
} epoch_run;

static err_code open_loader(cap_run *r, epoch_run *e, error *err)
{
    const cap_train_settings *s = r->s;
    static const size_t cache = (size_t)1 << 30; /* bytes of decoded photos kept from epoch to epoch */
    ds_augment augment = ds_augment_defaults();
    ds_loader_settings l = ds_loader_defaults();
    l.item = r->train.items;
    l.items = r->train.captions.images;
    l.size = r->model->preprocess.size;
    l.max_images = s->batch;
    l.store_side = r->model->preprocess.size * 9 / 8;
    l.cache_bytes = cache;
    l.fit = r->model->preprocess.fit == CNN_CROP ? DS_CENTRE_CROP : DS_STRETCH;
    l.augment = s->augment ? &augment : NULL;
    l.keep_sides = r->train.encoded.sided;
    l.seed = s->seed;
    l.max_bad_share = s->max_missing;
    l.report = cap_split_say_damaged;
    l.ctx = (void *)r->events;
    return ds_loader_create(&l, &e->loader, err);
}

/* A resumed epoch goes on where it stood: the rest of the schedule, counted from its first photo. */
static err_code skip_batches(epoch_run *e, int32_t done, error *err)
{
    ds_schedule *s = &e->schedule;
    if (!done) return ERR_OK;
    int32_t left = s->batches - done, first = s->start[done];
    int32_t *start = arena_array(&e->lists, (size_t)left + 1, sizeof *start);
    if (!start) return err_set(err, ERR_MEMORY, "out of memory for an epoch's schedule");
    for (int32_t i = 0; i <= left; i++) start[i] = s->start[done + i] - first;
    *s = (ds_schedule){left, start, s->image + first};
    return ERR_OK;
}

static err_code begin_epoch(cap_run *r, epoch_run *e, error *err)
{
    const cap_train_settings *s = r->s;
    ds_plan_settings p = {.batch = s->batch,
                          .per_image = r->per_image,
                          .max_words = s->max_words,
                          .seed = s->seed,
                          .epoch = (uint32_t)r->at.epoch};
    ds_plan_free(&e->plan);
    arena_reset(&e->lists);
    err_code code = ds_plan_create(&r->train.encoded, &p, &e->plan, err);
    if (code) return code;
    if (r->at.batch > ds_plan_batches(e->plan))
        return err_set(err, ERR_FORMAT, "cannot resume from '%s': epoch %lld has no batch %lld",
                       r->state_path, (long long)r->at.epoch + 1, (long long)r->at.batch);
    if (r->train.features) return ERR_OK;
    if (!e->loader && (code = open_loader(r, e, err))) return code;
    if ((code = ds_schedule_of_plan(e->plan, &e->lists, &e->schedule, err)) ||
        (code = skip_batches(e, (int32_t)r->at.batch, err)))
        return code;
    return ds_loader_start(e->loader, &e->schedule, (uint32_t)r->at.epoch, err);
}

static nn_var *regions(cap_run *r, epoch_run *e, const ds_batch *b, error *err)
{
    if (r->train.features) return cap_split_features(&r->train, &r->tape, r->model, b->image, b->images, err);
    ds_images photos;
    if (ds_loader_next(e->loader, &photos, err)) return NULL;
    return cap_model_encode(&r->tape, r->model, photos.pixels, photos.images);
}

static err_code step(cap_run *r, epoch_run *e, error *err)
{
    nn_tape *t = &r->tape;
    ds_batch b;
    error none = {0};
    nn_begin(t);
    arena_reset(&r->step_memory);
    t->step = (uint64_t)r->at.step;
    err_code code = ds_plan_batch(e->plan, (int32_t)r->at.batch, &r->step_memory, &b, err);
    if (code) return code;
    *err = none;
    nn_loss_info info = {0};
    cap_memory m =
        cap_decoder_remember(t, &r->model->decoder, &(cap_encoded){.states = regions(r, e, &b, err)});
    nn_var *loss = cap_decoder_loss(t, &r->model->decoder, &m, &b, &r->s->loss, &info);
    if (err->code) return err->code;
    if (!loss || (nn_params_zero_grad(&r->model->params), nn_backward(t, loss), t->failed))
        return err_set(err, ERR_MEMORY, "out of memory in a training step; a smaller --batch needs less");
    if (!isfinite((double)loss->data[0]))
        return err_set(err, ERR_ARGUMENT,
                       "the loss is no longer a number at step %lld; a lower --rate may help",
                       (long long)r->at.step);
    optim_clip(&r->model->params, r->s->clip);
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

static void show_progress(const cap_run *r, const epoch_run *e)
{
    if (!r->events->progress) return;
    char label[40], note[60];
    snprintf(label, sizeof label, "epoch %lld/%d", (long long)r->at.epoch + 1, r->s->epochs);
    snprintf(note, sizeof note, "loss %.3f", r->at.loss / r->at.batches);
    long total = ds_plan_batches(e->plan), captions = r->train.encoded.captions;
    r->events->progress(r->events->ctx, label, "captions",
                        (long)((double)captions * (double)r->at.batch / (double)total), captions, note);
}

static err_code run_epoch(cap_run *r, epoch_run *e, error *err)
{
    err_code code = begin_epoch(r, e, err);
    r->tape.recording = r->tape.training = true;
    for (int32_t n = code ? 0 : ds_plan_batches(e->plan); !code && r->at.batch < n;) {
        if ((code = step(r, e, err))) break;
        show_progress(r, e);
        if (!cap_run_stopped(r)) continue;
        if ((code = cap_run_save_state(r, err))) break;
        code = err_set(err, ERR_INTERRUPTED, "interrupted; the state is saved, --resume goes on from here");
    }
    return code;
}

/* An end during validation keeps the epoch's steps: resumed, it begins with the validation. */
static err_code validate(cap_run *r, cap_epoch *e, error *err)
{
    error saving = {0};
    err_code code = cap_run_validate(r, e, err);
    if (code != ERR_INTERRUPTED || !cap_run_save_state(r, &saving)) return code;
    return err_set(err, saving.code, "%s", saving.text);
}

/* `seconds`: for the batches from `first` on, which a resumed epoch began with. */
static err_code finish_epoch(cap_run *r, double seconds, int64_t first, error *err)
{
    cap_progress *at = &r->at;
    cap_epoch e = {.epoch = (int)at->epoch + 1, .epochs = r->s->epochs, .seconds = seconds};
    e.loss = at->loss / at->batches;
    e.perplexity = exp(at->nll / at->words);
    e.accuracy = at->hits / at->words;
    e.captions_per_second =
        (double)r->train.encoded.captions * (double)(at->batch - first) / (double)at->batch / seconds;
    err_code code = r->has_val ? validate(r, &e, err) : ERR_OK;
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
    epoch_run e = {0};
    err_code code = ERR_OK;
    while (!code && r->at.epoch < r->s->epochs && !out_of_patience(r)) {
        double start = cap_run_seconds();
        int64_t first = r->at.batch;
        code = run_epoch(r, &e, err);
        if (!code) code = finish_epoch(r, cap_run_seconds() - start, first, err);
    }
    if (!code && r->at.epoch < r->s->epochs)
        cap_run_say(r, "no better score for %d epochs: stopped early", r->s->patience);
    ds_loader_free(&e.loader);
    ds_plan_free(&e.plan);
    arena_release(&e.lists);
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
