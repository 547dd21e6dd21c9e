/* After an epoch: validation loss, captions decoded freely and their scores; the model file, its record and
 * the log. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "captioner/search_words.h"
#include "captioner/train_run.h"
#include "src/io/file.h"
#include "src/io/json.h"

enum { PHOTOS = 16, SAMPLES = 3 };

/* Regions of the validation photos, PHOTOS at a time, whether kept or computed. */
typedef struct viewer {
    ds_loader *loader;
    ds_schedule schedule;
    arena lists;
} viewer;

static err_code viewer_open(viewer *v, const cap_run *r, error *err)
{
    *v = (viewer){0};
    if (r->val.features) return ERR_OK;
    return cap_split_plain_loader(&r->val, r->model, PHOTOS, &v->loader, &v->schedule, &v->lists, err);
}

static void viewer_close(viewer *v)
{
    ds_loader_free(&v->loader);
    arena_release(&v->lists);
}

static nn_var *viewer_next(viewer *v, cap_run *r, int first, int count, error *err)
{
    if (v->loader) {
        ds_images photos;
        if (ds_loader_next(v->loader, &photos, err)) return NULL;
        return cap_model_encode(&r->tape, r->model, photos.pixels, photos.images);
    }
    int32_t image[PHOTOS];
    for (int i = 0; i < count; i++) image[i] = first + i;
    return cap_split_features(&r->val, &r->tape, r->model, image, count, err);
}

/* ---- loss ---- */

static int words_of(const cap_run *r, int caption)
{
    const int64_t *first = r->val.encoded.first + caption;
    int64_t n = first[1] - first[0];
    return (int)(r->s->max_words && n > r->s->max_words ? r->s->max_words : n);
}

/* All captions of photos first..first+count-1 as a batch, longest first. */
static err_code captions_of(const cap_run *r, int first, int count, arena *memory, ds_batch *b, error *err)
{
    const ds_encoded *data = &r->val.encoded;
    const ds_captions *c = &r->val.captions;
    int begin = c->image[first].first,
        end = c->image[first + count - 1].first + c->image[first + count - 1].count;
    *b = (ds_batch){.rows = end - begin, .images = count};
    int32_t *order = arena_array(memory, (size_t)b->rows, sizeof *order);
    b->length = arena_array(memory, (size_t)b->rows, sizeof *b->length);
    b->row_image = arena_array(memory, (size_t)b->rows, sizeof *b->row_image);
    if (!order || !b->length || !b->row_image)
        return err_set(err, ERR_MEMORY, "out of memory while validating");
    int rows = 0, longest = 0;
    for (int i = begin; i < end; i++) longest = words_of(r, i) > longest ? words_of(r, i) : longest;
    for (int length = longest; rows < b->rows; length--)
        for (int i = begin; i < end; i++) {
            if (words_of(r, i) != length) continue;
            b->length[rows] = length + 1;
            b->row_image[rows] = data->image[i] - first;
            order[rows++] = i;
        }
    b->max_len = b->length[0];
    size_t width = (size_t)b->max_len + 1;
    b->tokens = arena_array(memory, (size_t)b->rows * width, sizeof *b->tokens); /* zero is <pad> */
    if (!b->tokens) return err_set(err, ERR_MEMORY, "out of memory while validating");
    for (int i = 0; i < b->rows; i++) {
        int32_t *row = b->tokens + (size_t)i * width;
        row[0] = DS_START;
        memcpy(row + 1, data->words + data->first[order[i]], (size_t)(b->length[i] - 1) * sizeof *row);
        row[b->length[i]] = DS_END;
    }
    return ERR_OK;
}

static err_code add_loss(cap_run *r, const cap_memory *m, int first, int count, double *nll, double *words,
                         error *err)
{
    ds_batch b;
    arena_reset(&r->step_memory);
    const ds_image *image = r->val.captions.image + first;
    if (image[count - 1].first + image[count - 1].count == image[0].first)
        return ERR_OK; /* none has captions */
    err_code code = captions_of(r, first, count, &r->step_memory, &b, err);
    if (code) return code;
    cap_loss_options plain = {0};
    nn_loss_info info = {0};
    if (!cap_decoder_loss(&r->tape, &r->model->decoder, m, &b, &plain, &info))
        return err_set(err, ERR_MEMORY, "out of memory while validating");
    *nll += info.nll;
    *words += info.count;
    return ERR_OK;
}

