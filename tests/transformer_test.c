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
        cmocka_unit_test(sizes_that_do_not_fit_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
