/* A model of drawn weights that makes German number words of English ones, at random, for tests of everything
 * around models. */
#ifndef TESTS_RANDOM_TEXT_H
#define TESTS_RANDOM_TEXT_H

#include "captioner/net/lstm_settings.h"
#include "captioner/net/model.h"
#include "captioner/net/text_encoder.h"

static inline err_code random_text_model(const ds_codec_settings *level, nn_match_kind match, cap_model **out,
                                         error *err)
{
    static const char *const english[] = {"one two three four five six seven eight nine ten!"};
    static const char *const german[] = {"eins zwei drei vier f\xC3\xBCnf sechs sieben acht neun zehn!"};
    ds_codec *source = NULL, *target = NULL;
    cap_encoder_config encoder = cap_encoder_text_defaults();
    cap_text_encoder_config *e = cap_text_encoder_settings(&encoder);
    cap_decoder_config d = cap_decoder_text_defaults();
    cap_lstm_settings *lstm = cap_lstm_settings_of(&d);
    e->embedding = lstm->embedding = 12;
    e->hidden = 10;
    lstm->hidden = 16;
    lstm->attention = 8;
    lstm->match = match;
    lstm->output = CAP_OUTPUT_TIED;
    err_code code = ds_codec_learn(level, english, 1, &source, err);
    if (!code) code = ds_codec_learn(level, german, 1, &target, err);
    const cap_model_form form = {.encoder = encoder, .decoder = d, .source = source, .target = target};
    if (!code) code = cap_model_create(&form, 7, out, err);
    if (code) {
        ds_codec_free(&source);
        ds_codec_free(&target);
    }
    return code;
}

static inline err_code random_text_save(const char *path, nn_match_kind match, error *err)
{
    const ds_codec_settings words = {.level = DS_WORD, .min_count = 1};
    cap_model *m = NULL;
    err_code code = random_text_model(&words, match, &m, err);
    if (!code) code = cap_model_save(m, path, IO_F32, err);
    cap_model_close(&m);
    return code;
}

#endif
