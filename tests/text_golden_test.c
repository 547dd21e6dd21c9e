/* Losses and gradients of text encoders with decoders against PyTorch (golden/text_nets.py for LSTMs,
 * golden/transformer_nets.py for the Transformer), of decoders of concepts (golden/concept_nets.py) and of
 * language models (golden/language_nets.py), in double precision: there every sentence or photo is read
 * alone, here all lie in a batch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "captioner/net/transformer_rows.h"
#include "tests/concept_batch.h"
#include "tests/golden_nets.h"

/* In the place of captioner/net/encoder_rows.c, whose networks are not compiled in double precision. */
const cap_encoder_row *const cap_encoder_rows[] = {&cap_encoder_lstm, &cap_encoder_transformer, NULL};

typedef struct net {
    nn_params params;
    cap_encoder encoder;
    cap_decoder decoder;
} net;

static void create(net *n, const json_t *wanted)
{
    error err = {0};
    cap_encoder_config e;
    cap_decoder_config d;
    const json_t *encoder = json_object_get(wanted, "encoder");
    *n = (net){0};
    if (encoder && (cap_encoder_config_from_json(encoder, CAP_TEXT, "encoder", &e, &err) ||
                    cap_encoder_declare(&n->encoder, &e, TEXT_VOCABULARY, "encoder.", &n->params, &err)))
        fail_msg("%s", err.text);
    if (cap_decoder_config_from_json(json_object_get(wanted, "decoder"), "decoder", &d, &err))
        fail_msg("%s", err.text);
    d.last_layers = n->encoder.last_layers;
    if (cap_decoder_config_check(&d, &err) ||
        cap_decoder_declare(&n->decoder, &d, "decoder.", &n->params, &err))
        fail_msg("%s", err.text);
    assert_int_equal(nn_params_finish(&n->params, 1, NULL), ERR_OK);
    for (int i = 0; i < n->params.count; i++) golden_fill(n->params.list[i]);
}

static cap_encoded read_sentences(const net *n, nn_tape *t)
{
    static ds_source_batch lines;
    lines = text_batch_lines();
    return cap_encoder_encode(t, &n->encoder, &(cap_input){.count = lines.rows, .lines = &lines});
}

static cap_encoded look_at_photos(nn_tape *t, const json_t *wanted)
{
    static real regions[CONCEPT_PHOTOS * CONCEPT_REGIONS * CONCEPT_FEATURES];
    const int shape[3] = {CONCEPT_PHOTOS, CONCEPT_REGIONS, CONCEPT_FEATURES};
    concept_batch_regions(regions);
    bool there = json_is_true(json_object_get(wanted, "regions"));
    return concept_batch(there ? nn_input(t, regions, 3, shape) : NULL);
}

static cap_encoded see(const net *n, nn_tape *t, const json_t *wanted)
{
    if (!n->decoder.config.features) return (cap_encoded){.memories = TEXT_SOURCES};
    return json_object_get(wanted, "encoder") ? read_sentences(n, t) : look_at_photos(t, wanted);
}

static double loss_and_gradients(net *n, nn_tape *t, const json_t *wanted, double smoothing)
{
    const cap_loss_options options = {.smoothing = smoothing};
    cap_encoded seen = see(n, t, wanted);
    nn_var *loss = text_batch_loss_of(t, &seen, &n->decoder, &options);
    assert_non_null(loss);
    nn_params_zero_grad(&n->params, NULL);
    nn_backward(t, loss);
    assert_false(t->failed);
    return loss->data[0];
}

static void check_cases(const char *file, size_t least)
{
    json_error_t wrong;
    json_t *golden = json_load_file(file, 0, &wrong), *wanted;
    if (!golden) fail_msg("%s", wrong.text);
    double smoothing = json_real_value(json_object_get(golden, "smoothing"));
    json_t *cases = json_object_get(golden, "cases");
    assert_true(json_array_size(cases) >= least);
    size_t i;
    json_array_foreach(cases, i, wanted)
    {
        const char *name = json_string_value(json_object_get(wanted, "name"));
        arena mem = {0};
        nn_tape t = {.mem = &mem, .recording = true, .training = true};
        net n;
        create(&n, wanted);
        nn_begin(&t);
        double loss = loss_and_gradients(&n, &t, wanted, smoothing);
        golden_compare(name, "loss", loss, json_real_value(json_object_get(wanted, "loss")));
        golden_compare_gradients(name, &n.params, json_object_get(wanted, "gradients"));
        arena_release(&mem);
        cap_encoder_release(&n.encoder);
        cap_decoder_release(&n.decoder);
        nn_params_release(&n.params);
    }
    json_decref(golden);
}

static void lstms(void **state)
{
    (void)state;
    check_cases(TEST_SOURCE_DIR "/golden/text_nets.json", 8);
}

static void transformers(void **state)
{
    (void)state;
    check_cases(TEST_SOURCE_DIR "/golden/transformer_nets.json", 8);
}

static void concepts(void **state)
{
    (void)state;
    check_cases(TEST_SOURCE_DIR "/golden/concept_nets.json", 9);
}

static void language_models(void **state)
{
    (void)state;
    check_cases(TEST_SOURCE_DIR "/golden/language_nets.json", 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lstms), cmocka_unit_test(transformers),
                                       cmocka_unit_test(concepts), cmocka_unit_test(language_models)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
