/* Pre-training: the loss falls, an interrupted run that is resumed ends with the same bits, threads change
 * nothing, and the teacher's loss has the gradient that differences give. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "captioner/train/distil.h"
#include "captioner/train/pretrain.h"
#include "src/image/image.h"
#include "src/io/file.h"
#include "src/io/json.h"
#include "src/io/safetensors.h"
#include "tests/altered.h"
#include "tests/folder.h"
#include "tests/small.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SIDE = 40, MOST_PHOTOS = 12 };

/* Of each of the two classes; three batches make an epoch. */
static int photos = MOST_PHOTOS, held_out = 4;

static void do_less(void)
{
    photos = test_size(photos, 6);
    held_out = test_size(held_out, 1);
}

/* Class 0 has stripes across, class 1 stripes down, in colours drawn from the number. */
static void write_photo(const char *path, int class, int number)
{
    img im = {0};
    rng r = {.seed = 7, .stream = (uint64_t) class, .index = (uint64_t)number * 64};
    uint8_t dark = (uint8_t)rng_below(&r, 80), light = (uint8_t)(150 + rng_below(&r, 100));
    int width = 2 + (int)rng_below(&r, 3), shift = (int)rng_below(&r, 8);
    assert_int_equal(img_create(&im, SIDE, SIDE, NULL), ERR_OK);
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            int at = (class ? x : y) + shift;
            memset(im.rgb + 3 * (y * SIDE + x), at / width % 2 ? light : dark, 3);
        }
    uint8_t *bytes;
    size_t size;
    assert_int_equal(img_encode_png(&im, &bytes, &size, NULL), ERR_OK);
    assert_int_equal(io_write_file(path, bytes, size, NULL), ERR_OK);
    free(bytes);
    img_release(&im);
}

static int make_photos(void **state)
{
    static const char *const parts[] = {"train", "val"};
    if (folder_make(state)) return -1;
    do_less();
    for (int part = 0; part < 2; part++)
        for (int class = 0; class < 2; class ++) {
            char path[200];
            snprintf(path, sizeof path, "%s/set/%s/class%d", folder, parts[part], class);
            assert_int_equal(io_make_dirs(path, NULL), ERR_OK);
            for (int i = 0; i < (part ? held_out : photos); i++) {
                snprintf(path, sizeof path, "%s/set/%s/class%d/%d.png", folder, parts[part], class, i);
                write_photo(path, class, 100 * part + i);
            }
        }
    return 0;
}

/* What a run told. */
typedef struct heard {
    double first_loss, last_loss, accuracy, cosine;
    int epochs, batches, stop_after; /* batches; 0 = never */
    char validation[200], label[40]; /* of the last epoch; of the progress that is not at its end */
} heard;

static bool stop(void *ctx)
{
    const heard *h = ctx;
    return h->stop_after && h->batches >= h->stop_after;
}

/* The first call of an epoch is of what was done before. */
static void hear_progress(void *ctx, const char *label, const char *unit, long done, long total,
                          const char *note)
{
    heard *h = ctx;
    assert_string_equal(unit, "photos");
    (void)note;
    assert_true(done >= 0 && done <= total);
    if (!strncmp(label, "epoch", 5) && !strcmp(label, h->label)) h->batches++;
    snprintf(h->label, sizeof h->label, "%s", label);
    if (done == total) h->label[0] = 0;
}

static void hear_epoch(void *ctx, const cap_epoch *e)
{
    heard *h = ctx;
    if (!h->epochs++) h->first_loss = e->loss;
    h->last_loss = e->loss;
    h->cosine = e->cosine;
    assert_true(e->validated && e->best);
    snprintf(h->validation, sizeof h->validation, "%s", e->validation);
    if (sscanf(h->validation, "set accuracy %lf", &h->accuracy) != 1) fail_msg("'%s'", h->validation);
}

