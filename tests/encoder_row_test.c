/* The seam of encoders: a row that looks up a vector for every word of a line, in this file alone, trains with a
 * decoder that attends to it, is saved, opened, used and shown like any other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "captioner/net/lstm_settings.h"
#include "captioner/train/train.h"
#include "src/io/file.h"
#include "src/nn/activation.h"
#include "src/nn/linear.h"
#include "tests/folder.h"
#include "tests/opened.h"
#include "tools/verbs.h"

/* ---- the row ---- */

typedef struct bag_settings {
    int width; /* D */
} bag_settings;

typedef struct bag {
    nn_var *table; /* [V, D] */
} bag;

static const io_field fields[] = {
    {.name = "width", .kind = IO_FIELD_INT, .offset = offsetof(bag_settings, width), .least = 1, .most = 64},
    {0},
};

static void defaults(void *settings)
{
    *(bag_settings *)settings = (bag_settings){8};
}

static err_code declare(cap_encoder *e, int input, const char *prefix, nn_params *params, error *err)
{
    char name[64];
    const bag_settings *s = (const bag_settings *)(const void *)e->config.settings.bytes;
    (void)err;
    snprintf(name, sizeof name, "%stable", prefix);
    e->width = s->width;
    ((bag *)e->net)->table = nn_params_add(params, name, 2, (int[]){input, s->width}, nn_init_normal(1), 0);
    return ERR_OK;
}

static cap_encoded encode(nn_tape *t, const cap_encoder *e, const cap_input *in)
{
    const ds_source_batch *b = in->lines;
    int words = b->rows * b->max_len, width = e->width;
    nn_var *states = nn_embedding(t, ((bag *)e->net)->table, b->tokens, words);
    return (cap_encoded){.states = nn_reshape(t, states, 3, (int[]){b->rows, b->max_len, width}),
                         .length = b->length};
}

static const cap_encoder_row row_bag = {.name = "bag",
                                        .about = "a vector for every word",
                                        .reads = CAP_TEXT,
                                        .fields = fields,
                                        .settings_bytes = sizeof(bag_settings),
                                        .net_bytes = sizeof(bag),
                                        .defaults = defaults,
                                        .declare = declare,
                                        .encode = encode};

/* In the place of captioner/net/encoder_rows.c. */
const cap_encoder_row *const cap_encoder_rows[] = {&row_bag, NULL};

/* ---- what is done with it ---- */

static const char pairs[] = "one\teins\ntwo\tzwei\nthree\tdrei\n";

static void train(void)
{
    assert_int_equal(io_write_file(in("pairs.tsv"), pairs, sizeof pairs - 1, NULL), ERR_OK);
    cap_train_settings s = cap_train_text_defaults();
    cap_lstm_settings *d = cap_lstm_settings_of(&s.decoder);
    s.text.pairs = in("pairs.tsv");
    s.text.val_share = 0;
    d->hidden = d->embedding = d->attention = 16;
    d->start = CAP_START_MEAN; /* this encoder has no last states */
    d->dropout = s.loss.smoothing = 0;
    s.run.rate = 0.02;
    s.run.epochs = 60;
    s.min_count = s.run.threads = 1;
    s.run.out = in("bag.safetensors");
    error err = {0};
    if (cap_train(&s, &(cap_train_events){0}, &err)) fail_msg("%s", err.text);
}

static void it_trains_and_translates(void **state)
{
    (void)state;
    train();
    error err = {0};
    opened t = open_path(in("bag.safetensors"), cap_request_defaults(CAP_LINES), 1);
    static const char *const lines[] = {"one", "two", "three"}, *const wanted[] = {"eins", "zwei", "drei"};
    cap_translation out[3];
    error errors[3];
    assert_int_equal(cap_translate(t.session, NULL, lines, 3, out, errors, &err), ERR_OK);
    for (int i = 0; i < 3; i++) {
        assert_string_equal(out[i].best.sentence, wanted[i]);
        cap_translation_release(&out[i]);
    }
    close_all(&t);

    char name[] = "info", path[200], *words[] = {name, path, NULL};
    snprintf(path, sizeof path, "%s", in("bag.safetensors"));
    assert_int_equal(verb_info(2, words), VERB_DONE);
}

static void what_a_file_says_is_held_against_it(void **state)
{
    (void)state;
    cap_encoder_config c;
    error err = {0};
    json_t *o = json_pack("{s:s, s:i}", "kind", "bag", "width", 65);
    assert_int_equal(cap_encoder_config_from_json(o, CAP_TEXT, "here", &c, &err), ERR_FORMAT);
    assert_non_null(strstr(err.text, "'width' must be an integer from 1 to 64"));
    assert_int_equal(cap_encoder_config_from_json(o, CAP_IMAGE, "here", &c, &err), ERR_FORMAT);
    json_object_set_new(o, "kind", json_string("lstm"));
    assert_int_equal(cap_encoder_config_from_json(o, CAP_TEXT, "here", &c, &err), ERR_FORMAT);
    assert_non_null(strstr(err.text, "there is no encoder 'lstm'"));
    json_decref(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_trains_and_translates),
        cmocka_unit_test(what_a_file_says_is_held_against_it),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
