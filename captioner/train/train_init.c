#include "captioner/train/train_init.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "captioner/net/builtin.h"
#include "captioner/net/cnn_encoder.h"
#include "captioner/net/decoder_row.h"
#include "src/io/json.h"

static const char builtin[] = "builtin", builtin_name[] = "the built-in model";

/* ---- opening ---- */

static err_code builtin_bytes(const void **bytes, size_t *size, error *err)
{
    *bytes = cap_builtin_model(size);
    if (*bytes) return ERR_OK;
    return err_set(err, ERR_MISSING, "there is no model inside this program; name a file to start from");
}

err_code cap_init_open(const char *init, cap_kind kind, cap_model **out, error *err)
{
    const void *bytes;
    size_t size;
    err_code code;
    if (strcmp(init, builtin) != 0)
        code = cap_model_open_unfolded(init, out, err);
    else if (!(code = builtin_bytes(&bytes, &size, err)))
        code = cap_model_open_memory_unfolded(bytes, size, builtin_name, out, err);
    if (!code && (code = cap_model_need(*out, kind, init, err))) cap_model_close(out);
    return code;
}

err_code cap_init_tensors(const char *init, io_tensors **out, error *err)
{
    const void *bytes;
    size_t size;
    err_code code = strcmp(init, builtin) != 0 ? ERR_OK : builtin_bytes(&bytes, &size, err);
    if (code) return code;
    *out = strcmp(init, builtin) != 0 ? io_tensors_open(init, err)
                                      : io_tensors_open_memory(bytes, size, builtin_name, err);
    return *out ? ERR_OK : err->code;
}

/* Of an encoder's file "architecture" says it, of a captioner's "encoder". */
err_code cap_init_architecture(const io_tensors *t, char **out, error *err)
{
    const char *metadata = io_tensors_metadata(t, "caption");
    json_t *o = NULL;
    err_code code =
        metadata ? io_json_parse(metadata, strlen(metadata), io_tensors_name(t), &o, err) : ERR_OK;
    const json_t *name = json_object_get(o, "architecture");
    if (!name) name = json_object_get(o, "encoder");
    if (!code && !json_is_string(name))
        code = err_set(err, ERR_MISMATCH, "'%.300s' holds no encoder of photos of this program to start from",
                       io_tensors_name(t));
    *out = code ? NULL : strdup(json_string_value(name));
    json_decref(o);
    if (!code && !*out) code = err_no_memory(err, "the name of an encoder");
    return code;
}

/* ---- sizes ---- */

static ds_codec_settings level_of(const ds_codec *c)
{
    return (ds_codec_settings){.level = ds_codec_level(c), .size = ds_codec_merges(c), .min_count = 1};
}

/* A backbone by the name in its table, which outlives the model. */
static const char *encoder_of(const cap_model *m)
{
    const char *architecture = cap_cnn_architecture(&m->encoder.config);
    return architecture ? cnn_backbone_find(architecture)->name : m->encoder.config.row->name;
}

err_code cap_train_take_sizes(cap_train_settings *s, error *err)
{
    cap_model *m = NULL;
    err_code code = cap_init_open(s->init, s->kind, &m, err);
    if (code) return code;
    s->decoder = m->decoder.config;
    if (s->kind == CAP_NOTHING) {
        s->language.level = level_of(m->target);
    } else if (s->kind == CAP_TEXT) {
        s->text.encoder = m->encoder.config;
        s->text.source_level = level_of(m->source);
        s->text.target_level = level_of(m->target);
    } else {
        s->encoder = encoder_of(m);
        s->size = m->preprocess.size;
        s->crop = m->preprocess.fit == CNN_CROP;
    }
    cap_model_close(&m);
    return ERR_OK;
}

static err_code refuse(const char *init, const char *what, const char *is, const char *asked, error *err)
{
    return err_set(
        err, ERR_ARGUMENT,
        "--init '%.200s': its %s is %.80s, and %.80s is asked for; a training that starts from a model "
        "keeps its sizes",
        init, what, is, asked);
}

static err_code check_fields(const char *init, const char *whose, const io_field *fields, const void *is,
                             const void *asked, error *err)
{
    const io_field *f = io_fields_differ(fields, is, asked);
    text before = {0}, now = {0};
    char what[80];
    if (!f) return ERR_OK;
    snprintf(what, sizeof what, "%s's %s", whose, f->name);
    io_field_print(f, is, &before);
    io_field_print(f, asked, &now);
    err_code code = refuse(init, what, text_string(&before), text_string(&now), err);
    text_release(&before);
    text_release(&now);
    return code;
}

static err_code check_photos(const cap_train_settings *s, const cap_model *from, error *err)
{
    const char *encoder = encoder_of(from);
    char is[20], asked[20];
    if (strcmp(encoder, s->encoder) != 0) return refuse(s->init, "encoder", encoder, s->encoder, err);
    snprintf(is, sizeof is, "%d", from->preprocess.size);
    snprintf(asked, sizeof asked, "%d", s->size);
    if (s->size && s->size != from->preprocess.size) return refuse(s->init, "size of photos", is, asked, err);
    if (s->crop != (from->preprocess.fit == CNN_CROP))
        return refuse(s->init, "fit of photos", s->crop ? "stretch" : "crop", s->crop ? "crop" : "stretch",
                      err);
    return ERR_OK;
}

