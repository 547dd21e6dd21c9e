/* Decoders of concepts in double precision: their gradients against central differences, steps taken all at
 * once and one by one, and that photos of a batch do not meet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "captioner/net/decoder_row.h"
#include "captioner/net/lstm_settings.h"
#include "src/nn/activation.h"
#include "tests/concept_batch.h"
#include "tests/model_gradcheck.h"

typedef struct model {
    nn_params params;
    cap_decoder decoder;
    nn_var *regions; /* learned, as those of a backbone that trains along; NULL: the photos have none */
    cap_loss_options options;
} model;

/* What is varied; the rest follows from it. */
typedef struct variant {
    nn_match_kind match;
    cap_attend attend;
    int glance, styles, heads, layers;
    bool regions, apart;
} variant;

static void set_up(model *m, const variant *v)
{
    cap_decoder_config c =
        cap_lstm_config(&(cap_lstm_settings){.embedding = 3,
                                             .hidden = 4,
                                             .attention = 4,
                                             .projection = 4,
                                             .heads = v->heads,
                                             .glance = v->glance,
                                             .layers = v->layers,
                                             .match = v->match,
                                             .softmax = v->apart ? CAP_SOFTMAX_EACH : CAP_SOFTMAX_ONE,
                                             .attend = v->attend,
                                             .gate = v->attend == CAP_ATTEND_OUTPUT,
                                             .peek = v->styles > 0,
                                             .rectify = true,
                                             .sharpness = v->styles ? 2.5 : 1});
    *m = (model){
        .options = {
            .smoothing = 0.1, .coverage = 0.3, .focus = 0.1, .guide = 0.4, .objects = &concept_objects}};
    c.features = CONCEPT_FEATURES;
    c.vocabulary = TEXT_VOCABULARY;
    cap_lstm_settings_of(&c)->output = v->heads > 1 ? CAP_OUTPUT_TIED : CAP_OUTPUT_FULL;
    error err = {0};
    if (cap_decoder_config_take_concepts(&c, v->styles, &err) || cap_decoder_config_check(&c, &err) ||
        cap_decoder_declare(&m->decoder, &c, "decoder.", &m->params, &err))
        fail_msg("%s", err.text);
    if (v->regions)
        m->regions =
            nn_params_add(&m->params, "regions", 3,
                          (int[]){CONCEPT_PHOTOS, CONCEPT_REGIONS, CONCEPT_FEATURES}, nn_init_normal(1), 0);
    assert_int_equal(nn_params_finish(&m->params, 3, NULL), ERR_OK);
    for (int i = 0; i < m->params.count; i++) { /* what begins with 0 or close to it, too */
        nn_var *x = &m->params.list[i]->var;
        for (size_t j = 0; j < nn_count(x); j++) x->data[j] += 0.1 * sin((double)j + i);
    }
}

static void tear_down(model *m)
{
    cap_decoder_release(&m->decoder);
    nn_params_release(&m->params);
}

static nn_var *loss_of(nn_tape *t, void *ctx)
{
    const model *m = ctx;
    cap_encoded seen = concept_batch(m->regions);
    return text_batch_loss_of(t, &seen, &m->decoder, &m->options);
}

static void check(const variant *v)
{
    char name[100];
    snprintf(name, sizeof name,
             "%s, attend %s, glance %d, styles %d, heads %d, layers %d, regions %d, apart %d",
             nn_match_rows[v->match].name, cap_attend_names[v->attend], v->glance, v->styles, v->heads,
             v->layers, v->regions, v->apart);
    model m;
    set_up(&m, v);
    model_gradcheck_run(&(model_gradcheck){name, &m.params, &m.options, loss_of, &m}, 8);
    tear_down(&m);
}

static void each_variant(void (*body)(const variant *v))
{
    int i = 0;
    for (int match = 0; match < NN_MATCH_COUNT; match++)
        for (int attend = 0; attend < CAP_ATTENDS; attend++)
            for (int look = 0; look < 3; look++)
                for (int regions = 0; regions < 2; regions++, i++)
                    body(&(variant){.match = (nn_match_kind)match,
                                    .attend = (cap_attend)attend,
                                    .glance = look ? 5 : 0,
                                    .styles = look > 1 ? CONCEPT_STYLES : 0,
                                    .heads = 1 << (i / 2 + match) % 3,
                                    .layers = 1 + (i / 5) % 2,
                                    .regions = regions,
                                    .apart = (i / 3) % 2});
}

static void gradients(void **state)
{
    (void)state;
    each_variant(check);
}

/* ---- photos of a batch ---- */

