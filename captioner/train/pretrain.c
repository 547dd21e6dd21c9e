/* The task of pre-training: photos, encoder, teacher, settings and the encoder's file. */
#include "captioner/train/pretrain.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "captioner/train/pretrain_run.h"
#include "captioner/train/train_init.h"
#include "src/io/json.h"
#include "src/train/checkpoint.h"

enum { LOG_EVERY = 100 };

static const char encoder_prefix[] = "encoder.";

static cap_pretrain_data *data_of(const cap_run *r)
{
    return r->data;
}

static const cap_pretrain_settings *asked(const cap_run *r)
{
    return r->asked;
}

/* ---- settings ---- */

cap_pretrain_settings cap_pretrain_defaults(void)
{
    return (cap_pretrain_settings){
        .run = {.epochs = 12,
                .batch = 64,
                .optimiser = OPTIM_ADAMW,
                .warmup = 0.2,
                .decay = 0.05,
                .clip = 5,
                .precision = GEMM_BF16,
                .seed = 1},
        .size = 160,
        .teacher_weight = 1,
        .squared_weight = 0.1,
        .smoothing = 0.1,
        .augment = ds_augment_defaults(),
        .loader_threads = 1,
    };
}

#define FIELD(field, member, type)                                                                           \
    .name = field, .kind = type, .offset = offsetof(cap_pretrain_settings, member)

static const io_field fields[] = {
    {FIELD("size", size, IO_FIELD_INT), .least = CNN_MIN_SIDE, .most = CNN_MAX_SIDE},
    {FIELD("teacher_weight", teacher_weight, IO_FIELD_NUMBER), .least = 0, .most = 1e9},
    {FIELD("squared_weight", squared_weight, IO_FIELD_NUMBER), .least = 0, .most = 1e9},
    {FIELD("smoothing", smoothing, IO_FIELD_NUMBER), .least = 0, .most = 0.999},
    {0},
};

static const io_field augment_fields[] = {
    {FIELD("mirror", augment.mirror, IO_FIELD_SWITCH)},
    {FIELD("area_min", augment.area_min, IO_FIELD_NUMBER), .least = 0, .most = 1},
    {FIELD("area_max", augment.area_max, IO_FIELD_NUMBER), .least = 0, .most = 1},
    {FIELD("aspect", augment.aspect, IO_FIELD_NUMBER), .least = 1, .most = 1e9},
    {FIELD("jitter", augment.jitter, IO_FIELD_NUMBER), .least = 0, .most = 1e9},
    {0},
};

static err_code check(const void *asked_for, const cap_run_settings *run, error *err)
{
    const cap_pretrain_settings *s = asked_for;
    if (s->size < CNN_MIN_SIDE || s->size > CNN_MAX_SIDE)
        return err_set(err, ERR_ARGUMENT, "photos of %d pixels are not possible: %d to %d", s->size,
                       CNN_MIN_SIDE, CNN_MAX_SIDE);
    if (run->batch < 2 || run->batch > 4096)
        return err_set(err, ERR_ARGUMENT, "batches of %d photos are not possible: 2 to 4096", run->batch);
    if (s->photos && !s->teacher)
        return err_set(err, ERR_ARGUMENT, "photos without labels teach nothing without --teacher");
    return io_fields_check(fields, s, "pre-training's", err);
}

static void put_sources(io_json_build *b, json_t *list, const cap_photos *photos)
{
    for (int i = 0; i < photos->sources; i++) {
        const cap_photo_source *s = &photos->source[i];
        json_t *o = io_json_put_object(b, list, NULL);
        io_json_put_string(b, o, "name", s->name);
        io_json_put_int(b, o, "classes", s->classes);
        io_json_put_int(b, o, "photos", s->train.count);
        io_json_put_int(b, o, "held_out", s->held_out.count);
    }
}

static void settings(const cap_run *r, io_json_build *b, json_t *o)
{
    const cap_pretrain_settings *s = asked(r);
    io_json_put_string(b, o, "encoder", data_of(r)->architecture);
    if (s->init) io_json_put_string(b, o, "init", cap_run_base_name(s->init));
    io_json_put_bool(b, o, "teacher", s->teacher != NULL);
    io_fields_write(fields, s, b, o);
    io_fields_write(augment_fields, s, b, io_json_put_object(b, o, "augment"));
    put_sources(b, io_json_put_array(b, o, "sources"), &data_of(r)->photos);
}

/* ---- the network ---- */

static cap_layer declare_layer(nn_params *params, const char *name, int in, int out)
{
    char w[96], b[96];
    snprintf(w, sizeof w, "%s.w", name);
    snprintf(b, sizeof b, "%s.b", name);
    return (cap_layer){nn_params_add(params, w, 2, (int[]){in, out}, nn_init_fan(in), NN_DECAY),
                       nn_params_add(params, b, 1, (int[]){out}, nn_init_constant(0), 0)};
}

