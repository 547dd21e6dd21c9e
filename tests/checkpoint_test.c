/* Checkpoints: what is loaded has the bits that were saved, and a file that does not fit changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "src/io/file.h"
#include "src/train/checkpoint.h"
#include "tests/folder.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[64];

typedef struct model {
    nn_params params;
    optim o;
} model;

/* outputs: of the layer; more makes a model that does not fit. */
static void make(model *m, optim_kind kind, int outputs, uint64_t seed)
{
    *m = (model){0};
    nn_params_add(&m->params, "encoder.w", 2, (int[]){5, outputs}, nn_init_normal(1), NN_DECAY);
    nn_params_add(&m->params, "encoder.mean", 1, (int[]){outputs}, nn_init_normal(1), NN_BUFFER);
    nn_params_add(&m->params, "head.w", 3, (int[]){2, outputs, 3}, nn_init_normal(1), 0);
    assert_int_equal(nn_params_finish(&m->params, seed, NULL), ERR_OK);
    assert_int_equal(optim_init(&m->o, kind, &m->params, NULL), ERR_OK);
}

static void step(model *m, int steps)
{
    for (int s = 0; s < steps; s++) {
        for (size_t i = 0; i < m->params.size; i++)
            m->params.grad[i] = 0.01f * (real)((i * 7 + (size_t)m->o.steps * 13) % 31) - 0.1f;
        optim_step(&m->o, NULL, 0.01);
    }
}

static void drop(model *m)
{
    optim_release(&m->o);
    nn_params_release(&m->params);
}

static bool same_params(const model *a, const model *b)
{
    for (int i = 0; i < a->params.count; i++) {
        const nn_var *x = &a->params.list[i]->var, *y = &b->params.list[i]->var;
        if (memcmp(x->data, y->data, nn_count(x) * sizeof(real)) != 0) return false;
    }
    return true;
}

/* Training that was saved and loaded in the middle ends with the bits of training that was not. */
static void training_goes_on_with_the_same_bits(optim_kind kind, double keep)
{
    model whole, first, second;
    char *state = NULL;
    io_metadata text[] = {{"training", "{\"epoch\": 3, \"name\": \"\303\251\"}"}, {"other", "x"}};
    make(&whole, kind, 4, 1);
    make(&first, kind, 4, 1);
    make(&second, kind, 4, 2);
    model *all[] = {&whole, &first, &second};
    for (int i = 0; keep > 0 && i < 3; i++)
        assert_int_equal(optim_keep_average(&all[i]->o, keep, NULL), ERR_OK);
    step(&whole, 7);
    step(&first, 3);
    assert_int_equal(ckpt_save(path, &first.params, NULL, &first.o, text, 2, IO_F32, NULL), ERR_OK);
    assert_int_equal(ckpt_load(path, &second.params, NULL, &second.o, "training", &state, NULL), ERR_OK);
    assert_string_equal(state, text[0].value);
    assert_int_equal(second.o.steps, 3);
    assert_true(same_params(&first, &second));
    assert_false(same_params(&whole, &second));
    step(&second, 4);
    assert_true(same_params(&whole, &second));
    for (int i = 0; i < 3; i++) optim_swap_average(&all[i]->o);
    assert_true(same_params(&whole, &second));
    free(state);
    drop(&whole), drop(&first), drop(&second);
}

static void resumes_adamw(void **unused)
{
    (void)unused;
    training_goes_on_with_the_same_bits(OPTIM_ADAMW, 0);
}

static void resumes_averages(void **unused)
{
    (void)unused;
    training_goes_on_with_the_same_bits(OPTIM_ADAMW, 0.5);
    training_goes_on_with_the_same_bits(OPTIM_SGD, 0.99);
}

