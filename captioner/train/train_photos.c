/* The task of captioning photos: data, the photos of each batch, settings and record. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "captioner/net/cnn_encoder.h"
#include "captioner/score/model_df.h"
#include "captioner/score/score.h"
#include "captioner/search/search_words.h"
#include "captioner/train/train_photos.h"
#include "src/nn/activation.h"

/* ---- opening ---- */

int cap_photos_sets(const cap_photo_set set[CAP_MOST_SETS])
{
    int n = 0;
    while (n < CAP_MOST_SETS && set[n].captions) n++;
    return n;
}

const char *cap_photos_set_name(const cap_photo_set *set)
{
    const char *name = cap_run_base_name(set->captions);
    while (name > set->captions && name[-1] == '/') name--; /* back to the end of the folder's name, */
    while (name > set->captions && name[-1] != '/') name--; /* and to its beginning */
    return name;
}

/* No photo is learnt from. */
static err_code check_alone(const cap_train_settings *s, error *err)
{
    if (!s->concept.captions_only)
        return err_set(err, ERR_ARGUMENT,
                       "nothing is learnt from photos that are only measured; captions without photos are "
                       "missing (--captions-only)");
    if (!cap_photos_no_encoder(s))
        return err_set(err, ERR_ARGUMENT,
                       "regions are learnt from photos, and all photos are only measured: --encoder none");
    return ERR_OK;
}

static err_code check_sets(const cap_train_settings *s, error *err)
{
    int sets = cap_photos_sets(s->photos);
    int learnt = 0;
    if (!sets || !s->encoder) return err_set(err, ERR_ARGUMENT, "captions, images and encoder must be named");
    for (int i = 0; i < sets; i++) {
        const cap_photo_set *set = &s->photos[i];
        if (!set->images)
            return err_set(err, ERR_ARGUMENT, "the folder of the photos of '%.200s' must be named",
                           set->captions);
        bool seen = set->times != CAP_ONLY_MEASURED;
        if (seen && (set->times < 0 || set->times > CAP_MOST_TIMES))
            return err_set(err, ERR_ARGUMENT,
                           "the photos of '%.200s' cannot be seen %d times an epoch: 1 to %d", set->captions,
                           set->times, CAP_MOST_TIMES);
        learnt += seen;
    }
    return learnt ? ERR_OK : check_alone(s, err);
}

static err_code check(const void *asked_for, const cap_run_settings *run, error *err)
{
    const cap_train_settings *s = asked_for;
    (void)run;
    err_code code = check_sets(s, err);
    if (code) return code;
    if (s->size && (s->size < CNN_MIN_SIDE || s->size > CNN_MAX_SIDE))
        return err_set(err, ERR_ARGUMENT,
                       "photos of %d pixels are not possible; --size must be 0 or %d to %d", s->size,
                       CNN_MIN_SIDE, CNN_MAX_SIDE);
    if (s->cache && strlen(s->cache) > CAP_LONGEST_OUT)
        return err_set(err, ERR_LIMIT, "the name of --cache is longer than %d bytes", CAP_LONGEST_OUT);
    if ((code = cap_sentences_check(s, err)) || (code = cap_photos_check_concepts(s, err))) return code;
    bool own = cap_photos_own_encoder(s);
    if (s->init && s->encoder_weights)
        return err_set(
            err, ERR_ARGUMENT,
            "--init and --encoder-weights both say what the encoder starts from: give one of them");
    if (own && s->tune_encoder)
        return err_set(err, ERR_ARGUMENT,
                       "--tune-encoder is for imported encoders; '%s' is trained along anyway", s->encoder);
    if (cap_photos_no_encoder(s) && (s->tune_encoder || s->encoder_weights))
        return err_set(err, ERR_ARGUMENT, "--encoder none has no weights: nothing to tune or to start from");
    if (own || s->init || cap_photos_no_encoder(s)) return ERR_OK;
    if (s->encoder_weights)
        return err_set(err, ERR_ARGUMENT,
                       "--encoder-weights starts an encoder of our own, but --encoder '%s' names a file",
                       s->encoder);
    if (access(s->encoder, F_OK))
        return err_set(err, ERR_MISSING,
                       "'%s' is neither an encoder of this program nor a file; try --encoder small",
                       s->encoder);
    return ERR_OK;
}

