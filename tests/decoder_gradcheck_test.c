/* The gradients of whole models, text encoder and decoder, against central differences in double precision;
 * and that steps taken all at once give what they give one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "captioner/net/decoder_row.h"
#include "captioner/net/lstm_settings.h"
#include "src/nn/attention.h"
#include "src/nn/attention_penalty.h"
#include "tests/model_gradcheck.h"
#include "tests/text_batch.h"

typedef struct model {
    nn_params params;
    cap_text_encoder encoder;
    cap_decoder decoder;
    cap_loss_options options;
} model;

static nn_var *loss_of(nn_tape *t, void *ctx)
{
    model *m = ctx;
    return text_batch_loss(t, &m->encoder, &m->decoder, &m->options);
}

static void set_up(model *m, const cap_text_encoder_config *e, const cap_decoder_config *d)
{
    *m = (model){.options = {.smoothing = 0.1, .coverage = 0.3, .focus = 0.1}};
    cap_decoder_config c = *d;
    c.features = cap_text_encoder_width(e);
    c.last_layers = e->layers;
    assert_int_equal(cap_text_encoder_config_check(e, NULL), ERR_OK);
    assert_int_equal(cap_decoder_config_check(&c, NULL), ERR_OK);
    cap_text_encoder_declare(&m->encoder, e, "encoder.", &m->params);
    assert_int_equal(cap_decoder_declare(&m->decoder, &c, "decoder.", &m->params, NULL), ERR_OK);
    assert_int_equal(nn_params_finish(&m->params, 3, NULL), ERR_OK);
}

/* Weights of captions, below 0 among them: the loss is the weighted sum of what each caption alone adds. */
static void check_weights(const model_gradcheck *g)
{
    static const real weight[TEXT_ROWS] = {(real)1.5, -2, (real)0.25}, even[TEXT_ROWS] = {1, 1, 1};
    double sum = 0;
    *g->options = (cap_loss_options){0};
    for (int i = 0; i < TEXT_ROWS; i++) {
        real one[TEXT_ROWS] = {0};
        one[i] = 1;
        g->options->weight = one;
        sum += (double)weight[i] * model_loss(g, 0);
    }
    g->options->weight = weight;
    if (!(fabs(sum - model_loss(g, 0)) < 1e-12)) fail_msg("%s: weights do not add up", g->name);
    check_gradients(g, 2);
    g->options->weight = even;
    double with = model_loss(g, 0);
    g->options->weight = NULL;
    assert_true(with == model_loss(g, 0));
}

static void check_one(const char *name, const cap_text_encoder_config *e, const cap_decoder_config *d)
{
    model m;
    set_up(&m, e, d);
    const model_gradcheck g = {name, &m.params, &m.options, loss_of, &m};
    model_gradcheck_run(&g, 6);
    check_weights(&g);
    cap_decoder_release(&m.decoder);
    nn_params_release(&m.params);
}

/* With a vocabulary smaller than the batch has words, shares of the gates are made for all of it; with a
 * larger one, word by word. */
static void check(const char *name, const cap_text_encoder_config *e, const cap_decoder_config *d)
{
    cap_text_encoder_config large_e = *e;
    cap_decoder_config large_d = *d;
    large_e.vocabulary = large_d.vocabulary = 2 * TEXT_VOCABULARY;
    check_one(name, e, d);
    check_one(name, &large_e, &large_d);
}

static cap_text_encoder_config small_encoder(void)
{
    return (cap_text_encoder_config){.vocabulary = TEXT_VOCABULARY, .embedding = 3, .hidden = 2, .layers = 1};
}

static cap_decoder_config small_decoder(nn_match_kind match)
{
    cap_decoder_config c = cap_lstm_config(&(cap_lstm_settings){.embedding = 3,
                                                                .hidden = 4,
                                                                .attention = 3,
                                                                .heads = 1,
                                                                .layers = 1,
                                                                .match = match,
                                                                .start = CAP_START_LAST,
                                                                .sharpness = 1});
    c.vocabulary = TEXT_VOCABULARY;
    return c;
}

