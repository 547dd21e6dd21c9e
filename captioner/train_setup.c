/* Setting up a run: files, data, model, optimiser. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "captioner/model_df.h"
#include "captioner/score.h"
#include "captioner/train_run.h"
#include "cnn/import.h"
#include "src/io/file.h"
#include "src/train/checkpoint.h"

/* Both sides of what the model file and the backbones take. */
enum { SMALLEST_PHOTO = 32, LARGEST_PHOTO = 4096, LONGEST_PATH = 4000 };

/* ---- the encoder ---- */

static err_code import_weights(cap_run *r, error *err)
{
    io_tensors *t = io_tensors_open(r->s->encoder, err);
    if (!t) return err->code;
    cnn_preprocess pre = r->model->preprocess;
    err_code code = cnn_import_mobilenet_v2(t, "encoder.", &r->model->params, &pre, err);
    memcpy(r->model->preprocess.mean, pre.mean, sizeof pre.mean);
    memcpy(r->model->preprocess.std, pre.std, sizeof pre.std);
    io_tensors_close(&t);
    return code;
}

/* How the weights came about goes into the model's record; of the epochs the last one is enough. */
static void keep_pretraining(json_t *record, const io_tensors *t)
{
    const char *metadata = io_tensors_metadata(t, "caption");
    json_t *o = metadata ? json_loads(metadata, 0, NULL) : NULL;
    json_t *pretraining = json_object_get(o, "record"), *epochs = json_object_get(pretraining, "epochs");
    while (json_array_size(epochs) > 1) json_array_remove(epochs, 0);
    if (pretraining) json_object_set(record, "pretraining", pretraining);
    json_decref(o);
}

static err_code pretrained_weights(cap_run *r, error *err)
{
    io_tensors *t = io_tensors_open(r->s->encoder_weights, err);
    if (!t) return err->code;
    err_code code = ckpt_read(t, &r->model->params, "encoder.", NULL, err);
    if (!code) keep_pretraining(r->model->record, t);
    io_tensors_close(&t);
    return code;
}

static bool is_imported(const cap_run *r)
{
    return !cnn_backbone_find(r->s->encoder);
}

static err_code make_model(cap_run *r, error *err)
{
    const cap_train_settings *s = r->s;
    const char *architecture = is_imported(r) ? "mobilenet_v2" : s->encoder;
    cnn_preprocess pre;
    cnn_preprocess_default(&pre);
    pre.size = s->size ? s->size : cnn_backbone_find(architecture)->size;
    pre.fit = s->crop ? CNN_CROP : CNN_STRETCH;
    ds_vocab *vocab = NULL;
    err_code code = cap_split_vocab(&r->train, s->min_count, &vocab, err);
    if (code) return code;
    if ((code = cap_model_create(architecture, &pre, &s->decoder, vocab, s->seed, &r->model, err))) {
        ds_vocab_free(&vocab);
        return code;
    }
    if (is_imported(r)) return import_weights(r, err);
    return s->encoder_weights ? pretrained_weights(r, err) : ERR_OK;
}

/* An imported encoder was normalised over millions of photos: its statistics stay, also when it is tuned. A
 * frozen one is brought to the form it will have in use, so that kept features and those of the finished
 * model agree. */
static err_code prepare_encoder(cap_run *r, error *err)
{
    r->encoder_trains = !is_imported(r) || r->s->tune_encoder;
    if (is_imported(r)) cnn_net_freeze_norm(r->model->encoder, true);
    if (r->encoder_trains) {
        nn_params_set_rate(&r->model->params, "encoder.", r->s->encoder_factor);
        return ERR_OK;
    }
    nn_params_set_trainable(&r->model->params, "encoder.", false);
    return cnn_net_fold(r->model->encoder, err);
}

static err_code prepare_features(cap_run *r, error *err)
{
    if (r->encoder_trains) return ERR_OK;
    err_code code = cap_split_keep_features(&r->train, r->model, r->cache, r->threads, r->events, err);
    if (!code && r->has_val)
        code = cap_split_keep_features(&r->val, r->model, r->cache, r->threads, r->events, err);
    return code;
}

/* ---- the run ---- */

static void name_files(cap_run *r)
{
    const char *out = r->s->out, *slash = strrchr(out, '/');
    int length = slash && slash != out ? (int)(slash - out) : 1; /* of the folder; "/" and "." are one byte */
    snprintf(r->state_path, sizeof r->state_path, "%.4000s.state", out);
    snprintf(r->log_path, sizeof r->log_path, "%.4000s.log.jsonl", out);
    if (r->s->cache)
        snprintf(r->cache, sizeof r->cache, "%.4000s", r->s->cache);
    else
        snprintf(r->cache, sizeof r->cache, "%.*s", length, slash ? out : ".");
}

/* A run that could not keep its result, or has nothing to resume, must say so before the work, not after. */
static err_code check_files(const cap_run *r, error *err)
{
    io_writer *w = io_writer_open(r->s->out, err);
    if (!w) return err->code;
    io_writer_abort(&w);
    if (r->s->resume && access(r->state_path, F_OK) && errno == ENOENT)
        return err_set(err, ERR_MISSING, "cannot resume: there is no '%s'; leave out --resume to begin anew",
                       r->state_path);
    return ERR_OK;
}