static ds_captions_settings take(const char *asked, const char *otherwise)
{
    return (ds_captions_settings){.split = asked ? asked : otherwise, .by_default = !asked};
}

/* Does one file serve both, and would a split be learnt from and validated on? */
static const char *in_both(const ds_splits *trained, const char *validated)
{
    for (int i = 0; i < trained->count; i++)
        if (trained->list[i].taken && ds_splits_names(validated, trained->list[i].name))
            return trained->list[i].name;
    return NULL;
}

/* What training leaves of its own file's splits, where it has but one. */
static err_code find_own_validation(cap_run *r, error *err)
{
    const cap_train_settings *s = asked(r);
    const ds_splits *splits = &data_of(r)->train.captions.splits;
    const char *wanted = s->val_split ? s->val_split : DS_VAL_SPLITS;
    if (s->photos[1].captions) return ERR_OK;
    const char *both = in_both(splits, wanted);
    r->has_val = s->val_split;
    if (both && s->val_split)
        return err_set(err, ERR_ARGUMENT, "split '%s' of '%.200s' cannot be both trained on and validated on",
                       both, s->photos[0].captions);
    for (int i = 0; i < splits->count; i++)
        if (!both && ds_splits_names(wanted, splits->list[i].name)) r->has_val = true;
    return ERR_OK;
}

const cap_photo_set *cap_photos_val_sets(const cap_run *r)
{
    return asked(r)->val[0].captions ? asked(r)->val : asked(r)->photos;
}

static err_code open_validation(cap_run *r, int i, error *err)
{
    const cap_train_settings *s = asked(r);
    cap_photo_set set = {.captions = cap_photos_val_sets(r)[i].captions, .images = s->val[i].images};
    if (!set.images) set.images = s->photos[0].images;
    cap_split_source from = {.set = &set,
                             .sets = 1,
                             .take = take(s->val_split, DS_VAL_SPLITS),
                             .verb = "validates on",
                             .max_missing = s->max_missing};
    return cap_split_open(&data_of(r)->val[i], &from, r->events, err);
}

static err_code open_splits(cap_run *r, error *err)
{
    const cap_train_settings *s = asked(r);
    cap_photo_data *d = data_of(r);
    cap_split_source from = {.set = s->photos,
                             .sets = cap_photos_sets(s->photos),
                             .take = take(s->split, DS_TRAIN_SPLITS),
                             .verb = "trains on",
                             .max_missing = s->max_missing};
    err_code code = cap_split_open(&d->train, &from, r->events, err);
    int named = cap_photos_sets(s->val);
    r->has_val = named;
    if (!code && !named) code = find_own_validation(r, err);
    d->vals = named ? named : r->has_val;
    d->alone = true;
    for (int i = 0; i < d->train.parts; i++) d->alone = d->alone && !d->train.part[i].times;
    for (int i = 0; !code && i < d->vals; i++) code = open_validation(r, i, err);
    return code;
}

/* Counted over the training captions, for scores of few photos later. A table too large for a model is left
 * out. */
static err_code add_df(cap_run *r, error *err)
{
    const cap_photo_data *d = data_of(r);
    const ds_captions *c = d->alone ? &d->photoless.only.captions : &d->train.captions;
    cap_scorer *s = NULL;
    cap_df *df = NULL;
    error reason = {0};
    err_code code = cap_scorer_create(&s, err);
    for (int i = 0; !code && i < c->captions; i++) {
        code = cap_scorer_add_reference(s, c->caption[i].image, c->caption[i].text, err);
        if (code == ERR_LIMIT) code = ERR_OK; /* longer than what is scored, but not than what is learnt */
    }
    if (!code) code = cap_scorer_count_df(s, &df, err);
    cap_scorer_free(&s);
    if (!code && (code = cap_model_set_df(model_of(r), df, &reason)) == ERR_LIMIT) {
        cap_run_say(r, "the model goes without %s", reason.text);
        code = ERR_OK;
    } else if (code && reason.code && err) {
        *err = reason;
    }
    cap_df_free(&df);
    return code;
}

static void name_cache(cap_run *r)
{
    const char *out = r->files.out, *slash = strrchr(out, '/');
    int length = slash && slash != out ? (int)(slash - out) : 1; /* of the folder; "/" and "." are one byte */
    char *cache = data_of(r)->cache;
    if (asked(r)->cache)
        snprintf(cache, sizeof data_of(r)->cache, "%.4000s", asked(r)->cache);
    else
        snprintf(cache, sizeof data_of(r)->cache, "%.*s", length, slash ? out : ".");
}