static cap_pretrain_settings small_run(const char *out)
{
    cap_pretrain_settings s = cap_pretrain_defaults();
    s.size = 32;
    s.classes[s.class_sources++] = (cap_class_source){folder, "set"};
    s.run.epochs = 2;
    s.run.batch = 2 * photos / 3;
    s.run.threads = 1;
    s.run.precision = GEMM_F32;
    s.augment = (ds_augment){.area_min = 0.8, .area_max = 1, .aspect = 1.1, .jitter = 0.1, .mirror = true};
    s.run.out = out;
    s.run.command = "caption pretrain 'quoted \"words\"'";
    return s;
}

static err_code go(const cap_pretrain_settings *s, heard *h, error *err)
{
    cap_train_events events = {.ctx = h, .stop = stop, .progress = hear_progress, .epoch = hear_epoch};
    return cap_pretrain(s, &events, err);
}

static void run_or_fail(const cap_pretrain_settings *s, heard *h)
{
    error err = {0};
    if (go(s, h, &err)) fail_msg("%s", err.text);
}

/* All tensors of two files have the same bytes. */
static void same_tensors(const char *left, const char *right)
{
    error err = {0};
    io_tensors *a = io_tensors_open(left, &err), *b = io_tensors_open(right, &err);
    assert_non_null(a);
    assert_non_null(b);
    assert_true(io_tensors_count(a) > 20);
    assert_int_equal(io_tensors_count(a), io_tensors_count(b));
    for (size_t i = 0; i < io_tensors_count(a); i++) {
        const io_tensor *x = io_tensors_at(a, i), *y = io_tensors_at(b, i);
        assert_string_equal(x->name, y->name);
        assert_int_equal(x->bytes, y->bytes);
        if (memcmp(x->data, y->data, x->bytes) != 0) fail_msg("'%s' differs", x->name);
    }
    io_tensors_close(&a);
    io_tensors_close(&b);
}

/* ---- tests ---- */

/* The file says what it holds, in the words the captioner looks for. */
static void expect_encoder(const char *out, const cap_pretrain_settings *s)
{
    io_tensors *file = io_tensors_open(out, NULL);
    assert_non_null(file);
    for (size_t i = 0; i < io_tensors_count(file); i++) {
        assert_memory_equal(io_tensors_at(file, i)->name, "encoder.", 8);
        assert_int_equal(io_tensors_at(file, i)->dtype, IO_F32);
    }
    json_t *o = NULL, *pre = NULL, *record = NULL;
    const char *about = io_tensors_metadata(file, "caption"), *word;
    int64_t size;
    assert_non_null(about);
    assert_int_equal(io_json_parse(about, strlen(about), out, &o, NULL), ERR_OK);
    assert_int_equal(io_json_string(o, "kind", out, &word, NULL), ERR_OK);
    assert_string_equal(word, "encoder");
    assert_int_equal(io_json_string(o, "architecture", out, &word, NULL), ERR_OK);
    assert_string_equal(word, "small");
    assert_int_equal(io_json_object(o, "preprocess", out, &pre, NULL), ERR_OK);
    assert_int_equal(io_json_int(pre, "size", out, &size, NULL), ERR_OK);
    assert_int_equal(size, 32);
    assert_int_equal(io_json_string(pre, "fit", out, &word, NULL), ERR_OK);
    assert_string_equal(word, "stretch");
    assert_int_equal(json_array_size(json_object_get(pre, "std")), 3);
    assert_int_equal(io_json_object(o, "record", out, &record, NULL), ERR_OK);
    assert_int_equal(io_json_string(record, "command", out, &word, NULL), ERR_OK);
    assert_string_equal(word, s->run.command);
    json_t *training = json_object_get(record, "training");
    assert_int_equal(json_integer_value(json_object_get(training, "epoch")), s->run.epochs);
    json_decref(o);
    io_tensors_close(&file);
}

static void learns_classes_and_writes_an_encoder(void **unused)
{
    (void)unused;
    const char *out = in("a.safetensors");
    cap_pretrain_settings s = small_run(out);
    heard h = {0};
    int epochs = s.run.epochs = test_size(16, 1);
    run_or_fail(&s, &h);
    assert_int_equal(h.epochs, epochs);
    assert_int_equal(h.batches, epochs * 3);
    if (epochs == 16) {
        assert_true(h.last_loss < 0.75 * h.first_loss);
        assert_true(h.accuracy >= 0.75);
    }
    assert_true(isnan(h.cosine));
    expect_encoder(out, &s);
}