static err_code check_settings(const cap_train_settings *s, error *err)
{
    if (!s->captions || !s->images || !s->out || !s->encoder)
        return err_set(err, ERR_ARGUMENT, "captions, images, encoder and out must be named");
    if (strlen(s->out) > LONGEST_PATH || (s->cache && strlen(s->cache) > LONGEST_PATH))
        return err_set(err, ERR_LIMIT, "the name of --out or --cache is longer than %d bytes", LONGEST_PATH);
    if (s->size && (s->size < SMALLEST_PHOTO || s->size > LARGEST_PHOTO))
        return err_set(err, ERR_ARGUMENT,
                       "photos of %d pixels are not possible; --size must be 0 or %d to %d", s->size,
                       SMALLEST_PHOTO, LARGEST_PHOTO);
    if (s->epochs < 1 || s->batch < 1)
        return err_set(err, ERR_ARGUMENT,
                       "%d epochs in batches of %d are not possible; both must be 1 or more", s->epochs,
                       s->batch);
    bool own = cnn_backbone_find(s->encoder);
    if (own && s->tune_encoder)
        return err_set(err, ERR_ARGUMENT,
                       "--tune-encoder is for imported encoders; '%s' is trained along anyway", s->encoder);
    if (own) return ERR_OK;
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

static err_code open_data(cap_run *r, error *err)
{
    const cap_train_settings *s = r->s;
    err_code code = cap_split_open(&r->train, s->captions, s->images, s->max_missing, r->events, err);
    if (code || !s->val) return code;
    r->has_val = true;
    return cap_split_open(&r->val, s->val, s->val_images ? s->val_images : s->images, s->max_missing,
                          r->events, err);
}

static void count_steps(cap_run *r, int batches)
{
    const cap_train_settings *s = r->s;
    int64_t steps = (int64_t)batches * s->epochs;
    r->schedule =
        (schedule){.kind = SCHEDULE_COSINE, .rate = s->rate, .floor = s->rate * 0.01, .steps = steps};
    r->schedule.warmup = (int64_t)(s->warmup * (double)steps);
}

/* The schedule's length needs the number of batches of an epoch, which the first plan tells. */
static err_code plan_steps(cap_run *r, error *err)
{
    ds_plan *plan = NULL;
    ds_plan_settings p = {
        .batch = r->s->batch, .per_image = r->per_image, .max_words = r->s->max_words, .seed = r->s->seed};
    err_code code = ds_plan_create(&r->train.encoded, &p, &plan, err);
    if (!code) count_steps(r, ds_plan_batches(plan));
    ds_plan_free(&plan);
    return code;
}

/* Counted over the training captions, for scores of few photos later. A table too large for a model is left
 * out. */
static err_code add_df(cap_run *r, error *err)
{
    const ds_captions *c = &r->train.captions;
    cap_scorer *s = NULL;
    cap_df *df = NULL;
    error reason = {0};
    err_code code = cap_scorer_create(&s, err);
    for (int i = 0; !code && i < c->captions; i++) {
        code = cap_scorer_add_reference(s, c->image[c->caption[i].image].id, c->caption[i].text, err);
        if (code == ERR_LIMIT) code = ERR_OK; /* longer than what is scored, but not than what is learnt */
    }
    if (!code) code = cap_scorer_count_df(s, &df, err);
    cap_scorer_free(&s);
    if (!code && (code = cap_model_set_df(r->model, df, &reason)) == ERR_LIMIT) {
        cap_run_say(r, "the model goes without %s", reason.text);
        code = ERR_OK;
    } else if (code && reason.code && err) {
        *err = reason;
    }
    cap_df_free(&df);
    return code;
}

static err_code open_model(cap_run *r, error *err)
{
    err_code code = make_model(r, err);
    if (code || (code = prepare_encoder(r, err)) || (code = add_df(r, err))) return code;
    if ((code = cap_split_encode(&r->train, r->model->vocab, err))) return code;
    if (r->has_val && (code = cap_split_encode(&r->val, r->model->vocab, err))) return code;
    r->per_image = r->s->per_image ? r->s->per_image : r->encoder_trains ? 5 : 0;
    if (r->per_image > r->s->batch) r->per_image = r->s->batch;
    if ((code = plan_steps(r, err)) || (code = optim_init(&r->optim, OPTIM_ADAMW, &r->model->params, err)))
        return code;
    r->optim.decay = r->s->decay;
    if (r->s->resume && (code = cap_run_load_state(r, err))) return code;
    return prepare_features(r, err);
}

err_code cap_run_open(cap_run *r, const cap_train_settings *s, const cap_train_events *events, error *err)
{
    *r = (cap_run){
        .s = s, .events = events, .at = {.best = -INFINITY, .best_epoch = -1}, .started = cap_run_seconds()};
    err_code code = check_settings(s, err);
    if (code) return code;
    name_files(r);
    r->threads = pool_create(s->threads);
    r->tape = (nn_tape){.mem = &r->memory, .threads = r->threads, .seed = s->seed};
    r->tape.precision = s->bf16 ? GEMM_BF16 : GEMM_F32;
    if (!r->threads) return err_set(err, ERR_MEMORY, "cannot start %d threads", s->threads);
    if ((code = check_files(r, err)) || (code = open_data(r, err)) || (code = open_model(r, err)))
        return code;
    cap_run_say(
        r, "%d captions of %d photos, %d words; encoder %s (%s), %zu weights, %d regions; %d threads, %s",
        r->train.encoded.captions, r->train.captions.images, (int)ds_vocab_size(r->model->vocab),
        r->model->encoder_name, r->encoder_trains ? "trained along" : "frozen",
        nn_params_learned(&r->model->params), r->model->grid_h * r->model->grid_w, pool_threads(r->threads),
        s->bf16 ? "bf16" : "f32");
    return ERR_OK;
}

void cap_run_close(cap_run *r)
{
    optim_release(&r->optim);
    cap_model_close(&r->model);
    cap_split_close(&r->train);
    cap_split_close(&r->val);
    arena_release(&r->memory);
    arena_release(&r->step_memory);
    pool_free(&r->threads);
}
