/* A model of drawn weights and ten words, for tests of everything around models. */
#ifndef TESTS_RANDOM_MODEL_H
#define TESTS_RANDOM_MODEL_H

#include "captioner/net/cnn_encoder.h"
#include "captioner/net/lstm_settings.h"
#include "captioner/net/model.h"

static inline err_code random_model_save(const char *path, nn_match_kind match, error *err)
{
    static const char *const words[] = {"a",    "dog", "cat", "runs", "on",
                                        "snow", "in",  "the", "man",  "caf\xC3\xA9"};
    ds_counter *counter = ds_counter_create();
    ds_vocab *vocab = NULL;
    cap_model *m = NULL;
    for (int i = 0; i < 10; i++) ds_counter_add(counter, words[i], 100 - i, NULL);
    err_code code = ds_vocab_build(counter, &(ds_vocab_settings){0}, &vocab, err);
    ds_counter_free(&counter);
    cnn_preprocess pre;
    cnn_preprocess_default(&pre);
    pre.size = 96;
    cap_decoder_config c = cap_lstm_config(&(cap_lstm_settings){.embedding = 16,
                                                                .hidden = 24,
                                                                .attention = 16,
                                                                .projection = 24,
                                                                .heads = 1,
                                                                .layers = 1,
                                                                .match = match,
                                                                .sharpness = 1,
                                                                .gate = true,
                                                                .rectify = true,
                                                                .dropout = 0.5});
    const cap_model_form form = {
        .encoder = cap_cnn_config("small"), .decoder = c, .preprocess = pre, .vocab = vocab};
    if (!code) code = cap_model_create(&form, 5, &m, err);
    if (code) {
        ds_vocab_free(&vocab);
        return code;
    }
    json_object_set_new(m->record, "licence", json_string("none: random weights"));
    json_object_set_new(m->record, "validation", json_pack("{s:f}", "bleu4", 0.125));
    code = cap_model_save(m, path, IO_F16, err);
    cap_model_close(&m);
    return code;
}

#endif
