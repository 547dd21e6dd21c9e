/* The task of captioning photos: data, model, the photos of each batch, settings and record. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "captioner/net/cnn_encoder.h"
#include "captioner/score/model_df.h"
#include "captioner/score/score.h"
#include "captioner/search/search_words.h"
#include "captioner/train/train_init.h"
#include "captioner/train/train_photos.h"
#include "cnn/import.h"
#include "src/io/json.h"
#include "src/nn/activation.h"
#include "src/train/checkpoint.h"

static cap_photo_data *data_of(const cap_run *r)
{
    return r->data;
}

static const cap_train_settings *asked(const cap_run *r)
{
    return &data_of(r)->sentences.s;
}

static cap_model *model_of(const cap_run *r)
{
    return data_of(r)->sentences.model;
}

/* ---- the encoder ---- */

/* One of the architectures that others have weights for is taken for imported where it is a model's. */
static bool is_own(const cap_train_settings *s)
{
    const cnn_backbone_row *row = cnn_backbone_find(s->encoder);
    return row && !(s->init && row->import);
}

static bool is_imported(const cap_run *r)
{
    return !is_own(asked(r));
}

/* Files of this program, captioners or encoders alone, say in their metadata what they hold. */
static bool is_ours(const io_tensors *t)
{
    return io_tensors_metadata(t, "caption");
}

/* The network whose weights a file of this program holds. */
static const cnn_backbone_row *find_ours(const io_tensors *t, error *err)
{
    char *name = NULL;
    const cnn_backbone_row *row = cap_init_architecture(t, &name, err) ? NULL : cnn_backbone_find(name);
    if (name && !row)
        err_set(err, ERR_UNSUPPORTED, "'%.300s' has weights of '%.40s', a network that this program lacks",
                io_tensors_name(t), name);
    free(name);
    return row;
}

/* The side of the photos where none is asked for: that of a file of this program, or of the network. */
static err_code usual_size(const cap_run *r, const cnn_backbone_row *row, int *size, error *err)
{
    *size = row->size;
    if (!is_imported(r) || asked(r)->init) return ERR_OK;
    io_tensors *t = io_tensors_open(asked(r)->encoder, err);
    if (!t) return err->code;
    cnn_preprocess pre;
    err_code code = is_ours(t) ? cap_model_read_preprocess(t, &pre, err) : ERR_OK;
    if (!code && is_ours(t)) *size = pre.size;
    io_tensors_close(&t);
    return code;
}

/* The network that --encoder names, or that the file there has weights of. */
static const cnn_backbone_row *find_encoder(const cap_run *r, error *err)
{
    if (cnn_backbone_find(asked(r)->encoder)) return cnn_backbone_find(asked(r)->encoder);
    io_tensors *t = io_tensors_open(asked(r)->encoder, err);
    const cnn_backbone_row *row = !t ? NULL : is_ours(t) ? find_ours(t, err) : cnn_import_find(t, err);
    io_tensors_close(&t);
    if (!row || !row->classes) return row;
    err_set(err, ERR_MISMATCH, "'%s' has weights of '%s', which finds objects and is no encoder",
            asked(r)->encoder, row->name);
    return NULL;
}

/* How the weights came about goes into the model's record; of the epochs the last one is enough. */
static err_code keep_pretraining(json_t *record, const io_tensors *t, error *err)
{
    const char *metadata = io_tensors_metadata(t, "caption");
    json_t *o = NULL;
    err_code code =
        metadata ? io_json_parse(metadata, strlen(metadata), io_tensors_name(t), &o, err) : ERR_OK;
    json_t *pretraining = json_object_get(o, "record"), *epochs = json_object_get(pretraining, "epochs");
    while (json_array_size(epochs) > 1) json_array_remove(epochs, 0);
    if (pretraining && json_object_set(record, "pretraining", pretraining))
        code = err_no_memory(err, "for the record of '%.300s'", io_tensors_name(t));
    json_decref(o);
    return code;
}

static err_code import_weights(cap_run *r, error *err)
{
    io_tensors *t = io_tensors_open(asked(r)->encoder, err);
    if (!t) return err->code;
    cap_model *m = model_of(r);
    cnn_preprocess pre = m->preprocess;
    err_code code = is_ours(t) ? ckpt_read(t, &m->params, "encoder.", NULL, err)
                               : cnn_import(t, cap_cnn_net(&m->encoder), &pre, err);
    if (!code && is_ours(t)) code = cap_model_read_preprocess(t, &pre, err);
    if (!code && is_ours(t)) code = keep_pretraining(m->record, t, err);
    memcpy(m->preprocess.mean, pre.mean, sizeof pre.mean);
    memcpy(m->preprocess.std, pre.std, sizeof pre.std);
    io_tensors_close(&t);
    return code;
}

