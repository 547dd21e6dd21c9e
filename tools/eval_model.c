/* caption eval --captions --images: a model captions the photos. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "captioner/net/model.h"
#include "captioner/score/model_df.h"
#include "datasets/coco.h"
#include "datasets/instances.h"
#include "src/base/text.h"
#include "tools/eval.h"
#include "tools/eval_results.h"
#include "tools/interrupt.h"
#include "tools/print.h"
#include "tools/progress.h"

enum { GROUP = 16, SECONDS_BETWEEN_WRITES = 5 };

typedef struct captioning {
    eval_request *q;
    eval_captioned *out;
    ds_captions data;
    ds_instances objects; /* empty without --grounding */
    eval_results results;
    int limit;  /* the first photos of the file: 1..data.images */
    bool *gone; /* [limit] there is no such file */
    arena memory;
    ui_progress bar;
    int warned; /* photos that were read in spite of a fault */
    int done;   /* photos of the first `limit` that are through */
    time_t written;
} captioning;

static err_code no_memory(error *err)
{
    return err_no_memory(err, "for captions");
}

static err_code write_results(captioning *c, error *err)
{
    c->written = time(NULL);
    return eval_results_write(&c->results, err);
}

/* ---- captioning ---- */

static err_code take_description(captioning *c, int image, const cap_description *d, const error *reason,
                                 error *err)
{
    if (reason->code) {
        ui_progress_clear(&c->bar);
        ui_say("%s", reason->text);
        c->out->unreadable++;
        return ERR_OK;
    }
    if (d->warning) {
        char path[PATH_MAX];
        if (ds_image_path(c->q->images, c->data.image[image].file_name, path, sizeof path, err))
            return err->code;
        ui_progress_clear(&c->bar);
        ui_warn(path, d->warning, &c->warned);
    }
    return eval_said_take(&c->results.said[image], d, &c->memory) ? ERR_OK : no_memory(err);
}

/* The photos image[0..n-1]. */
static err_code describe_group(captioning *c, const int *image, int n, error *err)
{
    static const size_t size = PATH_MAX;
    arena mem = {0};
    const char *path[GROUP];
    cap_description d[GROUP] = {0};
    error reason[GROUP] = {0};
    err_code code = ERR_OK;
    for (int i = 0; !code && i < n; i++) {
        char *to = arena_alloc(&mem, size);
        code = to ? ds_image_path(c->q->images, c->data.image[image[i]].file_name, to, size, err)
                  : no_memory(err);
        path[i] = to;
    }
    if (!code) code = cap_describe_files(c->q->use.session, &c->q->decoding.request, path, n, d, reason, err);
    for (int i = 0; i < n; i++) {
        if (!code) code = take_description(c, image[i], &d[i], &reason[i], err);
        cap_description_release(&d[i]);
    }
    arena_release(&mem);
    return code;
}

static err_code interrupted(captioning *c, error *err)
{
    ui_progress_clear(&c->bar);
    return err_set(err, ERR_INTERRUPTED, "interrupted after %d of %d photos%s", c->done, c->limit,
                   c->q->results_out ? "; the same command goes on" : "");
}

static err_code describe_all(captioning *c, error *err)
{
    int group[GROUP], n = 0;
    err_code code = ERR_OK;
    for (int i = 0; !code && i < c->limit; i++) {
        if (!c->results.said[i].caption && !c->gone[i]) group[n++] = i;
        if (n < GROUP && i + 1 < c->limit) continue;
        if (n) code = describe_group(c, group, n, err);
        c->done += n;
        n = 0;
        ui_progress_update(&c->bar, c->done, NULL);
        if (!code && time(NULL) - c->written >= SECONDS_BETWEEN_WRITES) code = write_results(c, err);
        if (!code && ui_asked_to_stop(NULL)) code = interrupted(c, err);
    }
    err_code written = write_results(c, code ? NULL : err);
    return code ? code : written;
}

static err_code open_model(captioning *c, error *err)
{
    model_use *use = &c->q->use;
    cap_request *request = &c->q->decoding.request;
    request->attention = true; /* for its statistics; models without attention give none */
    err_code code = model_use_open(use, CAP_PHOTOS, request, err);
    if (!code) code = cap_model_get_df(use->model, &c->out->df, err);
    if (!code) code = eval_results_made_by(&c->results, use->model, request, err);
    return code;
}

