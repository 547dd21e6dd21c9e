#include "captioner/train/pretrain.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "captioner/train/distil.h"
#include "captioner/train/pretrain_record.h"
#include "captioner/train/train.h"
#include "captioner/train/train_files.h"
#include "cnn/backbone.h"
#include "cnn/pool.h"
#include "src/io/file.h"
#include "src/io/json.h"
#include "src/io/json_build.h"
#include "src/nn/linear.h"
#include "src/nn/loss.h"
#include "src/train/checkpoint.h"

enum { LOG_EVERY = 100, NO_LABEL = -1 };

static const char state_key[] = "pretraining", encoder_prefix[] = "encoder.";

/* An output layer; w is NULL when there is none. */
typedef struct layer {
    nn_var *w, *b;
} layer;

typedef struct trainer {
    cap_pretrain_settings *s; /* epochs 0, when resuming, become those of the checkpoint */
    const cap_pretrain_events *on;
    cap_photos photos;
    json_t *settings;
    nn_params params;
    cnn_net *net;
    cnn_preprocess preprocess;
    int map_side, channels;
    layer head[CAP_MAX_SOURCES]; /* of the sources with classes */
    cap_teacher *teacher;
    layer student;       /* the map's features to the teacher's */
    nn_var *goal_square; /* [1] running mean square of the teacher's features; 0 = none seen yet */
    int pool_kernel;     /* the map's regions per region of the teacher, on a side */
    optim o;
    schedule rates;
    pool *threads;
    arena step, schedules;
    nn_tape tape;
    ds_loader *train_loader, *test_loader;
    cap_pretrain_position at;
    double since;    /* the clock when at.seconds was last brought up to date */
    int32_t batches; /* of an epoch */
    cap_train_files files;
} trainer;

/* What one batch gave. */
typedef struct result {
    double loss, cosine;
    int photos, labelled, hits;
} result;

cap_pretrain_settings cap_pretrain_defaults(void)
{
    return (cap_pretrain_settings){
        .encoder = "small",
        .size = 160,
        .teacher_weight = 1,
        .squared_weight = 0.1,
        .smoothing = 0.1,
        .epochs = 12,
        .batch = 64,
        .optim = OPTIM_ADAMW,
        .decay = 0.05,
        .clip = 5,
        .warmup = 500,
        .precision = GEMM_BF16,
        .augment = ds_augment_defaults(),
        .loader_threads = 1,
        .seed = 1,
    };
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void count_seconds(trainer *t)
{
    double clock = now();
    t->at.seconds += clock - t->since;
    t->since = clock;
}

/* ---- one batch ---- */

/* Cross-entropy over the classes of one source, its photos alone counting; NULL when the batch has none. */
static nn_var *label_loss(trainer *t, int source, nn_var *mean, const ds_images *b,
                          const cap_photo_list *list, nn_loss_info *info)
{
    int32_t *target = nn_scratch(&t->tape, (size_t)b->images * sizeof *target);
    bool any = false;
    for (int32_t i = 0; target && i < b->images; i++) {
        int32_t index = b->image[i];
        target[i] = list->source_of[index] == source ? list->item[index].label : NO_LABEL;
        any |= target[i] != NO_LABEL;
    }
    if (!any) return NULL;
    nn_var *logits = nn_linear(&t->tape, mean, t->head[source].w, t->head[source].b);
    return nn_cross_entropy(&t->tape, logits, target, NO_LABEL, (real)t->s->smoothing, info);
}

static void follow_square(trainer *t, const real *goal, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)goal[i] * (double)goal[i];
    real square = (real)(sum / (double)n), *running = t->goal_square->data;
    *running = *running > 0 ? (real)0.99 * *running + (real)0.01 * square : square;
}

static nn_var *teacher_loss(trainer *t, nn_var *map, const ds_images *b, double *cosine)
{
    const real *goal =
        cap_teacher_features(t->teacher, t->threads, t->tape.precision, b->pixels, b->images, t->s->size);
    if (!goal) t->tape.failed = true;
    if (t->pool_kernel > 1) map = cnn_avg_pool(&t->tape, map, t->pool_kernel);
    nn_var *predicted = nn_linear(&t->tape, map, t->student.w, t->student.b);
    if (!predicted) return NULL;
    if (t->tape.training) follow_square(t, goal, nn_count(predicted));
    real square = t->goal_square->data[0], scale = square > 0 ? 1 / (real)sqrt((double)square) : 1;
    return cap_distil_loss(&t->tape, predicted, goal, scale, (real)t->s->squared_weight, cosine);
}

