#include "captioner/train/train_sentences.h"

#include <math.h>

#include "cnn/preprocess.h"

#include "captioner/net/decoder_row.h"
#include "captioner/net/lstm_decoder.h"
#include "captioner/net/ngram_decoder.h"
#include "captioner/train/content_words.h"
#include "captioner/train/self_critical.h"
#include "captioner/train/train_init.h"
#include "captioner/train/train_language.h"

cap_train_settings cap_train_defaults(void)
{
    return (cap_train_settings){
        .run =
            {.epochs = 20, .batch = 128, .rate = 1e-3, .warmup = 0.05, .decay = 0.01, .clip = 5, .seed = 1},
        .encoder = "small",
        .augment = true,
        .photo_memory = 128000000,
        .decoder = cap_decoder_defaults(),
        .loss = {.smoothing = 0.1},
        .sample_words = 18,
        .concept = {.groups = 24,
                    .captions = 3,
                    .lend_regions = 0.4,
                    .hide_regions = 0.4,
                    .hide_style = 0.35,
                    .drop = cap_drop_defaults()},
        .teacher_forcing = 1,
        .max_words = 20,
        .min_count = 5,
        .encoder_factor = 1,
        .scored = 300,
        .beam = 3,
        .dtype = IO_F16,
        .max_missing = 0.01,
    };
}

void cap_train_make_self_critical(cap_train_settings *s)
{
    const io_field *sharpness = io_fields_find(s->decoder.row->fields, "sharpness");
    double *factor = sharpness ? io_field_number(sharpness, s->decoder.settings.bytes) : NULL;
    if (factor && *factor <= 1) *factor = 2.5;
    s->samples = 5;
    s->per_image = 5;
    s->run.batch = 80;
    s->run.rate = 4e-5;
    s->run.fall = CAP_FALL_LINEAR;
    s->run.decay = 0;
    s->run.clip = 1;
    s->loss = (cap_loss_options){0};
}

/* For some ten thousand pairs, of dates or of sentences. */
cap_train_settings cap_train_text_defaults(void)
{
    cap_train_settings s = cap_train_defaults();
    s.kind = CAP_TEXT;
    s.text = (cap_text_settings){.format = DS_PAIRS_TSV,
                                 .val_share = 0.1,
                                 .source_level = {.level = DS_WORD},
                                 .target_level = {.level = DS_WORD},
                                 .encoder = cap_encoder_text_defaults()};
    s.decoder = cap_decoder_text_defaults();
    s.max_words = 200;
    s.run.rate = 2e-3;
    s.min_count = 0;
    s.best_by = CAP_BEST_BLEU;
    s.scored = 0;
    s.beam = 1;
    return s;
}

cap_train_settings cap_train_language_defaults(const cap_decoder_row *model)
{
    cap_train_settings s = cap_train_text_defaults();
    s.kind = CAP_NOTHING;
    s.language = (cap_language_settings){.val_share = model == &cap_decoder_ngram ? 0 : 0.05,
                                         .level = {.level = DS_WORD}};
    s.decoder = cap_decoder_defaults_of(model, true);
    if (model == &cap_decoder_lstm) cap_lstm_settings_of(&s.decoder)->match = NN_MATCH_NONE;
    s.best_by = CAP_BEST_LOSS;
    s.loss.smoothing = 0;
    return s;
}

err_code cap_train(const cap_train_settings *s, const cap_train_events *events, error *err)
{
    static const cap_task *const tasks[CAP_KINDS] = {
        [CAP_IMAGE] = &cap_task_captions, [CAP_TEXT] = &cap_task_pairs, [CAP_NOTHING] = &cap_task_language};
    const cap_task *task = tasks[s->kind];
    if (task == &cap_task_language && s->decoder.row == &cap_decoder_ngram)
        return cap_train_ngram(s, events, err);
    return cap_run_task(task, &s->run, s, events, err);
}

