/* The life of a training run: what an earlier one left is not lost, two do not write the same files, a
 * diverging one leaves the good model, a damaged state is refused, and the log tells of each epoch once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "captioner/train/train_files.h"
#include "src/base/rng.h"
#include "tests/altered.h"
#include "tests/small.h"
#include "tests/tiny_text.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

static int make_data(void **state)
{
    if (folder_make(state)) return -1;
    write_pairs(in("pairs.tsv"), PAIRS, "");
    return 0;
}

static void beside(const task *t, const char *end, char path[300])
{
    snprintf(path, 300, "%s%s", t->out, end);
}

static void take_away(const task *t, const char *end)
{
    char path[300];
    beside(t, end, path);
    assert_int_equal(unlink(path), 0);
}

static void append(const task *t, const char *end, const char *bytes)
{
    char path[300];
    beside(t, end, path);
    FILE *f = fopen(path, "a");
    assert_non_null(f);
    fputs(bytes, f);
    assert_int_equal(fclose(f), 0);
}

/* ---- what is there ---- */

static void an_earlier_run_is_not_replaced(void **unused)
{
    (void)unused;
    task t, other;
    heard h = {0};
    tiny(&t, "first");
    tiny(&other, "second");
    go_well(&t.s, &h);
    go_well(&other.s, &h);
    expect_refusal(&t.s, ERR_ARGUMENT,
                   "first' exists: --resume goes on with its training, --force begins anew");
    assert_same_file(t.out, other.out, "");
    assert_same_file(t.out, other.out, ".state");
    take_away(&t, "");
    expect_refusal(&t.s, ERR_ARGUMENT, "first.state' exists: --resume");
    take_away(&t, ".state");
    expect_refusal(&t.s, ERR_ARGUMENT, "first.log.jsonl' exists, without a");
    expect_refusal(&t.s, ERR_ARGUMENT, "--force");
    take_away(&other, ".state");
    expect_refusal(&other.s, ERR_ARGUMENT, "that --resume could go on from; --force begins anew");
    other.s.run.resume = true;
    expect_refusal(&other.s, ERR_MISSING, "leave out --resume");
    other.s.run.force = true;
    expect_refusal(&other.s, ERR_ARGUMENT, "give one of them");
    assert_false(exists(t.out, ".lock") || exists(other.out, ".lock"));
}

static void force_begins_anew(void **unused)
{
    (void)unused;
    task t, fresh;
    heard h = {0};
    tiny(&t, "forced");
    tiny(&fresh, "fresh");
    go_well(&t.s, &h);
    t.s.run.force = true;
    t.s.run.seed = fresh.s.run.seed = 5;
    t.s.text.pairs = "/nowhere/pairs"; /* what cannot begin takes nothing away */
    expect_refusal(&t.s, ERR_MISSING, "/nowhere");
    assert_true(exists(t.out, "") && exists(t.out, ".state"));
    assert_epochs_once(t.out, EPOCHS);
    t.s.text.pairs = t.pairs;
    go_well(&t.s, &h);
    go_well(&fresh.s, &h);
    assert_same_file(t.out, fresh.out, "");
    assert_same_file(t.out, fresh.out, ".state");
    assert_epochs_once(t.out, EPOCHS);
}

static void copy_beside(const char *from, const char *to, const char *end)
{
    char path[300];
    uint8_t *data;
    size_t n;
    snprintf(path, sizeof path, "%s%s", from, end);
    assert_int_equal(io_read_file(path, 1 << 28, &data, &n, NULL), ERR_OK);
    snprintf(path, sizeof path, "%s%s", to, end);
    assert_int_equal(io_write_file(path, data, n, NULL), ERR_OK);
    free(data);
}

