#include "captioner/calibrate.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "captioner/made_pictures.h"
#include "captioner/score/calibration.h"
#include "captioner/score/logistic.h"
#include "captioner/score/score.h"
#include "datasets/coco.h"
#include "src/base/list.h"

enum { GROUP = 16, SIDE = 256, FOLDS = 5 };

#define RIDGE 1e-3
#define PICTURES_WEIGH 0.20 /* of all the photos */
#define UNSURE_PHOTOS 0.10  /* at most so many of the photos */
#define UNSURE_PICTURES 0.95
#define UNUSUAL 0.05 /* of the photos */

/* A photo with what the model said of it, or a picture that shows nothing. */
typedef struct example {
    int set; /* -1: a picture */
    int64_t image;
    const char *caption;
    int words;
    const float *probability;
    const signed char *occurs; /* [words] see cap_calibration_find */
    double plain;              /* the mean probability of a word, which is all that was known before */
    cap_noted noted;
    bool acceptable;
} example;

typedef struct calibrating {
    cap_session *s;
    const cap_calibrate_request *q;
    cap_confidence *fit;
    example *list;
    int count; /* examples */
    int photos;
    int64_t room;
    int total, done;
    arena mem;
} calibrating;

static err_code no_memory(error *err)
{
    return err_no_memory(err, "for calibrating");
}

/* ---- what the model says ---- */

static bool note_room(calibrating *c, cap_noted *noted)
{
    size_t features = (size_t)c->s->model->decoder.config.features;
    noted->mean = arena_array(&c->mem, features, sizeof *noted->mean);
    noted->variance = arena_array(&c->mem, features, sizeof *noted->variance);
    return noted->mean && noted->variance;
}

static err_code keep(calibrating *c, const cap_description *d, const cap_noted *noted, example *e, error *err)
{
    size_t n = (size_t)d->best.words;
    float *probability = arena_array(&c->mem, n, sizeof *probability);
    e->caption = arena_strdup(&c->mem, d->best.sentence);
    e->words = d->best.words;
    e->plain = d->best.confidence;
    e->noted = *noted;
    if (!probability || !e->caption || !LIST_ROOM(c->list, c->count, 1, c->room)) return no_memory(err);
    memcpy(probability, d->best.probability, n * sizeof *probability);
    e->probability = probability;
    c->list[c->count++] = *e;
    return ERR_OK;
}

static err_code find_words(calibrating *c, const ds_captions *data, const ds_image *image,
                           const cap_description *d, example *e, error *err)
{
    signed char *occurs = arena_array(&c->mem, (size_t)d->best.words, 1);
    const char **reference = arena_array(&c->mem, (size_t)image->count, sizeof *reference);
    if (!occurs || !reference) return no_memory(err);
    for (int i = 0; i < image->count; i++) reference[i] = data->caption[image->first + i].text;
    e->occurs = occurs;
    return cap_calibration_find(d->best.word, d->best.words, reference, image->count, occurs, err);
}

/* Photos first .. first+n-1 of a set. One that cannot be read is left out. */
static err_code describe_group(calibrating *c, int set, const ds_captions *data, int first, int n, error *err)
{
    cap_noted noted[GROUP];
    cap_description d[GROUP] = {0};
    error reason[GROUP] = {0};
    const char *path[GROUP];
    char names[GROUP][PATH_MAX];
    err_code code = ERR_OK;
    for (int i = 0; !code && i < n; i++) {
        path[i] = names[i];
        code =
            ds_image_path(c->q->set[set].images, data->image[first + i].file_name, names[i], PATH_MAX, err);
        if (!code && !note_room(c, &noted[i])) code = no_memory(err);
    }
    c->s->noted = noted;
    if (!code) code = cap_describe_files(c->s, NULL, path, n, d, reason, err);
    c->s->noted = NULL;
    for (int i = 0; i < n; i++) {
        const ds_image *image = &data->image[first + i];
        example e = {.set = set, .image = image->id};
        if (!code && !reason[i].code && image->count) {
            code = find_words(c, data, image, &d[i], &e, err);
            if (!code) code = keep(c, &d[i], &noted[i], &e, err);
        }
        cap_description_release(&d[i]);
    }
    return code;
}

static err_code say_done(calibrating *c, int n, error *err)
{
    c->done += n;
    if (!c->q->tell || c->q->tell(c->q->ctx, c->done, c->total)) return ERR_OK;
    return err_set(err, ERR_INTERRUPTED, "interrupted after %d of %d photos", c->done, c->total);
}