/* ---- opening ---- */

void cap_sentences_begin(cap_run *r)
{
    cap_sentences_of(r)->s = *(const cap_train_settings *)r->asked;
}

/* That it can read and say. */
static int words_of(const cap_model *m)
{
    int words = ds_vocab_size(cap_model_vocab(m));
    return m->source ? words + ds_vocab_size(ds_codec_vocab(m->source)) : words;
}

err_code cap_sentences_make(cap_run *r, cap_make_model *make, error *err)
{
    const cap_sentences *d = cap_sentences_of(r);
    cap_model *from = NULL;
    err_code code = d->s.init ? cap_init_open(d->s.init, d->s.kind, &from, err) : ERR_OK;
    if (!code && from) code = cap_init_check(&d->s, from, err);
    if (!code) code = make(r, from, err);
    if (!code && from)
        cap_run_say(r, "starts from '%.200s'; %d words are new to it", d->s.init,
                    words_of(d->model) - words_of(from));
    cap_model_close(&from);
    return code;
}

static err_code make_plan(const cap_run *r, int64_t epoch, ds_plan **plan, error *err)
{
    const cap_sentences *d = cap_sentences_of(r);
    ds_plan_settings p = {.batch = r->s->batch,
                          .per_image = d->s.per_image,
                          .max_words = d->s.max_words,
                          .seed = r->s->seed,
                          .epoch = (uint32_t)epoch};
    return ds_plan_create(d->targets, &p, plan, err);
}

err_code cap_sentences_count(cap_run *r, int64_t epoch, int64_t *batches, error *err)
{
    ds_plan *plan = NULL;
    err_code code = make_plan(r, epoch, &plan, err);
    if (!code) *batches = ds_plan_batches(plan);
    ds_plan_free(&plan);
    return code;
}

err_code cap_sentences_plan(cap_run *r, error *err)
{
    ds_plan_free(&cap_sentences_of(r)->plan);
    return make_plan(r, r->at.epoch, &cap_sentences_of(r)->plan, err);
}

/* Captions of one photo side by side fill batches differently in every epoch. */
static void bound_batches(const cap_run *r, cap_extent *x)
{
    const cap_sentences *d = cap_sentences_of(r);
    int64_t captions = d->targets->captions;
    x->least_batches = d->s.per_image ? (captions + r->s->batch - 1) / r->s->batch : x->batches;
    x->most_batches = d->s.per_image ? captions : x->batches;
}

/* What the words of captions name, where they are guided to it. */
static err_code find_objects(cap_sentences *d, error *err)
{
    const cap_namer *n = &d->model->namers[CAP_NAMER_OBJECTS];
    if (!n->config.row)
        return err_set(err, ERR_ARGUMENT,
                       "to guide attention to objects takes a namer that finds them (--namers objects)");
    return cap_object_names_create(&d->objects, d->model->vocab, (const char *const *)n->config.names.list,
                                   n->config.names.count, &d->memory, err);
}

err_code cap_sentences_ready(cap_run *r, error *err)
{
    cap_sentences *d = cap_sentences_of(r);
    const ds_encoded *t = d->targets;
    r->params = &d->model->params;
    r->stored = d->s.dtype;
    r->extent = (cap_extent){.units = t->captions,
                             .most_judged = t->first[t->captions] + t->captions, /* each ends with <end> */
                             .judges_always = true,
                             .worst = d->s.best_by == CAP_BEST_LOSS ? -HUGE_VAL : 0,
                             .best = d->s.best_by == CAP_BEST_LOSS ? 0 : 100};
    err_code code = cap_sentences_count(r, 0, &r->extent.batches, err);
    bound_batches(r, &r->extent);
    if (!code && d->s.loss.guide > 0) code = find_objects(d, err);
    if (code || !d->s.samples) return code;
    r->extent.most_judged = 0;
    r->extent.judges_always = false;
    r->extent.has_reward = r->extent.any_loss = true;
    if (d->s.naming > 0) d->names = cap_content_names(d->model->vocab, &d->memory);
    if (d->s.naming > 0 && !d->names) return err_no_memory(err, "for the words that are paid for");
    return cap_cider_ids_create(t, true, &d->judge, err);
}

