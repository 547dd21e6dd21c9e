/* The seam of decoders: a row that predicts from nothing, in this file alone, trains, is saved, opened,
 * searched, forced and shown like any other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "captioner/net/decoder_row.h"
#include "captioner/net/model.h"
#include "captioner/net/text_encoder.h"
#include "captioner/search/force.h"
#include "captioner/train/train.h"
#include "src/io/file.h"
#include "src/nn/linear.h"
#include "tests/folder.h"
#include "tools/verbs.h"

/* ---- the row: logits are a bias ---- */

typedef struct urn_settings {
    double first; /* logits before training */
} urn_settings;

typedef struct urn {
    nn_var *logits; /* [1, V] */
} urn;

static const io_field fields[] = {
    {.name = "first", .kind = IO_FIELD_NUMBER, .least = -1, .most = 1, .help = "logits before training"},
    {0},
};

static void defaults(void *settings, bool texts)
{
    (void)texts;
    *(urn_settings *)settings = (urn_settings){0.25};
}

static void declare(cap_decoder *d, const char *prefix, nn_params *params)
{
    char name[64];
    const urn_settings *s = (const urn_settings *)(const void *)d->config.settings.bytes;
    snprintf(name, sizeof name, "%slogits", prefix);
    ((urn *)d->net)->logits =
        nn_params_add(params, name, 2, (int[]){1, d->config.vocabulary}, nn_init_constant(s->first), 0);
}

static void step(nn_tape *t, const cap_decoder *d, const cap_memory *m, const int32_t *memory_of,
                 const cap_decoder_state *previous, const int32_t *word, cap_step *out)
{
    (void)m, (void)memory_of, (void)word;
    int32_t *zeros = nn_alloc(t, previous->rows * sizeof *zeros);
    if (zeros) out->outlook[0] = nn_embedding(t, ((urn *)d->net)->logits, zeros, previous->rows);
}

static nn_var *logits(nn_tape *t, const cap_decoder *d, nn_var *const *outlook)
{
    (void)t, (void)d;
    return outlook[0];
}

static const cap_decoder_row row_urn = {.name = "urn",
                                        .about = "words drawn from an urn",
                                        .fields = fields,
                                        .settings_bytes = sizeof(urn_settings),
                                        .net_bytes = sizeof(urn),
                                        .defaults = defaults,
                                        .declare = declare,
                                        .step = step,
                                        .logits = logits};

/* In the place of captioner/net/decoder_rows.c. */
const cap_decoder_row *const cap_decoder_rows[] = {&row_urn, NULL};

/* ---- what is done with it ---- */

/* Of eight words five are "b". */
static const char pairs[] = "x\ta b b\nx\tb b b a\nx\tc\n";

static void train(void)
{
    assert_int_equal(io_write_file(in("pairs.tsv"), pairs, sizeof pairs - 1, NULL), ERR_OK);
    cap_train_settings s = cap_train_text_defaults();
    s.text.pairs = in("pairs.tsv");
    s.text.val_share = 0;
    cap_text_encoder_config *encoder = cap_text_encoder_settings(&s.text.encoder);
    encoder->hidden = encoder->embedding = 2;
    s.loss.smoothing = 0;
    s.run.rate = 0.1;
    s.run.decay = 0;
    s.run.epochs = 200;
    s.min_count = s.run.threads = 1;
    s.dtype = IO_F32;
    s.run.out = in("urn.safetensors");
    error err = {0};
    if (cap_train(&s, &(cap_train_events){0}, &err)) fail_msg("%s", err.text);
}

static void it_trains_and_speaks(void **state)
{
    (void)state;
    train();
    cap_model *m = NULL;
    error err = {0};
    if (cap_model_open(in("urn.safetensors"), &m, &err)) fail_msg("%s", err.text);
    assert_string_equal(m->decoder.config.row->name, "urn");
    assert_false(cap_decoder_attends(&m->decoder));

    arena mem = {0}, results = {0};
    nn_tape t = {.mem = &mem};
    nn_begin(&t);
    cap_memory memory = cap_decoder_remember(&t, &m->decoder, &(cap_encoded){.memories = 1});
    cap_forced forced;
    int32_t b = ds_vocab_id(cap_model_vocab(m), "b");
    assert_int_equal(cap_force(&t, &m->decoder, &memory, &b, 1, &results, &forced, &err), ERR_OK);
    /* Five of the eleven words that are counted with the ends. */
    assert_true(fabs(forced.log_probability[0] - log(5 / 11.0)) < 0.05);
    assert_true(fabs(forced.log_probability[1] - log(3 / 11.0)) < 0.05);
    assert_int_equal(forced.rank[0], 1);

    cap_search_options o = cap_search_defaults();
    cap_hypothesis best;
    o.min_words = o.max_words = 2;
    o.no_repeat = 0;
    assert_int_equal(cap_search(&t, &m->decoder, &memory, &o, &results, &best, &err), ERR_OK);
    assert_int_equal(best.words, 2);
    assert_int_equal(best.word[0], b);
    assert_null(best.alpha);
    arena_release(&mem);
    arena_release(&results);
    cap_model_close(&m);

    char name[] = "info", path[200], *words[] = {name, path, NULL};
    snprintf(path, sizeof path, "%s", in("urn.safetensors"));
    assert_int_equal(verb_info(2, words), VERB_DONE);
}

static void its_settings_are_read_and_held_against_their_ranges(void **state)
{
    (void)state;
    cap_decoder_config c = cap_decoder_defaults(), d;
    c.features = c.vocabulary = 7;
    error err = {0};
    json_t *o = cap_decoder_config_to_json(&c);
    assert_int_equal(cap_decoder_config_from_json(o, "here", &d, &err), ERR_OK);
    assert_int_equal(memcmp(d.settings.bytes, c.settings.bytes, sizeof(urn_settings)), 0);
    json_object_set_new(o, "first", json_integer(2));
    assert_int_equal(cap_decoder_config_from_json(o, "here", &d, &err), ERR_FORMAT);
    assert_non_null(strstr(err.text, "'first' must be a number from -1 to 1"));
    json_object_set_new(o, "kind", json_string("lstm"));
    assert_int_equal(cap_decoder_config_from_json(o, "here", &d, &err), ERR_FORMAT);
    assert_non_null(strstr(err.text, "there is no decoder 'lstm'"));
    json_decref(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_trains_and_speaks),
        cmocka_unit_test(its_settings_are_read_and_held_against_their_ranges),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