static err_code pretrained_weights(cap_run *r, error *err)
{
    io_tensors *t = io_tensors_open(asked(r)->encoder_weights, err);
    if (!t) return err->code;
    err_code code = ckpt_read(t, &model_of(r)->params, "encoder.", NULL, err);
    if (!code) code = keep_pretraining(model_of(r)->record, t, err);
    io_tensors_close(&t);
    return code;
}

/* A model that cannot say a word would be trained to the end. */
static err_code make_vocab(cap_run *r, ds_vocab **vocab, error *err)
{
    const cap_split *train = &data_of(r)->train;
    const ds_vocab_settings settings = {.min_count = asked(r)->min_count};
    ds_counter *counter = ds_counter_create();
    if (!counter) return err_no_memory(err, "for a vocabulary");
    err_code code = cap_split_count(train, counter, err);
    if (!code) code = ds_count_captions(&data_of(r)->photoless.only.captions, counter, err);
    if (!code) code = ds_vocab_build(counter, &settings, vocab, err);
    ds_counter_free(&counter);
    if (code || ds_vocab_size(*vocab) > DS_SPECIALS) return code;
    ds_vocab_free(vocab);
    return err_set(
        err, ERR_ARGUMENT,
        "no word occurs %d times in the captions to learn from (%d); more of them or a smaller --min-count "
        "helps",
        asked(r)->min_count, (int)train->captions.captions);
}

static err_code extend_vocab(const cap_model *from, ds_vocab **vocab, error *err)
{
    ds_vocab *found = *vocab;
    *vocab = NULL;
    err_code code = cap_init_vocab(from->vocab, found, vocab, err);
    ds_vocab_free(&found);
    return code;
}

/* All captions as numbers. */
static err_code encode_captions(cap_run *r, const ds_vocab *vocab, error *err)
{
    cap_photo_data *d = data_of(r);
    err_code code = cap_split_encode(&d->train, vocab, err);
    for (int i = 0; !code && i < d->vals; i++) code = cap_split_encode(&d->val[i], vocab, err);
    if (!code && asked(r)->concept.captions_only) code = cap_photoless_encode(&d->photoless, vocab, err);
    return code;
}

static err_code make_form(cap_run *r, const cap_model *from, cap_model_form *form, error *err)
{
    err_code code = cap_photos_open_photoless(r, from, err);
    if (!code) code = make_vocab(r, &form->vocab, err);
    if (!code && from) code = extend_vocab(from, &form->vocab, err);
    if (!code) code = encode_captions(r, form->vocab, err);
    return code ? code : cap_photos_form_concepts(r, from, form->vocab, form, err);
}

static err_code make_model(cap_run *r, const cap_model *from, error *err)
{
    const cap_train_settings *s = asked(r);
    if (from && !s->size) data_of(r)->sentences.s.size = from->preprocess.size;
    const cnn_backbone_row *row = find_encoder(r, err);
    if (!row) return err->code;
    cap_model_form form = {.encoder = cap_cnn_config(row->name), .decoder = s->decoder};
    cnn_preprocess_default(&form.preprocess);
    form.preprocess.size = s->size;
    form.preprocess.fit = s->crop ? CNN_CROP : CNN_STRETCH;
    err_code code = s->size ? ERR_OK : usual_size(r, row, &form.preprocess.size, err);
    if (!code) code = make_form(r, from, &form, err);
    if (!code) code = cap_model_create(&form, r->s->seed, &data_of(r)->sentences.model, err);
    if (code) {
        cap_model_form_release(&form);
        return code;
    }
    if (from) return cap_init_weights(from, model_of(r), err);
    if (is_imported(r)) return import_weights(r, err);
    return s->encoder_weights ? pretrained_weights(r, err) : ERR_OK;
}

/* An imported encoder was normalised over millions of photos: its statistics stay, also when it is tuned. A
 * frozen one is brought to the form it will have in use, so that kept features and those of the finished
 * model agree. */
static err_code prepare_encoder(cap_run *r, error *err)
{
    cap_photo_data *d = data_of(r);
    d->encoder_trains = !is_imported(r) || asked(r)->tune_encoder;
    if (is_imported(r)) cnn_net_freeze_norm(cap_cnn_net(&model_of(r)->encoder), true);
    if (d->encoder_trains) {
        nn_params_set_rate(&model_of(r)->params, "encoder.", asked(r)->encoder_factor);
        return ERR_OK;
    }
    nn_params_set_trainable(&model_of(r)->params, "encoder.", false);
    return cap_encoder_prepare(&model_of(r)->encoder, err);
}

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

