/* A model of drawn weights and ten words, for tests of everything around models. */
#ifndef TESTS_RANDOM_MODEL_H
#define TESTS_RANDOM_MODEL_H

#include <stdio.h>
#include <string.h>

#include "captioner/net/cnn_encoder.h"
#include "captioner/net/lstm_settings.h"
#include "captioner/net/model.h"
#include "captioner/net/no_encoder.h"

/* The namers of such a model: a detector that finds dogs and cats everywhere, and a head for three words, of
 * which the vocabulary lacks one; and two styles. */
static inline err_code random_namers(cap_model_form *form, error *err)
{
    static const char *const named[] = {"snow", "man", "grass"}, *const styles[] = {"plain", "fancy"};
    cap_names names;
    if (!cap_names_copy(&names, named, 3) || !cap_names_copy(&form->styles, styles, 2))
        return err_no_memory(err, "for names");
    cap_objects_settings objects = {.naming = {0.2, 4}, .size = 64, .net = "yolox_nano"};
    cap_words_settings words = {.naming = {0.3, 5}, .hidden = 8};
    form->namers[CAP_NAMER_OBJECTS] = cap_objects_config(&objects);
    form->namers[CAP_NAMER_WORDS] = cap_words_config(&words, &names);
    return ERR_OK;
}

/* Drawn weights make large numbers of pixels 0 to 255; the last layers make them small again. */
static inline void scale_weights(nn_params *params, const char *prefix, real factor)
{
    for (int i = 0; i < params->count; i++) {
        nn_param *n = params->list[i];
        if (strncmp(n->name, prefix, strlen(prefix)) != 0 || n->var.rank < 2) continue;
        for (size_t k = 0; k < nn_count(&n->var); k++) n->var.data[k] *= factor;
    }
}

static inline void favour_dogs(nn_params *params)
{
    enum { CAT = 15, DOG = 16 };
    static const char *const last[] = {"cls", "obj", "reg"};
    char name[64];
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "objects.head.%s_preds.", last[i]);
        scale_weights(params, name, (real)1e-3);
    }
    for (int level = 0; level < 3; level++) {
        snprintf(name, sizeof name, "objects.head.cls_preds.%d.bias", level);
        nn_param *bias = nn_params_find(params, name);
        bias->var.data[DOG] = 3;
        bias->var.data[CAT] = (real)(2.5 + 0.5 * level);
    }
}

static inline cap_decoder_config random_model_decoder(nn_match_kind match, bool namers)
{
    return cap_lstm_config(&(cap_lstm_settings){.embedding = 16,
                                                .hidden = 24,
                                                .attention = 16,
                                                .projection = 24,
                                                .heads = 1,
                                                .layers = 1,
                                                .match = match,
                                                .sharpness = 1,
                                                .concepts = namers,
                                                .glance = namers ? 8 : 0,
                                                .styles = namers ? 2 : 0,
                                                .gate = true,
                                                .rectify = true,
                                                .dropout = 0.5});
}

static inline err_code random_model_create_with(const cap_decoder_config *decoder, bool namers,
                                                cap_model **out, error *err)
{
    static const char *const words[] = {"a",    "dog", "cat", "runs", "on",
                                        "snow", "in",  "the", "man",  "caf\xC3\xA9"};
    ds_counter *counter = ds_counter_create();
    ds_vocab *vocab = NULL;
    for (int i = 0; i < 10; i++) ds_counter_add(counter, words[i], 100 - i, NULL);
    err_code code = ds_vocab_build(counter, &(ds_vocab_settings){0}, &vocab, err);
    ds_counter_free(&counter);
    cnn_preprocess pre;
    cnn_preprocess_default(&pre);
    pre.size = 96;
    cap_model_form form = {
        .encoder = cap_cnn_config("small"), .decoder = *decoder, .preprocess = pre, .vocab = vocab};
    if (!code && namers) code = random_namers(&form, err);
    if (!code) code = cap_model_create(&form, 5, out, err);
    if (code) {
        cap_model_form_release(&form);
        return code;
    }
    if (namers) favour_dogs(&(*out)->params);
    json_object_set_new((*out)->record, "licence", json_string("none: random weights"));
    json_object_set_new((*out)->record, "validation", json_pack("{s:f}", "bleu4", 0.125));
    return ERR_OK;
}

static inline err_code random_model_create(nn_match_kind match, bool namers, cap_model **out, error *err)
{
    cap_decoder_config c = random_model_decoder(match, namers);
    return random_model_create_with(&c, namers, out, err);
}

static inline err_code random_model_write(const char *path, nn_match_kind match, bool namers, error *err)
{
    cap_model *m = NULL;
    err_code code = random_model_create(match, namers, &m, err);
    if (!code) code = cap_model_save(m, path, IO_F16, err);
    cap_model_close(&m);
    return code;
}

/* One with namers of objects alone, which sees no regions. */
static inline err_code random_model_write_blind(const char *path, error *err)
{
    static const char *const words[] = {"a", "dog", "cat", "runs", "on", "snow"};
    cap_objects_settings objects = {.naming = {0.2, 4}, .size = 64, .net = "yolox_nano"};
    cap_decoder_config decoder = random_model_decoder(NN_MATCH_SIGMOID, true);
    cap_lstm_settings_of(&decoder)->styles = 0;
    cap_model_form form = {.encoder = cap_encoder_defaults_of(&cap_encoder_blind), .decoder = decoder};
    cap_model *m = NULL;
    ds_counter *counter = ds_counter_create();
    for (int i = 0; i < 6; i++) ds_counter_add(counter, words[i], 100 - i, NULL);
    err_code code = ds_vocab_build(counter, &(ds_vocab_settings){0}, &form.vocab, err);
    ds_counter_free(&counter);
    cnn_preprocess_default(&form.preprocess);
    form.namers[CAP_NAMER_OBJECTS] = cap_objects_config(&objects);
    if (!code && (code = cap_model_create(&form, 5, &m, err))) cap_model_form_release(&form);
    if (!code) favour_dogs(&m->params);
    if (!code) code = cap_model_save(m, path, IO_F16, err);
    cap_model_close(&m);
    return code;
}

static inline err_code random_model_save(const char *path, nn_match_kind match, error *err)
{
    return random_model_write(path, match, false, err);
}

#endif