void cap_sentences_close(cap_run *r)
{
    cap_sentences *d = cap_sentences_of(r);
    ds_plan_free(&d->plan);
    cap_cider_ids_free(&d->judge);
    arena_release(&d->memory);
    cap_model_close(&d->model);
}

/* ---- a step ---- */

/* The model's own words come in more and more often (Bengio et al. 2015), on top of a constant share. */
static cap_loss_options loss_options(const cap_run *r, const cap_lesson *l)
{
    const cap_train_settings *s = &cap_sentences_of(r)->s;
    cap_loss_options o = s->loss;
    o.objects = &cap_sentences_of(r)->objects;
    o.lent = l->lent;
    double done = (double)r->at.step / (double)(r->schedule.steps > 1 ? r->schedule.steps - 1 : 1);
    o.sampling = 1 - s->teacher_forcing * (1 - s->loss.sampling * (done < 1 ? done : 1));
    return o;
}

/* Nothing is dropped: the samples are those of the model as it is used. */
static nn_var *self_critical_loss(cap_run *r, const cap_lesson *l, const cap_memory *m, cap_counts *counts,
                                  error *err)
{
    const cap_sentences *d = cap_sentences_of(r);
    cap_critic critic = {.judge = l->judge,
                         .image = l->batch.image,
                         .samples = d->s.samples,
                         .max_words = d->s.sample_words,
                         .names = d->names,
                         .naming = d->s.naming,
                         .captions = &l->batch,
                         .cross_entropy = d->s.cross_entropy,
                         .attention = loss_options(r, l),
                         .source = l->source};
    return cap_self_critical_loss(&r->tape, &d->model->decoder, m, &critic, counts, err);
}

nn_var *cap_sentences_loss_of(cap_run *r, const cap_lesson *l, cap_counts *counts, error *err)
{
    const cap_decoder *decoder = &cap_sentences_of(r)->model->decoder;
    cap_memory m = cap_decoder_remember(&r->tape, decoder, &l->input);
    if (l->judge) return self_critical_loss(r, l, &m, counts, err);
    nn_loss_info info = {0};
    cap_loss_options options = loss_options(r, l);
    nn_var *loss = cap_decoder_loss(&r->tape, decoder, &m, &l->batch, &options, &info);
    *counts = (cap_counts){.judged = info.count, .hits = info.hits, .nll = info.nll};
    return loss;
}

nn_var *cap_sentences_loss(cap_run *r, cap_encode_batch *encode, cap_counts *counts, error *err)
{
    const cap_sentences *d = cap_sentences_of(r);
    cap_lesson l = {.judge = d->judge};
    if (ds_plan_batch(d->plan, (int32_t)r->at.batch, &r->step_memory, &l.batch, err)) return NULL;
    if (d->judge) r->tape.training = false;
    l.input = encode(r, &l.batch, err);
    return cap_sentences_loss_of(r, &l, counts, err);
}

/* ---- settings ---- */

const char *const cap_best_names[CAP_BESTS] = {"cider", "bleu4", "loss", "bleu", "exact"};

static const char *best_name(int value)
{
    return value < CAP_BESTS ? cap_best_names[value] : NULL;
}

#define FIELD(field, member, type) .name = field, .kind = type, .offset = offsetof(cap_train_settings, member)

