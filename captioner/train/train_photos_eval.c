/* Validating on photos: the loss of their captions, captions decoded freely, scores and samples. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "captioner/search/search_words.h"
#include "captioner/train/train_photos.h"

/* Photos encoded at a time; samples of the only set; those that an epoch can show. */
enum { PHOTOS = 16, SAMPLES = 3, MOST_SAMPLES = 4 };

/* Regions of a set's photos, PHOTOS at a time, whether kept or computed. */
typedef struct viewer {
    const cap_split *of;
    ds_loader *loader;
    ds_schedule schedule;
    arena lists;
} viewer;

static err_code viewer_open(viewer *v, const cap_run *r, const cap_split *of, error *err)
{
    *v = (viewer){.of = of};
    if (cap_split_keeps_features(of) || !cap_model_has_states(model_of(r))) return ERR_OK;
    return cap_split_plain_loader(of, model_of(r), PHOTOS, &v->loader, &v->schedule, &v->lists, err);
}

static void viewer_close(viewer *v)
{
    ds_loader_free(&v->loader);
    arena_release(&v->lists);
}

/* NULL without a failure: the model has no regions. */
static nn_var *viewer_next(viewer *v, cap_run *r, int first, int count, error *err)
{
    if (!cap_model_has_states(model_of(r))) return NULL;
    if (v->loader) {
        ds_images photos;
        if (ds_loader_next(v->loader, &photos, err)) return NULL;
        return cap_model_encode(&r->tape, model_of(r), photos.pixels, photos.images);
    }
    int32_t image[PHOTOS];
    for (int i = 0; i < count; i++) image[i] = first + i;
    return cap_split_features(v->of, &r->tape, model_of(r), image, count, err);
}

/* ---- loss ---- */

static int words_of(const cap_run *r, const cap_split *of, int caption)
{
    const int64_t *first = of->encoded.first + caption;
    int64_t n = first[1] - first[0];
    return (int)(asked(r)->max_words && n > asked(r)->max_words ? asked(r)->max_words : n);
}

/* All captions of photos first..first+count-1 as a batch, longest first. */
static err_code captions_of(const cap_run *r, const cap_split *of, int first, int count, arena *memory,
                            ds_batch *b, error *err)
{
    const ds_encoded *data = &of->encoded;
    const ds_captions *c = &of->captions;
    int begin = c->image[first].first,
        end = c->image[first + count - 1].first + c->image[first + count - 1].count;
    *b = (ds_batch){.rows = end - begin, .images = count};
    int32_t *order = arena_array(memory, b->rows, sizeof *order);
    b->length = arena_array(memory, b->rows, sizeof *b->length);
    b->row_image = arena_array(memory, b->rows, sizeof *b->row_image);
    if (!order || !b->length || !b->row_image) return err_no_memory(err, "while validating");
    int rows = 0, longest = 0;
    for (int i = begin; i < end; i++) longest = words_of(r, of, i) > longest ? words_of(r, of, i) : longest;
    for (int length = longest; rows < b->rows; length--)
        for (int i = begin; i < end; i++) {
            if (words_of(r, of, i) != length) continue;
            b->length[rows] = length + 1;
            b->row_image[rows] = data->image[i] - first;
            order[rows++] = i;
        }
    b->max_len = b->length[0];
    size_t width = (size_t)b->max_len + 1;
    b->tokens = arena_array(memory, b->rows * width, sizeof *b->tokens); /* zero is <pad> */
    if (!b->tokens) return err_no_memory(err, "while validating");
    for (int i = 0; i < b->rows; i++) {
        int32_t *row = b->tokens + i * width;
        row[0] = DS_START;
        memcpy(row + 1, data->words + data->first[order[i]], (b->length[i] - 1) * sizeof *row);
        row[b->length[i]] = DS_END;
    }
    return ERR_OK;
}

static err_code add_loss(cap_run *r, const cap_split *of, const cap_memory *m, int first, int count,
                         double *nll, double *words, error *err)
{
    ds_batch b;
    arena_reset(&r->step_memory);
    const ds_image *image = of->captions.image + first;
    if (image[count - 1].first + image[count - 1].count == image[0].first)
        return ERR_OK; /* none has captions */
    err_code code = captions_of(r, of, first, count, &r->step_memory, &b, err);
    if (code) return code;
    cap_loss_options plain = {0};
    nn_loss_info info = {0};
    if (!cap_decoder_loss(&r->tape, &model_of(r)->decoder, m, &b, &plain, &info))
        return err_no_memory(err, "while validating");
    *nll += info.nll;
    *words += info.count;
    return ERR_OK;
}

/* ---- captions ---- */

typedef struct captioning {
    cap_scorer *scorer;
    arena results;
    text sentence[SAMPLES];
    int most, samples, scored; /* photos whose sentence is kept, at most and so far; those with
                                    references */
} captioning;