/* ---- captions ---- */

typedef struct captioning {
    cap_scorer *scorer;
    arena results;
    text sentence[SAMPLES];
    int samples, scored; /* photos with a sentence; those of them with references */
} captioning;

static err_code add_captions(cap_run *r, const cap_memory *m, int first, int count, captioning *c, error *err)
{
    cap_search_options o = cap_search_defaults();
    cap_hypothesis best[PHOTOS];
    o.beam = r->s->beam;
    o.max_words = r->s->max_words ? r->s->max_words : 20;
    arena_reset(&c->results);
    cap_word_lists lists;
    err_code code = cap_search_words(r->model->vocab, r->model->record, NULL, NULL, &lists, &o, err);
    if (!code) code = cap_search(&r->tape, &r->model->decoder, m, &o, &c->results, best, err);
    for (int i = 0; !code && i < count && c->scored < (r->s->scored ? r->s->scored : 1 << 30); i++) {
        const ds_image *image = &r->val.captions.image[first + i];
        text sentence = {0};
        cap_model_sentence(r->model, best[i].word, best[i].words, &sentence);
        for (int j = 0; !code && j < image->count; j++)
            code = cap_scorer_add_reference(c->scorer, image->id,
                                            r->val.captions.caption[image->first + j].text, err);
        if (!code && image->count)
            code = cap_scorer_add_hypothesis(c->scorer, image->id, text_string(&sentence), err);
        if (image->count) c->scored++;
        if (c->samples < SAMPLES)
            c->sentence[c->samples++] = sentence;
        else
            text_release(&sentence);
    }
    return code;
}

static err_code validate(cap_run *r, viewer *v, captioning *c, cap_epoch *e, error *err)
{
    int n = r->val.captions.images;
    double nll = 0, words = 0;
    error none = {0};
    for (int first = 0; first < n; first += PHOTOS) {
        int count = n - first < PHOTOS ? n - first : PHOTOS;
        nn_begin(&r->tape);
        *err = none;
        cap_memory m = cap_decoder_remember(&r->tape, &r->model->decoder,
                                            &(cap_encoded){.states = viewer_next(v, r, first, count, err)});
        if (err->code) return err->code;
        if (!m.values) return err_set(err, ERR_MEMORY, "out of memory while validating");
        err_code code = add_loss(r, &m, first, count, &nll, &words, err);
        bool wanted = !r->s->scored || c->scored < r->s->scored;
        if (!code && wanted) code = add_captions(r, &m, first, count, c, err);
        if (code) return code;
        if (r->events->progress)
            r->events->progress(r->events->ctx, "validating", "photos", first + count, n, NULL);
        if (cap_run_stopped(r))
            return err_set(err, ERR_INTERRUPTED,
                           "interrupted while validating; the state is saved, --resume goes on from here");
    }
    e->val_loss = nll / words;
    e->val_perplexity = exp(e->val_loss);
    e->validated = true;
    return cap_scorer_run(c->scorer, NULL, &e->scores, err);
}

err_code cap_run_validate(cap_run *r, cap_epoch *e, error *err)
{
    viewer v;
    captioning c = {0};
    r->tape.recording = r->tape.training = false;
    err_code code = viewer_open(&v, r, err);
    if (!code) code = cap_scorer_create(&c.scorer, err);
    if (!code) code = validate(r, &v, &c, e, err);
    e->scores.image = NULL;
    arena_reset(&r->step_memory);
    for (int i = 0; !code && i < c.samples; i++) {
        e->sample_file[i] = r->val.captions.image[i].file_name;
        e->sample_caption[i] = arena_strdup(&r->step_memory, text_string(&c.sentence[i]));
        e->samples = i + 1;
    }
    for (int i = 0; i < SAMPLES; i++) text_release(&c.sentence[i]);
    cap_scorer_free(&c.scorer);
    arena_release(&c.results);
    viewer_close(&v);
    return code;
}