const io_field cap_learning_fields[] = {
    {FIELD("per_image", per_image, IO_FIELD_INT), .most = 65536,
     .help = "captions of one photo side by side; 0: 5 if the encoder trains"},
    {FIELD("samples", samples, IO_FIELD_INT), .most = 100,
     .help = "of --self-critical: sentences drawn of each photo; 0: it is none"},
    {FIELD("sample_words", sample_words, IO_FIELD_INT), .least = 1, .most = 1000,
     .help = "of --self-critical: longer sentences are worth nothing"},
    {FIELD("naming", naming, IO_FIELD_NUMBER), .most = 10,
     .help =
         "of --self-critical: what a sentence gains that says all the words for what a photo shows that most "
         "of its captions have, beside its CIDEr-D of 0 to 10"},
    {FIELD("cross_entropy", cross_entropy, IO_FIELD_NUMBER), .most = 100,
     .help = "of --self-critical: weight of the loss of the photos' own captions beside what sentences are "
             "worth"},
    {FIELD("max_words", max_words, IO_FIELD_INT), .most = 1000,
     .help = "longer captions are cut, longer texts left out; 0: none is; texts: 200"},
    {FIELD("min_count", min_count, IO_FIELD_INT), .most = 1000000,
     .help = "rarer words become <unk>; texts: 2 for words, else 1"},
    {FIELD("label_smoothing", loss.smoothing, IO_FIELD_NUMBER), .most = 0.99,
     .help = "share of the target spread over all words"},
    {FIELD("coverage", loss.coverage, IO_FIELD_NUMBER), .most = 100,
     .help = "weight of the doubly stochastic regulariser"},
    {FIELD("guide", loss.guide, IO_FIELD_NUMBER), .most = 100,
     .help =
         "--namers objects: weight of what words that name an object miss of it, in their attention to its "
         "box and the regions in it"},
    {FIELD("focus", loss.focus, IO_FIELD_NUMBER), .most = 1,
     .help = "most entropy the attention may keep, as a share of an even one's; 0: any"},
    {FIELD("scheduled_sampling", loss.sampling, IO_FIELD_NUMBER), .most = 1,
     .help = "chance that a previous word is the model's own, growing from 0 to this"},
    {FIELD("teacher_forcing", teacher_forcing, IO_FIELD_NUMBER), .most = 1,
     .help = "chance that a previous word is the true one, from the start on"},
    {0},
};

const io_field cap_concept_fields[] = {
    {FIELD("detector_size", concept.detector_size, IO_FIELD_INT), .most = CNN_MAX_SIDE,
     .help = "side of the square in which the namer of objects looks, a multiple of 32; 0: what its detector "
             "was made for, or that of --init"},
    {FIELD("only_groups", concept.groups, IO_FIELD_INT), .least = 1, .most = 65536,
     .help = "groups of captions without photos in a step"},
    {FIELD("only_captions", concept.captions, IO_FIELD_INT), .least = 1, .most = 1000,
     .help = "captions of each of these groups"},
    {FIELD("lend_regions", concept.lend_regions, IO_FIELD_NUMBER), .most = 1,
     .help = "share of the steps in which these groups borrow the regions of photos with like words"},
    {FIELD("hide_regions", concept.hide_regions, IO_FIELD_NUMBER), .most = 1,
     .help = "share of the steps in which photos show what is named in them alone"},
    {FIELD("hide_style", concept.hide_style, IO_FIELD_NUMBER), .most = 1,
     .help = "share of the photos and groups whose style is not told"},
    {FIELD("drop_concept", concept.drop.concept, IO_FIELD_NUMBER), .most = 1,
     .help = "share of the named things that are left out while learning"},
    {FIELD("drop_namer", concept.drop.namer, IO_FIELD_NUMBER), .most = 1,
     .help = "share of the photos without all that one namer named"},
    {FIELD("drop_concepts", concept.drop.all, IO_FIELD_NUMBER), .most = 1,
     .help = "share of the photos without all that is named"},
    {0},
};

