/* Backbones: shapes, sizes, folding, threads, batches, memory, and what may go wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cnn/backbone.h"
#include "cnn/nodes.h"
#include "cnn/preprocess.h"
#include "src/base/rng.h"
#include "src/nn/loss.h"
#include "tests/small.h"

static int photo_side = 64;

typedef struct model {
    nn_params params;
    cnn_net *net;
    arena mem;
    nn_tape tape;
} model;

/* Random weights, and running statistics and norms that are not the neutral ones. */
static void make(model *m, const char *name)
{
    error err = {0};
    *m = (model){0};
    m->tape.mem = &m->mem;
    if (cnn_net_create(name, "encoder.", &m->params, &m->net, &err) || nn_params_finish(&m->params, 7, &err))
        fail_msg("%s", err.text);
    rng r = {.seed = 3};
    for (int i = 0; i < m->params.count; i++) {
        nn_var *v = &m->params.list[i]->var;
        bool mean = strstr(m->params.list[i]->name, ".mean"), beta = strstr(m->params.list[i]->name, ".beta");
        for (size_t k = 0; v->rank == 1 && k < nn_count(v); k++)
            v->data[k] = (real)(mean || beta ? 0.3 * rng_normal(&r) : 0.5 + rng_uniform(&r));
    }
}

static void drop(model *m)
{
    pool_free(&m->tape.threads);
    cnn_net_free(&m->net);
    nn_params_release(&m->params);
    arena_release(&m->mem);
}

static real *noise(int photos, int side)
{
    size_t n = (size_t)photos * side * side * 3;
    real *x = malloc(n * sizeof *x);
    assert_non_null(x);
    rng r = {.seed = 11};
    for (size_t i = 0; i < n; i++) x[i] = (real)rng_normal(&r);
    return x;
}

static nn_var *run(model *m, const real *pixels, int photos, int side)
{
    nn_begin(&m->tape);
    nn_var *x = nn_input(&m->tape, pixels, 4, (int[]){photos, side, side, 3});
    nn_var *y = cnn_net_forward(m->net, &m->tape, x);
    assert_non_null(y);
    return y;
}

static real *copy(const nn_var *v)
{
    real *c = malloc(nn_count(v) * sizeof *c);
    assert_non_null(c);
    return memcpy(c, v->data, nn_count(v) * sizeof *c);
}

static void each(void (*check)(const cnn_backbone_row *row))
{
    int count;
    const cnn_backbone_row *const *rows = cnn_backbone_rows(&count);
    assert_true(count >= 3);
    for (int i = 0; i < count; i++)
        if (!rows[i]->classes) check(rows[i]);
}

static void check_shapes(const cnn_backbone_row *row)
{
    static const int sides[] = {33, 64, 97, 160};
    model m;
    make(&m, row->name);
    assert_ptr_equal(cnn_net_row(m.net), row);
    for (int i = 0; i < test_size(4, 1); i++) {
        int side = sides[i], gh, gw, d, want = (side + row->stride - 1) / row->stride;
        cnn_net_map_size(m.net, side, &gh, &gw, &d);
        assert_int_equal(gh, want);
        assert_int_equal(gw, want);
        assert_int_equal(d, row->channels);
        real *x = noise(2, side);
        nn_var *y = run(&m, x, 2, side);
        assert_int_equal(y->rank, 4);
        assert_memory_equal(y->dim, ((int[]){2, gh, gw, d}), sizeof y->dim);
        free(x);
    }
    drop(&m);
}

static void test_shapes(void **state)
{
    (void)state;
    each(check_shapes);
}

/* MobileNetV2 without its classifier has 2223872 learned numbers (torchvision: 3504872 less 1280 * 1000 +
 * 1000). small: convolutions by hand, two numbers per norm channel. */
static void test_counts(void **state)
{
    (void)state;
    model m;
    make(&m, "mobilenet_v2");
    assert_int_equal(nn_params_learned(&m.params), 3504872 - 1281000);
    assert_int_equal(m.params.count, 260);
    drop(&m);
    make(&m, "small");
    size_t stem = 27 * 32 + 9 * 32 * 64, stage1 = 2 * 9 * 64 * 64,
           stage2 = 9 * 64 * 128 + 3 * 9 * 128 * 128 + 64 * 128,
           stage3 = 9 * 128 * 256 + 3 * 9 * 256 * 256 + 128 * 256,
           norms = 32 + 64 + 2 * 64 + 5 * 128 + 5 * 256;
    assert_int_equal(nn_params_learned(&m.params), stem + stage1 + stage2 + stage3 + 2 * norms);
    nn_param *w = nn_params_find(&m.params, "encoder.block2.shortcut.weight");
    assert_non_null(w);
    assert_int_equal(w->flags, NN_DECAY);
    assert_int_equal(nn_params_find(&m.params, "encoder.block2.conv1.mean")->flags, NN_BUFFER);
    assert_int_equal(nn_params_find(&m.params, "encoder.block2.conv1.gamma")->flags, 0);
    drop(&m);
}