static err_code declare_teacher(cap_pretrain_data *d, const cap_pretrain_settings *s, error *err)
{
    int height, width, goal_channels;
    err_code code = cap_teacher_open(s->teacher, &d->teacher, err);
    if (code) return code;
    cap_teacher_map_size(d->teacher, s->size, &height, &width, &goal_channels);
    d->pool_kernel = d->map_side / height;
    if (d->map_side % height)
        return err_set(
            err, ERR_ARGUMENT,
            "at %d pixels the encoder's %d regions do not fit the teacher's %d; take a multiple of 32",
            s->size, d->map_side, height);
    d->student = declare_layer(&d->params, "student", d->channels, goal_channels);
    d->goal_square =
        nn_params_add(&d->params, "student.goal_square", 1, (int[]){1}, nn_init_constant(0), NN_BUFFER);
    return ERR_OK;
}

/* The architecture, asked for or that of the model to start from, which is opened. */
static err_code choose_encoder(cap_run *r, io_tensors **from, error *err)
{
    const cap_pretrain_settings *s = asked(r);
    cap_pretrain_data *d = data_of(r);
    if (!s->init) {
        d->architecture = strdup(s->encoder ? s->encoder : "small");
        return d->architecture ? ERR_OK : err_no_memory(err, "an encoder");
    }
    err_code code = cap_init_tensors(s->init, from, err);
    if (!code) code = cap_init_architecture(*from, &d->architecture, err);
    if (!code && s->encoder && strcmp(s->encoder, d->architecture) != 0)
        code =
            err_set(err, ERR_ARGUMENT, "--init '%.200s' has encoder '%.40s', and --encoder asks for '%.40s'",
                    s->init, d->architecture, s->encoder);
    return code;
}

static err_code build_model(cap_run *r, error *err)
{
    const cap_pretrain_settings *s = asked(r);
    cap_pretrain_data *d = data_of(r);
    int width;
    cnn_preprocess_default(&d->preprocess);
    d->preprocess.size = s->size;
    err_code code = cnn_net_create(d->architecture, encoder_prefix, &d->params, &d->net, err);
    if (code) return code;
    cnn_net_map_size(d->net, s->size, &d->map_side, &width, &d->channels);
    for (int i = 0; i < d->photos.sources; i++) {
        char name[16];
        snprintf(name, sizeof name, "head%d", i);
        if (d->photos.source[i].classes)
            d->head[i] = declare_layer(&d->params, name, d->channels, d->photos.source[i].classes);
    }
    if (s->teacher && (code = declare_teacher(d, s, err))) return code;
    r->params = &d->params;
    return nn_params_finish(&d->params, r->s->seed, err);
}

static err_code begin_model(cap_run *r, error *err)
{
    io_tensors *from = NULL;
    err_code code = choose_encoder(r, &from, err);
    if (!code) code = build_model(r, err);
    if (!code && from) code = ckpt_read(from, r->params, encoder_prefix, NULL, err);
    io_tensors_close(&from);
    return code;
}

/* ---- photos ---- */

static void report_bad(void *ctx, const ds_item *item, const char *problem)
{
    (void)item;
    cap_run_say(ctx, "%s; a grey one takes its place", problem);
}

static err_code create_loader(cap_run *r, const cap_photo_list *list, bool augmented, ds_loader **out,
                              error *err)
{
    const cap_pretrain_settings *s = asked(r);
    ds_loader_settings l = ds_loader_defaults();
    l.item = list->item;
    l.items = list->items;
    l.size = s->size;
    l.max_images = r->s->batch;
    l.threads = s->loader_threads;
    l.store_side = s->size + s->size / 4; /* crops are cut from it, and seldom enlarged much */
    l.seed = r->s->seed;
    l.report = report_bad;
    l.ctx = r;
    if (augmented) {
        l.augment = &s->augment;
        l.cache_bytes = s->cache_bytes;
    }
    return ds_loader_create(&l, out, err);
}

static void measure(cap_run *r)
{
    const cap_pretrain_data *d = data_of(r);
    int64_t batches = cap_photos_batches(&d->photos, r->s->batch), photos = d->photos.train.items;
    int64_t seen = photos < r->s->batch ? photos : batches * r->s->batch;
    r->extent = (cap_extent){.units = seen,
                             .batches = batches,
                             .least_batches = batches,
                             .most_batches = batches,
                             .most_judged = d->photos.source[0].classes ? seen : 0,
                             .has_cosine = d->teacher != NULL,
                             .worst = 1,
                             .best = CAP_MOST_EPOCHS};
    r->has_val = d->photos.held_out.items > 0;
}