static nn_var *encode(trainer *t, const ds_images *b)
{
    int size = t->s->size;
    size_t count = (size_t)b->images * (size_t)size * (size_t)size;
    real *pixels = nn_scratch(&t->tape, count * 3 * sizeof *pixels);
    if (!pixels) return NULL;
    cnn_normalise(&t->preprocess, b->pixels, count, pixels);
    return cnn_net_forward(t->net, &t->tape,
                           nn_input(&t->tape, pixels, 4, (int[]){b->images, size, size, 3}));
}

/* The mean loss of the batch's photos; NULL after a failure. */
static nn_var *batch_loss(trainer *t, const ds_images *b, const cap_photo_list *list, result *r)
{
    nn_var *part[CAP_MAX_SOURCES + 1];
    real weight[CAP_MAX_SOURCES + 1];
    int parts = 0;
    *r = (result){.photos = b->images};
    nn_var *map = encode(t, b), *mean = cnn_global_mean(&t->tape, map);
    for (int i = 0; i < t->photos.sources; i++) {
        nn_loss_info info = {0};
        nn_var *loss = t->head[i].w ? label_loss(t, i, mean, b, list, &info) : NULL;
        if (!loss) continue;
        part[parts] = loss;
        weight[parts++] = (real)info.count / (real)b->images;
        r->labelled += info.count;
        r->hits += info.hits;
    }
    if (t->teacher) {
        part[parts] = teacher_loss(t, map, b, &r->cosine);
        weight[parts++] = (real)t->s->teacher_weight;
    }
    if (t->tape.failed) return NULL;
    nn_var *loss = nn_weighted_sum(&t->tape, part, weight, parts);
    if (loss) r->loss = (double)loss->data[0];
    return loss;
}

static err_code no_memory(error *err)
{
    return err_set(err, ERR_MEMORY, "out of memory for a batch; give a smaller --batch or --size");
}

static err_code diverged(const trainer *t, int64_t step, const char *what, error *err)
{
    cap_divergence d = {.what = what,
                        .epoch = t->at.epoch + 1,
                        .epochs = t->s->epochs,
                        .step = step,
                        .rate = t->s->rate,
                        .clip = t->s->clip,
                        .kept = t->at.epoch};
    return cap_train_diverged(&t->files, &d, err);
}

/* What is not finite is never written. */
static err_code check_weights(const trainer *t, error *err)
{
    return ckpt_fits(&t->params, NULL, IO_F32) ? ERR_OK : diverged(t, t->o.steps, "a weight", err);
}

static err_code save_checkpoint(trainer *t, error *err)
{
    count_seconds(t);
    char *state = cap_pretrain_state_text(t->settings, &t->at);
    if (!state) return err_set(err, ERR_MEMORY, "out of memory for the checkpoint");
    io_metadata pair = {state_key, state};
    err_code code = ckpt_save(t->files.state, &t->params, NULL, &t->o, &pair, 1, IO_F32, err);
    free(state);
    return code ? code : cap_train_files_own(&t->files, err);
}

static err_code keep_state(trainer *t, error *err)
{
    err_code code = check_weights(t, err);
    return code ? code : save_checkpoint(t, err);
}