/* Two words said about one photo: where they looked and what may follow, of all words at the second step. */
typedef struct said {
    double alpha[CONCEPT_REGIONS + 1 + CONCEPT_MOST], logits[TEXT_VOCABULARY];
} said;

/* Photos first .. first + photos - 1 with room for `most` concepts each; what is said about the last one. */
static said say(const model *m, int first, int photos, int most)
{
    static const int32_t words[2][CONCEPT_PHOTOS] = {{1, 1, 1}, {5, 4, 6}};
    arena mem = {0};
    nn_tape t = {.mem = &mem};
    cap_concept list[CONCEPT_PHOTOS * CONCEPT_MOST];
    for (int i = 0; i < photos; i++)
        memcpy(list + (size_t)i * (size_t)most, concept_list[first + i], (size_t)most * sizeof *list);
    cap_concepts named = {photos, most, list, concept_count + first};
    cap_encoded seen = {.memories = photos, .concepts = &named, .style = concept_style + first};
    nn_begin(&t);
    if (m->regions) seen.states = nn_slice(&t, m->regions, first, photos);
    cap_memory memory = cap_decoder_remember(&t, &m->decoder, &seen);
    assert_int_equal(memory.regions, m->regions ? CONCEPT_REGIONS : 0);
    assert_int_equal(memory.states, memory.regions + 1 + most);
    assert_int_equal(memory.length[photos - 1], memory.regions + 1 + named.count[photos - 1]);
    cap_decoder_state state = cap_decoder_start(&t, &m->decoder, &memory, NULL, photos);
    cap_step step = cap_decoder_step(&t, &m->decoder, &memory, NULL, &state, words[0] + first);
    step = cap_decoder_step(&t, &m->decoder, &memory, NULL, &step.state, words[1] + first);
    nn_var *logits = cap_decoder_logits(&t, &m->decoder, &step);
    assert_false(t.failed);
    said s = {0};
    for (int i = 0; step.alpha && i < memory.states; i++)
        s.alpha[i] = step.alpha->data[(size_t)(photos - 1) * (size_t)memory.states + (size_t)i];
    for (int i = 0; i < TEXT_VOCABULARY; i++)
        s.logits[i] = logits->data[(size_t)(photos - 1) * TEXT_VOCABULARY + (size_t)i];
    arena_release(&mem);
    return s;
}

static void photos_do_not_meet(const variant *v)
{
    model m;
    set_up(&m, v);
    for (int photo = 0; photo < CONCEPT_PHOTOS; photo++) {
        said among = say(&m, 0, photo + 1, CONCEPT_MOST), alone = say(&m, photo, 1, concept_count[photo]);
        double sum = 0;
        for (int i = 0; i < CONCEPT_REGIONS + 1 + CONCEPT_MOST; i++) {
            assert_true(fabs(among.alpha[i] - alone.alpha[i]) < 1e-12);
            sum += among.alpha[i];
        }
        if (v->match != NN_MATCH_NONE) assert_true(fabs(sum - 1) < 1e-12);
        for (int i = 0; i < TEXT_VOCABULARY; i++)
            assert_true(fabs(among.logits[i] - alone.logits[i]) < 1e-12);
    }
    tear_down(&m);
}

static void photos_of_a_batch_do_not_meet(void **state)
{
    (void)state;
    each_variant(photos_do_not_meet);
}

/* A style changes what is said, and so does each trait of a concept. */
static void what_is_told_is_heard(void **state)
{
    (void)state;
    variant v = {NN_MATCH_SIGMOID, CAP_ATTEND_OUTPUT, 5, CONCEPT_STYLES, 2, 1, true, false};
    model m;
    set_up(&m, &v);
    static const cap_concept heard[] = {{4, 4, 0, 0.5f, {0}},
                                        {4, 5, 0, 0.5f, {0}},
                                        {4, 4, 1, 0.5f, {0}},
                                        {4, 4, 0, 0.6f, {0}},
                                        {4, 4, 0, 0.5f, {0, 0, 0.5f, 0.5f}},
                                        {4, 4, 0, 0.5f, {0.25f, 0, 0.75f, 0.5f}},
                                        {4, 4, 0, 0.5f, {0, 0.25f, 0.5f, 0.75f}},
                                        {4, 4, 0, 0.5f, {0, 0, 0.75f, 0.5f}},
                                        {4, 4, 0, 0.5f, {0}}};
    enum { HEARD = sizeof heard / sizeof heard[0] };
    const int32_t count[HEARD] = {1, 1, 1, 1, 1, 1, 1, 1, 1}, style[HEARD] = {0, 0, 0, 0, 0, 0, 0, 0, 1};
    const int32_t word[HEARD] = {1, 1, 1, 1, 1, 1, 1, 1, 1}, same[HEARD] = {0};
    cap_concepts named = {HEARD, 1, heard, count};
    arena mem = {0};
    nn_tape t = {.mem = &mem};
    nn_begin(&t);
    cap_encoded seen = {.states = nn_gather(&t, m.regions, same, HEARD), .concepts = &named, .style = style};
    cap_memory memory = cap_decoder_remember(&t, &m.decoder, &seen);
    cap_decoder_state first = cap_decoder_start(&t, &m.decoder, &memory, NULL, HEARD);
    cap_step step = cap_decoder_step(&t, &m.decoder, &memory, NULL, &first, word);
    nn_var *logits = cap_decoder_logits(&t, &m.decoder, &step);
    assert_non_null(logits);
    for (int i = 0; i < HEARD; i++)
        for (int j = 0; j < i; j++)
            assert_true(fabs(logits->data[i * TEXT_VOCABULARY] - logits->data[j * TEXT_VOCABULARY]) > 1e-6);
    arena_release(&mem);
    tear_down(&m);
}