static err_code describe_set(calibrating *c, int set, const ds_captions *data, error *err)
{
    err_code code = ERR_OK;
    for (int i = 0; !code && i < data->images; i += GROUP) {
        int n = data->images - i < GROUP ? data->images - i : GROUP;
        code = describe_group(c, set, data, i, n, err);
        if (!code) code = say_done(c, n, err);
    }
    return code;
}

static err_code describe_pictures(calibrating *c, error *err)
{
    uint8_t *rgb = arena_array(&c->mem, (size_t)SIDE * SIDE, 3);
    err_code code = rgb ? ERR_OK : no_memory(err);
    for (int i = 0; !code && i < CAP_MADE_PICTURES; i++) {
        example e = {.set = -1};
        cap_noted noted = {0};
        cap_description d = {0};
        cap_made_picture(i, SIDE, rgb);
        if (!note_room(c, &noted)) return no_memory(err);
        c->s->noted = &noted;
        code = cap_describe_pixels(c->s, NULL, rgb, SIDE, SIDE, &d, err);
        c->s->noted = NULL;
        if (!code) code = keep(c, &d, &noted, &e, err);
        cap_description_release(&d);
    }
    return code;
}

/* ---- which captions are acceptable ---- */

static err_code score_set(const calibrating *c, int set, const ds_captions *data, int first, error *err)
{
    cap_scorer *s = NULL;
    cap_scores all = {0};
    int n = c->count - first;
    double *value = malloc(((size_t)n + 1) * sizeof *value);
    err_code code = value ? cap_scorer_create(&s, err) : no_memory(err);
    for (int i = 0; !code && i < data->captions; i++)
        code =
            cap_scorer_add_reference(s, data->image[data->caption[i].image].id, data->caption[i].text, err);
    for (int i = 0; !code && i < n; i++)
        code = cap_scorer_add_hypothesis(s, c->list[first + i].image, c->list[first + i].caption, err);
    if (!code && n < 2)
        code = err_set(err, ERR_ARGUMENT, "fewer than two photos of '%.300s' have captions and can be read",
                       c->q->set[set].captions);
    if (!code) code = cap_scorer_run(s, NULL, &all, err);
    for (int i = 0; !code && i < n; i++) value[i] = all.image[i].of.cider_d;
    double median = code ? 0 : cap_median(value, n);
    for (int i = 0; !code && i < n; i++) c->list[first + i].acceptable = all.image[i].of.cider_d > median;
    cap_scorer_free(&s);
    free(value);
    return code;
}

static err_code run_set(calibrating *c, int set, error *err)
{
    ds_captions data;
    int first = c->count;
    err_code code = ds_captions_read(c->q->set[set].captions, NULL, &data, err);
    if (code) return code;
    code = ds_captions_check_files(&data, c->q->set[set].images, 0, NULL, err);
    c->total = c->done + data.images;
    if (!code) code = describe_set(c, set, &data, err);
    if (!code) code = score_set(c, set, &data, first, err);
    ds_captions_release(&data);
    return code;
}

/* ---- fitting ---- */