/* Stopped after `batches` and resumed with another number of threads. */
static void stop_and_resume(int batches, const char *whole)
{
    const char *out = in("c.safetensors");
    cap_pretrain_settings s = small_run(out);
    heard h = {.stop_after = batches};
    error err = {0};
    s.run.threads = 2;
    s.loader_threads = 2;
    s.run.force = true; /* of the round before */
    assert_int_equal(go(&s, &h, &err), ERR_INTERRUPTED);
    assert_non_null(strstr(err.text, "--resume"));
    assert_int_equal(h.batches, batches);
    s.run.force = false;
    s.run.resume = true;
    s.run.threads = 1;
    s.loader_threads = 0;
    h = (heard){0};
    run_or_fail(&s, &h);
    assert_int_equal(h.batches, 6 - batches);
    same_tensors(whole, out);
}

static void resumed_equals_uninterrupted(void **unused)
{
    (void)unused;
    const char *whole = in("d.safetensors");
    cap_pretrain_settings s = small_run(whole);
    heard h = {0};
    run_or_fail(&s, &h);
    for (int batches = test_size(1, 3); batches < 6; batches += test_size(2, 3))
        stop_and_resume(batches, whole); /* 3: an epoch's end */

    s.run.resume = true; /* of a run that is over: nothing happens */
    h = (heard){0};
    run_or_fail(&s, &h);
    assert_int_equal(h.batches, 0);
}

static void refuse(const cap_pretrain_settings *s, err_code code, const char *says)
{
    heard h = {0};
    error err = {0};
    assert_int_equal(go(s, &h, &err), code);
    if (!strstr(err.text, says)) fail_msg("'%s' does not say '%s'", err.text, says);
}

static void wrong_settings_are_refused(void **unused)
{
    (void)unused;
    const char *out = in("e.safetensors");
    cap_pretrain_settings good = small_run(out), s = good;
    heard h = {.stop_after = 1};
    s.run.resume = true;
    refuse(&s, ERR_MISSING, "e.safetensors.state");
    assert_int_equal(go(&good, &h, NULL), ERR_INTERRUPTED);
    good.run.force = true;
    s.run.batch = good.run.batch + 1;
    refuse(&s, ERR_MISMATCH, "'batch'");
    s = good;
    s.size = 7;
    refuse(&s, ERR_ARGUMENT, "7 pixels");
    s = good;
    s.photos = folder;
    refuse(&s, ERR_ARGUMENT, "--teacher");
    s = good;
    s.class_sources = 0;
    refuse(&s, ERR_ARGUMENT, "no photos");
    s.list = in("none.json");
    assert_int_equal(io_write_file(s.list, "{\"images\": [], \"annotations\": []}", 33, NULL), ERR_OK);
    s.teacher = out;
    s.photos = folder;
    refuse(&s, ERR_MISSING, "none.json");
    s = good;
    s.classes[0].prefix = "nothing";
    refuse(&s, ERR_MISSING, "nothing");
    s = good;
    s.encoder = "huge";
    refuse(&s, ERR_MISSING, "huge");
    s = good;
    s.teacher = out; /* not a file of weights */
    refuse(&s, ERR_MISSING, out);
    s = good;
    s.run.rate = 1e9;
    s.run.optimiser = OPTIM_SGD;
    s.run.clip = 0;
    refuse(&s, ERR_LIMIT, "--rate");
}