/* Against plain sums; what is not learned is averaged, too. Swapping twice leaves all as it was. */
static void an_average_is_kept_beside_the_weights(void **unused)
{
    (void)unused;
    model a, b;
    make(&a, OPTIM_ADAMW, 4, 1);
    make(&b, OPTIM_ADAMW, 4, 1);
    assert_int_equal(optim_keep_average(&a.o, 0.3, NULL), ERR_OK);
    double expected[200];
    size_t n = a.params.size;
    assert_true(n <= 200);
    for (size_t i = 0; i < n; i++) expected[i] = (double)a.params.data[i];
    for (int s = 0; s < 5; s++) {
        step(&a, 1);
        step(&b, 1);
        a.params.list[1]->var.data[0] += 1; /* a running mean */
        b.params.list[1]->var.data[0] += 1;
        double share = fmin(0.3, (1 + s + 1) / (10.0 + s + 1));
        for (size_t i = 0; i < n; i++) {
            double now = (double)a.params.data[i] - (i == a.params.list[1]->offset ? 1 : 0);
            expected[i] += (1 - share) * (now - expected[i]);
        }
    }
    assert_true(same_params(&a, &b)); /* the steps are the same */
    optim_swap_average(&a.o);
    for (int i = 0; i < a.params.count; i++) {
        const nn_param *p = a.params.list[i];
        for (size_t j = 0; j < nn_count(&p->var); j++)
            assert_float_equal(p->var.data[j], expected[p->offset + j], 1e-5);
    }
    assert_false(same_params(&a, &b));
    optim_swap_average(&a.o);
    assert_true(same_params(&a, &b));
    error err = {0};
    assert_int_equal(ckpt_save(path, &a.params, NULL, &a.o, NULL, 0, IO_F32, NULL), ERR_OK);
    assert_int_equal(ckpt_load(path, &b.params, NULL, &b.o, NULL, NULL, &err), ERR_MISMATCH);
    assert_non_null(strstr(err.text, "averages its weights"));
    assert_int_equal(ckpt_save(path, &b.params, NULL, &b.o, NULL, 0, IO_F32, NULL), ERR_OK);
    assert_int_equal(ckpt_load(path, &a.params, NULL, &a.o, NULL, NULL, &err), ERR_MISMATCH);
    assert_non_null(strstr(err.text, "optim.a."));
    drop(&a), drop(&b);
}

static void rates_fall_evenly(void **unused)
{
    (void)unused;
    schedule s = {.kind = SCHEDULE_LINEAR, .rate = 1, .floor = 0.05, .warmup = 10, .steps = 110};
    assert_float_equal(schedule_rate(&s, 4), 0.5, 1e-12);
    assert_float_equal(schedule_rate(&s, 10), 1, 1e-12);
    assert_float_equal(schedule_rate(&s, 60), 0.525, 1e-12);
    assert_float_equal(schedule_rate(&s, 110), 0.05, 1e-12);
    assert_float_equal(schedule_rate(&s, 1000), 0.05, 1e-12);
}

static void rates_fall_with_the_root(void **unused)
{
    (void)unused;
    schedule s = {.kind = SCHEDULE_INVSQRT, .rate = 1, .warmup = 100, .steps = 1000};
    assert_float_equal(schedule_rate(&s, 49), 0.5, 1e-12);
    assert_float_equal(schedule_rate(&s, 99), 1, 1e-12);
    assert_float_equal(schedule_rate(&s, 399), 0.5, 1e-12);
    assert_float_equal(schedule_rate(&s, 9999), 0.1, 1e-12);
    s.warmup = 0;
    assert_float_equal(schedule_rate(&s, 0), 1, 1e-12);
    assert_float_equal(schedule_rate(&s, 3), 0.5, 1e-12);
}

static void resumes_sgd(void **unused)
{
    (void)unused;
    training_goes_on_with_the_same_bits(OPTIM_SGD, 0);
}

static void a_prefix_picks_parameters(void **unused)
{
    (void)unused;
    model a, b;
    make(&a, OPTIM_SGD, 4, 1);
    make(&b, OPTIM_SGD, 4, 2);
    float head = b.params.list[2]->var.data[0];
    assert_int_equal(ckpt_save(path, &a.params, NULL, NULL, NULL, 0, IO_F32, NULL), ERR_OK);
    assert_int_equal(ckpt_load(path, &b.params, "encoder.", NULL, NULL, NULL, NULL), ERR_OK);
    assert_memory_equal(a.params.list[0]->var.data, b.params.list[0]->var.data, 20 * sizeof(real));
    assert_memory_equal(a.params.list[1]->var.data, b.params.list[1]->var.data, 4 * sizeof(real));
    assert_true(b.params.list[2]->var.data[0] == head);

    assert_int_equal(ckpt_save(path, &a.params, "encoder.", NULL, NULL, 0, IO_F32, NULL), ERR_OK);
    error err = {0};
    assert_int_equal(ckpt_load(path, &b.params, NULL, NULL, NULL, NULL, &err), ERR_MISMATCH);
    assert_non_null(strstr(err.text, "head.w"));
    drop(&a), drop(&b);
}