static double largest(const real *x, size_t n)
{
    double most = 0;
    for (size_t i = 0; i < n; i++) most = fmax(most, fabs((double)x[i]));
    return most;
}

static void check_close(const real *a, const real *b, size_t n, double share)
{
    double bound = share * largest(a, n);
    assert_true(bound > 0 && isfinite(bound));
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)a[i] - (double)b[i]) <= bound))
            fail_msg("element %zu: %.8g and %.8g", i, (double)a[i], (double)b[i]);
}

static const char *first_mean(const cnn_backbone_row *row)
{
    return strcmp(row->name, "small") ? "encoder.stem.mean" : "encoder.stem1.mean";
}

/* Folded, folded again, and recording (which runs the rewritten norms) all give the same features. And what a
 * norm becomes after folding counts. */
static void check_fold(const cnn_backbone_row *row)
{
    model m;
    make(&m, row->name);
    real *x = noise(1, photo_side);
    nn_var *y = run(&m, x, 1, photo_side);
    size_t n = nn_count(y);
    real *plain = copy(y);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(cnn_net_fold(m.net, NULL), ERR_OK);
        check_close(plain, run(&m, x, 1, photo_side)->data, n, 1e-4);
    }
    m.tape.recording = true;
    check_close(plain, run(&m, x, 1, photo_side)->data, n, 1e-4);
    real *mean = nn_params_find(&m.params, first_mean(row))->var.data;
    for (int c = 0; c < 8; c++) mean[c] -= 3;
    memcpy(plain, run(&m, x, 1, photo_side)->data, n * sizeof *plain);
    m.tape.recording = false;
    check_close(plain, run(&m, x, 1, photo_side)->data, n, 1e-4);
    free(plain);
    free(x);
    drop(&m);
}

static void test_fold(void **state)
{
    (void)state;
    each(check_fold);
}

static void test_fold_refuses(void **state)
{
    (void)state;
    error err = {0};
    model m;
    make(&m, "small");
    nn_params_find(&m.params, "encoder.block3.conv2.variance")->var.data[5] = -1;
    assert_int_equal(cnn_net_fold(m.net, &err), ERR_FORMAT);
    assert_string_equal(err.text, "'block3.conv2' of the network 'small' has a running variance below 0");
    drop(&m);
}

/* One thread or three, one photo at a time or both in a batch: the same bits. */
static void check_bits(const cnn_backbone_row *row)
{
    model one, three;
    make(&one, row->name);
    make(&three, row->name);
    three.tape.threads = pool_create(3);
    assert_non_null(three.tape.threads);
    real *x = noise(2, photo_side);
    size_t photo = (size_t)photo_side * photo_side * 3;
    for (int folded = 0; folded < 2; folded++) {
        nn_var *y = run(&one, x, 2, photo_side);
        size_t n = nn_count(y);
        real *both = copy(y);
        assert_memory_equal(both, run(&three, x, 2, photo_side)->data, n * sizeof *both);
        for (size_t i = 0; i < 2; i++)
            check_close(both + i * n / 2, run(&three, x + i * photo, 1, photo_side)->data, n / 2, 1e-5);
        free(both);
        assert_int_equal(cnn_net_fold(one.net, NULL), ERR_OK);
        assert_int_equal(cnn_net_fold(three.net, NULL), ERR_OK);
    }
    free(x);
    drop(&one);
    drop(&three);
}

static void test_threads_and_batches(void **state)
{
    (void)state;
    each(check_bits);
}

static real step_loss(model *m, const real *x, const real *target)
{
    nn_var *y = run(m, x, 2, photo_side);
    nn_var *loss = nn_mean_squared(&m->tape, y, target);
    nn_params_zero_grad(&m->params, NULL);
    nn_backward(&m->tape, loss);
    assert_false(m->tape.failed);
    return loss->data[0];
}

