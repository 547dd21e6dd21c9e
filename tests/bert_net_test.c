/* BERT's network in double precision: losses, states and gradients of `transformers` (golden/bert_nets.py),
 * whose lines are read alone where ours lie in a batch; and gradients against central differences. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "captioner/net/bert_net.h"
#include "src/nn/activation.h"
#include "src/nn/gradcheck.h"
#include "src/nn/loss.h"
#include "tests/golden_nets.h"
#include "tests/text_batch.h"

/* In the place of captioner/net/encoder_rows.c, whose networks are not compiled in double precision. */
const cap_encoder_row *const cap_encoder_rows[] = {NULL};

enum { CLASSES = 3, PLACES = 4 };

static const int32_t class_of[TEXT_SOURCES] = {2, 0, 1};
static const int32_t place[PLACES] = {1, 4, 7, 10}, hidden_word[PLACES] = {6, 4, 7, 5};

typedef struct net {
    nn_params params;
    cap_bert_net bert;
    ds_source_batch lines;
} net;

static void create(net *n, const cap_bert_settings *s, bool classes, bool words)
{
    error err = {0};
    *n = (net){.lines = text_batch_lines()};
    if (cap_bert_check(s, &err)) fail_msg("%s", err.text);
    cap_bert_declare(&n->bert, s, TEXT_VOCABULARY, classes ? CLASSES : 0, words, &n->params);
    assert_int_equal(nn_params_finish(&n->params, 1, NULL), ERR_OK);
}

static nn_var *loss_of(nn_tape *t, void *ctx)
{
    net *n = ctx;
    nn_var *states = cap_bert_states(t, &n->bert, &n->lines, NULL), *part[2];
    int parts = 0;
    if (n->bert.class_w)
        part[parts++] = nn_cross_entropy(t, cap_bert_classes(t, &n->bert, states, n->lines.length), class_of,
                                         -1, 0, NULL);
    if (n->bert.map_w)
        part[parts++] =
            nn_cross_entropy(t, cap_bert_words(t, &n->bert, states, place, PLACES), hidden_word, -1, 0, NULL);
    return nn_weighted_sum(t, part, (const real[]){1, 1}, parts);
}

/* ---- against transformers ---- */

static void compare_states(const char *name, net *n, nn_tape *t, const json_t *theirs)
{
    nn_var *states = cap_bert_states(t, &n->bert, &n->lines, NULL);
    size_t d = (size_t)nn_last(states);
    for (size_t r = 0; r < TEXT_SOURCES; r++) {
        const real *x = states->data + r * TEXT_LONGEST * d;
        double squares = 0, turned = 0;
        for (size_t i = 0; i < (size_t)n->lines.length[r] * d; i++) {
            squares += x[i] * x[i];
            turned += x[i] * cos(0.3 * (double)i + 1);
        }
        const json_t *digest = json_array_get(theirs, r);
        golden_compare(name, "states", sqrt(squares), json_real_value(json_array_get(digest, 0)));
        golden_compare(name, "states", turned, json_real_value(json_array_get(digest, 1)));
    }
}

static void compare_case(const json_t *wanted)
{
    const char *name = json_string_value(json_object_get(wanted, "name"));
    bool words = !strcmp(json_string_value(json_object_get(wanted, "head")), "words");
    cap_bert_settings s = cap_bert_defaults();
    error err = {0};
    if (io_fields_read(cap_bert_fields, json_object_get(wanted, "encoder"), name, &s, &err))
        fail_msg("%s", err.text);
    arena mem = {0};
    nn_tape t = {.mem = &mem, .recording = true, .training = true};
    net n;
    create(&n, &s, !words, words);
    for (int i = 0; i < n.params.count; i++) golden_fill(n.params.list[i]);
    nn_begin(&t);
    nn_var *loss = loss_of(&t, &n);
    assert_non_null(loss);
    nn_params_zero_grad(&n.params, NULL);
    nn_backward(&t, loss);
    golden_compare(name, "loss", loss->data[0], json_real_value(json_object_get(wanted, "loss")));
    golden_compare_gradients(name, &n.params, json_object_get(wanted, "gradients"));
    compare_states(name, &n, &t, json_object_get(wanted, "states"));
    arena_release(&mem);
    nn_params_release(&n.params);
}

static void as_transformers_has_it(void **state)
{
    (void)state;
    json_error_t wrong;
    json_t *golden = json_load_file(TEST_SOURCE_DIR "/golden/bert_nets.json", 0, &wrong), *wanted;
    if (!golden) fail_msg("%s", wrong.text);
    size_t i;
    assert_int_equal(json_array_size(json_object_get(golden, "cases")), 4);
    json_array_foreach(json_object_get(golden, "cases"), i, wanted) compare_case(wanted);
    json_decref(golden);
}

/* ---- gradients, attention ---- */

static cap_bert_settings small(void)
{
    cap_bert_settings s = cap_bert_defaults();
    s.body.vocabulary = TEXT_VOCABULARY;
    s.body.hidden = 4;
    s.body.heads = 2;
    s.body.layers = 2;
    s.body.feed_forward = 5;
    s.body.positions = 5;
    s.body.types = 2;
    s.body.epsilon = 1e-3;
    s.body.dropout = s.head_dropout = 0;
    return s;
}

static void gradients_are_those_of_differences(void **state)
{
    (void)state;
    for (int pooling = 0; pooling < CAP_POOLS; pooling++) {
        cap_bert_settings s = small();
        net n;
        s.pooling = (cap_pooling)pooling;
        create(&n, &s, true, true);
        arena mem = {0};
        nn_tape t = {.mem = &mem, .recording = true, .training = true};
        const char *worst = "";
        double off = nn_gradcheck(&t, &n.params, loss_of, &n, 1e-5, 4, &worst);
        if (!(off < 1e-6)) fail_msg("gradient of %s is off by %.3g", worst, off);
        arena_release(&mem);
        nn_params_release(&n.params);
    }
}

/* Each head's weights over a line sum to 1, and none falls behind its end. */
static void the_last_layer_tells_its_attention(void **state)
{
    (void)state;
    cap_bert_settings s = small();
    net n;
    create(&n, &s, true, false);
    arena mem = {0};
    nn_tape t = {.mem = &mem};
    nn_var *alpha = NULL;
    assert_non_null(cap_bert_states(&t, &n.bert, &n.lines, &alpha));
    assert_int_equal(alpha->rank, 4);
    assert_int_equal(alpha->dim[1], s.body.heads);
    for (int row = 0; row < nn_rows(alpha); row++) {
        const real *a = alpha->data + row * TEXT_LONGEST;
        int length = n.lines.length[row / (s.body.heads * TEXT_LONGEST)];
        double sum = 0;
        for (int i = 0; i < length; i++) sum += a[i];
        assert_true(fabs(sum - 1) < 1e-12);
        for (int i = length; i < TEXT_LONGEST; i++) assert_true(a[i] == 0);
    }
    arena_release(&mem);
    nn_params_release(&n.params);
}

static void sizes_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    error err = {0};
    cap_bert_settings s = small();
    s.body.heads = 3;
    assert_int_equal(cap_bert_check(&s, &err), ERR_ARGUMENT);
    s = small();
    s.body.positions = 1;
    assert_int_equal(cap_bert_check(&s, &err), ERR_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_transformers_has_it),
        cmocka_unit_test(gradients_are_those_of_differences),
        cmocka_unit_test(the_last_layer_tells_its_attention),
        cmocka_unit_test(sizes_that_do_not_fit_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
