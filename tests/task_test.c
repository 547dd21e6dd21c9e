/* A task of a few lines, which no other file knows of: a line is fitted. It trains, saves its state, and goes
 * on to the same bits; the trainer asks for nothing more than a loss and a place for the result. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "captioner/train/task.h"
#include "src/base/rng.h"
#include "src/io/file.h"
#include "src/nn/linear.h"
#include "src/nn/loss.h"
#include "src/train/checkpoint.h"
#include "tests/folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the task ---- */

enum { POINTS = 8, BATCHES = 5 };

typedef struct line_asked {
    real slope, offset;
} line_asked;

typedef struct line_data {
    nn_params params;
    nn_var *w, *b;
} line_data;

static err_code open_line(cap_run *r, error *err)
{
    line_data *d = r->data;
    d->w = nn_params_add(&d->params, "line.w", 2, (int[]){1, 1}, nn_init_uniform(1), NN_DECAY);
    d->b = nn_params_add(&d->params, "line.b", 1, (int[]){1}, nn_init_constant(0), 0);
    r->params = &d->params;
    r->extent = (cap_extent){
        .units = POINTS * BATCHES, .batches = BATCHES, .least_batches = BATCHES, .most_batches = BATCHES};
    return nn_params_finish(&d->params, r->s->seed, err);
}

static void close_line(cap_run *r)
{
    nn_params_release(&((line_data *)r->data)->params);
}

static err_code count_line(cap_run *r, int64_t epoch, int64_t *batches, error *err)
{
    (void)r;
    (void)epoch;
    (void)err;
    *batches = BATCHES;
    return ERR_OK;
}

/* The mean square of what a line through drawn points misses. */
static nn_var *line_loss(cap_run *r, cap_counts *counts, error *err)
{
    const line_data *d = r->data;
    const line_asked *asked = r->asked;
    real *x = nn_scratch(&r->tape, POINTS * sizeof *x), *y = nn_scratch(&r->tape, POINTS * sizeof *y);
    rng draws = {.seed = r->s->seed, .stream = (uint64_t)r->at.step};
    (void)counts;
    (void)err;
    for (int i = 0; x && y && i < POINTS; i++) {
        x[i] = (real)rng_normal(&draws);
        y[i] = asked->slope * x[i] + asked->offset;
    }
    nn_var *said = nn_linear(&r->tape, nn_input(&r->tape, x, 2, (int[]){POINTS, 1}), d->w, d->b);
    return nn_mean_squared(&r->tape, said, y);
}

static err_code save_line(cap_run *r, const cap_epoch *e, error *err)
{
    (void)e;
    return ckpt_save(r->s->out, r->params, NULL, NULL, NULL, 0, IO_F32, err);
}

static const cap_task line = {.name = "line",
                              .unit = "points",
                              .data_bytes = sizeof(line_data),
                              .open = open_line,
                              .close = close_line,
                              .count = count_line,
                              .loss = line_loss,
                              .save = save_line};

/* ---- tests ---- */

typedef struct heard {
    int asked, stop_at, epochs;
    double loss;
    char said[500];
} heard;

static bool stop(void *ctx)
{
    heard *h = ctx;
    return ++h->asked == h->stop_at;
}

static void epoch(void *ctx, const cap_epoch *e)
{
    heard *h = ctx;
    h->epochs++;
    h->loss = e->loss;
    assert_false(e->validated);
    assert_true(e->best);
}

static void say(void *ctx, const char *sentence)
{
    heard *h = ctx;
    size_t used = strlen(h->said);
    snprintf(h->said + used, sizeof h->said - used, "%s\n", sentence);
}

static const line_asked wanted = {.slope = 3, .offset = -1};

static err_code go(const cap_run_settings *s, heard *h, error *err)
{
    cap_train_events events = {.ctx = h, .stop = stop, .epoch = epoch, .say = say};
    *err = (error){0};
    return cap_run_task(&line, s, &wanted, &events, err);
}

static void go_well(const cap_run_settings *s, heard *h)
{
    error err;
    if (go(s, h, &err)) fail_msg("%s", err.text);
}

static cap_run_settings settings_of(const char *out)
{
    return (cap_run_settings){
        .out = out, .epochs = 40, .batch = POINTS, .rate = 0.3, .seed = 1, .threads = 1};
}

static void same_file(const char *a, const char *b, const char *end)
{
    char path[2][300];
    uint8_t *bytes[2];
    size_t size[2];
    for (int i = 0; i < 2; i++) {
        snprintf(path[i], sizeof path[i], "%s%s", i ? b : a, end);
        assert_int_equal(io_read_file(path[i], 1 << 20, &bytes[i], &size[i], NULL), ERR_OK);
    }
    assert_int_equal(size[0], size[1]);
    assert_memory_equal(bytes[0], bytes[1], size[0]);
    free(bytes[0]);
    free(bytes[1]);
}

static void it_fits_the_line(void **unused)
{
    (void)unused;
    heard h = {0};
    char out[200];
    real w, b;
    snprintf(out, sizeof out, "%s", in("fits"));
    cap_run_settings s = settings_of(out);
    go_well(&s, &h);
    assert_int_equal(h.epochs, 40);
    assert_int_equal(h.asked, 40 * BATCHES);
    io_tensors *t = io_tensors_open(out, NULL);
    assert_non_null(t);
    assert_int_equal(io_tensors_read_f32(t, "line.w", 2, (int64_t[]){1, 1}, &w, NULL), ERR_OK);
    assert_int_equal(io_tensors_read_f32(t, "line.b", 1, (int64_t[]){1}, &b, NULL), ERR_OK);
    io_tensors_close(&t);
    assert_float_equal(w, wanted.slope, 0.05);
    assert_float_equal(b, wanted.offset, 0.05);
    assert_true(h.loss < 0.01);
}

static void resumed_it_ends_with_the_same_bits(void **unused)
{
    (void)unused;
    char whole[200], parts[200];
    heard h = {0};
    error err;
    snprintf(whole, sizeof whole, "%s", in("whole"));
    snprintf(parts, sizeof parts, "%s", in("parts"));
    cap_run_settings s = settings_of(whole);
    go_well(&s, &h);
    s = settings_of(parts);
    for (int stop_at = 1; stop_at <= 8; stop_at += 7) {
        h = (heard){.stop_at = stop_at};
        assert_int_equal(go(&s, &h, &err), ERR_INTERRUPTED);
        s.resume = true;
    }
    h = (heard){0};
    go_well(&s, &h);
    assert_non_null(strstr(h.said, "resumed at epoch 2, batch 4"));
    same_file(whole, parts, "");
    same_file(whole, parts, ".state");
}

/* A state belongs to its task. */
static void another_task_is_refused(void **unused)
{
    (void)unused;
    cap_task other = line;
    heard h = {.stop_at = 2};
    char out[200];
    error err = {0};
    snprintf(out, sizeof out, "%s", in("other"));
    cap_run_settings s = settings_of(out);
    assert_int_equal(go(&s, &h, &err), ERR_INTERRUPTED);
    other.name = "curve";
    s.resume = true;
    assert_int_equal(cap_run_task(&other, &s, &wanted, NULL, &err), ERR_MISMATCH);
    assert_non_null(strstr(err.text, "'task' was \"line\" and is now \"curve\""));
    s.rate = -1;
    assert_int_equal(cap_run_task(&line, &s, &wanted, NULL, &err), ERR_ARGUMENT);
    assert_non_null(strstr(err.text, "'rate' is -1"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_fits_the_line),
        cmocka_unit_test(resumed_it_ends_with_the_same_bits),
        cmocka_unit_test(another_task_is_refused),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