static void small_types_keep_vectors_exact(void **unused)
{
    (void)unused;
    static const io_dtype types[] = {IO_F16, IO_BF16, IO_I8};
    static const float steps[] = {1e-3f, 1e-2f, 3e-2f}; /* of values up to about 3 */
    for (int k = 0; k < 3; k++) {
        model a, b;
        make(&a, OPTIM_ADAMW, 4, 1);
        make(&b, OPTIM_ADAMW, 4, 2);
        assert_int_equal(ckpt_save(path, &a.params, NULL, NULL, NULL, 0, types[k], NULL), ERR_OK);
        assert_int_equal(ckpt_load(path, &b.params, NULL, NULL, NULL, NULL, NULL), ERR_OK);
        assert_memory_equal(a.params.list[1]->var.data, b.params.list[1]->var.data, 4 * sizeof(real));
        assert_false(same_params(&a, &b));
        for (int i = 0; i < 20; i++)
            assert_float_equal(a.params.list[0]->var.data[i], b.params.list[0]->var.data[i], steps[k]);
        drop(&a), drop(&b);
    }
}

/* Loading must fail with `code` and leave the model as it was. */
static void refuse(model *m, const char *prefix, bool with_optim, const char *key, err_code code,
                   const char *says)
{
    model before = *m;
    size_t bytes = m->params.size * sizeof(real);
    real *copy = malloc(bytes);
    memcpy(copy, m->params.data, bytes);
    error err = {0};
    char *state = copy ? (char *)copy : NULL;
    err_code got = ckpt_load(path, &m->params, prefix, with_optim ? &m->o : NULL, key, &state, &err);
    assert_int_equal(got, code);
    if (!strstr(err.text, says)) fail_msg("'%s' does not say '%s'", err.text, says);
    assert_null(state);
    assert_memory_equal(copy, m->params.data, bytes);
    assert_int_equal(before.o.steps, m->o.steps);
    free(copy);
}

static void files_that_do_not_fit_change_nothing(void **unused)
{
    (void)unused;
    model a, wide, sgd;
    make(&a, OPTIM_ADAMW, 4, 1);
    make(&wide, OPTIM_ADAMW, 6, 2);
    make(&sgd, OPTIM_SGD, 4, 3);
    unlink(path);
    refuse(&a, NULL, false, NULL, ERR_MISSING, path);
    assert_int_equal(ckpt_save(path, &a.params, NULL, NULL, NULL, 0, IO_F32, NULL), ERR_OK);
    refuse(&wide, NULL, false, NULL, ERR_MISMATCH, "encoder.w");
    refuse(&a, NULL, true, NULL, ERR_MISMATCH, "no state of an optimiser");
    refuse(&a, NULL, false, "training", ERR_MISSING, "training");
    assert_int_equal(ckpt_save(path, &a.params, NULL, &a.o, NULL, 0, IO_F32, NULL), ERR_OK);
    refuse(&sgd, NULL, true, NULL, ERR_MISMATCH, "another optimiser");
    assert_int_equal(ckpt_save(path, &sgd.params, NULL, &sgd.o, NULL, 0, IO_F32, NULL), ERR_OK);
    refuse(&a, NULL, true, NULL, ERR_MISMATCH, "optim.v.encoder.w");

    nn_params_add(&wide.params, "encoder.extra", 1, (int[]){1}, nn_init_constant(0), 0);
    nn_params more = {0};
    nn_params_add(&more, "encoder.w", 2, (int[]){5, 4}, nn_init_constant(0), 0);
    assert_int_equal(nn_params_finish(&more, 1, NULL), ERR_OK);
    error err = {0};
    assert_int_equal(ckpt_load(path, &more, NULL, NULL, NULL, NULL, &err), ERR_MISMATCH);
    assert_non_null(strstr(err.text, "no use for"));
    nn_params_release(&more);
    drop(&a), drop(&wide), drop(&sgd);
}