/* The n-th allocation fails, for n = 1, 2, 3, ... until none does: there is no loss then, and no crash. */
static void memory_that_runs_out_is_told(void **state)
{
    (void)state;
    variant v = {NN_MATCH_SIGMOID, CAP_ATTEND_OUTPUT, 5, CONCEPT_STYLES, 2, 1, true, false};
    model m;
    set_up(&m, &v);
    long n = 0;
    for (bool done = false; !done;) {
        arena mem = {.fail_in = ++n};
        nn_tape t = {.mem = &mem, .recording = true, .training = true};
        nn_begin(&t);
        done = loss_of(&t, &m) != NULL;
        assert_true(done != t.failed);
        arena_release(&mem);
    }
    assert_true(n > 40);
    tear_down(&m);
}

/* ---- settings ---- */

static void expect_refused(cap_lstm_settings s, const char *part)
{
    cap_decoder_config c = cap_lstm_config(&s);
    error err = {0};
    c.features = c.vocabulary = 8;
    c.last_layers = 1;
    assert_int_equal(cap_decoder_config_check(&c, &err), ERR_ARGUMENT);
    if (!strstr(err.text, part)) fail_msg("'%s' lacks '%s'", err.text, part);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    cap_lstm_settings good, s;
    cap_lstm_defaults(&good, false);
    s = good;
    s.styles = 2;
    expect_refused(s, "styles are told by the glance");
    s = good;
    s.heads = 3;
    expect_refused(s, "3 heads cannot share 512 numbers of a state and 256 of the matching evenly");
    s = good;
    s.glance = 4;
    s.start = CAP_START_LAST;
    expect_refused(s, "the start must be 'mean'");
    cap_decoder_config c = cap_decoder_defaults_of(cap_decoder_find("transformer"), false);
    error err = {0};
    assert_int_equal(cap_decoder_config_take_concepts(&c, 2, &err), ERR_ARGUMENT);
    assert_string_equal(err.text, "the decoder 'transformer' takes no concepts; use 'lstm'");
    assert_false(cap_decoder_config_takes_concepts(&c));
    assert_int_equal(cap_decoder_config_styles(&c), 0);
}

/* A file from before heads, glance and concepts has none of them; one that has some must have all. */
static void older_files_are_read(void **state)
{
    (void)state;
    static const char *const later[] = {"heads", "glance", "concepts", "styles", "sharpness"};
    cap_decoder_config c = cap_decoder_defaults(), old;
    error err = {0};
    c.features = c.vocabulary = 8;
    cap_lstm_settings_of(&c)->layers = 2;
    json_t *o = cap_decoder_config_to_json(&c);
    assert_int_equal(json_object_del(o, "softmax"), 0); /* the last one that came */
    for (int i = 0; i < 5; i++) {
        assert_int_equal(cap_decoder_config_from_json(o, "here", &old, &err), i ? ERR_FORMAT : ERR_OK);
        assert_int_equal(json_object_del(o, later[i]), 0);
    }
    if (cap_decoder_config_from_json(o, "here", &old, &err)) fail_msg("%s", err.text);
    json_t *was = cap_decoder_config_to_json(&c), *is = cap_decoder_config_to_json(&old);
    assert_true(json_equal(was, is));
    json_decref(was);
    json_decref(is);
    json_object_del(o, "layers"); /* came before those */
    assert_int_equal(cap_decoder_config_from_json(o, "here", &old, &err), ERR_FORMAT);
    json_decref(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients),
        cmocka_unit_test(photos_of_a_batch_do_not_meet),
        cmocka_unit_test(what_is_told_is_heard),
        cmocka_unit_test(memory_that_runs_out_is_told),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(older_files_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