static real *step_grads(model *m, const real *x, bool twice)
{
    nn_begin(&m->tape);
    nn_var *in = nn_input(&m->tape, x, 4, (int[]){9, photo_side, photo_side, 3}),
           *y = cnn_net_forward(m->net, &m->tape, in);
    if (twice)
        cnn_net_forward(m->net, &m->tape,
                        nn_input(&m->tape, x + 3, 4, (int[]){8, photo_side, photo_side, 3}));
    assert_non_null(y);
    real *target = calloc(nn_count(y), sizeof *target);
    assert_non_null(target);
    nn_params_zero_grad(&m->params, NULL);
    nn_backward(&m->tape, nn_mean_squared(&m->tape, y, target));
    assert_false(m->tape.failed);
    free(target);
    return m->params.grad;
}

/* With constant norms photos are taken in groups, here of two, the last of one: the gradients have the same
 * bits on one thread and on three, and when another pass comes between forward and backward. */
static void test_groups(void **state)
{
    (void)state;
    model one, three;
    make(&one, "mobilenet_v2");
    make(&three, "mobilenet_v2");
    cnn_net_freeze_norm(one.net, true);
    cnn_net_freeze_norm(three.net, true);
    one.tape.recording = one.tape.training = three.tape.recording = three.tape.training = true;
    three.tape.threads = pool_create(3);
    assert_non_null(three.tape.threads);
    real *x = noise(9, photo_side), *grads = step_grads(&one, x, false);
    double length = 0;
    for (size_t i = 0; i < one.params.size; i++) length += pow((double)grads[i], 2);
    assert_true(length > 0);
    assert_memory_equal(grads, step_grads(&three, x, false), one.params.size * sizeof *grads);
    assert_memory_equal(grads, step_grads(&three, x, true), one.params.size * sizeof *grads);
    free(x);
    drop(&one);
    drop(&three);
}

typedef struct learner {
    cnn_net *net;
    nn_tape tape;
    arena mem;
    workspace space;
    const real *x;
    nn_var *y;
} learner;

static void learn_forward(void *p, int index, int worker)
{
    (void)worker;
    learner *l = (learner *)p + index;
    l->tape = (nn_tape){.mem = &l->mem, .space = &l->space, .recording = true, .training = true};
    nn_begin(&l->tape);
    nn_var *x = nn_input(&l->tape, l->x, 4, (int[]){9, photo_side, photo_side, 3});
    l->y = cnn_net_forward(l->net, &l->tape, x);
}

/* Two threads run one net forward at a time, and each tape finds its maps again: the net has no memory, no
 * pass is made twice, and the gradients are those of a tape alone. */
static void test_learners(void **state)
{
    (void)state;
    model alone, shared;
    make(&alone, "mobilenet_v2");
    make(&shared, "mobilenet_v2");
    cnn_net_freeze_norm(alone.net, true);
    cnn_net_freeze_norm(shared.net, true);
    alone.tape.recording = alone.tape.training = true;
    shared.tape.threads = pool_create(2);
    real *x = noise(10, photo_side);
    learner two[2] = {{.net = shared.net, .x = x}, {.net = shared.net, .x = x + photo_side}};
    pool_run(shared.tape.threads, 2, learn_forward, two);
    for (int i = 0; i < 2; i++) {
        learner *l = &two[i];
        assert_non_null(l->y);
        real *target = calloc(nn_count(l->y), sizeof *target);
        assert_non_null(target);
        nn_params_zero_grad(&shared.params, NULL);
        nn_backward(&l->tape, nn_mean_squared(&l->tape, l->y, target));
        assert_false(l->tape.failed);
        assert_int_equal(l->space.keeps, 1);
        assert_memory_equal(step_grads(&alone, l->x, false), shared.params.grad,
                            alone.params.size * sizeof(real));
        free(target);
    }
    assert_int_equal(shared.net->scratch.workers, 0);
    for (int i = 0; i < 2; i++) {
        workspace_release(&two[i].space);
        arena_release(&two[i].mem);
    }
    free(x);
    drop(&alone);
    drop(&shared);
}

static size_t peak_of_maps(const cnn_net *net)
{
    size_t sum = 0;
    for (int i = 0; i < CNN_GROUPS; i++) sum += net->scratch.of[0].slot[CNN_SLOT_GROUP + i].peak;
    return sum;
}

/* What stays from forward to backward is a small share of what all maps take. */
static void test_memory_of_training(void **state)
{
    (void)state;
    model all, few;
    make(&all, "mobilenet_v2");
    make(&few, "mobilenet_v2");
    cnn_net_freeze_norm(few.net, true);
    all.tape.recording = all.tape.training = few.tape.recording = few.tape.training = true;
    real *x = noise(8, 2 * photo_side);
    run(&all, x, 8, 2 * photo_side);
    run(&few, x, 8, 2 * photo_side);
    assert_true(peak_of_maps(few.net) > 0);
    assert_true(peak_of_maps(few.net) < all.mem.peak / 12);
    free(x);
    drop(&all);
    drop(&few);
}