static err_code add_captions(cap_run *r, const cap_split *of, const cap_memory *m, int first, int count,
                             captioning *c, error *err)
{
    cap_search_options o = cap_search_defaults();
    cap_hypothesis best[PHOTOS];
    o.beam = asked(r)->beam;
    o.max_words = asked(r)->max_words ? asked(r)->max_words : 20;
    arena_reset(&c->results);
    cap_word_lists lists;
    err_code code = cap_search_words(model_of(r)->vocab, model_of(r)->record, NULL, NULL, &lists, &o, err);
    if (!code) code = cap_search(&r->tape, &model_of(r)->decoder, m, &o, &c->results, best, err);
    if (code == ERR_FORMAT) code = cap_run_diverged(r, "what the model computes", err);
    for (int i = 0; !code && i < count && c->scored < (asked(r)->scored ? asked(r)->scored : 1 << 30); i++) {
        const ds_image *image = &of->captions.image[first + i];
        text sentence = {0};
        cap_model_sentence(model_of(r), best[i].word, best[i].words, &sentence);
        for (int j = 0; !code && j < image->count; j++)
            code = cap_scorer_add_reference(c->scorer, image->id, of->captions.caption[image->first + j].text,
                                            err);
        if (!code && image->count)
            code = cap_scorer_add_hypothesis(c->scorer, image->id, text_string(&sentence), err);
        if (image->count) c->scored++;
        if (c->samples < c->most)
            c->sentence[c->samples++] = sentence;
        else
            text_release(&sentence);
    }
    return code;
}

/* Words by the regions, of an encoder that learns; the objects were found before. */
static err_code name_by_regions(cap_run *r, int set, nn_var *regions, int first, int count, error *err)
{
    cap_photo_data *d = data_of(r);
    const cap_namer *head = &model_of(r)->namers[CAP_NAMER_WORDS];
    size_t words = head->config.names.count;
    if (!head->config.row || !d->encoder_trains) return ERR_OK;
    const nn_var *scores = cap_words_scores(&r->tape, head, regions);
    float *all = d->val_seen[set].scores;
    int photos = d->val[set].captions.images;
    if (!all && (all = calloc(photos * words + 1, sizeof *all)))
        cap_split_take_scores(&d->val_seen[set], photos, (int)words, all);
    if (!scores || !all) return err_no_memory(err, "while validating");
    for (size_t i = 0; i < count * words; i++) all[first * words + i] = (float)scores->data[i];
    return ERR_OK;
}

/* What is named in the photos, as the users of the model will have it: no style is told. */
static err_code add_named(cap_run *r, int set, int first, int count, cap_concepts *concepts, cap_encoded *e,
                          error *err)
{
    cap_photo_data *d = data_of(r);
    int32_t *counts;
    if (!d->has_concepts || (!e->states && cap_model_has_states(model_of(r)))) return ERR_OK;
    err_code code = name_by_regions(r, set, e->states, first, count, err);
    if (code) return code;
    cap_concept *list = cap_photos_concepts(r, count, concepts, &counts);
    if (r->tape.failed) return err_no_memory(err, "while validating");
    for (int i = 0; i < count; i++)
        counts[i] = cap_named_choose(model_of(r)->namers, &d->val_seen[set].named, first + i,
                                     list + (size_t)i * concepts->most);
    e->concepts = concepts;
    return ERR_OK;
}

static err_code validate(cap_run *r, int set, viewer *v, captioning *c, cap_validation *found, error *err)
{
    const cap_split *of = v->of;
    int n = of->captions.images;
    double nll = 0, words = 0;
    error none = {0};
    err_code code = cap_run_validated(r, "photos", 0, n, err);
    for (int first = 0; first < n; first += PHOTOS) {
        int count = n - first < PHOTOS ? n - first : PHOTOS;
        nn_begin(&r->tape);
        *err = none;
        cap_concepts concepts;
        cap_encoded seen = {.states = viewer_next(v, r, first, count, err)};
        if (!err->code) add_named(r, set, first, count, &concepts, &seen, err);
        cap_memory m = cap_decoder_remember(&r->tape, &model_of(r)->decoder, &seen);
        if (err->code) return err->code;
        if (r->tape.failed || (!seen.states && cap_model_has_states(model_of(r))))
            return err_no_memory(err, "while validating");
        code = add_loss(r, of, &m, first, count, &nll, &words, err);
        bool wanted = !asked(r)->scored || c->scored < asked(r)->scored;
        if (!code && wanted) code = add_captions(r, of, &m, first, count, c, err);
        if (code) return code;
        if ((code = cap_run_validated(r, "photos", first + count, n, err))) return code;
    }
    found->loss = nll / words;
    return cap_scorer_run(c->scorer, NULL, &found->scores, err);
}