static int by_value(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* The value below which so many of them lie. value[count], reordered. */
static double quantile(double *value, int count, double share)
{
    if (count < 1) return 0;
    qsort(value, (size_t)count, sizeof *value, by_value);
    int at = (int)(share * count);
    return value[at < count ? at : count - 1];
}

static double logit(double p)
{
    double q = fmin(fmax(p, 1e-6), 1 - 1e-6);
    return log(q / (1 - q));
}

static int count_set(const calibrating *c, int set)
{
    int n = 0;
    for (int i = 0; i < c->photos; i++) n += c->list[i].set == set;
    return n;
}

/* What a photo of the set counts. */
static double importance_of(const calibrating *c, int set)
{
    return 1 / sqrt(count_set(c, set));
}

static err_code fit_words(calibrating *c, error *err)
{
    size_t most = 1;
    int n = 0;
    for (int i = 0; i < c->photos; i++) most += (size_t)c->list[i].words;
    double *x = arena_array(&c->mem, most, sizeof *x), *importance = arena_array(&c->mem, most, sizeof *x);
    bool *yes = arena_array(&c->mem, most, sizeof *yes);
    if (!x || !importance || !yes) return no_memory(err);
    for (int i = 0; i < c->photos; i++) {
        const example *e = &c->list[i];
        double counts = importance_of(c, e->set);
        for (int j = 0; j < e->words; j++) {
            if (e->occurs[j] < 0) continue;
            x[n] = logit((double)e->probability[j]);
            yes[n] = e->occurs[j] > 0;
            importance[n++] = counts;
        }
    }
    return cap_logistic_fit(&(cap_examples){x, yes, importance, n, 1}, RIDGE, &c->fit->word_scale,
                            &c->fit->word_shift, err);
}

/* What one photo in twenty is beyond. */
static err_code fit_usual(calibrating *c, error *err)
{
    cap_confidence *f = c->fit;
    double *value = arena_array(&c->mem, (size_t)c->photos, sizeof *value);
    if (!value) return no_memory(err);
    for (int i = 0; i < c->photos; i++) value[i] = cap_confidence_distance(f, c->list[i].noted.mean);
    f->usual_distance = quantile(value, c->photos, 1 - UNUSUAL);
    for (int i = 0; i < c->photos; i++) value[i] = cap_confidence_variety(f, c->list[i].noted.variance);
    f->usual_variety = quantile(value, c->photos, UNUSUAL);
    return ERR_OK;
}

/* Mean and deviation of each feature over the photos, and with them the signs that depend on them. */
static err_code fit_features(calibrating *c, error *err)
{
    cap_confidence *f = c->fit;
    f->features = c->s->model->decoder.config.features;
    f->centre = calloc((size_t)f->features + 1, sizeof *f->centre);
    f->spread = calloc((size_t)f->features + 1, sizeof *f->spread);
    if (!f->centre || !f->spread) return no_memory(err);
    for (int d = 0; d < f->features; d++) {
        double sum = 0, squares = 0;
        for (int i = 0; i < c->photos; i++) sum += (double)c->list[i].noted.mean[d];
        double mean = sum / c->photos;
        for (int i = 0; i < c->photos; i++) squares += pow((double)c->list[i].noted.mean[d] - mean, 2);
        f->centre[d] = (float)mean;
        f->spread[d] = (float)(sqrt(squares / c->photos) + 1e-3);
    }
    return f->features ? fit_usual(c, err) : ERR_OK;
}

/* The signs anew, now that words and features are fitted. What was named is as it was. */
static void read_signs(calibrating *c)
{
    for (int i = 0; i < c->count; i++) {
        example *e = &c->list[i];
        cap_signs looked = e->noted.signs;
        cap_confidence_look(c->fit, e->noted.mean, e->noted.variance, NULL, 0, &looked);
        e->noted.signs.of[CAP_SIGN_FAR] = looked.of[CAP_SIGN_FAR];
        e->noted.signs.of[CAP_SIGN_FLAT] = looked.of[CAP_SIGN_FLAT];
        cap_confidence_read(c->fit, e->probability, e->words, &e->noted.signs);
    }
}

/* Of all examples but those of a fold; -1: of all. */
static err_code fit_signs(calibrating *c, int fold, cap_confidence *to, error *err)
{
    arena mem = {0};
    int n = 0;
    double photos = 0;
    cap_signs *x = arena_array(&mem, (size_t)c->count, sizeof *x);
    bool *yes = arena_array(&mem, (size_t)c->count, sizeof *yes);
    double *importance = arena_array(&mem, (size_t)c->count, sizeof *importance);
    err_code code = x && yes && importance ? ERR_OK : no_memory(err);
    for (int i = 0; !code && i < c->count; i++) {
        const example *e = &c->list[i];
        if (e->set >= 0 && i % FOLDS == fold) continue;
        double counts = e->set < 0 ? PICTURES_WEIGH * photos / CAP_MADE_PICTURES : importance_of(c, e->set);
        if (e->set >= 0) photos += counts; /* the pictures come last */
        x[n] = e->noted.signs;
        yes[n] = e->acceptable;
        importance[n++] = counts;
    }
    if (!code)
        code = cap_logistic_fit(&(cap_examples){x->of, yes, importance, n, CAP_SIGNS}, RIDGE, to->weight,
                                &to->bias, err);
    arena_release(&mem);
    return code;
}

/* ---- what came of it ---- */

/* sure[count]: the confidence of each example. */
static err_code choose_threshold(calibrating *c, const double *sure, json_t *report, error *err)
{
    int pictures = c->count - c->photos, unsure[2] = {0};
    double *value = arena_array(&c->mem, (size_t)c->count, sizeof *value);
    if (!value) return no_memory(err);
    memcpy(value, sure, (size_t)c->count * sizeof *value);
    double of_pictures = quantile(value + c->photos, pictures, UNSURE_PICTURES);
    double of_photos = quantile(value, c->photos, UNSURE_PHOTOS);
    c->fit->threshold = fmin(of_pictures, of_photos);
    for (int i = 0; i < c->count; i++) unsure[i >= c->photos] += sure[i] < c->fit->threshold;
    io_json_build b = {.root = json_incref(report)};
    io_json_put_int(&b, b.root, "pictures", pictures);
    io_json_put_int(&b, b.root, "pictures_unsure", unsure[1]);
    io_json_put_int(&b, b.root, "photos_unsure", unsure[0]);
    json_decref(io_json_take(&b));
    return ERR_OK;
}

/* The confidence that photos would have had if they had not been there for the fit. */
static err_code weigh_across(calibrating *c, double *sure, error *err)
{
    err_code code = ERR_OK;
    for (int fold = 0; !code && fold < FOLDS; fold++) {
        cap_confidence without = {0};
        code = fit_signs(c, fold, &without, err);
        for (int i = fold; !code && i < c->photos; i += FOLDS)
            sure[i] = cap_confidence_caption(&without, &c->list[i].noted.signs);
    }
    return code;
}

static void put_pair(io_json_build *b, json_t *o, const char *key, double before, double after)
{
    json_t *list = io_json_put_array(b, o, key);
    io_json_put_number(b, list, NULL, before);
    io_json_put_number(b, list, NULL, after);
}

static void measure_words(const calibrating *c, int set, io_json_build *b, json_t *o)
{
    cap_calibration before = {0}, after = {0};
    for (int i = 0; i < c->photos; i++) {
        const example *e = &c->list[i];
        for (int j = 0; e->set == set && j < e->words; j++) {
            double p = (double)e->probability[j];
            if (e->occurs[j] < 0) continue;
            cap_calibration_count(&before, p, e->occurs[j] > 0);
            cap_calibration_count(&after, cap_confidence_word(c->fit, p), e->occurs[j] > 0);
        }
    }
    put_pair(b, o, "word_error", cap_calibration_error(&before), cap_calibration_error(&after));
}

/* `across`: see weigh_across. */
static void measure_captions(const calibrating *c, int set, const double *sure, const double *across,
                             arena *mem, io_json_build *b, json_t *o)
{
    int n = 0;
    double *value[3];
    bool *yes = arena_array(mem, (size_t)c->count, sizeof *yes);
    for (int k = 0; k < 3; k++) value[k] = arena_array(mem, (size_t)c->count, sizeof(double));
    if (!yes || !value[0] || !value[1] || !value[2]) {
        io_json_put(b, o, "auc", NULL);
        return;
    }
    for (int i = 0; i < c->photos; i++) {
        if (c->list[i].set != set) continue;
        value[0][n] = c->list[i].plain;
        value[1][n] = sure[i];
        value[2][n] = across[i];
        yes[n++] = c->list[i].acceptable;
    }
    put_pair(b, o, "auc", cap_auc(value[0], yes, n), cap_auc(value[1], yes, n));
    io_json_put_number(b, o, "auc_cross", cap_auc(value[2], yes, n));
}

static err_code measure(calibrating *c, json_t **report, error *err)
{
    double *sure = arena_array(&c->mem, (size_t)c->count, sizeof *sure);
    double *across = arena_array(&c->mem, (size_t)c->count, sizeof *across);
    if (!sure || !across) return no_memory(err);
    for (int i = 0; i < c->count; i++) sure[i] = cap_confidence_caption(c->fit, &c->list[i].noted.signs);
    err_code code = weigh_across(c, across, err);
    if (code) return code;
    io_json_build b = io_json_build_object();
    json_t *sets = io_json_put_array(&b, b.root, "sets");
    for (int i = 0; i < c->q->sets; i++) {
        json_t *o = io_json_put_object(&b, sets, NULL);
        const char *path = c->q->set[i].captions, *slash = strrchr(path, '/');
        io_json_put_string(&b, o, "captions", slash ? slash + 1 : path);
        io_json_put_int(&b, o, "photos", count_set(c, i));
        measure_words(c, i, &b, o);
        measure_captions(c, i, sure, across, &c->mem, &b, o);
    }
    code = io_json_done(&b, "what was measured", report, err);
    return code ? code : choose_threshold(c, sure, *report, err);
}

err_code cap_calibrate(cap_session *s, const cap_calibrate_request *q, cap_confidence *fit, json_t **report,
                       error *err)
{
    calibrating c = {.s = s, .q = q, .fit = fit};
    *fit = (cap_confidence){0};
    *report = NULL;
    err_code code = q->sets > 0 ? ERR_OK : err_set(err, ERR_ARGUMENT, "no photos to calibrate with");
    for (int i = 0; !code && i < q->sets; i++) code = run_set(&c, i, err);
    c.photos = c.count;
    if (!code) code = describe_pictures(&c, err);
    if (!code) code = fit_words(&c, err);
    if (!code) code = fit_features(&c, err);
    if (!code) {
        read_signs(&c);
        code = fit_signs(&c, -1, fit, err);
    }
    if (!code) code = measure(&c, report, err);
    fit->fitted = !code;
    if (code) {
        cap_confidence_release(fit);
        json_decref(*report);
        *report = NULL;
    }
    free(c.list);
    arena_release(&c.mem);
    return code;
}