static err_code open_photos(cap_run *r, error *err)
{
    const cap_pretrain_settings *s = asked(r);
    cap_pretrain_data *d = data_of(r);
    err_code code = cap_photos_open(s->classes, s->class_sources, s->photos, s->list, &d->photos, err);
    if (code || (code = begin_model(r, err)) ||
        (code = create_loader(r, &d->photos.train, true, &d->train_loader, err)) ||
        (code = create_loader(r, &d->photos.held_out, false, &d->test_loader, err)))
        return code;
    measure(r);
    return ERR_OK;
}

static void close_photos(cap_run *r)
{
    cap_pretrain_data *d = data_of(r);
    ds_loader_free(&d->train_loader);
    ds_loader_free(&d->test_loader);
    cap_photos_close(&d->photos);
    cap_teacher_close(&d->teacher);
    cnn_net_free(&d->net);
    nn_params_release(&d->params);
    arena_release(&d->lists);
    free(d->architecture);
}

static void introduce(const cap_run *r, text *line)
{
    const cap_photos *p = &data_of(r)->photos;
    for (int i = 0; i < p->sources; i++) {
        const cap_photo_source *s = &p->source[i];
        text_printf(line, "%s: %d photos, %d held out", s->name, (int)s->train.count, (int)s->held_out.count);
        if (s->classes) text_printf(line, ", %d classes", (int)s->classes);
        text_append(line, "; ");
    }
    text_printf(line, "encoder %s, %zu weights", data_of(r)->architecture, nn_params_learned(r->params));
}

static err_code count(cap_run *r, int64_t epoch, int64_t *batches, error *err)
{
    (void)epoch;
    (void)err;
    *batches = r->extent.batches;
    return ERR_OK;
}

static err_code begin(cap_run *r, error *err)
{
    cap_pretrain_data *d = data_of(r);
    arena_reset(&d->lists);
    err_code code = cap_photos_schedule(&d->photos, r->s->batch, r->s->seed, (uint32_t)r->at.epoch, &d->lists,
                                        &d->schedule, err);
    return code ? code : cap_run_start_loader(r, d->train_loader, &d->schedule, &d->lists, err);
}

/* ---- the encoder's file ---- */

static void put_preprocess(io_json_build *b, json_t *o, const cnn_preprocess *pre)
{
    io_json_put_int(b, o, "size", pre->size);
    io_json_put_string(b, o, "fit", pre->fit == CNN_CROP ? "crop" : "stretch");
    io_json_put_floats(b, o, "mean", pre->mean, 3);
    io_json_put_floats(b, o, "std", pre->std, 3);
}

/* The metadata "caption" of OUT; the caller frees it. NULL: out of memory. */
static char *describe(const cap_run *r, const cap_epoch *e)
{
    io_json_build record = io_json_build_object(), b = io_json_build_object();
    json_t *training = io_json_put_object(&record, record.root, "training");
    settings(r, &record, training);
    cap_run_record(r, e, &record, training);
    io_json_put_string(&b, b.root, "kind", "encoder");
    io_json_put_string(&b, b.root, "architecture", data_of(r)->architecture);
    put_preprocess(&b, io_json_put_object(&b, b.root, "preprocess"), &data_of(r)->preprocess);
    io_json_put(&b, b.root, "record", io_json_take(&record));
    json_t *o = io_json_take(&b);
    char *line = o ? io_json_text(o, JSON_COMPACT) : NULL;
    json_decref(o);
    return line;
}

static err_code save(cap_run *r, const cap_epoch *e, error *err)
{
    char *about = describe(r, e);
    if (!about) return err_no_memory(err, "for the encoder's record");
    io_metadata pair = {"caption", about};
    err_code code = ckpt_save(r->s->out, r->params, encoder_prefix, NULL, &pair, 1, IO_F32, err);
    free(about);
    return code;
}

const cap_task cap_task_pretrain = {.name = "pretrain",
                                    .unit = "photos",
                                    .data_bytes = sizeof(cap_pretrain_data),
                                    .log_every = LOG_EVERY,
                                    .check = check,
                                    .open = open_photos,
                                    .introduce = introduce,
                                    .close = close_photos,
                                    .count = count,
                                    .begin = begin,
                                    .loss = cap_pretrain_loss,
                                    .validate = cap_pretrain_validate,
                                    .tell = cap_pretrain_tell,
                                    .scores = cap_pretrain_scores,
                                    .settings = settings,
                                    .save = save};

err_code cap_pretrain(const cap_pretrain_settings *s, const cap_train_events *events, error *err)
{
    cap_run_settings run = s->run;
    if (!(run.rate > 0)) run.rate = run.optimiser == OPTIM_SGD ? 0.05 : 0.002;
    return cap_run_task(&cap_task_pretrain, &run, s, events, err);
}
