/* The model that is trained to caption photos: made of drawn weights, imported ones, those of an encoder that
 * was trained before, or those of a whole model. */
#include <stdlib.h>
#include <string.h>

#include "captioner/net/cnn_encoder.h"
#include "captioner/net/no_encoder.h"
#include "captioner/train/train_init.h"
#include "captioner/train/train_photos.h"
#include "cnn/import.h"
#include "src/io/json.h"
#include "src/train/checkpoint.h"

/* ---- the encoder ---- */

bool cap_photos_own_encoder(const cap_train_settings *s)
{
    const cnn_backbone_row *row = cnn_backbone_find(s->encoder);
    return row && !(s->init && row->import);
}

bool cap_photos_no_encoder(const cap_train_settings *s)
{
    return !strcmp(s->encoder, cap_encoder_blind.name);
}

static bool is_imported(const cap_run *r)
{
    return !cap_photos_own_encoder(asked(r)) && !cap_photos_no_encoder(asked(r));
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
    const cap_photo_data *d = data_of(r);
    const ds_captions *only = &d->photoless.only.captions;
    const ds_vocab_settings settings = {.min_count = asked(r)->min_count};
    ds_counter *counter = ds_counter_create();
    if (!counter) return err_no_memory(err, "for a vocabulary");
    err_code code = d->alone ? ERR_OK : cap_split_count(&d->train, counter, err);
    if (!code) code = ds_count_captions(only, counter, err);
    if (!code) code = ds_vocab_build(counter, &settings, vocab, err);
    ds_counter_free(&counter);
    if (code || ds_vocab_size(*vocab) > DS_SPECIALS) return code;
    ds_vocab_free(vocab);
    return err_set(
        err, ERR_ARGUMENT,
        "no word occurs %d times in the captions to learn from (%d); more of them or a smaller --min-count "
        "helps",
        asked(r)->min_count, (int)(d->alone ? only->captions : d->train.captions.captions));
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

static err_code form_encoder(const cap_run *r, cap_model_form *form, error *err)
{
    const cap_train_settings *s = asked(r);
    cnn_preprocess_default(&form->preprocess);
    form->encoder = cap_encoder_defaults_of(&cap_encoder_blind);
    if (cap_photos_no_encoder(s)) return ERR_OK;
    const cnn_backbone_row *row = find_encoder(r, err);
    if (!row) return err->code;
    form->encoder = cap_cnn_config(row->name);
    form->preprocess.size = s->size;
    form->preprocess.fit = s->crop ? CNN_CROP : CNN_STRETCH;
    return s->size ? ERR_OK : usual_size(r, row, &form->preprocess.size, err);
}

err_code cap_photos_make_model(cap_run *r, const cap_model *from, error *err)
{
    const cap_train_settings *s = asked(r);
    if (from && !s->size) data_of(r)->sentences.s.size = from->preprocess.size;
    cap_model_form form = {.decoder = s->decoder};
    err_code code = form_encoder(r, &form, err);
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
err_code cap_photos_prepare_encoder(cap_run *r, error *err)
{
    cap_photo_data *d = data_of(r);
    d->encoder_trains = cap_photos_own_encoder(asked(r)) || (is_imported(r) && asked(r)->tune_encoder);
    if (is_imported(r)) cnn_net_freeze_norm(cap_cnn_net(&model_of(r)->encoder), true);
    if (d->encoder_trains) {
        nn_params_set_rate(&model_of(r)->params, "encoder.", asked(r)->encoder_factor);
        return ERR_OK;
    }
    nn_params_set_trainable(&model_of(r)->params, "encoder.", false);
    return cap_encoder_prepare(&model_of(r)->encoder, err);
}