static err_code open_photos(cap_run *r, error *err)
{
    cap_photo_data *d = data_of(r);
    cap_sentences_begin(r);
    name_cache(r);
    err_code code = open_splits(r, err);
    if (code || (code = cap_sentences_make(r, cap_photos_make_model, err)) ||
        (code = cap_photos_prepare_encoder(r, err)) ||
        (code = cap_photos_begin_concepts(r, !asked(r)->init, err)) || (code = add_df(r, err)))
        return code;
    int *per_image = &d->sentences.s.per_image;
    d->sentences.targets = d->alone ? &d->photoless.encoded : &d->train.turns;
    if (!*per_image && (d->encoder_trains || d->has_concepts)) *per_image = 5;
    if (*per_image > r->s->batch) *per_image = r->s->batch;
    code = cap_sentences_ready(r, err);
    r->extent.has_beside = d->photoless.groups && !d->alone;
    return code;
}

static void introduce(const cap_run *r, text *line)
{
    const cap_photo_data *d = data_of(r);
    const cap_model *m = model_of(r);
    if (d->alone)
        text_printf(line, "%d photos to measure by", d->train.captions.images);
    else
        text_printf(line, "%d captions of %d photos", d->train.captions.captions, d->train.captions.images);
    text_printf(line, ", %d words; encoder ", (int)ds_vocab_size(m->vocab));
    if (cap_model_has_states(m))
        text_printf(line, "%s (%s), %zu weights, %d regions", cap_cnn_architecture(&m->encoder.config),
                    d->encoder_trains ? "trained along" : "frozen", nn_params_learned(&m->params),
                    m->encoder.grid_h * m->encoder.grid_w);
    else
        text_printf(line, "%s, %zu weights", m->encoder.config.row->name, nn_params_learned(&m->params));
    if (d->photoless.groups)
        text_printf(line, "; %d captions of %d photos that are not at hand", d->photoless.encoded.captions,
                    d->photoless.groups);
}

static err_code prepare(cap_run *r, error *err)
{
    cap_photo_data *d = data_of(r);
    err_code code = ERR_OK;
    bool keeps = !d->encoder_trains && cap_model_has_states(model_of(r));
    if (keeps) code = cap_split_keep_features(&d->train, model_of(r), d->cache, r->threads, err);
    for (int i = 0; !code && i < d->vals && keeps; i++)
        code = cap_split_keep_features(&d->val[i], model_of(r), d->cache, r->threads, err);
    return code ? code : cap_photos_name(r, err);
}

static void close_photos(cap_run *r)
{
    cap_photo_data *d = data_of(r);
    ds_loader_free(&d->loader);
    cap_photos_close_concepts(r);
    cap_split_close(&d->train);
    for (int i = 0; i < CAP_MOST_SETS; i++) cap_split_close(&d->val[i]);
    arena_release(&d->lists);
    arena_release(&d->samples);
    cap_sentences_close(r);
}

/* ---- the photos of an epoch ---- */

static err_code open_loader(const cap_run *r, cap_photo_data *d, error *err)
{
    const cap_train_settings *s = asked(r);
    ds_augment augment = ds_augment_defaults();
    ds_loader_settings l = ds_loader_defaults();
    l.item = d->train.seen;
    l.items = d->train.turns.images;
    l.size = model_of(r)->preprocess.size;
    l.max_images = r->s->batch;
    l.store_side = model_of(r)->preprocess.size * 9 / 8;
    l.cache_bytes = s->photo_memory;
    l.fit = model_of(r)->preprocess.fit == CNN_CROP ? DS_CENTRE_CROP : DS_STRETCH;
    l.augment = s->augment ? &augment : NULL;
    l.keep_sides = d->train.turns.sided;
    l.seed = r->s->seed;
    l.max_bad_share = s->max_missing;
    l.report = cap_split_say_damaged;
    l.ctx = (void *)r->events;
    return ds_loader_create(&l, &d->loader, err);
}

static err_code begin(cap_run *r, error *err)
{
    cap_photo_data *d = data_of(r);
    err_code code = cap_sentences_plan(r, err);
    if (code || cap_split_keeps_features(&d->train) || !cap_model_has_states(model_of(r))) return code;
    arena_reset(&d->lists);
    if (!d->loader && (code = open_loader(r, d, err))) return code;
    code = ds_schedule_of_plan(d->sentences.plan, &d->lists, &d->schedule, err);
    return code ? code : cap_run_start_loader(r, d->loader, &d->schedule, &d->lists, err);
}