/* Training moves the running statistics, unless the norms are frozen. */
static void test_freeze_norm(void **state)
{
    (void)state;
    model m;
    make(&m, "small");
    m.tape.recording = m.tape.training = true;
    real *x = noise(2, photo_side), *mean = nn_params_find(&m.params, "encoder.stem1.mean")->var.data,
         first = mean[0];
    cnn_net_freeze_norm(m.net, true);
    run(&m, x, 2, photo_side);
    assert_true(mean[0] == first);
    cnn_net_freeze_norm(m.net, false);
    run(&m, x, 2, photo_side);
    assert_true(mean[0] != first);
    free(x);
    drop(&m);
}

/* Blocks with nothing to learn are not recorded, and the gradients of the others stay what they were, to
 * rounding: those blocks have their norms beside their convolutions, the others inside. */
static void test_frozen_prefix(void **state)
{
    (void)state;
    model m;
    make(&m, "small");
    cnn_net_freeze_norm(m.net, true);
    m.tape.recording = m.tape.training = true;
    real *x = noise(2, photo_side);
    size_t n = nn_count(run(&m, x, 2, photo_side));
    real *target = calloc(n, sizeof *target);
    assert_non_null(target);
    step_loss(&m, x, target);
    nn_var *w = &nn_params_find(&m.params, "encoder.block5.conv1.weight")->var;
    size_t weights = nn_count(w), whole = m.mem.used;
    real *want = malloc(weights * sizeof *want);
    assert_non_null(want);
    memcpy(want, w->grad, weights * sizeof *want);
    for (const char *const *p = (const char *const[]){"encoder.stem", "encoder.block1", "encoder.block2",
                                                      "encoder.block3", "encoder.block4", NULL};
         *p; p++)
        assert_true(nn_params_set_trainable(&m.params, *p, false) > 0);
    step_loss(&m, x, target);
    double distance = 0, length = 0;
    for (size_t i = 0; i < weights; i++) {
        distance += pow((double)(w->grad[i] - want[i]), 2);
        length += pow((double)want[i], 2);
    }
    assert_true(length > 0 && distance < 1e-10 * length);
    assert_true(m.mem.used < whole * 3 / 4);
    free(want);
    free(target);
    free(x);
    drop(&m);
}

/* Without recording, the tape's arena holds little more than the input and the map. */
static void test_memory(void **state)
{
    (void)state;
    model m;
    make(&m, "mobilenet_v2");
    int side = test_size(224, 64);
    real *x = noise(1, side);
    for (int i = 0; i < 3; i++) run(&m, x, 1, side);
    assert_true(m.mem.peak < (size_t)1 << 19);
    free(x);
    drop(&m);
}

/* Many photos go a few at a time: what they take together has a bound, and the results are those of each
 * alone. */
static void check_slices(const cnn_backbone_row *row)
{
    enum { PHOTOS = 19 };
    model seven, many;
    make(&seven, row->name);
    make(&many, row->name);
    seven.tape.threads = pool_create(3);
    many.tape.threads = pool_create(3);
    assert_true(seven.tape.threads && many.tape.threads);
    real *x = noise(PHOTOS, photo_side);
    run(&seven, x, 7, photo_side);
    nn_var *y = run(&many, x, PHOTOS, photo_side);
    assert_int_equal(y->dim[0], PHOTOS);
    size_t n = nn_count(y) / PHOTOS;
    real *all = copy(y);
    const arena *most = many.net->scratch.of[0].slot, *least = seven.net->scratch.of[0].slot;
    for (int i = CNN_SLOT_RESULT; i < CNN_SLOT_RESULT + many.net->width; i++)
        assert_true(most[i].peak <= 11 * least[i].peak / 10);
    for (size_t i = 0; i < PHOTOS; i++)
        check_close(all + i * n, run(&many, x + i * (photo_side * photo_side) * 3, 1, photo_side)->data, n,
                    1e-4);
    free(all);
    free(x);
    drop(&seven);
    drop(&many);
}

static void test_slices(void **state)
{
    (void)state;
    each(check_slices);
}