static void encoders(void **state)
{
    (void)state;
    for (int i = 0; i < 16; i++) {
        cap_text_encoder_config e = small_encoder();
        cap_decoder_config d = small_decoder(NN_MATCH_ADDITIVE);
        e.bidirectional = i & 1;
        e.layers = i & 2 ? 3 : 1;
        e.residual = i & 4;
        e.reverse = i & 8;
        char name[64];
        snprintf(name, sizeof name, "encoder %d", i);
        check(name, &e, &d);
    }
}

/* Every matching function at either place, with one layer and with three; the other settings vary along. */
static void decoders(void **state)
{
    (void)state;
    int i = 0;
    for (int match = 0; match < NN_MATCH_COUNT; match++)
        for (int attend = 0; attend < CAP_ATTENDS; attend++)
            for (int layers = 1; layers <= 3; layers += 2, i++) {
                cap_text_encoder_config e = small_encoder();
                cap_decoder_config d = small_decoder((nn_match_kind)match);
                cap_lstm_settings *lstm = cap_lstm_settings_of(&d);
                e.bidirectional = i & 1;
                lstm->attend = (cap_attend)attend;
                lstm->layers = layers;
                lstm->residual = layers > 1;
                lstm->gate = i % 3 == 1;
                lstm->projection = i % 5 == 2 ? 3 : 0;
                lstm->rectify = i % 2;
                lstm->start = i % 4 == 3 ? CAP_START_MEAN : CAP_START_LAST;
                lstm->output = (cap_output)(i % 2);
                lstm->peek = match == NN_MATCH_NONE && attend;
                char name[64];
                snprintf(name, sizeof name, "%s, attend %s, %d layers", nn_match_rows[match].name,
                         cap_attend_names[attend], layers);
                check(name, &e, &d);
            }
}

static void fixed_vectors(void **state)
{
    (void)state;
    for (int i = 0; i < 16; i++) {
        cap_text_encoder_config e = small_encoder();
        cap_decoder_config d = small_decoder(NN_MATCH_NONE);
        cap_lstm_settings *lstm = cap_lstm_settings_of(&d);
        lstm->peek = i & 1;
        lstm->gate = i & 2;
        lstm->layers = i & 4 ? 2 : 1;
        lstm->start = i & 8 ? CAP_START_MEAN : CAP_START_LAST;
        char name[64];
        snprintf(name, sizeof name, "fixed vector %d", i);
        check(name, &e, &d);
    }
}

/* Plain, peeky and attentive sequence to sequence as in the textbook, made small. */
static void textbook(void **state)
{
    (void)state;
    static const nn_match_kind kinds[] = {NN_MATCH_NONE, NN_MATCH_NONE, NN_MATCH_DOT};
    for (int i = 0; i < 3; i++) {
        cap_text_encoder_config e = small_encoder();
        cap_decoder_config d = cap_lstm_textbook();
        cap_lstm_settings *lstm = cap_lstm_settings_of(&d);
        e.hidden = lstm->hidden = 4;
        d.vocabulary = TEXT_VOCABULARY;
        lstm->embedding = 3;
        lstm->match = kinds[i];
        lstm->peek = i == 1;
        check("textbook", &e, &d);
    }
}

/* ---- padding ---- */

enum { PADDED = 11 };

/* The loss of the three sentences with `width` places for words each, of which those behind the end are
 * padding. */
static double padded_loss(model *m, int width)
{
    int32_t source[TEXT_SOURCES * PADDED] = {0};
    for (int i = 0; i < TEXT_SOURCES; i++)
        for (int j = 0; j < text_source_length[i]; j++) source[i * width + j] = text_source[i][j];
    ds_batch b = {.rows = TEXT_ROWS, .images = TEXT_SOURCES, .max_len = TEXT_WORDS};
    b.image = b.caption = text_which;
    b.row_image = text_row_image;
    b.length = text_length;
    b.tokens = &text_tokens[0][0];
    arena mem = {0};
    nn_tape t = {.mem = &mem, .recording = true, .training = true};
    cap_encoded e =
        cap_text_encoder_forward(&t, &m->encoder, source, text_source_length, TEXT_SOURCES, width);
    cap_memory memory = cap_decoder_remember(&t, &m->decoder, &e);
    nn_var *loss = cap_decoder_loss(&t, &m->decoder, &memory, &b, &m->options, NULL);
    assert_non_null(loss);
    double value = loss->data[0];
    arena_release(&mem);
    return value;
}