static err_code check_level(const char *init, const char *what, const ds_codec *is,
                            const ds_codec_settings *asked, error *err)
{
    if (ds_codec_level(is) == asked->level) return ERR_OK;
    return refuse(init, what, ds_level_name(ds_codec_level(is)), ds_level_name(asked->level), err);
}

static err_code check_lines(const cap_train_settings *s, const cap_model *from, error *err)
{
    const cap_encoder_config *is = &from->encoder.config, *asked = &s->text.encoder;
    if (is->row != asked->row) return refuse(s->init, "encoder", is->row->name, asked->row->name, err);
    err_code code =
        check_fields(s->init, "encoder", is->row->fields, is->settings.bytes, asked->settings.bytes, err);
    if (!code) code = check_level(s->init, "level of sources", from->source, &s->text.source_level, err);
    return code ? code : check_level(s->init, "level of targets", from->target, &s->text.target_level, err);
}

err_code cap_init_check(const cap_train_settings *s, const cap_model *from, error *err)
{
    const cap_decoder_config *is = &from->decoder.config, *asked = &s->decoder;
    if (is->row != asked->row) return refuse(s->init, "decoder", is->row->name, asked->row->name, err);
    err_code code =
        check_fields(s->init, "decoder", is->row->fields, is->settings.bytes, asked->settings.bytes, err);
    if (code) return code;
    if (from->kind == CAP_NOTHING)
        return check_level(s->init, "level of texts", from->target, &s->language.level, err);
    return from->kind == CAP_TEXT ? check_lines(s, from, err) : check_photos(s, from, err);
}

/* ---- words ---- */

static json_t *joined_words(const ds_vocab *old, const ds_vocab *found)
{
    json_t *list = ds_vocab_to_json(old);
    for (int32_t i = DS_SPECIALS; list && i < ds_vocab_size(found); i++) {
        const char *word = ds_vocab_word(found, i);
        if (ds_vocab_id(old, word) != DS_UNK) continue;
        if (json_array_append_new(list, json_string(word))) json_decref(list), list = NULL;
    }
    return list;
}

err_code cap_init_vocab(const ds_vocab *old, const ds_vocab *found, ds_vocab **out, error *err)
{
    json_t *list = joined_words(old, found);
    err_code code = list ? ds_vocab_from_json(list, out, err) : err_no_memory(err, "a vocabulary");
    json_decref(list);
    return code;
}

static err_code join_codecs(const ds_codec *old, const ds_codec *found, ds_codec **out, error *err)
{
    bool grows = ds_codec_level(old) != DS_BPE;
    json_t *o = ds_codec_to_json(old);
    json_t *list = o && grows ? joined_words(ds_codec_vocab(old), ds_codec_vocab(found)) : NULL;
    err_code code = ERR_OK;
    if (!o || (grows && (!list || json_object_set_new(o, "vocabulary", list))))
        code = err_no_memory(err, "a vocabulary");
    if (!code) code = ds_codec_from_json(o, out, err);
    json_decref(o);
    return code;
}

err_code cap_init_codec(const ds_codec *old, ds_codec *found, ds_codec **out, error *err)
{
    if (!old) {
        *out = found;
        return ERR_OK;
    }
    err_code code = join_codecs(old, found, out, err);
    ds_codec_free(&found);
    return code;
}

/* ---- weights ---- */

/* The sizes differ where words were added, and there alone. */
static bool fits(const nn_var *from, const nn_var *to)
{
    if (from->rank != to->rank) return false;
    for (int i = 0; i < from->rank; i++)
        if (from->dim[i] > to->dim[i]) return false;
    return true;
}

/* The block [from->dim] of a tensor [to->dim], row by row. */
static void copy_block(const nn_var *from, nn_var *to)
{
    int last = from->rank - 1, width = from->dim[last];
    size_t rows = nn_count(from) / width;
    for (size_t row = 0; row < rows; row++) {
        size_t rest = row, at = 0, stride = to->dim[last];
        for (int i = last - 1; i >= 0; i--) {
            at += rest % from->dim[i] * stride;
            rest /= from->dim[i];
            stride *= to->dim[i];
        }
        memcpy(to->data + at, from->data + row * width, width * sizeof *to->data);
    }
}

err_code cap_init_weights(const cap_model *from, cap_model *to, error *err)
{
    for (int i = 0; i < to->params.count; i++) {
        nn_param *n = to->params.list[i];
        const nn_param *old = nn_params_find(&from->params, n->name);
        if (!old || !fits(&old->var, &n->var))
            return err_set(err, ERR_MISMATCH, "the model to start from has no weights '%.80s' of this shape",
                           n->name);
        copy_block(&old->var, &n->var);
    }
    if (to->kind == CAP_IMAGE) {
        memcpy(to->preprocess.mean, from->preprocess.mean, sizeof to->preprocess.mean);
        memcpy(to->preprocess.std, from->preprocess.std, sizeof to->preprocess.std);
    }
    json_t *licence = json_object_get(from->record, "licence");
    if (licence && json_object_set(to->record, "licence", licence)) return err_no_memory(err, "a record");
    return ERR_OK;
}
