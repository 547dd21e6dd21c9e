/* Losses and gradients of text encoders with decoders against PyTorch (golden/text_nets.py), in double
 * precision: there every sentence is read alone and word by word, here all lie in a batch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "captioner/decoder.h"
#include "captioner/text_encoder.h"

enum { SOURCES = 3, LONGEST = 4, ROWS = 3, WORDS = 4 };

/* As in the recipe. */
static const int32_t source[SOURCES][LONGEST] = {{4, 5, 0, 0}, {6, 4, 7, 5}, {5, 6, 7, 0}},
                     source_length[SOURCES] = {2, 4, 3};
static int32_t tokens[ROWS][WORDS + 1] = {{1, 4, 5, 6, 2}, {1, 7, 4, 2, 0}, {1, 6, 2, 0, 0}},
                                    length[ROWS] = {4, 3, 2}, row_image[ROWS] = {2, 0, 1},
                                    which[ROWS] = {0, 1, 2};

typedef struct net {
    nn_params params;
    cap_text_encoder encoder;
    cap_decoder decoder;
} net;

static void fill(nn_param *p)
{
    int sum = 0;
    for (const char *c = p->name; *c; c++) sum += (unsigned char)*c;
    for (size_t i = 0; i < nn_count(&p->var); i++) p->var.data[i] = 0.5 * sin(0.7 * (double)i + sum % 97);
}

static void create(net *n, const json_t *wanted)
{
    error err = {0};
    cap_text_encoder_config e;
    cap_decoder_config d;
    *n = (net){0};
    if (cap_text_encoder_config_from_json(json_object_get(wanted, "encoder"), "encoder", &e, &err) ||
        cap_decoder_config_from_json(json_object_get(wanted, "decoder"), "decoder", &d, &err))
        fail_msg("%s", err.text);
    cap_text_encoder_declare(&n->encoder, &e, "encoder.", &n->params);
    cap_decoder_declare(&n->decoder, &d, "decoder.", &n->params);
    assert_int_equal(nn_params_finish(&n->params, 1, NULL), ERR_OK);
    for (int i = 0; i < n->params.count; i++) fill(n->params.list[i]);
}

static double loss_and_gradients(net *n, nn_tape *t, double smoothing)
{
    ds_batch b = {.rows = ROWS, .images = SOURCES, .image = which, .row_image = row_image, .caption = which};
    b.length = length;
    b.tokens = &tokens[0][0];
    b.max_len = WORDS;
    cap_encoded e = cap_text_encoder_forward(t, &n->encoder, &source[0][0], source_length, SOURCES, LONGEST);
    cap_memory memory = cap_decoder_remember(t, &n->decoder, &e);
    const cap_loss_options options = {.smoothing = smoothing};
    nn_var *loss = cap_decoder_loss(t, &n->decoder, &memory, &b, &options, NULL);
    assert_non_null(loss);
    nn_params_zero_grad(&n->params, NULL);
    nn_backward(t, loss);
    assert_false(t->failed);
    return loss->data[0];
}

static void compare(const char *name, const char *what, double mine, double theirs)
{
    if (!(fabs(mine - theirs) <= 1e-9 * (1 + fabs(theirs))))
        fail_msg("%s, %s: %.15g, PyTorch has %.15g", name, what, mine, theirs);
}

static void compare_gradients(const char *name, const nn_params *params, const json_t *theirs)
{
    assert_int_equal(json_object_size(theirs), params->count);
    for (int i = 0; i < params->count; i++) {
        const nn_param *p = params->list[i];
        const json_t *digest = json_object_get(theirs, p->name);
        if (!digest) fail_msg("%s: PyTorch has no '%s'", name, p->name);
        double squares = 0, turned = 0;
        for (size_t j = 0; j < nn_count(&p->var); j++) {
            squares += p->var.grad[j] * p->var.grad[j];
            turned += p->var.grad[j] * cos(0.3 * (double)j + 1);
        }
        compare(name, p->name, sqrt(squares), json_real_value(json_array_get(digest, 0)));
        compare(name, p->name, turned, json_real_value(json_array_get(digest, 1)));
    }
}

static void all_cases(void **state)
{
    (void)state;
    json_error_t wrong;
    json_t *golden = json_load_file(TEST_SOURCE_DIR "/golden/text_nets.json", 0, &wrong), *wanted;
    if (!golden) fail_msg("%s", wrong.text);
    double smoothing = json_real_value(json_object_get(golden, "smoothing"));
    json_t *cases = json_object_get(golden, "cases");
    assert_true(json_array_size(cases) >= 8);
    size_t i;
    json_array_foreach(cases, i, wanted)
    {
        const char *name = json_string_value(json_object_get(wanted, "name"));
        arena mem = {0};
        nn_tape t = {.mem = &mem, .recording = true, .training = true};
        net n;
        create(&n, wanted);
        nn_begin(&t);
        double loss = loss_and_gradients(&n, &t, smoothing);
        compare(name, "loss", loss, json_real_value(json_object_get(wanted, "loss")));
        compare_gradients(name, &n.params, json_object_get(wanted, "gradients"));
        arena_release(&mem);
        nn_params_release(&n.params);
    }
    json_decref(golden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_cases)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