/* What is asked of the attention, too, knows how long each sentence is. */
static void padding_does_not_change_the_loss(void **state)
{
    (void)state;
    for (int match = 0; match < NN_MATCH_COUNT; match++)
        for (int attend = 0; attend < CAP_ATTENDS; attend++) {
            cap_text_encoder_config e = small_encoder();
            cap_decoder_config d = small_decoder((nn_match_kind)match);
            model m;
            cap_lstm_settings_of(&d)->attend = (cap_attend)attend;
            set_up(&m, &e, &d);
            double tight = padded_loss(&m, TEXT_LONGEST), loose = padded_loss(&m, PADDED);
            if (!(fabs(tight - loose) < 1e-12))
                fail_msg("%s: %.15g, with padding %.15g", nn_match_rows[match].name, tight, loose);
            m.options.coverage = m.options.focus = 0;
            assert_true(match == NN_MATCH_NONE ||
                        tight - padded_loss(&m, PADDED) > 1e-3); /* they were asked */
            cap_decoder_release(&m.decoder);
            nn_params_release(&m.params);
        }
}

/* Even attention has all the entropy there can be, and looks at each state as often as at the others. */
static void even_attention_is_even_whatever_the_lengths(void **state)
{
    (void)state;
    static const int32_t length[] = {5, 2, 1, 3};
    real even[4][5] = {{0}};
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < length[i]; j++) even[i][j] = 1 / (real)length[i];
    arena mem = {0};
    nn_tape t = {.mem = &mem};
    nn_var *alpha[2] = {nn_input(&t, &even[0][0], 2, (int[]){4, 5}),
                        nn_input(&t, &even[0][0], 2, (int[]){3, 5})};
    nn_var *entropy = nn_attention_entropy(&t, alpha, length, 2);
    assert_true(fabs((double)entropy->data[0] - 1) < 1e-6);
    double expected = (5 * pow(1 - 2 / 5., 2) + 0 + 1 + 3 * pow(1 - 1 / 3., 2)) / 4;
    assert_true(fabs((double)nn_coverage_penalty(&t, alpha, length, 2)->data[0] - expected) < 1e-6);
    static const int32_t ones[] = {1, 1, 1, 1}; /* nobody has a choice */
    assert_true(nn_attention_entropy(&t, alpha, ones, 2)->data[0] == 0);
    arena_release(&mem);
}

/* ---- draws ---- */

static int compare_streams(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Between true and own words each word of each step draws for itself, also in texts of over 256 words. */
static void every_word_has_draws_of_its_own(void **state)
{
    (void)state;
    enum { STEPS = 40, LONG = 1100 };
    static uint64_t stream[STEPS * LONG];
    for (int step = 0; step < STEPS; step++)
        for (int word = 0; word < LONG; word++)
            stream[step * LONG + word] = cap_sampling_stream((uint64_t)step, word);
    assert_int_equal(stream[7 * LONG + 255], 7 << 8 | 255);
    qsort(stream, STEPS * LONG, sizeof *stream, compare_streams);
    for (int i = 1; i < STEPS * LONG; i++) assert_true(stream[i] != stream[i - 1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(padding_does_not_change_the_loss),
        cmocka_unit_test(even_attention_is_even_whatever_the_lengths),
        cmocka_unit_test(every_word_has_draws_of_its_own),
        cmocka_unit_test(encoders),
        cmocka_unit_test(decoders),
        cmocka_unit_test(fixed_vectors),
        cmocka_unit_test(textbook),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