/* Regions of kept features, or of the photos that the loader has decoded, also where none are shown. */
static nn_var *regions_of(cap_run *r, const ds_batch *b, bool shown, error *err)
{
    cap_photo_data *d = data_of(r);
    ds_images photos;
    if (!cap_model_has_states(model_of(r))) return NULL;
    if (cap_split_keeps_features(&d->train)) {
        int32_t *photo = shown ? nn_scratch(&r->tape, b->images * sizeof *photo) : NULL;
        for (int32_t i = 0; photo && i < b->images; i++) photo[i] = d->train.photo[b->image[i]];
        return photo ? cap_split_features(&d->train, &r->tape, model_of(r), photo, b->images, err) : NULL;
    }
    if (ds_loader_next(d->loader, &photos, err) || !shown) return NULL;
    return cap_model_encode(&r->tape, model_of(r), photos.pixels, photos.images);
}

static cap_encoded encode(cap_run *r, const ds_batch *b, error *err)
{
    bool shown = cap_photos_show_regions(r);
    cap_encoded e = {.states = regions_of(r, b, shown, err)};
    data_of(r)->photos = b->images;
    if (shown && !e.states && !err->code) err_no_memory(err, "in a training step");
    if (!err->code) cap_photos_add_concepts(r, b, &e, err);
    return e;
}

static cap_encoded draw(cap_run *r, const ds_batch *b, error *err)
{
    cap_encoded e = {0};
    cap_photos_draw_groups(r, b, &e, err);
    return e;
}

/* Photos and groups without photos count alike. */
static nn_var *loss(cap_run *r, cap_counts *counts, error *err)
{
    cap_photo_data *d = data_of(r);
    nn_var *part[2];
    cap_counts beside = {0};
    int groups;
    if (d->alone) return cap_sentences_loss(r, draw, counts, err);
    part[0] = cap_sentences_loss(r, encode, counts, err);
    if (!d->photoless.groups || err->code || !part[0]) return part[0];
    part[1] = cap_photos_photoless_loss(r, &groups, &beside, err);
    if (!part[1]) return NULL;
    counts->beside = d->sentences.judge ? beside.reward : (double)part[1]->data[0];
    const real all = (real)(d->photos + groups), weights[] = {(real)d->photos / all, (real)groups / all};
    return nn_weighted_sum(&r->tape, part, weights, 2);
}

/* ---- settings and record ---- */

/* Photos and captions as the steps see them. */
static hash128 contents(const cap_split *s)
{
    hash128 h = cap_sentences_hash(&s->turns, (hash128){.lo = 1});
    for (int i = 0; i < s->captions.images; i++)
        h = hash_bytes(s->captions.image[i].file_name, strlen(s->captions.image[i].file_name), h.lo);
    return h;
}

/* What the names of namers and styles are follows from the captions. */
static void put_concepts(const cap_run *r, io_json_build *b, json_t *o)
{
    const cap_photo_data *d = data_of(r);
    const cap_model *m = model_of(r);
    text namers = {0}, styles = {0};
    for (int i = 0; i < CAP_NAMERS; i++)
        if (m->namers[i].config.row)
            text_printf(&namers, "%s%s", namers.length ? "," : "", m->namers[i].config.row->name);
    for (int i = 0; i < d->train.parts; i++)
        text_printf(&styles, "%s%s", i ? "," : "", d->train.part[i].style ? d->train.part[i].style : "");
    io_json_put_string(b, o, "namers", text_string(&namers));
    io_json_put_string(b, o, "style", text_string(&styles));
    io_fields_write(cap_concept_fields, asked(r), b, o);
    if (asked(r)->concept.detector)
        io_json_put_string(b, o, "detector", cap_run_base_name(asked(r)->concept.detector));
    if (d->photoless.groups)
        cap_run_put_hash(b, o, "contents of --captions-only",
                         cap_sentences_hash(&d->photoless.encoded, (hash128){.lo = 1}));
    if (asked(r)->concept.only_style)
        io_json_put_string(b, o, "captions_only_style", asked(r)->concept.only_style);
    text_release(&namers);
    text_release(&styles);
}