/* Every way of cutting the file short, and a flipped bit in its header. */
static void damaged_files_are_refused(void **unused)
{
    (void)unused;
    model a, b;
    uint8_t *bytes = NULL;
    size_t size = 0;
    make(&a, OPTIM_ADAMW, 4, 1);
    make(&b, OPTIM_ADAMW, 4, 2);
    assert_int_equal(ckpt_save(path, &a.params, NULL, &a.o, NULL, 0, IO_F32, NULL), ERR_OK);
    assert_int_equal(io_read_file(path, 1 << 20, &bytes, &size, NULL), ERR_OK);
    for (size_t cut = 0; cut < size; cut += 61) {
        assert_int_equal(io_write_file(path, bytes, cut, NULL), ERR_OK);
        assert_int_not_equal(ckpt_load(path, &b.params, NULL, &b.o, NULL, NULL, NULL), ERR_OK);
    }
    for (size_t at = 8; at < 200; at++) {
        bytes[at] ^= 0x40;
        assert_int_equal(io_write_file(path, bytes, size, NULL), ERR_OK);
        error err = {0};
        if (ckpt_load(path, &b.params, NULL, &b.o, NULL, NULL, &err)) assert_true(err.text[0] != '\0');
        bytes[at] ^= 0x40;
    }
    assert_int_equal(io_write_file(path, bytes, size, NULL), ERR_OK);
    assert_int_equal(ckpt_load(path, &b.params, NULL, &b.o, NULL, NULL, NULL), ERR_OK);
    assert_true(same_params(&a, &b));
    free(bytes);
    drop(&a), drop(&b);
}

static void what_a_file_cannot_hold_is_seen(void **unused)
{
    (void)unused;
    static const struct {
        int parameter;
        float value;
        bool f32, f16;
    } rows[] = {{0, 1, true, true},
                {0, 65504, true, true},
                {0, -65520, true, false},
                {1, -65520, true, true},
                {0, FLT_MAX, true, false},
                {2, (float)INFINITY, false, false},
                {1, (float)NAN, false, false},
                {0, -(float)INFINITY, false, false}};
    model a;
    make(&a, OPTIM_ADAMW, 4, 1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        nn_var *v = &a.params.list[rows[i].parameter]->var;
        float kept = v->data[nn_count(v) - 1];
        v->data[nn_count(v) - 1] = rows[i].value;
        assert_int_equal(ckpt_fits(&a.params, NULL, IO_F32), rows[i].f32);
        assert_int_equal(ckpt_fits(&a.params, NULL, IO_F16), rows[i].f16);
        if (rows[i].parameter < 2) assert_true(ckpt_fits(&a.params, "head.", IO_F16));
        v->data[nn_count(v) - 1] = kept;
    }
    drop(&a);
}

static void an_unwritable_path_is_an_error(void **unused)
{
    (void)unused;
    model a;
    error err = {0};
    make(&a, OPTIM_SGD, 4, 1);
    assert_int_not_equal(
        ckpt_save("no/such/folder/x.safetensors", &a.params, NULL, &a.o, NULL, 0, IO_F32, &err), ERR_OK);
    assert_non_null(strstr(err.text, "no/such/folder"));
    drop(&a);
}

static int make_path(void **state)
{
    if (folder_make(state)) return -1;
    snprintf(path, sizeof path, "%s", in("checkpoint.safetensors"));
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resumes_adamw),
        cmocka_unit_test(resumes_averages),
        cmocka_unit_test(an_average_is_kept_beside_the_weights),
        cmocka_unit_test(rates_fall_evenly),
        cmocka_unit_test(rates_fall_with_the_root),
        cmocka_unit_test(resumes_sgd),
        cmocka_unit_test(a_prefix_picks_parameters),
        cmocka_unit_test(small_types_keep_vectors_exact),
        cmocka_unit_test(files_that_do_not_fit_change_nothing),
        cmocka_unit_test(damaged_files_are_refused),
        cmocka_unit_test(what_a_file_cannot_hold_is_seen),
        cmocka_unit_test(an_unwritable_path_is_an_error),
    };
    return cmocka_run_group_tests(tests, make_path, folder_remove);
}