static void force_takes_nothing_before_it_has_its_own(void **unused)
{
    (void)unused;
    static const char *const ends[] = {"", ".state", ".log.jsonl"};
    task t, kept, fresh;
    heard h = {0};
    error err;
    tiny(&t, "over");
    tiny(&kept, "kept");
    tiny(&fresh, "begun");
    go_well(&t.s, &h);
    for (int i = 0; i < 3; i++) copy_beside(t.out, kept.out, ends[i]);
    t.s.run.force = true;
    t.s.run.seed = fresh.s.run.seed = 5;
    t.s.run.rate = 1e30;
    t.s.run.clip = t.s.run.warmup = 0;
    assert_int_equal(go(&t.s, &h, &err), ERR_LIMIT); /* in its first epoch */
    assert_non_null(strstr(err.text, "over' is as it was"));
    for (int i = 0; i < 3; i++) assert_same_file(t.out, kept.out, ends[i]);
    t.s.run.rate = fresh.s.run.rate;
    t.s.run.clip = fresh.s.run.clip;
    t.s.run.warmup = fresh.s.run.warmup;
    h = (heard){.stop_at = 3};
    assert_int_equal(go(&t.s, &h, &err), ERR_INTERRUPTED); /* there is a state to go on from, and no model */
    assert_same_file(t.out, kept.out, "");
    assert_false(exists(t.out, ".log.jsonl"));
    t.s.run.force = false;
    t.s.run.resume = true;
    h = (heard){0};
    go_well(&t.s, &h);
    go_well(&fresh.s, &h);
    assert_same_file(t.out, fresh.out, "");
    assert_same_file(t.out, fresh.out, ".state");
    assert_epochs_once(t.out, EPOCHS);
}

static void a_model_that_is_gone_is_missed(void **unused)
{
    (void)unused;
    task t;
    heard h = {.stop_at = STEPS + 3};
    error err;
    tiny(&t, "gone");
    assert_int_equal(go(&t.s, &h, &err), ERR_INTERRUPTED);
    take_away(&t, "");
    t.s.run.resume = true;
    expect_refusal(&t.s, ERR_MISSING, "of its epoch 1, is gone");
}

/* ---- more epochs ---- */

static void more_epochs_go_on(void **unused)
{
    (void)unused;
    task whole, parts;
    heard h = {0};
    error err;
    for (int i = 0; i < 2; i++) {
        task *t = i ? &parts : &whole;
        tiny(t, i ? "parts" : "whole");
        go_well(&t->s, &h);
        t->s.run.resume = true;
        t->s.run.epochs = 2 * EPOCHS;
    }
    h = (heard){0};
    go_well(&whole.s, &h);
    assert_non_null(strstr(h.said, "6 epochs instead of 3: the learning rate goes on as in a run of 6"));
    assert_epochs_once(whole.out, 2 * EPOCHS);
    h = (heard){.stop_at = STEPS + 3}; /* in the middle of the further ones */
    assert_int_equal(go(&parts.s, &h, &err), ERR_INTERRUPTED);
    parts.s.run.epochs = 0; /* as many as before */
    h = (heard){0};
    go_well(&parts.s, &h);
    assert_null(strstr(h.said, "instead of"));
    assert_same_file(whole.out, parts.out, "");
    assert_same_file(whole.out, parts.out, ".state");
}

static void fewer_epochs_than_done_are_refused(void **unused)
{
    (void)unused;
    task t;
    heard h = {.stop_at = STEPS + 3};
    error err;
    tiny(&t, "fewer");
    assert_int_equal(go(&t.s, &h, &err), ERR_INTERRUPTED);
    t.s.run.resume = true;
    t.s.run.epochs = 1;
    expect_refusal(&t.s, ERR_ARGUMENT, "with --epochs 1: 1 are done and one more is begun; give 2 or more");
    t.s.run.epochs = 2;
    h = (heard){0};
    go_well(&t.s, &h);
    assert_epochs_once(t.out, 2);
    h = (heard){0};
    go_well(&t.s, &h);
    assert_non_null(strstr(h.said, "nothing left to do: all 2 epochs are done"));
    assert_epochs_once(t.out, 2);
}

/* ---- one at a time ---- */