static err_code open_objects(captioning *c, error *err)
{
    c->out->pointed = c->q->grounding;
    if (!c->q->grounding) return ERR_OK;
    err_code code = ds_instances_read(c->q->grounding, &c->objects, err);
    if (code) return code;
    return cap_grounding_start(&c->out->grounding, &c->objects, cap_model_vocab(c->q->use.model), &c->memory,
                               err);
}

static err_code run_model(captioning *c, error *err)
{
    err_code code = ERR_OK;
    for (int i = 0; i < c->limit; i++) c->done += c->results.said[i].caption || c->gone[i];
    if (c->done == c->limit) return ERR_OK;
    ui_heed_signals();
    c->bar = (ui_progress){.label = "captioning", .unit = "photos", .total = c->limit, .first = c->done};
    c->bar.quiet = c->q->quiet;
    c->written = time(NULL);
    ui_progress_start(&c->bar);
    code = describe_all(c, err);
    if (!code) ui_progress_finish(&c->bar);
    ui_leave_signals();
    return code;
}

/* ---- scoring ---- */

static err_code add_references(const captioning *c, int image, cap_scorer *s, error *err)
{
    const ds_image *from = &c->data.image[image];
    err_code code = ERR_OK;
    for (int i = 0; !code && i < from->count; i++)
        code = cap_scorer_add_reference(s, from->id, c->data.caption[from->first + i].text, err);
    return code;
}

static err_code add_grounding(captioning *c, const eval_said *said, int64_t id, error *err)
{
    if (!c->q->grounding) return ERR_OK;
    c->out->placeless += !said->at || !ds_instances_find(&c->objects, id);
    if (!said->at) return ERR_OK;
    return cap_grounding_add(&c->out->grounding, said->word, said->at, said->words, id, err);
}

/* Its words, with how far the model trusts them: as much as it says, unless it was calibrated. */
static err_code add_calibration(captioning *c, const eval_said *said, const char *const *reference,
                                int references, error *err)
{
    const cap_confidence *fit = &c->q->use.model->confidence;
    arena mem = {0};
    float *trust = arena_array(&mem, said->words, sizeof *trust);
    if (!trust) return no_memory(err);
    for (int i = 0; i < said->words; i++)
        trust[i] = fit->fitted ? (float)cap_confidence_word(fit, (double)said->probability[i])
                               : said->probability[i];
    err_code code =
        cap_calibration_add(&c->out->calibration, said->word, trust, said->words, reference, references, err);
    arena_release(&mem);
    return code;
}

/* What its words' probabilities and its attention were. */
static err_code add_inside(captioning *c, int image, error *err)
{
    const ds_image *from = &c->data.image[image];
    const eval_said *said = &c->results.said[image];
    arena mem = {0};
    const char **reference = arena_array(&mem, from->count, sizeof *reference);
    c->out->bare += !said->words;
    cap_attention_merge(&c->out->attention, &said->attention);
    err_code code = reference ? ERR_OK : no_memory(err);
    for (int i = 0; !code && i < from->count; i++) reference[i] = c->data.caption[from->first + i].text;
    if (!code) code = add_calibration(c, said, reference, from->count, err);
    if (!code) code = add_grounding(c, said, from->id, err);
    arena_release(&mem);
    return code;
}

static err_code add_to_scorer(captioning *c, cap_scorer *s, error *err)
{
    c->out->sure = malloc(((size_t)c->limit + 1) * sizeof *c->out->sure);
    c->out->calibrated = c->q->use.model->confidence.fitted;
    err_code code = c->out->sure ? ERR_OK : no_memory(err);
    for (int i = 0; !code && i < c->limit; i++) {
        code = add_references(c, i, s, err);
        const char *caption = c->results.said[i].caption;
        if (code || !c->data.image[i].count || !caption) continue;
        code = cap_scorer_add_hypothesis(s, c->data.image[i].id, caption, err);
        if (!code) code = add_inside(c, i, err);
        c->out->unsure += c->results.said[i].unsure;
        c->out->sure[c->out->scored++] = c->results.said[i].confidence;
    }
    return code;
}

/* What the file of captions holds and scores do not see. */
static void say_left_out(const captioning *c)
{
    const char *path = c->q->captions;
    if (c->data.unknown)
        ui_say("%d captions of '%s' are of images that it does not name, and left out", (int)c->data.unknown,
               path);
    if (c->data.blank) ui_say("%d captions of '%s' are blank and left out", (int)c->data.blank, path);
    if (c->data.without)
        ui_say("%d images of '%s' have no captions and are not scored", (int)c->data.without, path);
}