/* NULL where memory ran out. */
static err_code append_log(trainer *t, const json_t *o, error *err)
{
    err_code code = cap_train_files_of_another(&t->files) ? keep_state(t, err) : ERR_OK;
    if (code) return code;
    char *line = o ? io_json_text(o, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
    code = line ? io_append_line(t->files.log, line, err) : no_memory(err);
    free(line);
    return code;
}

static err_code log_step(trainer *t, const result *r, double rate, double norm, error *err)
{
    if (t->o.steps % LOG_EVERY) return ERR_OK;
    io_json_build b = io_json_build_object();
    io_json_put_int(&b, b.root, "step", t->o.steps);
    io_json_put_number(&b, b.root, "loss", r->loss);
    io_json_put_number(&b, b.root, "cosine", r->cosine);
    io_json_put_number(&b, b.root, "rate", rate);
    io_json_put_number(&b, b.root, "norm", norm);
    json_t *o = io_json_take(&b);
    err_code code = append_log(t, o, err);
    json_decref(o);
    return code;
}

static err_code train_batch(trainer *t, const ds_images *b, error *err)
{
    result r;
    nn_begin(&t->tape);
    t->tape.recording = t->tape.training = true;
    t->tape.step = (uint64_t)t->o.steps;
    nn_params_zero_grad(&t->params, t->tape.threads);
    nn_var *loss = batch_loss(t, b, &t->photos.train, &r);
    nn_backward(&t->tape, loss);
    if (!loss || t->tape.failed) return no_memory(err);
    double norm = optim_clip(&t->params, t->tape.threads, t->s->clip),
           rate = schedule_rate(&t->rates, t->o.steps);
    if (!isfinite(r.loss) || !isfinite(norm))
        return diverged(t, t->o.steps + 1, isfinite(r.loss) ? "the gradient" : "the loss", err);
    optim_step(&t->o, t->threads, rate);
    t->at.batch++;
    t->at.photos += r.photos;
    t->at.labelled += r.labelled;
    t->at.hits += r.hits;
    t->at.loss += r.loss * r.photos;
    t->at.cosine += r.cosine * r.photos;
    return log_step(t, &r, rate, norm, err);
}

/* ---- an epoch ---- */

static bool wants_stop(const trainer *t)
{
    return t->on->stop && t->on->stop(t->on->ctx);
}

static cap_pretrain_progress progress_of(const trainer *t)
{
    const cap_pretrain_position *at = &t->at;
    double photos = at->photos ? (double)at->photos : 1;
    int batch = t->s->batch < t->photos.train.items ? t->s->batch : t->photos.train.items;
    return (cap_pretrain_progress){
        .epoch = (int)at->epoch + 1,
        .epochs = t->s->epochs,
        .photos = (long)at->photos,
        .total = (long)cap_photos_batches(&t->photos, batch) * batch,
        .loss = (double)at->loss / photos,
        .accuracy = at->labelled ? (double)at->hits / (double)at->labelled : (double)NAN,
        .cosine = t->teacher ? at->cosine / photos : (double)NAN,
        .rate = schedule_rate(&t->rates, t->o.steps),
        .seconds = at->seconds,
    };
}

static err_code save_encoder(trainer *t, error *err)
{
    char *about = cap_pretrain_encoder_text(t->s, t->settings, &t->preprocess, &t->at);
    if (!about) return err_set(err, ERR_MEMORY, "out of memory for the encoder's record");
    io_metadata pair = {"caption", about};
    err_code code = ckpt_save(t->s->out, &t->params, encoder_prefix, NULL, &pair, 1, IO_F32, err);
    free(about);
    return code;
}

static err_code interrupt(trainer *t, error *err)
{
    err_code code = keep_state(t, err);
    if (code) return code;
    return err_set(err, ERR_INTERRUPTED, "interrupted in epoch %d of %d, saved in '%.300s'; --resume goes on",
                   (int)t->at.epoch + 1, t->s->epochs, t->files.state);
}

static void tell_batch(const trainer *t, long resumed)
{
    cap_pretrain_progress p = progress_of(t);
    p.resumed = resumed;
    if (t->on->batch) t->on->batch(t->on->ctx, &p);
}

static err_code train_epoch(trainer *t, error *err)
{
    ds_schedule order;
    ds_images b;
    long resumed = (long)t->at.photos;
    arena_reset(&t->schedules);
    err_code code = cap_photos_schedule(&t->photos, t->s->batch, t->s->seed, (uint32_t)t->at.epoch,
                                        (int32_t)t->at.batch, &t->schedules, &order, err);
    if (!code) code = ds_loader_start(t->train_loader, &order, (uint32_t)t->at.epoch, err);
    if (!code) tell_batch(t, resumed);
    while (!code && !(code = ds_loader_next(t->train_loader, &b, err)) && b.images) {
        code = train_batch(t, &b, err);
        count_seconds(t);
        if (!code) tell_batch(t, resumed);
        if (!code && wants_stop(t)) code = interrupt(t, err);
    }
    return code;
}

/* ---- held-out photos ---- */

/* Sums over the held-out photos of each source. */
typedef struct tally {
    double cosine[CAP_MAX_SOURCES + 1];
    int64_t hits[CAP_MAX_SOURCES + 1], labelled[CAP_MAX_SOURCES + 1], photos[CAP_MAX_SOURCES + 1];
} tally;

static err_code test_batch(trainer *t, const ds_images *b, tally *sum, error *err)
{
    result r;
    nn_begin(&t->tape);
    t->tape.recording = t->tape.training = false;
    if (!batch_loss(t, b, &t->photos.held_out, &r)) return no_memory(err);
    int source = t->photos.held_out.source_of[b->image[0]]; /* a batch is of one source */
    sum->cosine[source] += r.cosine * r.photos;
    sum->hits[source] += r.hits;
    sum->labelled[source] += r.labelled;
    sum->photos[source] += r.photos;
    return ERR_OK;
}

static int list_scores(const trainer *t, const tally *sum, cap_pretrain_score *score)
{
    int n = 0;
    for (int i = 0; i < t->photos.sources; i++) {
        if (!sum->photos[i]) continue;
        score[n++] = (cap_pretrain_score){
            .source = t->photos.source[i].name,
            .photos = (int32_t)sum->photos[i],
            .accuracy = sum->labelled[i] ? (double)sum->hits[i] / (double)sum->labelled[i] : (double)NAN,
            .cosine = t->teacher ? sum->cosine[i] / (double)sum->photos[i] : (double)NAN,
        };
    }
    return n;
}

static err_code test_all(trainer *t, cap_pretrain_score *score, int *scores, error *err)
{
    ds_schedule order;
    ds_images b;
    tally sum = {0};
    arena_reset(&t->schedules);
    err_code code = cap_photos_schedule_held_out(&t->photos, t->s->batch, &t->schedules, &order, err);
    if (!code) code = ds_loader_start(t->test_loader, &order, 0, err);
    while (!code && !(code = ds_loader_next(t->test_loader, &b, err)) && b.images) {
        code = test_batch(t, &b, &sum, err);
        if (!code && wants_stop(t)) code = interrupt(t, err);
    }
    *scores = list_scores(t, &sum, score);
    return code;
}

/* Writes the epoch down and moves on to the next one. */
static err_code close_epoch(trainer *t, error *err)
{
    cap_pretrain_score score[CAP_MAX_SOURCES + 1];
    int scores;
    err_code code = check_weights(t, err);
    if (!code) code = test_all(t, score, &scores, err);
    if (code) return code;
    count_seconds(t);
    cap_pretrain_progress p = progress_of(t);
    json_t *epoch = cap_pretrain_epoch_json(&p, score, scores);
    code = append_log(t, epoch, err);
    if (json_array_append_new(t->at.epochs, epoch) && !code) code = no_memory(err);
    t->at =
        (cap_pretrain_position){.epoch = t->at.epoch + 1, .seconds = t->at.seconds, .epochs = t->at.epochs};
    if (!code) code = save_encoder(t, err); /* first: what the checkpoint calls done is there */
    if (!code) code = save_checkpoint(t, err);
    if (!code && t->on->epoch) t->on->epoch(t->on->ctx, &p, score, scores);
    return code;
}

/* ---- before and after ---- */

static err_code check_settings(const cap_pretrain_settings *s, error *err)
{
    if (s->size < CNN_MIN_SIDE || s->size > CNN_MAX_SIDE)
        return err_set(err, ERR_ARGUMENT, "photos of %d pixels are not possible: %d to %d", s->size,
                       CNN_MIN_SIDE, CNN_MAX_SIDE);
    if (s->epochs < (s->resume ? 0 : 1) || s->epochs > CAP_MOST_EPOCHS || s->batch < 2 || s->batch > 4096)
        return err_set(err, ERR_ARGUMENT, "%d epochs with batches of %d are not possible: 1 to %d, 2 to 4096",
                       s->epochs, s->batch, CAP_MOST_EPOCHS);
    if (!(s->rate > 0) || !(s->decay >= 0) || !(s->clip >= 0) || s->warmup < 0)
        return err_set(err, ERR_ARGUMENT, "rate, decay, clip and warm-up must not be negative");
    if (!(s->smoothing >= 0 && s->smoothing < 1) || !(s->teacher_weight >= 0) || !(s->squared_weight >= 0))
        return err_set(err, ERR_ARGUMENT, "smoothing must be 0 to 1, the teacher's weights not negative");
    if (s->photos && !s->teacher)
        return err_set(err, ERR_ARGUMENT, "photos without labels teach nothing without --teacher");
    if (!s->out) return err_set(err, ERR_ARGUMENT, "no name for the encoder's file");
    return ERR_OK;
}

static layer declare_layer(trainer *t, const char *name, int in, int out)
{
    char w[96], b[96];
    snprintf(w, sizeof w, "%s.w", name);
    snprintf(b, sizeof b, "%s.b", name);
    return (layer){nn_params_add(&t->params, w, 2, (int[]){in, out}, nn_init_fan(in), NN_DECAY),
                   nn_params_add(&t->params, b, 1, (int[]){out}, nn_init_constant(0), 0)};
}

static err_code declare_teacher(trainer *t, error *err)
{
    int height, width, goal_channels;
    err_code code = cap_teacher_open(t->s->teacher, &t->teacher, err);
    if (code) return code;
    cap_teacher_map_size(t->teacher, t->s->size, &height, &width, &goal_channels);
    t->pool_kernel = t->map_side / height;
    if (t->map_side % height)
        return err_set(
            err, ERR_ARGUMENT,
            "at %d pixels the encoder's %d regions do not fit the teacher's %d; take a multiple of 32",
            t->s->size, t->map_side, height);
    t->student = declare_layer(t, "student", t->channels, goal_channels);
    t->goal_square =
        nn_params_add(&t->params, "student.goal_square", 1, (int[]){1}, nn_init_constant(0), NN_BUFFER);
    return ERR_OK;
}

static err_code build_model(trainer *t, error *err)
{
    int width;
    cnn_preprocess_default(&t->preprocess);
    t->preprocess.size = t->s->size;
    err_code code = cnn_net_create(t->s->encoder, encoder_prefix, &t->params, &t->net, err);
    if (code) return code;
    cnn_net_map_size(t->net, t->s->size, &t->map_side, &width, &t->channels);
    for (int i = 0; i < t->photos.sources; i++) {
        char name[16];
        snprintf(name, sizeof name, "head%d", i);
        if (t->photos.source[i].classes)
            t->head[i] = declare_layer(t, name, t->channels, t->photos.source[i].classes);
    }
    if (t->s->teacher) code = declare_teacher(t, err);
    if (!code) code = nn_params_finish(&t->params, t->s->seed, err);
    if (!code) code = optim_init(&t->o, t->s->optim, &t->params, err);
    t->o.decay = t->s->decay;
    return code;
}

static void report_bad(void *ctx, const ds_item *item, const char *problem)
{
    (void)item;
    const trainer *t = ctx;
    if (t->on->bad_photo) t->on->bad_photo(t->on->ctx, problem);
}

static err_code create_loader(trainer *t, const cap_photo_list *list, bool augmented, ds_loader **out,
                              error *err)
{
    ds_loader_settings l = ds_loader_defaults();
    l.item = list->item;
    l.items = list->items;
    l.size = t->s->size;
    l.max_images = t->s->batch;
    l.threads = t->s->loader_threads;
    l.store_side = t->s->size + t->s->size / 4; /* crops are cut from it, and seldom enlarged much */
    l.seed = t->s->seed;
    l.report = report_bad;
    l.ctx = t;
    if (augmented) {
        l.augment = &t->s->augment;
        l.cache_bytes = t->s->cache_bytes;
    }
    return ds_loader_create(&l, out, err);
}

static err_code build_helpers(trainer *t, error *err)
{
    t->batches = cap_photos_batches(&t->photos, t->s->batch);
    t->threads = pool_create(t->s->threads);
    if (!t->threads) return err_set(err, ERR_MEMORY, "out of memory or threads");
    t->tape =
        (nn_tape){.mem = &t->step, .threads = t->threads, .precision = t->s->precision, .seed = t->s->seed};
    err_code code = create_loader(t, &t->photos.train, true, &t->train_loader, err);
    return code ? code : create_loader(t, &t->photos.held_out, false, &t->test_loader, err);
}

static void set_schedule(trainer *t)
{
    int64_t steps = (int64_t)t->s->epochs * t->batches;
    int64_t warmup = t->s->warmup < steps / 5 ? t->s->warmup : steps / 5;
    t->rates = (schedule){SCHEDULE_COSINE, t->s->rate, t->s->rate / 100, warmup, steps};
}

/* The number of epochs is the one setting that may differ: the schedule of the new one counts from here. */
static err_code take_epochs(trainer *t, int before, error *err)
{
    int64_t begun = t->at.epoch + (t->at.batch > 0);
    if (!t->s->epochs) t->s->epochs = before;
    if (t->s->epochs < begun)
        return err_set(err, ERR_ARGUMENT,
                       "cannot resume from '%.200s' with --epochs %d: %lld are done%s; give %lld or more",
                       t->files.state, t->s->epochs, (long long)t->at.epoch,
                       t->at.batch ? " and one more is begun" : "", (long long)begun);
    if (json_object_set_new(t->settings, "epochs", json_integer(t->s->epochs)))
        return err_set(err, ERR_MEMORY, "out of memory");
    return ERR_OK;
}

static err_code resume(trainer *t, error *err)
{
    char *state;
    int before = 0;
    cap_pretrain_shape shape = {.batches = t->batches,
                                .batch =
                                    t->s->batch < t->photos.train.items ? t->s->batch : t->photos.train.items,
                                .has_teacher = t->teacher != NULL};
    err_code code = ckpt_load(t->files.state, &t->params, NULL, &t->o, state_key, &state, err);
    shape.steps = t->o.steps;
    if (!code)
        code = cap_pretrain_state_parse(state, t->files.state, t->settings, &shape, &t->at, &before, err);
    if (!code) code = take_epochs(t, before, err);
    free(state);
    return code;
}

static err_code start(trainer *t, error *err)
{
    cap_beginning beginning;
    err_code code = cap_beginning_of(t->s->resume, t->s->force, &beginning, err);
    if (!code) code = cap_train_files_open(&t->files, t->s->out, ".ckpt", beginning, err);
    if (!code)
        code = cap_photos_open(t->s->classes, t->s->class_sources, t->s->photos, t->s->list, &t->photos, err);
    if (code) return code;
    t->settings = cap_pretrain_describe(t->s, &t->photos);
    t->at.epochs = t->s->resume ? NULL : json_array();
    if (!t->settings || (!t->s->resume && !t->at.epochs)) return err_set(err, ERR_MEMORY, "out of memory");
    code = build_model(t, err);
    if (!code) code = build_helpers(t, err);
    if (!code && t->s->resume) code = resume(t, err);
    set_schedule(t);
    if (!code && t->at.epoch && access(t->s->out, F_OK)) code = save_encoder(t, err);
    return code ? code : cap_train_files_settle(&t->files, t->at.epoch, t->o.steps, err);
}

static void finish(trainer *t)
{
    ds_loader_free(&t->train_loader);
    ds_loader_free(&t->test_loader);
    cap_photos_close(&t->photos);
    cap_teacher_close(&t->teacher);
    cnn_net_free(&t->net);
    optim_release(&t->o);
    nn_params_release(&t->params);
    pool_free(&t->threads);
    arena_release(&t->step);
    arena_release(&t->schedules);
    json_decref(t->settings);
    json_decref(t->at.epochs);
    cap_train_files_close(&t->files);
    free(t);
}

static void tell_begin(const trainer *t)
{
    cap_pretrain_progress p = progress_of(t);
    if (t->on->begin) t->on->begin(t->on->ctx, &t->photos, nn_params_learned(&t->params), &p);
}

err_code cap_pretrain_run(const cap_pretrain_settings *settings, const cap_pretrain_events *on, error *err)
{
    cap_pretrain_settings s = *settings;
    if (!(s.rate != 0)) s.rate = s.optim == OPTIM_SGD ? 0.05 : 0.002;
    err_code code = check_settings(&s, err);
    trainer *t = code ? NULL : calloc(1, sizeof *t);
    if (code || !t) return code ? code : err_set(err, ERR_MEMORY, "out of memory");
    t->s = &s;
    t->on = on;
    code = start(t, err);
    t->since = now();
    if (!code) tell_begin(t);
    while (!code && t->at.epoch < s.epochs) {
        code = train_epoch(t, err);
        if (!code) code = close_epoch(t, err);
    }
    finish(t);
    return code;
}