/* Asked after the first step whether to stop, it tries to train into the same files. */
static bool train_beside(void *ctx)
{
    const cap_train_settings *s = ctx;
    static const char *const ways[] = {"busy", "./busy", "link", "around/busy"};
    if (!exists(s->run.out, ".lock")) fail_msg("there is no lock");
    for (int i = 0; i < 4; i++) {
        char out[200];
        cap_train_settings other = *s;
        snprintf(out, sizeof out, "%s", in(ways[i]));
        other.run.out = out;
        expect_refusal(&other, ERR_IO, "another training (process ");
    }
    return true;
}

static void a_second_run_is_refused(void **unused)
{
    (void)unused;
    task t;
    heard h = {0};
    error err;
    tiny(&t, "busy");
    assert_int_equal(symlink("busy", in("link")), 0); /* leads nowhere as yet */
    assert_int_equal(symlink(".", in("around")), 0);
    append(&t, ".lock", "123456\n"); /* of a run that was killed */
    cap_train_events events = {.ctx = &t.s, .stop = train_beside};
    assert_int_equal(cap_train(&t.s, &events, &err), ERR_INTERRUPTED);
    assert_false(exists(t.out, ".lock"));
    t.s.run.resume = true;
    go_well(&t.s, &h);
}

/* ---- divergence ---- */

static void a_diverging_run_keeps_the_good_model(void **unused)
{
    (void)unused;
    task t, good;
    heard h = {0};
    error err;
    tiny(&t, "diverging");
    t.s.run.batch = PAIRS - HELD; /* one step an epoch; the first with a rate of nearly nothing */
    t.s.run.epochs = 30;
    t.s.run.warmup = 1;
    t.s.run.rate = 1e30;
    t.s.run.clip = 0;
    good = t;
    snprintf(good.out, sizeof good.out, "%s", in("good"));
    good.s.run.out = good.out;
    for (int valid = 0; valid < 2; valid++) {
        t.s.text.val_share = good.s.text.val_share = valid ? (double)HELD / PAIRS : 0;
        t.s.run.batch = good.s.run.batch = valid ? PAIRS - HELD : PAIRS;
        t.s.run.force = good.s.run.force = true;
        t.s.run.resume = false;
        assert_int_equal(go(&t.s, &h, &err), ERR_LIMIT);
        assert_non_null(strstr(err.text, "the training diverged in epoch "));
        assert_non_null(strstr(err.text, "a --rate below 1e+30 or with --clip 5"));
        bool begun = exists(t.out, "");
        assert_non_null(
            strstr(err.text, begun ? "diverging' still holds the model of epoch" : "no model was written"));
        assert_int_equal(exists(t.out, ".state"), begun);
        if (!begun) continue;
        cap_model *m;
        if (cap_model_open(t.out, &m, &err)) fail_msg("%s", err.text);
        cap_model_close(&m);
        t.s.run.force = false;
        t.s.run.resume = true; /* the state is one to go on from, though to the same end */
        assert_int_equal(go(&t.s, &h, &err), ERR_LIMIT);
        assert_non_null(strstr(err.text, "the training diverged"));
    }
}

/* ---- the state ---- */

typedef struct resumed {
    const task *task;
    char path[300];
    io_tensors *file; /* as it was */
} resumed;

static void expect_refused(const resumed *r, const char *what)
{
    heard h = {0};
    error err;
    err_code code = go(&r->task->s, &h, &err);
    if (code != ERR_FORMAT && code != ERR_MISMATCH) fail_msg("%s: not refused ('%s')", what, err.text);
    if (!strstr(err.text, "altered.state'")) fail_msg("%s: the file is not named: '%s'", what, err.text);
}

static void with_text(void *ctx, const char *state, const char *what)
{
    const resumed *r = ctx;
    write_altered(r->file, r->path, &(io_metadata){"training", state}, NULL, NULL);
    expect_refused(r, what);
}

static void with_tensor(const resumed *r, const char *name, const void *raw, const char *how)
{
    char what[200];
    io_metadata pair = {"training", io_tensors_metadata(r->file, "training")};
    write_altered(r->file, r->path, &pair, name, raw);
    snprintf(what, sizeof what, "'%s' %s", name, how);
    expect_refused(r, what);
}