/* Which parts are scored; nobody scores what a model was trained on without being told. */
static void say_splits(const captioning *c)
{
    text line = {0};
    if (c->data.splits.count < 2) return;
    ds_splits_tell(&c->data.splits, &line);
    ui_say("scored on %s ('%s')%s", text_string(&line), c->q->captions,
           c->q->split ? "" : "; --split takes a part");
    text_release(&line);
}

static int count_references(const captioning *c)
{
    int count = 0;
    for (int i = 0; i < c->limit; i++) count += c->data.image[i].count;
    return count;
}

static err_code prepare(captioning *c, error *err)
{
    ds_captions_settings settings = {.split = c->q->split};
    err_code code = ds_captions_read(c->q->captions, &settings, &c->data, err);
    if (code) return code;
    int n = c->data.images;
    if (!n) return err_set(err, ERR_FORMAT, "'%s' names no photos", c->q->captions);
    if (!c->q->quiet) say_left_out(c);
    if (!c->q->quiet) say_splits(c);
    c->limit = c->q->limit && c->q->limit < n ? c->q->limit : n;
    if (!count_references(c) && !c->q->results_out)
        return err_set(
            err, ERR_MISSING,
            "'%.300s' has no captions to score against; --results-out FILE writes what the model says",
            c->q->captions);
    c->results = (eval_results){.path = c->q->results_out, .captions = c->q->captions, .data = &c->data};
    c->results.said = arena_array(&c->memory, n, sizeof *c->results.said);
    c->gone = arena_array(&c->memory, c->limit, sizeof *c->gone);
    return c->results.said && c->gone ? ERR_OK : no_memory(err);
}

/* A wrong folder takes one line, not one a photo. */
static err_code find_photos(captioning *c, error *err)
{
    char path[PATH_MAX];
    text line = {0};
    ds_missing missing = {.of = c->limit};
    for (int i = 0; i < c->limit; i++) {
        const char *name = c->data.image[i].file_name;
        err_code code = ds_image_path(c->q->images, name, path, sizeof path, err);
        if (code) return code;
        c->gone[i] = !c->results.said[i].caption && !ds_is_file(path);
        if (c->gone[i]) ds_missing_note(&missing, name);
    }
    c->out->unreadable = (int)missing.count;
    if (!missing.count) return ERR_OK;
    ds_missing_tell(&missing, c->q->images, &line);
    err_code code = ERR_OK;
    bool too_many = missing.count > c->q->max_missing * c->limit;
    if (missing.count == c->limit)
        code = err_set(err, ERR_MISSING, "%s; check --images", text_string(&line));
    else if (too_many || !c->q->quiet)
        ui_say("%s; left out%s", text_string(&line), too_many ? " (--max-missing allows a share)" : "");
    text_release(&line);
    return code;
}

static err_code continue_results(captioning *c, error *err)
{
    err_code code = eval_results_read(&c->results, &c->memory, err);
    if (!code && c->results.rows && !c->q->quiet)
        ui_say("continuing '%s': it holds %d of %d captions", c->results.path, c->results.rows,
               c->data.images);
    return code;
}

/* Why there are no scores, though photos were captioned. */
static err_code nothing_scored(const captioning *c, error *err)
{
    const char *written = c->q->results_out ? "; the captions are written" : "";
    if (!count_references(c))
        return err_set(err, ERR_MISSING, "'%.300s' has no captions to score against, so nothing is scored%s",
                       c->q->captions, written);
    return err_set(err, ERR_MISSING,
                   "no photo with captions in '%.300s' could be read, so nothing is scored%s", c->q->captions,
                   written);
}

err_code eval_caption(eval_request *q, cap_scorer *s, eval_captioned *out, error *err)
{
    captioning c = {.q = q, .out = out};
    err_code code = prepare(&c, err);
    if (!code) code = open_model(&c, err);
    if (!code) code = open_objects(&c, err);
    if (!code) code = continue_results(&c, err);
    if (!code) code = find_photos(&c, err);
    if (!code) code = run_model(&c, err);
    ui_warn_end(c.warned, c.limit);
    if (!code) code = add_to_scorer(&c, s, err);
    if (!code && !out->scored) code = nothing_scored(&c, err);
    out->too_many = out->unreadable > q->max_missing * c.limit;
    model_use_close(&q->use);
    ds_captions_release(&c.data);
    ds_instances_release(&c.objects);
    arena_release(&c.memory);
    return code;
}
