#include "captioner/pretrain_record.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "captioner/train.h"
#include "captioner/train_fields.h"
#include "src/base/text.h"
#include "src/io/json.h"

/* JSON takes UTF-8 only; paths and command lines may be any bytes. */
static const char *utf8_or_nothing(const char *s)
{
    return s && text_utf8_valid(s, strlen(s), NULL) ? s : "";
}

static json_t *describe_sources(const cap_photos *photos)
{
    json_t *list = json_array();
    for (int i = 0; i < photos->sources; i++) {
        const cap_photo_source *s = &photos->source[i];
        json_array_append_new(list, json_pack("{s:s, s:i, s:i, s:i}", "name", utf8_or_nothing(s->name),
                                              "classes", (int)s->classes, "photos", (int)s->train.count,
                                              "held_out", (int)s->held_out.count));
    }
    return list;
}

json_t *cap_pretrain_describe(const cap_pretrain_settings *s, const cap_photos *photos)
{
    json_t *o = json_pack("{s:s, s:i, s:o, s:b, s:f, s:f, s:f, s:i, s:i, s:s, s:f, s:f, s:f, s:i, s:s, s:I}",
                          "encoder", s->encoder, "size", s->size, "sources", describe_sources(photos),
                          "teacher", s->teacher != NULL, "teacher_weight", s->teacher_weight,
                          "squared_weight", s->squared_weight, "smoothing", s->smoothing, "epochs", s->epochs,
                          "batch", s->batch, "optimiser", s->optim == OPTIM_SGD ? "sgd" : "adamw", "rate",
                          s->rate, "decay", s->decay, "clip", s->clip, "warmup", s->warmup, "precision",
                          s->precision == GEMM_BF16 ? "bf16" : "f32", "seed", (json_int_t)s->seed);
    json_t *augment =
        json_pack("{s:b, s:f, s:f, s:f, s:f}", "mirror", s->augment.mirror, "area_min", s->augment.area_min,
                  "area_max", s->augment.area_max, "aspect", s->augment.aspect, "jitter", s->augment.jitter);
    if (o && !json_object_set_new(o, "augment", augment)) return o;
    json_decref(o);
    return NULL;
}

/* ---- the state ---- */

char *cap_pretrain_state_text(const json_t *settings, const cap_pretrain_position *at)
{
    json_t *o =
        json_pack("{s:O, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:O}", "settings", settings, "epoch",
                  (json_int_t)at->epoch, "batch", (json_int_t)at->batch, "photos", (json_int_t)at->photos,
                  "labelled", (json_int_t)at->labelled, "hits", (json_int_t)at->hits, "loss", at->loss,
                  "cosine", at->cosine, "seconds", at->seconds, "epochs", at->epochs);
    char *line = o ? io_json_text(o, JSON_COMPACT) : NULL;
    json_decref(o);
    return line;
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

char *cap_pretrain_encoder_text(const cap_pretrain_settings *s, const json_t *settings,
                                const cnn_preprocess *pre, const cap_pretrain_position *at)
{
    json_t *o =
        json_pack("{s:s, s:s, s:{s:i, s:s, s:[fff], s:[fff]}, s:{s:s, s:f, s:O, s:O}}", "kind", "encoder",
                  "architecture", s->encoder, "preprocess", "size", pre->size, "fit",
                  pre->fit == CNN_CROP ? "crop" : "stretch", "mean", (double)pre->mean[0],
                  (double)pre->mean[1], (double)pre->mean[2], "std", (double)pre->std[0], (double)pre->std[1],
                  (double)pre->std[2], "record", "command", utf8_or_nothing(s->command), "seconds",
                  at->seconds, "settings", settings, "epochs", at->epochs);
    char *line = o ? io_json_text(o, JSON_COMPACT) : NULL;
    json_decref(o);
    return line;
}

/* JSON has no NAN: what was not measured is left out. */
static void set_number(json_t *o, const char *key, double value)
{
    if (isfinite(value)) json_object_set_new(o, key, json_real(value));
}

json_t *cap_pretrain_epoch_json(const cap_pretrain_progress *p, const cap_pretrain_score *score, int scores)
{
    json_t *o = json_pack("{s:i, s:I}", "epoch", p->epoch, "photos", (json_int_t)p->photos);
    json_t *list = json_array();
    set_number(o, "loss", p->loss);
    set_number(o, "accuracy", p->accuracy);
    set_number(o, "cosine", p->cosine);
    set_number(o, "rate", p->rate);
    set_number(o, "seconds", p->seconds);
    for (int i = 0; i < scores; i++) {
        json_t *one = json_pack("{s:s, s:i}", "source", utf8_or_nothing(score[i].source), "photos",
                                (int)score[i].photos);
        set_number(one, "accuracy", score[i].accuracy);
        set_number(one, "cosine", score[i].cosine);
        json_array_append_new(list, one);
    }
    if (o && list && !json_object_set_new(o, "held_out", list)) return o;
    json_decref(o);
    return NULL;
}