/* The first number of a F32 tensor becomes another one. */
static void with_number(const resumed *r, const io_tensor *t, float value, const char *how)
{
    uint8_t *raw = malloc(t->bytes);
    assert_non_null(raw);
    memcpy(raw, t->data, t->bytes);
    memcpy(raw, &value, sizeof value);
    with_tensor(r, t->name, raw, how);
    free(raw);
}

static void alter_tensors(const resumed *r)
{
    static const int64_t steps[] = {-1, 0, INT64_MAX};
    for (int i = 0; i < 3; i++) with_tensor(r, "optim.steps", &steps[i], "impossible");
    with_tensor(r, "optim.steps", NULL, "missing");
    for (size_t i = 0; i < io_tensors_count(r->file); i++) {
        const io_tensor *t = io_tensors_at(r->file, i);
        if (t->dtype != IO_F32) continue;
        with_tensor(r, t->name, NULL, "missing");
        with_number(r, t, (float)NAN, "not a number");
        with_number(r, t, -(float)INFINITY, "infinite");
        if (!strncmp(t->name, "optim.v.", 8)) with_number(r, t, -1, "negative");
    }
}

static void every_field_of_the_state_counts(void **unused)
{
    (void)unused;
    task t;
    resumed r = {.task = &t};
    error err;
    char whole[300];
    snprintf(whole, sizeof whole, "%s", in("unaltered"));
    for (int valid = 0; valid < test_size(2, 1); valid++) {
        heard h = {.stop_at = STEPS + 3};
        tiny(&t, "altered");
        t.s.run.threads = 1;
        t.s.run.force = true;
        if (!valid) t.s.text.val_share = 0;
        assert_int_equal(go(&t.s, &h, &err), ERR_INTERRUPTED);
        t.s.run.force = false;
        t.s.run.resume = true;
        beside(&t, ".state", r.path);
        assert_int_equal(rename(r.path, whole), 0);
        r.file = io_tensors_open(whole, NULL);
        assert_non_null(r.file);
        alter_members(io_tensors_metadata(r.file, "training"), with_text, &r);
        if (valid) alter_tensors(&r);
        io_tensors_close(&r.file);
        assert_int_equal(rename(whole, r.path), 0);
        h = (heard){0};
        go_well(&t.s, &h);
    }
}

/* ---- the log ---- */

static void the_log_is_cut_back_to_the_state(void **unused)
{
    (void)unused;
    task t;
    heard h = {.stop_at = STEPS + 3};
    error err;
    tiny(&t, "log");
    assert_int_equal(go(&t.s, &h, &err), ERR_INTERRUPTED);
    append(&t, ".log.jsonl", "{\"epoch\":2,\"steps\":8}\n{\"epoch\":3,\"ste"); /* killed there, then there */
    t.s.run.resume = true;
    h = (heard){0};
    go_well(&t.s, &h);
    assert_epochs_once(t.out, EPOCHS);
}

static void the_log_keeps_what_is_known_or_not_ours(void **unused)
{
    (void)unused;
    static const char log[] =
        "{\"step\":100,\"loss\":2.5}\n{\"epoch\":1}\n# a note\n{\"step\":200}\n{\"epoch\":2}\n{\"step\":300",
                      known[] = "{\"step\":100,\"loss\":2.5}\n{\"epoch\":1}\n# a note\n";
    cap_train_files f;
    uint8_t *bytes;
    size_t size;
    const char *out = in("steps");
    assert_int_equal(cap_train_files_open(&f, out, CAP_BEGIN, NULL), ERR_OK);
    assert_int_equal(io_write_file(f.log, log, sizeof log - 1, NULL), ERR_OK);
    f.beginning = CAP_GO_ON;
    assert_int_equal(cap_train_files_settle(&f, 1, 150, NULL), ERR_OK);
    assert_int_equal(io_read_file(f.log, 1000, &bytes, &size, NULL), ERR_OK);
    assert_string_equal((char *)bytes, known);
    free(bytes);
    cap_train_files_close(&f);
    cap_train_files_close(&f);
    assert_false(exists(out, ".lock"));
}

