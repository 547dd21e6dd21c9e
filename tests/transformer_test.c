/* The Transformer's encoder and decoder: gradients against central differences in double precision; and that the
 * steps taken all at once give what they give one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "captioner/net/transformer_rows.h"
#include "tests/model_gradcheck.h"
#include "tests/text_batch.h"

/* In the place of captioner/net/encoder_rows.c, whose networks are not compiled in double precision. */
const cap_encoder_row *const cap_encoder_rows[] = {&cap_encoder_transformer, NULL};

typedef struct model {
    nn_params params;
    cap_encoder encoder;
    cap_decoder decoder;
    cap_loss_options options;
} model;

static cap_transformer_settings small(void)
{
    cap_transformer_settings s = cap_transformer_defaults();
    s.hidden = 4;
    s.heads = 2;
    s.layers = 2;
    s.feed_forward = 5;
    s.dropout = 0;
    return s;
}

static void set_up(model *m, const cap_transformer_settings *e, const cap_transformer_settings *d)
{
    *m = (model){.options = {.smoothing = 0.1, .coverage = 0.3, .focus = 0.1}};
    cap_encoder_config ec = {.row = &cap_encoder_transformer};
    cap_decoder_config dc = {.row = &cap_decoder_transformer, .vocabulary = TEXT_VOCABULARY};
    *cap_transformer_encoder_settings(&ec) = *e;
    *cap_transformer_decoder_settings(&dc) = *d;
    error err = {0};
    if (cap_encoder_declare(&m->encoder, &ec, TEXT_VOCABULARY, "encoder.", &m->params, &err))
        fail_msg("%s", err.text);
    dc.features = m->encoder.width;
    if (cap_decoder_config_check(&dc, &err) ||
        cap_decoder_declare(&m->decoder, &dc, "decoder.", &m->params, &err))
        fail_msg("%s", err.text);
    assert_int_equal(nn_params_finish(&m->params, 3, NULL), ERR_OK);
}

static void tear_down(model *m)
{
    cap_encoder_release(&m->encoder);
    cap_decoder_release(&m->decoder);
    nn_params_release(&m->params);
}

static nn_var *loss_of(nn_tape *t, void *ctx)
{
    model *m = ctx;
    ds_source_batch lines = text_batch_lines();
    cap_encoded seen = cap_encoder_encode(t, &m->encoder, &(cap_input){.count = lines.rows, .lines = &lines});
    return text_batch_loss_of(t, &seen, &m->decoder, &m->options);
}

static void check(const char *name, const cap_transformer_settings *e, const cap_transformer_settings *d)
{
    model m;
    set_up(&m, e, d);
    model_gradcheck_run(&(model_gradcheck){name, &m.params, &m.options, loss_of, &m}, 4);
    tear_down(&m);
}

static void every_form(void **state)
{
    (void)state;
    for (int i = 0; i < 16; i++) {
        cap_transformer_settings e = small(), d = small();
        e.norm = d.norm = (cap_norm)(i & 1);
        e.self_attention = i & 2 ? CAP_SELF_PLAIN : CAP_SELF_QKV;
        d.self_attention = i & 4 ? CAP_SELF_PLAIN : CAP_SELF_QKV;
        e.activation = d.activation = i >> 3;
        char name[40];
        snprintf(name, sizeof name, "form %d", i);
        check(name, &e, &d);
    }
}

static void every_matching_function(void **state)
{
    (void)state;
    for (int match = 0; match < NN_MATCH_NONE; match++) {
        cap_transformer_settings e = small(), d = small();
        d.match = (nn_match_kind)match;
        d.heads = match % 2 ? 1 : 2;
        check(nn_match_rows[match].name, &e, &d);
    }
}

/* The states of a memory attend to each other before words look at them. */
static void memory_layers(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        cap_transformer_settings e = small(), d = small();
        d.memory_layers = 1 + (i & 1);
        d.norm = (cap_norm)(i >> 1);
        check("memory layers", &e, &d);
    }
}

static double loss_while(model *m, bool training, uint64_t seed)
{
    arena mem = {0};
    nn_tape t = {.mem = &mem, .training = training, .seed = seed};
    nn_var *loss = loss_of(&t, m);
    assert_non_null(loss);
    double value = loss->data[0];
    arena_release(&mem);
    return value;
}

/* Draws drop other weights, gradients are those of what is left, and only training drops any. */
static void weights_of_attention_drop(void **state)
{
    (void)state;
    cap_transformer_settings some = small(), none = small();
    some.attention_dropout = 0.4;
    model with, without;
    set_up(&with, &some, &some);
    set_up(&without, &none, &none);
    check_gradients(&(model_gradcheck){"attention dropout", &with.params, &with.options, loss_of, &with}, 4);
    double kept = loss_while(&without, true, 1);
    assert_true(loss_while(&with, true, 1) != loss_while(&with, true, 2));
    assert_true(loss_while(&with, true, 1) != kept);
    assert_true(loss_while(&with, false, 1) == kept);
    tear_down(&with);
    tear_down(&without);
}

static void sizes_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    error err = {0};
    cap_transformer_settings s = small();
    s.heads = 3;
    assert_int_equal(cap_transformer_check(&s, &err), ERR_ARGUMENT);
    s.hidden = 9;
    assert_int_equal(cap_transformer_check(&s, &err), ERR_ARGUMENT);
    s.hidden = 12;
    assert_int_equal(cap_transformer_check(&s, &err), ERR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form),
        cmocka_unit_test(every_matching_function),
        cmocka_unit_test(memory_layers),
        cmocka_unit_test(weights_of_attention_drop),
        cmocka_unit_test(sizes_that_do_not_fit_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