static void settings(const cap_run *r, io_json_build *b, json_t *o)
{
    const cap_train_settings *s = asked(r);
    const cap_photo_data *d = data_of(r);
    cap_sentences_settings(r, b, o);
    io_json_put_string(b, o, "encoder", cap_run_base_name(s->encoder));
    io_json_put_int(b, o, "size", model_of(r)->preprocess.size);
    io_json_put_bool(b, o, "crop", s->crop);
    io_json_put_bool(b, o, "tune_encoder", d->encoder_trains);
    io_json_put_bool(b, o, "augment", s->augment);
    io_json_put_number(b, o, "encoder_factor", s->encoder_factor);
    put_concepts(r, b, o);
    cap_run_put_hash(b, o, "contents of --captions", contents(&d->train));
    hash128 h = {0};
    for (int i = 0; i < d->vals; i++) {
        hash128 of_set = contents(&d->val[i]);
        h = i ? hash_bytes(&of_set, sizeof of_set, h.lo) : of_set;
    }
    if (r->has_val)
        cap_run_put_hash(b, o, "contents of --val", h);
    else
        io_json_put_string(b, o, "contents of --val", "none");
    cap_sentences_judging(r, b, o);
}

static void record_photoless(const cap_run *r, io_json_build *b, json_t *training)
{
    const cap_photoless *p = &data_of(r)->photoless;
    if (!p->groups) return;
    json_t *o = io_json_put_object(b, training, "captions_only");
    io_json_put_string(b, o, "captions_file", cap_run_base_name(asked(r)->concept.captions_only));
    io_json_put_int(b, o, "captions", p->encoded.captions);
    io_json_put_int(b, o, "groups", p->groups);
    if (asked(r)->concept.only_style) io_json_put_string(b, o, "style", asked(r)->concept.only_style);
}

/* What is learnt from; of photos that are only measured `photos` and `captions` tell nothing. */
static void record_photos(const cap_run *r, io_json_build *b, json_t *training)
{
    const cap_split *s = &data_of(r)->train;
    int32_t photos = 0, captions = 0;
    for (int i = 0; i < s->parts; i++) {
        const cap_part *p = &s->part[i];
        photos += p->times ? p->count : 0;
        for (int32_t k = p->first; p->times && k < p->first + p->count; k++)
            captions += s->captions.image[k].count;
    }
    io_json_put_int(b, training, "captions", captions);
    io_json_put_int(b, training, "photos", photos);
}

static void record(const cap_run *r, io_json_build *b, json_t *training)
{
    const cap_photo_data *d = data_of(r);
    bool one = d->train.parts == 1 && !d->alone;
    if (one)
        io_json_put_string(b, training, "captions_file", cap_run_base_name(asked(r)->photos[0].captions));
    record_photos(r, b, training);
    json_t *sets = one ? NULL : io_json_put_array(b, training, "sets");
    for (int i = 0; sets && i < d->train.parts; i++) {
        const cap_part *p = &d->train.part[i];
        json_t *set = io_json_put_object(b, sets, NULL);
        io_json_put_string(b, set, "captions_file", cap_photos_set_name(&asked(r)->photos[i]));
        io_json_put_int(b, set, "photos", p->count);
        io_json_put_int(b, set, "times", p->times);
        if (p->style) io_json_put_string(b, set, "style", p->style);
    }
    record_photoless(r, b, training);
    cap_search_record_words(model_of(r)->vocab, b, b->root);
}

static err_code save(cap_run *r, const cap_epoch *e, error *err)
{
    err_code code = r->has_val ? ERR_OK : cap_photos_rename(r, err); /* validating has done so */
    if (code) return code;
    return cap_sentences_save(r, e, record, err);
}

const cap_task cap_task_captions = {.name = "captions",
                                    .unit = "captions",
                                    .between = ": ",
                                    .data_bytes = sizeof(cap_photo_data),
                                    .check = check,
                                    .open = open_photos,
                                    .introduce = introduce,
                                    .prepare = prepare,
                                    .close = close_photos,
                                    .count = cap_sentences_count,
                                    .begin = begin,
                                    .loss = loss,
                                    .validate = cap_photos_validate,
                                    .tell = cap_photos_tell,
                                    .scores = cap_photos_scores,
                                    .sample = cap_photos_sample,
                                    .settings = settings,
                                    .save = save};
