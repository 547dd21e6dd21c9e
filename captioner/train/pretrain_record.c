#include "captioner/train/pretrain_record.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "captioner/train/train.h"
#include "captioner/train/train_fields.h"
#include "src/io/json.h"

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

static void put_augment(io_json_build *b, json_t *o, const ds_augment *a)
{
    io_json_put_bool(b, o, "mirror", a->mirror);
    io_json_put_number(b, o, "area_min", a->area_min);
    io_json_put_number(b, o, "area_max", a->area_max);
    io_json_put_number(b, o, "aspect", a->aspect);
    io_json_put_number(b, o, "jitter", a->jitter);
}

json_t *cap_pretrain_describe(const cap_pretrain_settings *s, const cap_photos *photos)
{
    io_json_build b = io_json_build_object();
    io_json_put_string(&b, b.root, "encoder", s->encoder);
    io_json_put_int(&b, b.root, "size", s->size);
    put_sources(&b, io_json_put_array(&b, b.root, "sources"), photos);
    io_json_put_bool(&b, b.root, "teacher", s->teacher != NULL);
    io_json_put_number(&b, b.root, "teacher_weight", s->teacher_weight);
    io_json_put_number(&b, b.root, "squared_weight", s->squared_weight);
    io_json_put_number(&b, b.root, "smoothing", s->smoothing);
    io_json_put_int(&b, b.root, "epochs", s->epochs);
    io_json_put_int(&b, b.root, "batch", s->batch);
    io_json_put_string(&b, b.root, "optimiser", s->optim == OPTIM_SGD ? "sgd" : "adamw");
    io_json_put_number(&b, b.root, "rate", s->rate);
    io_json_put_number(&b, b.root, "decay", s->decay);
    io_json_put_number(&b, b.root, "clip", s->clip);
    io_json_put_int(&b, b.root, "warmup", s->warmup);
    io_json_put_string(&b, b.root, "precision", s->precision == GEMM_BF16 ? "bf16" : "f32");
    io_json_put_int(&b, b.root, "seed", (int64_t)s->seed);
    put_augment(&b, io_json_put_object(&b, b.root, "augment"), &s->augment);
    return io_json_take(&b);
}

/* ---- the state ---- */

#define ROW(field, kind, least, most)                                                                        \
    {                                                                                                        \
#field, offsetof(cap_pretrain_position, field), kind, least, most                                    \
    }

static const cap_field rows[] = {
    ROW(epoch, CAP_WHOLE, 0, CAP_MOST_EPOCHS), ROW(batch, CAP_WHOLE, 0, INT32_MAX),
    ROW(photos, CAP_WHOLE, 0, INT32_MAX),      ROW(labelled, CAP_WHOLE, 0, INT32_MAX),
    ROW(hits, CAP_WHOLE, 0, INT32_MAX),        ROW(loss, CAP_SUM, 0, DBL_MAX),
    ROW(cosine, CAP_SUM, -DBL_MAX, DBL_MAX),   ROW(seconds, CAP_SUM, 0, 1e12),
};
enum { ROWS = sizeof rows / sizeof *rows };

/* The text of what was built; NULL: memory is out. */
static char *take_text(io_json_build *b)
{
    json_t *o = io_json_take(b);
    char *line = o ? io_json_text(o, JSON_COMPACT) : NULL;
    json_decref(o);
    return line;
}

char *cap_pretrain_state_text(const json_t *settings, const cap_pretrain_position *at)
{
    io_json_build b = io_json_build_object();
    io_json_put_members(&b, io_json_put_object(&b, b.root, "settings"), settings);
    cap_fields_put(&b, b.root, rows, ROWS, at);
    io_json_put(&b, b.root, "epochs", json_incref(at->epochs));
    return take_text(&b);
}

static err_code differs(const char *path, const char *key, error *err)
{
    return err_set(
        err, ERR_MISMATCH,
        "cannot resume from '%.300s': it was made with another '%s'; give the options of the first run", path,
        key);
}

/* All but the number of epochs, which may grow. */
static err_code compare_settings(const json_t *stored, const json_t *settings, const char *path, error *err)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)settings, key, value)
    {
        if (strcmp(key, "epochs") != 0 && !json_equal(value, json_object_get(stored, key)))
            return differs(path, key, err);
    }
    json_object_foreach((json_t *)stored, key, value)
    {
        if (!json_object_get(settings, key)) return differs(path, key, err);
    }
    return ERR_OK;
}

/* An object for each finished epoch, in order. */
static bool epochs_fit(const cap_pretrain_position *at)
{
    if (json_array_size(at->epochs) != (size_t)at->epoch) return false;
    for (size_t i = 0; i < (size_t)at->epoch; i++) {
        const json_t *number = json_object_get(json_array_get(at->epochs, i), "epoch");
        if (!json_is_integer(number) || json_integer_value(number) != (json_int_t)i + 1) return false;
    }
    return true;
}