static err_code check_sets(const cap_train_settings *s, error *err)
{
    int sets = cap_photos_sets(s->photos);
    if (!sets || !s->encoder) return err_set(err, ERR_ARGUMENT, "captions, images and encoder must be named");
    for (int i = 0; i < sets; i++) {
        const cap_photo_set *set = &s->photos[i];
        if (!set->images)
            return err_set(err, ERR_ARGUMENT, "the folder of the photos of '%.200s' must be named",
                           set->captions);
        if (set->times < 0 || set->times > CAP_MOST_TIMES)
            return err_set(err, ERR_ARGUMENT,
                           "the photos of '%.200s' cannot be seen %d times an epoch: 1 to %d", set->captions,
                           set->times, CAP_MOST_TIMES);
    }
    return ERR_OK;
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
    bool own = is_own(s);
    if (s->init && s->encoder_weights)
        return err_set(
            err, ERR_ARGUMENT,
            "--init and --encoder-weights both say what the encoder starts from: give one of them");
    if (own && s->tune_encoder)
        return err_set(err, ERR_ARGUMENT,
                       "--tune-encoder is for imported encoders; '%s' is trained along anyway", s->encoder);
    if (own || s->init) return ERR_OK;
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
    for (int i = 0; !code && i < d->vals; i++) code = open_validation(r, i, err);
    return code;
}

/* Counted over the training captions, for scores of few photos later. A table too large for a model is left
 * out. */
static err_code add_df(cap_run *r, error *err)
{
    const ds_captions *c = &data_of(r)->train.captions;
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
    if (code || (code = cap_sentences_make(r, make_model, err)) || (code = prepare_encoder(r, err)) ||
        (code = cap_photos_begin_concepts(r, !asked(r)->init, err)) || (code = add_df(r, err)))
        return code;
    int *per_image = &d->sentences.s.per_image;
    d->sentences.targets = &d->train.turns;
    if (!*per_image && (d->encoder_trains || d->has_concepts)) *per_image = 5;
    if (*per_image > r->s->batch) *per_image = r->s->batch;
    code = cap_sentences_ready(r, err);
    r->extent.has_beside = d->photoless.groups;
    return code;
}

static void introduce(const cap_run *r, text *line)
{
    const cap_photo_data *d = data_of(r);
    const cap_model *m = model_of(r);
    text_printf(line, "%d captions of %d photos, %d words; encoder %s (%s), %zu weights, %d regions",
                d->train.captions.captions, d->train.captions.images, (int)ds_vocab_size(m->vocab),
                cap_cnn_architecture(&m->encoder.config), d->encoder_trains ? "trained along" : "frozen",
                nn_params_learned(&m->params), m->encoder.grid_h * m->encoder.grid_w);
    if (d->photoless.groups)
        text_printf(line, "; %d captions of %d photos that are not at hand", d->photoless.encoded.captions,
                    d->photoless.groups);
}

static err_code prepare(cap_run *r, error *err)
{
    cap_photo_data *d = data_of(r);
    err_code code = ERR_OK;
    if (!d->encoder_trains) code = cap_split_keep_features(&d->train, model_of(r), d->cache, r->threads, err);
    for (int i = 0; !code && i < d->vals && !d->encoder_trains; i++)
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
    l.cache_bytes = (size_t)s->photo_memory;
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
    if (code || cap_split_keeps_features(&d->train)) return code;
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
    if (cap_split_keeps_features(&d->train)) {
        int32_t *photo = shown ? nn_scratch(&r->tape, (size_t)b->images * sizeof *photo) : NULL;
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

/* Photos and groups without photos count alike. */
static nn_var *loss(cap_run *r, cap_counts *counts, error *err)
{
    cap_photo_data *d = data_of(r);
    nn_var *part[2];
    cap_counts beside = {0};
    int groups;
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

static void record(const cap_run *r, io_json_build *b, json_t *training)
{
    const cap_photo_data *d = data_of(r);
    if (d->train.parts == 1)
        io_json_put_string(b, training, "captions_file", cap_run_base_name(asked(r)->photos[0].captions));
    io_json_put_int(b, training, "captions", d->train.captions.captions);
    io_json_put_int(b, training, "photos", d->train.captions.images);
    json_t *sets = d->train.parts > 1 ? io_json_put_array(b, training, "sets") : NULL;
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