/* The tape's arena gives out: no crash, no result. */
static void test_out_of_memory(void **state)
{
    (void)state;
    model m;
    make(&m, "small");
    real *x = noise(1, photo_side);
    m.tape.recording = true;
    long fail = 1;
    for (bool failed = true; failed; fail++) {
        nn_begin(&m.tape);
        m.mem.fail_in = fail;
        nn_var *y =
            cnn_net_forward(m.net, &m.tape, nn_input(&m.tape, x, 4, (int[]){1, photo_side, photo_side, 3}));
        failed = m.tape.failed;
        assert_true(failed == !y);
        m.mem.fail_in = 0;
    }
    assert_true(fail > 20);
    free(x);
    drop(&m);
}

/* Next to the pixels nothing is packed narrower than f32; everything else is. */
static void test_packing(void **state)
{
    (void)state;
    static const struct {
        const char *net, *weight;
        packed_type type;
    } rows[] = {{"mobilenet_v2", "encoder.stem.weight", PACKED_F32},
                {"mobilenet_v2", "encoder.block1.project.weight", PACKED_F32},
                {"mobilenet_v2", "encoder.block2.expand.weight", PACKED_BF16},
                {"mobilenet_v2", "encoder.head.weight", PACKED_BF16},
                {"small", "encoder.stem1.weight", PACKED_F32},
                {"small", "encoder.stem2.weight", PACKED_BF16}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        model m;
        make(&m, rows[i].net);
        error err = {0};
        assert_int_equal(nn_params_pack(&m.params, "", PACKED_F32, PACKED_BF16, &err), ERR_OK);
        const nn_param *n = nn_params_find(&m.params, rows[i].weight);
        assert_non_null(n);
        assert_int_equal(n->var.packed->type, rows[i].type);
        drop(&m);
    }
}

static void test_unknown(void **state)
{
    (void)state;
    error err = {0};
    nn_params p = {0};
    cnn_net *net;
    assert_int_equal(cnn_net_create("vgg", "", &p, &net, &err), ERR_MISSING);
    assert_null(net);
    assert_string_equal(
        err.text,
        "unknown network 'vgg': choose 'small', 'mobilenet_v2', 'efficientnet_lite2' or 'yolox_nano'");
    cnn_net_free(&net);
    cnn_net_free(NULL);
}

static void test_preprocess(void **state)
{
    (void)state;
    cnn_preprocess pre;
    cnn_preprocess_default(&pre);
    double box[4];
    cnn_view(&pre, 300, 201, box);
    assert_true(box[0] == 0 && box[1] == 0 && box[2] == 300 && box[3] == 201);
    pre.fit = CNN_CROP;
    cnn_view(&pre, 300, 201, box);
    assert_true(box[0] == 49.5 && box[1] == 0 && box[2] == 250.5 && box[3] == 201);

    error err = {0};
    img photo = {0};
    assert_int_equal(img_create(&photo, 8, 4, &err), ERR_OK);
    for (int i = 0; i < 8 * 4 * 3; i++)
        photo.rgb[i] = (uint8_t)(i / 3 % 8 / 2 * 60); /* columns 0 0 60 60 .. */
    uint8_t rgb[4 * 4 * 3];
    pre.size = 4;
    assert_int_equal(cnn_preprocess_photo(&pre, &photo, rgb, &err), ERR_OK);
    for (int i = 0; i < 16; i++) assert_int_equal(rgb[i * 3], i % 4 < 2 ? 60 : 120); /* the middle four */
    pre.size = 0;
    assert_int_equal(cnn_preprocess_photo(&pre, &photo, rgb, &err), ERR_ARGUMENT);
    img_release(&photo);

    real out[3];
    cnn_normalise(&pre, (const uint8_t[]){0, 128, 255}, 1, out);
    assert_true(fabs((double)out[0] + 0.485 / 0.229) < 1e-5);
    assert_true(fabs((double)out[1] - (128 / 255.0 - 0.456) / 0.224) < 1e-5);
    assert_true(fabs((double)out[2] - (1 - 0.406) / 0.225) < 1e-5);
}

/* backbone_test [PATTERN]: only the tests whose names fit, for the slow tools. */
int main(int argc, char **argv)
{
    photo_side = test_size(photo_side, 33);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_packing),
        cmocka_unit_test(test_fold),
        cmocka_unit_test(test_fold_refuses),
        cmocka_unit_test(test_threads_and_batches),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_learners),
        cmocka_unit_test(test_memory_of_training),
        cmocka_unit_test(test_freeze_norm),
        cmocka_unit_test(test_frozen_prefix),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_slices),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_preprocess),
    };
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