/* ---- record, log, model ---- */

static json_t *scores_json(const cap_epoch *e, int beam)
{
    const cap_metrics *m = &e->scores.of;
    return json_pack("{s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "photos", (int)e->scores.images, "beam",
                     beam, "bleu1", m->bleu[0], "bleu2", m->bleu[1], "bleu3", m->bleu[2], "bleu4", m->bleu[3],
                     "rouge_l", m->rouge_l, "cider", m->cider_d, "loss", e->val_loss);
}

static json_t *epoch_json(const cap_run *r, const cap_epoch *e)
{
    json_t *o = json_pack("{s:i, s:I, s:f, s:f, s:f, s:f, s:f, s:b}", "epoch", e->epoch, "steps",
                          (json_int_t)r->at.step, "loss", e->loss, "perplexity", e->perplexity, "accuracy",
                          e->accuracy, "seconds", e->seconds, "captions_per_second", e->captions_per_second,
                          "best", e->best);
    if (!o || !e->validated) return o;
    json_object_set_new(o, "validation", scores_json(e, r->s->beam));
    json_t *samples = json_array();
    for (int i = 0; i < e->samples; i++)
        json_array_append_new(samples, json_pack("{s:s, s:s}", "photo", e->sample_file[i], "caption",
                                                 e->sample_caption[i] ? e->sample_caption[i] : ""));
    json_object_set_new(o, "samples", samples);
    return o;
}

static err_code append_log(const cap_run *r, const cap_epoch *e, error *err)
{
    json_t *o = epoch_json(r, e);
    char *line = o ? json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
    json_decref(o);
    if (!line) return err_set(err, ERR_MEMORY, "out of memory while writing '%s'", r->log_path);
    err_code code = io_append_line(r->log_path, line, err);
    free(line);
    return code;
}

static double goodness(const cap_run *r, const cap_epoch *e)
{
    if (!e->validated) return e->epoch; /* without validation the last epoch is the best */
    switch (r->s->best_by) {
    case CAP_BEST_CIDER:
        return e->scores.of.cider_d;
    case CAP_BEST_BLEU4:
        return e->scores.of.bleu[3];
    case CAP_BEST_LOSS:
        return -e->val_loss;
    }
    return 0;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void write_record(const cap_run *r, const cap_epoch *e)
{
    const cap_train_settings *s = r->s;
    json_t *o = r->model->record;
    if (s->command) json_object_set_new(o, "command", json_string(s->command));
    if (s->licence) json_object_set_new(o, "licence", json_string(s->licence));
    json_t *training =
        json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:f, s:f, s:f, s:f, s:I, s:s}", "captions_file",
                  base_name(s->captions), "captions", r->train.encoded.captions, "photos",
                  r->train.captions.images, "epoch", e->epoch, "epochs", s->epochs, "batch", s->batch, "rate",
                  s->rate, "weight_decay", s->decay, "label_smoothing", s->loss.smoothing, "loss", e->loss,
                  "seed", (json_int_t)s->seed, "precision", s->bf16 ? "bf16" : "f32");
    json_object_set_new(o, "training", training);
    cap_search_record_words(r->model->vocab, o);
    if (e->validated) json_object_set_new(o, "validation", scores_json(e, s->beam));
}

err_code cap_run_report(cap_run *r, cap_epoch *e, error *err)
{
    double value = goodness(r, e);
    e->best = value > r->at.best;
    err_code code = ERR_OK;
    if (e->best) {
        r->at.best = value;
        r->at.best_epoch = r->at.epoch;
        write_record(r, e);
        code = cap_model_save(r->model, r->s->out, r->s->dtype, err);
    }
    if (!code) code = append_log(r, e, err);
    if (!code && r->events->epoch) r->events->epoch(r->events->ctx, e);
    return code;
}