static void an_earlier_run_is_not_replaced(void **unused)
{
    (void)unused;
    const char *out = in("g.safetensors");
    cap_pretrain_settings s = small_run(out);
    heard h = {0};
    s.run.epochs = 1;
    run_or_fail(&s, &h);
    refuse(&s, ERR_ARGUMENT,
           "g.safetensors' exists: --resume goes on with its training, --force begins anew");
    s.run.resume = s.run.force = true;
    refuse(&s, ERR_ARGUMENT, "give one of them");
    s.run.resume = false; /* what fails in its first epoch takes nothing away */
    s.run.optimiser = OPTIM_SGD;
    s.run.rate = 1e9;
    s.run.clip = 0;
    refuse(&s, ERR_LIMIT, "g.safetensors' is as it was");
    s = small_run(out);
    s.run.resume = true;
    s.run.epochs = 2;
    h = (heard){0};
    run_or_fail(&s, &h);
    assert_int_equal(h.batches, 3); /* of the second epoch */
    s.run.epochs = 1;
    refuse(&s, ERR_ARGUMENT, "with --epochs 1: 2 are done; give 2 or more");
    s.run.resume = false;
    s.run.out = in("no_such_folder/g.safetensors");
    refuse(&s, ERR_MISSING, "no_such_folder");
}

typedef struct resumed {
    cap_pretrain_settings s;
    char path[300];
    io_tensors *file; /* as it was */
} resumed;

static void expect_no_state(void *ctx, const char *state, const char *what)
{
    resumed *r = ctx;
    heard h = {0};
    error err = {0};
    write_altered(r->file, r->path, &(io_metadata){"training", state}, NULL, NULL);
    err_code code = go(&r->s, &h, &err);
    if (code != ERR_FORMAT && code != ERR_MISMATCH) fail_msg("%s: not refused", what);
    if (!strstr(err.text, "h.safetensors.state'"))
        fail_msg("%s: the file is not named: '%s'", what, err.text);
}

static void every_field_of_the_state_counts(void **unused)
{
    (void)unused;
    const char *out = in("h.safetensors");
    resumed r = {.s = small_run(out)};
    heard h = {.stop_after = 4};
    char whole[300];
    assert_int_equal(go(&r.s, &h, NULL), ERR_INTERRUPTED);
    r.s.run.resume = true;
    snprintf(r.path, sizeof r.path, "%s.state", out);
    snprintf(whole, sizeof whole, "%s.whole", out);
    assert_int_equal(rename(r.path, whole), 0);
    r.file = io_tensors_open(whole, NULL);
    assert_non_null(r.file);
    alter_members(io_tensors_metadata(r.file, "training"), expect_no_state, &r);
    io_tensors_close(&r.file);
    assert_int_equal(rename(whole, r.path), 0);
    h = (heard){0};
    run_or_fail(&r.s, &h);
    assert_int_equal(h.batches, 2);
}

/* Pre-training once kept a state of its own. */
static void an_older_state_is_named(void **unused)
{
    (void)unused;
    cap_pretrain_settings s = small_run(in("i.safetensors"));
    char old[300];
    snprintf(old, sizeof old, "%s.ckpt", s.run.out);
    assert_int_equal(io_write_file(old, "old", 3, NULL), ERR_OK);
    s.run.resume = true;
    refuse(&s, ERR_MISSING, "i.safetensors.ckpt' is of an earlier version of this program");
}

/* Labelled photos and others learn from the real teacher together. */
static void learns_from_a_teacher(void **unused)
{
    (void)unused;
    const char *out = in("f.safetensors"),
               *teacher = TEST_SHARED_DIR "/data/weights/mobilenet_v2.safetensors";
    if (access(teacher, R_OK)) {
        print_message("skipped: no weights in %s\n", teacher);
        skip();
    }
    cap_pretrain_settings s = small_run(out);
    heard h = {0};
    s.size = test_size(64, 32);
    int epochs = s.run.epochs = test_size(6, 2);
    s.teacher = teacher;
    s.photos = in("set/train/class0");
    run_or_fail(&s, &h);
    assert_int_equal(h.batches, epochs * 4); /* 36 photos by 8, or 18 by 4 */
    assert_true(h.last_loss < h.first_loss);
    assert_true(epochs == 6 ? h.cosine > 0.2 : isfinite(h.cosine));
}