/* Resumed after each kill. Between the first model and the first state there is nothing to resume. */
static void kills_leave_each_epoch_once(void **unused)
{
    (void)unused;
    task whole, t;
    heard h = {0};
    rng r = {.seed = (uint64_t)time(NULL)};
    tiny(&whole, "unkilled");
    tiny(&t, "killed");
    whole.s.run.epochs = t.s.run.epochs = test_size(12, 4);
    whole.s.run.threads = t.s.run.threads = 1;
    go_well(&whole.s, &h);
    for (int i = 0; i < test_size(20, 2); i++) {
        t.s.run.resume = exists(t.out, ".state");
        t.s.run.force = !t.s.run.resume;
        pid_t child = fork();
        assert_true(child >= 0);
        if (!child) _exit(cap_train(&t.s, NULL, NULL) ? 1 : 0);
        nanosleep(&(struct timespec){0, 1000000 * (long)rng_below(&r, 60)}, NULL);
        kill(child, SIGKILL);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    }
    t.s.run.resume = exists(t.out, ".state");
    t.s.run.force = !t.s.run.resume;
    go_well(&t.s, &h);
    assert_epochs_once(t.out, t.s.run.epochs);
    assert_same_file(whole.out, t.out, "");
    assert_same_file(whole.out, t.out, ".state");
}

/* ---- a full disk ---- */

/* Files may not grow beyond a limit that the model fits and the state does not: the child ends with an error
 * that names the state, and what was there stays. */
static void a_full_disk_loses_nothing(void **unused)
{
    (void)unused;
    task t;
    struct stat model;
    heard h = {.stop_at = STEPS + 3};
    error err;
    tiny(&t, "full");
    assert_int_equal(go(&t.s, &h, &err), ERR_INTERRUPTED);
    assert_int_equal(stat(t.out, &model), 0);
    char state[300], kept[300];
    uint8_t *bytes;
    size_t size;
    beside(&t, ".state", state);
    snprintf(kept, sizeof kept, "%s", in("kept"));
    assert_int_equal(io_read_file(state, 1 << 28, &bytes, &size, NULL), ERR_OK);
    assert_int_equal(io_write_file(kept, bytes, size, NULL), ERR_OK);
    free(bytes);
    assert_true((size_t)model.st_size + 1000 < size);
    t.s.run.resume = true;
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        struct rlimit most = {(rlim_t)model.st_size + 1000, (rlim_t)model.st_size + 1000};
        signal(SIGXFSZ, SIG_IGN);
        if (setrlimit(RLIMIT_FSIZE, &most)) _exit(2);
        err_code code = cap_train(&t.s, NULL, &err);
        _exit(code == ERR_IO && strstr(err.text, "full.state'") ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_same_file(state, kept, "");
    h = (heard){0};
    go_well(&t.s, &h);
    assert_epochs_once(t.out, EPOCHS);
}

/* train_life_test [PATTERN]: only the tests whose names fit, for the slow tools. */
int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_earlier_run_is_not_replaced),
        cmocka_unit_test(force_begins_anew),
        cmocka_unit_test(force_takes_nothing_before_it_has_its_own),
        cmocka_unit_test(a_model_that_is_gone_is_missed),
        cmocka_unit_test(more_epochs_go_on),
        cmocka_unit_test(fewer_epochs_than_done_are_refused),
        cmocka_unit_test(a_second_run_is_refused),
        cmocka_unit_test(a_diverging_run_keeps_the_good_model),
        cmocka_unit_test(every_field_of_the_state_counts),
        cmocka_unit_test(the_log_is_cut_back_to_the_state),
        cmocka_unit_test(the_log_keeps_what_is_known_or_not_ours),
        cmocka_unit_test(kills_leave_each_epoch_once),
        cmocka_unit_test(a_full_disk_loses_nothing),
    };
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, make_data, folder_remove);
}