static const char *odd_field(const cap_pretrain_position *at, const cap_pretrain_shape *shape, int64_t epochs)
{
    double photos = (double)at->photos, most_cosine = shape->has_teacher ? photos * 1.001 : 0;
    if (at->batch > shape->batches) return "batch";
    if (at->epoch > epochs || (at->epoch == epochs && at->batch)) return "epoch";
    if (at->epoch * shape->batches + at->batch != shape->steps) return "epoch";
    if (at->photos != at->batch * shape->batch) return "photos";
    if (at->labelled > at->photos) return "labelled";
    if (at->hits > at->labelled) return "hits";
    if (at->loss > photos * (double)FLT_MAX) return "loss";
    if (fabs(at->cosine) > most_cosine) return "cosine";
    return epochs_fit(at) ? NULL : "epochs";
}

static err_code read_position(const json_t *o, const char *where, cap_pretrain_position *at, error *err)
{
    static const char *const further[] = {"settings", "epochs", NULL};
    err_code code = cap_fields_read(o, where, rows, ROWS, at, err);
    if (!code) code = cap_fields_only(o, where, rows, ROWS, further, err);
    if (!code) code = io_json_array(o, "epochs", where, &at->epochs, err);
    if (code)
        at->epochs = NULL;
    else
        json_incref(at->epochs);
    return code;
}

err_code cap_pretrain_state_parse(const char *state, const char *path, const json_t *settings,
                                  const cap_pretrain_shape *shape, cap_pretrain_position *at, int *epochs,
                                  error *err)
{
    static const cap_field row[] = {{"epochs", 0, CAP_WHOLE, 1, CAP_MOST_EPOCHS}};
    json_t *root = NULL, *stored = NULL;
    int64_t before = 0;
    char where[300];
    snprintf(where, sizeof where, "'%.290s'", path);
    *at = (cap_pretrain_position){0};
    err_code code = io_json_parse(state, strlen(state), path, &root, err);
    if (!code) code = io_json_object(root, "settings", where, &stored, err);
    if (!code) code = compare_settings(stored, settings, path, err);
    if (!code) code = cap_fields_read(stored, where, row, 1, &before, err);
    if (!code) code = read_position(root, where, at, err);
    const char *odd = code ? NULL : odd_field(at, shape, before);
    if (odd) code = cap_field_impossible(where, odd, err);
    if (code) json_decref(at->epochs), at->epochs = NULL;
    json_decref(root);
    *epochs = (int)before;
    return code;
}

/* ---- what it did ---- */

static void put_preprocess(io_json_build *b, json_t *o, const cnn_preprocess *pre)
{
    io_json_put_int(b, o, "size", pre->size);
    io_json_put_string(b, o, "fit", pre->fit == CNN_CROP ? "crop" : "stretch");
    io_json_put_floats(b, o, "mean", pre->mean, 3);
    io_json_put_floats(b, o, "std", pre->std, 3);
}

char *cap_pretrain_encoder_text(const cap_pretrain_settings *s, const json_t *settings,
                                const cnn_preprocess *pre, const cap_pretrain_position *at)
{
    io_json_build b = io_json_build_object();
    io_json_put_string(&b, b.root, "kind", "encoder");
    io_json_put_string(&b, b.root, "architecture", s->encoder);
    put_preprocess(&b, io_json_put_object(&b, b.root, "preprocess"), pre);
    json_t *record = io_json_put_object(&b, b.root, "record");
    io_json_put_string(&b, record, "command", s->command ? s->command : "");
    io_json_put_number(&b, record, "seconds", at->seconds);
    io_json_put_members(&b, io_json_put_object(&b, record, "settings"), settings);
    io_json_put(&b, record, "epochs", json_incref(at->epochs));
    return take_text(&b);
}

/* What was not measured is left out. */
static void put_measured(io_json_build *b, json_t *o, const char *key, double value)
{
    if (isfinite(value)) io_json_put_number(b, o, key, value);
}

json_t *cap_pretrain_epoch_json(const cap_pretrain_progress *p, const cap_pretrain_score *score, int scores)
{
    io_json_build b = io_json_build_object();
    io_json_put_int(&b, b.root, "epoch", p->epoch);
    io_json_put_int(&b, b.root, "photos", p->photos);
    put_measured(&b, b.root, "loss", p->loss);
    put_measured(&b, b.root, "accuracy", p->accuracy);
    put_measured(&b, b.root, "cosine", p->cosine);
    put_measured(&b, b.root, "rate", p->rate);
    put_measured(&b, b.root, "seconds", p->seconds);
    json_t *list = io_json_put_array(&b, b.root, "held_out");
    for (int i = 0; i < scores; i++) {
        json_t *one = io_json_put_object(&b, list, NULL);
        io_json_put_string(&b, one, "source", score[i].source);
        io_json_put_int(&b, one, "photos", score[i].photos);
        put_measured(&b, one, "accuracy", score[i].accuracy);
        put_measured(&b, one, "cosine", score[i].cosine);
    }
    return io_json_take(&b);
}