static double goodness(const cap_run *r, const cap_validation *found)
{
    const cap_metrics *m = &found->scores.of;
    switch (asked(r)->best_by) {
    case CAP_BEST_BLEU4:
        return m->bleu[3];
    case CAP_BEST_LOSS:
        return -found->loss;
    default:
        return m->cider_d;
    }
}

/* The photos that are shown, and what is said of them. */
static void keep_samples(cap_run *r, const cap_split *of, const captioning *c, cap_epoch *e)
{
    for (int i = 0; i < c->samples; i++) {
        e->sample_input[e->samples] = of->captions.image[i].file_name;
        e->sample_output[e->samples++] = arena_strdup(&data_of(r)->samples, text_string(&c->sentence[i]));
    }
}

static err_code validate_set(cap_run *r, int set, cap_epoch *e, error *err)
{
    cap_photo_data *d = data_of(r);
    const int most = d->vals > 2 ? 1 : d->vals > 1 ? 2 : SAMPLES;
    viewer v;
    captioning c = {.most = e->samples + most <= MOST_SAMPLES ? most : 0};
    err_code code = viewer_open(&v, r, &d->val[set], err);
    if (!code) code = cap_scorer_create(&c.scorer, err);
    if (!code) code = validate(r, set, &v, &c, &d->validation[set], err);
    d->validation[set].scores.image = NULL;
    if (!code) keep_samples(r, &d->val[set], &c, e);
    for (int i = 0; i < SAMPLES; i++) text_release(&c.sentence[i]);
    cap_scorer_free(&c.scorer);
    arena_release(&c.results);
    viewer_close(&v);
    return code;
}

/* Sets count alike, whatever their sizes. */
err_code cap_photos_validate(cap_run *r, cap_epoch *e, error *err)
{
    cap_photo_data *d = data_of(r);
    double loss = 0, good = 0;
    arena_reset(&d->samples);
    err_code code = cap_photos_rename(r, err);
    for (int i = 0; !code && i < d->vals; i++) {
        code = validate_set(r, i, e, err);
        loss += d->validation[i].loss;
        good += goodness(r, &d->validation[i]);
    }
    e->val_loss = loss / d->vals;
    e->goodness = good / d->vals;
    e->validated = true;
    return code;
}

/* ---- what is made of it ---- */

void cap_photos_tell(const cap_run *r, const cap_epoch *e, text *line)
{
    const cap_photo_data *d = data_of(r);
    (void)e;
    for (int i = 0; i < d->vals; i++) {
        const cap_metrics *m = &d->validation[i].scores.of;
        if (d->vals > 1)
            text_printf(line, "%s%.200s: ", i ? "; " : "", cap_photos_set_name(&cap_photos_val_sets(r)[i]));
        text_printf(line, "loss %.3f, BLEU-4 %.1f, CIDEr %.1f", d->validation[i].loss, 100 * m->bleu[3],
                    100 * m->cider_d);
    }
}

static void put_scores(const cap_run *r, const cap_validation *found, io_json_build *b, json_t *o)
{
    static const char *const bleu[] = {"bleu1", "bleu2", "bleu3", "bleu4"};
    const cap_metrics *m = &found->scores.of;
    io_json_put_int(b, o, "photos", found->scores.images);
    io_json_put_int(b, o, "beam", asked(r)->beam);
    for (int i = 0; i < 4; i++) io_json_put_number(b, o, bleu[i], m->bleu[i]);
    io_json_put_number(b, o, "rouge_l", m->rouge_l);
    io_json_put_number(b, o, "cider", m->cider_d);
    io_json_put_number(b, o, "loss", found->loss);
}

/* One set's scores, or the means that choose the best epoch and each set's. */
void cap_photos_scores(const cap_run *r, const cap_epoch *e, io_json_build *b, json_t *o)
{
    const cap_photo_data *d = data_of(r);
    if (d->vals == 1) {
        put_scores(r, d->validation, b, o);
        return;
    }
    io_json_put_number(b, o, cap_best_names[asked(r)->best_by], fabs(e->goodness));
    if (asked(r)->best_by != CAP_BEST_LOSS) io_json_put_number(b, o, "loss", e->val_loss);
    json_t *sets = io_json_put_array(b, o, "sets");
    for (int i = 0; i < d->vals; i++) {
        json_t *set = io_json_put_object(b, sets, NULL);
        io_json_put_string(b, set, "captions_file", cap_photos_set_name(&cap_photos_val_sets(r)[i]));
        put_scores(r, &d->validation[i], b, set);
    }
}

void cap_photos_sample(const cap_epoch *e, int i, io_json_build *b, json_t *o)
{
    io_json_put_string(b, o, "photo", e->sample_input[i]);
    io_json_put_string(b, o, "caption", e->sample_output[i] ? e->sample_output[i] : "");
}
