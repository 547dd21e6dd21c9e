/* The file of a model of concepts: what was saved says the same when it is read again, and nearly the same
 * with its weights packed, where embeddings are looked up that are also multiplied. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "datasets/vocab.h"
#include "tests/folder.h"
#include "tests/random_model.h"

enum { STATES = 5, NAMED = 2, STEPS = 3, WORDS = 32 };

typedef struct said {
    float alpha[STATES + 1 + NAMED], logits[WORDS];
} said;

static const cap_concept list[NAMED] = {{5, 7, CAP_NAMER_OBJECTS, 0.75f, {0.25f, 0.25f, 0.75f, 1}},
                                        {6, 6, CAP_NAMER_WORDS, 0.5f, {0}}};
static const int32_t count = NAMED, style = 2;
static const cap_concepts named = {1, NAMED, list, &count};

/* The attention and the logits after a few words. */
static said say(const cap_model *m, bool regions)
{
    arena mem = {0};
    nn_tape t = {.mem = &mem};
    nn_begin(&t);
    int width = m->decoder.config.features;
    real *x = nn_alloc(&t, (size_t)(STATES * width) * sizeof *x);
    for (int i = 0; i < STATES * width; i++) x[i] = (real)fabs(sin(i + 1));
    cap_encoded seen = {.memories = 1, .concepts = &named, .style = &style};
    if (regions) seen.states = nn_input(&t, x, 3, (int[]){1, STATES, width});
    cap_memory memory = cap_decoder_remember(&t, &m->decoder, &seen);
    cap_step step = {.state = cap_decoder_start(&t, &m->decoder, &memory, NULL, 1)};
    static const int32_t words[STEPS] = {DS_START, 6, 9};
    for (int i = 0; i < STEPS; i++)
        step = cap_decoder_step(&t, &m->decoder, &memory, NULL, &step.state, words + i);
    nn_var *logits = cap_decoder_logits(&t, &m->decoder, &step);
    assert_non_null(logits);
    assert_true(nn_last(logits) <= WORDS && nn_last(step.alpha) == (regions ? STATES : 0) + 1 + NAMED);
    said s = {0};
    memcpy(s.alpha, step.alpha->data, nn_count(step.alpha) * sizeof(real));
    memcpy(s.logits, logits->data, nn_count(logits) * sizeof(real));
    arena_release(&mem);
    return s;
}

static void save(const char *path)
{
    cap_decoder_config c = random_model_decoder(NN_MATCH_SIGMOID, true);
    cap_lstm_settings *s = cap_lstm_settings_of(&c);
    cap_model *m = NULL;
    error err = {0};
    s->attend = CAP_ATTEND_OUTPUT;
    s->output = CAP_OUTPUT_TIED;
    s->glance = 16;
    s->heads = 8;
    s->sharpness = 2;
    if (random_model_create_with(&c, true, &m, &err) || cap_model_save(m, path, IO_F16, &err))
        fail_msg("%s", err.text);
    cap_model_close(&m);
}

static cap_model *open(const char *path, const cap_packing *packing)
{
    cap_model *m = NULL;
    error err = {0};
    if (packing ? cap_model_open_packed(path, packing, &m, &err) : cap_model_open(path, &m, &err))
        fail_msg("%s", err.text);
    return m;
}

static double apart(const said *a, const said *b)
{
    double most = 0;
    for (int i = 0; i < WORDS; i++) most = fmax(most, fabs((double)a->logits[i] - (double)b->logits[i]));
    for (int i = 0; i < STATES + 1 + NAMED; i++)
        most = fmax(most, fabs((double)a->alpha[i] - (double)b->alpha[i]));
    return most;
}

static void what_was_saved_comes_back(void **state)
{
    (void)state;
    save(in("first"));
    cap_model *first = open(in("first"), NULL), *again;
    const cap_lstm_settings *s = cap_lstm_settings_of(&first->decoder.config);
    assert_true(s->concepts && s->styles == 2 && s->glance == 16 && s->heads == 8);
    assert_true(cap_decoder_config_takes_concepts(&first->decoder.config));
    assert_int_equal(cap_decoder_config_styles(&first->decoder.config), 2);
    assert_int_equal(cap_model_save(first, in("again"), IO_F32, NULL), ERR_OK);
    again = open(in("again"), NULL);
    for (int regions = 0; regions < 2; regions++) {
        said a = say(first, regions), b = say(again, regions);
        assert_true(apart(&a, &b) == 0);
    }
    cap_model_close(&first);
    cap_model_close(&again);
}

static void packed_weights_say_nearly_the_same(void **state)
{
    (void)state;
    save(in("whole"));
    cap_model *whole = open(in("whole"), NULL);
    static const struct {
        packed_type type;
        double most;
    } row[] = {{PACKED_F32, 1e-4}, {PACKED_BF16, 0.1}, {PACKED_I8, 0.2}};
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        cap_packing packing = {row[i].type, PACKED_F32};
        cap_model *m = open(in("whole"), &packing);
        for (int regions = 0; regions < 2; regions++) {
            said a = say(whole, regions), b = say(m, regions);
            double off = apart(&a, &b);
            if (!(off < row[i].most)) fail_msg("packed as %d: off by %g", (int)row[i].type, off);
        }
        cap_model_close(&m);
    }
    cap_model_close(&whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_saved_comes_back),
        cmocka_unit_test(packed_weights_say_nearly_the_same),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