static void distilling_has_the_right_gradient(void **unused)
{
    (void)unused;
    enum { ROWS = 5, COLS = 7 };
    float x[ROWS * COLS], goal[ROWS * COLS], scale = 0.7f;
    rng r = {.seed = 3};
    for (int i = 0; i < ROWS * COLS; i++) {
        x[i] = (float)rng_normal(&r);
        goal[i] = i / COLS == 2 ? 0 : (float)rng_normal(&r); /* one row of zeros */
    }
    arena memory = {0};
    nn_tape t = {.mem = &memory, .recording = true};
    float gradient[ROWS * COLS] = {0};
    nn_var v = {.data = x, .grad = gradient, .rank = 2, .dim = {ROWS, COLS, 1, 1}, .wants_grad = true};
    double cosine;
    nn_backward(&t, cap_distil_loss(&t, &v, goal, scale, 0.3f, &cosine));
    for (int i = 0; i < ROWS * COLS; i++) {
        double at[2];
        float kept = x[i];
        for (int side = 0; side < 2; side++) {
            x[i] = kept + (side ? 1e-2f : -1e-2f);
            nn_begin(&t);
            at[side] = (double)cap_distil_loss(&t, &v, goal, scale, 0.3f, NULL)->data[0];
        }
        x[i] = kept;
        assert_float_equal(gradient[i], (at[1] - at[0]) / 2e-2, 2e-4); /* single precision, differences */
    }
    for (int i = 0; i < ROWS * COLS; i++) goal[i] = 2 * x[i];
    nn_begin(&t);
    assert_float_equal(cap_distil_loss(&t, &v, goal, 0.5f, 0.3f, &cosine)->data[0], 0, 1e-6);
    assert_float_equal(cosine, 1, 1e-6);
    arena_release(&memory);
}

/* Every photo once when the batches come out even, another order in every epoch, the same for a seed. */
static void schedules_hold_every_photo_once(void **unused)
{
    (void)unused;
    cap_photos p;
    arena memory = {0};
    cap_class_source source = {folder, "set"};
    ds_schedule one, two;
    int batch = photos / 2;
    assert_int_equal(cap_photos_open(&source, 1, in("set/train/class1"), NULL, &p, NULL), ERR_OK);
    assert_int_equal(p.sources, 2);
    assert_int_equal(p.source[0].classes, 2);
    assert_int_equal(p.source[1].classes, 0);
    assert_int_equal(p.train.items, 3 * photos);
    assert_int_equal(cap_photos_schedule(&p, batch, 1, 0, &memory, &one, NULL), ERR_OK);
    assert_int_equal(cap_photos_schedule(&p, batch, 1, 1, &memory, &two, NULL), ERR_OK);
    assert_int_equal(one.batches, 6);
    int seen[3 * MOST_PHOTOS] = {0}, moved = 0;
    for (int i = 0; i < 3 * photos; i++) {
        seen[one.image[i]]++;
        moved += one.image[i] != two.image[i];
    }
    for (int i = 0; i < 3 * photos; i++) assert_int_equal(seen[i], 1);
    assert_true(moved > photos);
    assert_int_equal(cap_photos_schedule(&p, 100, 1, 0, &memory, &one, NULL), ERR_OK);
    assert_int_equal(one.batches, 1);
    assert_int_equal(one.start[1], 3 * photos);
    arena_release(&memory);
    cap_photos_close(&p);
}

/* pretrain_test [PATTERN]: only the tests whose names fit, for the slow tools. */
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schedules_hold_every_photo_once),
        cmocka_unit_test(distilling_has_the_right_gradient),
        cmocka_unit_test(learns_classes_and_writes_an_encoder),
        cmocka_unit_test(resumed_equals_uninterrupted),
        cmocka_unit_test(wrong_settings_are_refused),
        cmocka_unit_test(an_earlier_run_is_not_replaced),
        cmocka_unit_test(every_field_of_the_state_counts),
        cmocka_unit_test(an_older_state_is_named),
        cmocka_unit_test(learns_from_a_teacher),
    };
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, make_photos, folder_remove);
}
