/* Setting up a run: data, model, optimiser; saving and loading its state. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "captioner/model_df.h"
#include "captioner/score.h"
#include "captioner/train_run.h"
#include "cnn/import.h"
#include "src/io/json.h"
#include "src/train/checkpoint.h"

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

static err_code pretrained_weights(cap_run *r, error *err)
{
    io_tensors *t = io_tensors_open(r->s->encoder_weights, err);
    if (!t) return err->code;
    err_code code = ckpt_read(t, &r->model->params, "encoder.", NULL, err);
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
    snprintf(r->state_path, sizeof r->state_path, "%.4000s.state", out);
    const char *dot = strrchr(out, '.');
    int stem = dot && (!slash || dot > slash) ? (int)(dot - out) : (int)strlen(out);
    snprintf(r->log_path, sizeof r->log_path, "%.*s.log.jsonl", stem > 4000 ? 4000 : stem, out);
    if (r->s->cache)
        snprintf(r->cache, sizeof r->cache, "%.4000s", r->s->cache);
    else
        snprintf(r->cache, sizeof r->cache, "%.*s", slash ? (int)(slash - out) : 1, slash ? out : ".");
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
    name_files(r);
    r->threads = pool_create(s->threads);
    r->tape = (nn_tape){.mem = &r->memory, .threads = r->threads, .seed = s->seed};
    r->tape.precision = s->bf16 ? GEMM_BF16 : GEMM_F32;
    if (!r->threads) return err_set(err, ERR_MEMORY, "cannot start %d threads", s->threads);
    err_code code = open_data(r, err);
    if (code || (code = open_model(r, err))) return code;
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

/* ---- state ---- */

/* What must be the same when a run is resumed: other values would make other batches or shapes. */
static json_t *fixed_settings(const cap_run *r)
{
    const cap_train_settings *s = r->s;
    return json_pack("{s:s, s:I, s:i, s:i, s:i, s:i, s:f, s:i, s:i, s:b, s:f, s:f, s:f}", "encoder",
                     s->encoder, "seed", (json_int_t)s->seed, "epochs", s->epochs, "batch", s->batch,
                     "per_image", r->per_image, "max_words", s->max_words, "rate", s->rate, "captions",
                     r->train.encoded.captions, "vocabulary", (int)ds_vocab_size(r->model->vocab), "augment",
                     s->augment, "smoothing", s->loss.smoothing, "coverage", s->loss.coverage, "dropout",
                     s->decoder.dropout);
}

err_code cap_run_save_state(cap_run *r, error *err)
{
    const cap_progress *a = &r->at;
    json_t *o = json_pack("{s:o, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:I}", "settings", fixed_settings(r),
                          "epoch", (json_int_t)a->epoch, "batch", (json_int_t)a->batch, "step",
                          (json_int_t)a->step, "loss", a->loss, "nll", a->nll, "words", a->words, "hits",
                          a->hits, "batches", a->batches, "best_epoch", (json_int_t)a->best_epoch);
    if (o && a->best_epoch >= 0) json_object_set_new(o, "best", json_real(a->best));
    char *state = o ? json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(o);
    if (!state) return err_set(err, ERR_MEMORY, "out of memory while saving '%s'", r->state_path);
    io_metadata pair = {"training", state};
    err_code code = ckpt_save(r->state_path, &r->model->params, NULL, &r->optim, &pair, 1, IO_F32, err);
    free(state);
    return code;
}

static err_code compare_settings(const cap_run *r, const json_t *saved, error *err)
{
    json_t *mine = fixed_settings(r), *value;
    const char *key;
    err_code code = mine ? ERR_OK : err_set(err, ERR_MEMORY, "out of memory");
    json_object_foreach(mine, key, value)
    {
        json_t *other = json_object_get(saved, key);
        bool same = json_is_number(value) && json_is_number(other)
                        ? fabs(json_number_value(value) - json_number_value(other)) <
                              1e-12 * (1 + fabs(json_number_value(value)))
                        : json_equal(value, other);
        if (code || same) continue;
        char *was = json_dumps(other, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
        char *now = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
        code = err_set(err, ERR_MISMATCH, "cannot resume from '%s': '%s' was %s and is now %s", r->state_path,
                       key, was ? was : "absent", now ? now : "?");
        free(was);
        free(now);
    }
    json_decref(mine);
    return code;
}

err_code cap_run_load_state(cap_run *r, error *err)
{
    char *state = NULL;
    json_t *o = NULL;
    err_code code = ckpt_load(r->state_path, &r->model->params, NULL, &r->optim, "training", &state, err);
    if (!code) code = io_json_parse(state, strlen(state), r->state_path, &o, err);
    if (!code) code = compare_settings(r, json_object_get(o, "settings"), err);
    if (!code) {
        cap_progress *a = &r->at;
        a->epoch = json_integer_value(json_object_get(o, "epoch"));
        a->batch = json_integer_value(json_object_get(o, "batch"));
        a->step = json_integer_value(json_object_get(o, "step"));
        a->best_epoch = json_integer_value(json_object_get(o, "best_epoch"));
        a->loss = json_number_value(json_object_get(o, "loss"));
        a->nll = json_number_value(json_object_get(o, "nll"));
        a->words = json_number_value(json_object_get(o, "words"));
        a->hits = json_number_value(json_object_get(o, "hits"));
        a->batches = json_number_value(json_object_get(o, "batches"));
        json_t *best = json_object_get(o, "best");
        if (best) a->best = json_number_value(best);
        cap_run_say(r, "resumed at epoch %lld, batch %lld", (long long)a->epoch + 1, (long long)a->batch);
    }
    json_decref(o);
    free(state);
    return code;
}