const io_field cap_judging_fields[] = {
    {FIELD("best_by", best_by, IO_FIELD_CHOICE), .choice = best_name},
    {FIELD("scored", scored, IO_FIELD_INT), .most = 1000000,
     .help = "validation photos or lines decoded per epoch; 0: all; texts: 0"},
    {FIELD("beam", beam, IO_FIELD_INT), .least = 1, .most = 64,
     .help = "sentences kept while decoding them; texts: 1"},
    {0},
};

/* Weights that were just drawn say nothing that could be worth anything. */
static err_code check_self_critical(const cap_train_settings *s, error *err)
{
    const cap_loss_options *l = &s->loss;
    if (!s->samples) return ERR_OK;
    if (s->samples < 2)
        return err_set(
            err, ERR_ARGUMENT,
            "self-critical training compares the sentences of a photo: it needs two samples or more");
    if (s->kind != CAP_IMAGE)
        return err_set(err, ERR_ARGUMENT, "self-critical training is for captions, not for translations");
    if (!s->init)
        return err_set(err, ERR_ARGUMENT, "self-critical training needs a model to start from (--init)");
    if ((l->smoothing > 0 && !(s->cross_entropy > 0)) || l->coverage > 0 || l->focus > 0 || l->sampling > 0 ||
        s->teacher_forcing < 1)
        return err_set(err, ERR_ARGUMENT,
                       "self-critical training does not learn word by word: label smoothing (but for that of "
                       "--cross-entropy), "
                       "coverage, focus, scheduled sampling and teacher forcing have no place in it");
    return ERR_OK;
}

err_code cap_sentences_check(const cap_train_settings *s, error *err)
{
    err_code code = io_fields_check(cap_learning_fields, s, "training's", err);
    if (!code) code = check_self_critical(s, err);
    if (!code) code = io_fields_check(cap_concept_fields, s, "training's", err);
    return code ? code : io_fields_check(cap_judging_fields, s, "training's", err);
}

void cap_sentences_settings(const cap_run *r, io_json_build *b, json_t *o)
{
    const cap_sentences *d = cap_sentences_of(r);
    json_t *decoder = cap_decoder_config_to_json(&d->model->decoder.config);
    io_json_put_members(b, o, decoder);
    json_decref(decoder);
    json_object_del(o, "features"); /* follows from the encoder's */
    if (d->s.init) io_json_put_string(b, o, "init", cap_run_base_name(d->s.init));
    io_fields_write(cap_learning_fields, &d->s, b, o);
}

void cap_sentences_judging(const cap_run *r, io_json_build *b, json_t *o)
{
    if (r->has_val) io_fields_write(cap_judging_fields, &cap_sentences_of(r)->s, b, o);
}

hash128 cap_sentences_hash(const ds_encoded *d, hash128 h)
{
    h = hash_bytes(d->words, d->first[d->captions] * sizeof *d->words, h.lo);
    h = hash_bytes(d->first, ((size_t)d->captions + 1) * sizeof *d->first, h.lo);
    return hash_bytes(d->image, d->captions * sizeof *d->image, h.lo);
}

/* ---- the model ---- */

/* After a failure the record is not whole, and the model is not saved. */
err_code cap_sentences_save(cap_run *r, const cap_epoch *e,
                            void (*task)(const cap_run *r, io_json_build *b, json_t *training), error *err)
{
    const cap_sentences *d = cap_sentences_of(r);
    io_json_build b = {.root = json_incref(d->model->record)};
    if (d->s.licence) io_json_put_string(&b, b.root, "licence", d->s.licence);
    json_t *training = io_json_put_object(&b, b.root, "training"), *record = NULL;
    task(r, &b, training);
    if (d->s.init) io_json_put_string(&b, training, "init", cap_run_base_name(d->s.init));
    io_json_put_number(&b, training, "label_smoothing", d->s.loss.smoothing);
    cap_run_record(r, e, &b, training);
    err_code code = io_json_done(&b, "the model's record", &record, err);
    json_decref(record);
    return code ? code : cap_model_save(d->model, r->s->out, d->s.dtype, err);
}
