/* The trainer on twelve drawn photos: it learns, threads and interruptions leave no trace in the bits, a run
 * is resumed only as it was begun, kept features are computed once, and a killed run leaves no broken file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "captioner/net/lstm_settings.h"
#include "captioner/search/search.h"
#include "captioner/train/train.h"
#include "captioner/train/train_data.h"
#include "src/base/rng.h"
#include "src/image/image.h"
#include "src/io/file.h"
#include "tests/drawn.h"
#include "tests/small.h"
#include "tests/training.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PHOTOS = DRAWN, CAPTIONS = 3, BATCH = 6 };

/* What a run has to do; `steps` are those of an epoch. */
static int photos = PHOTOS, held_out = 4, epochs = 3, steps = PHOTOS * CAPTIONS / BATCH;

static void do_less(void)
{
    photos = test_size(photos, 4);
    held_out = test_size(held_out, 1);
    epochs = test_size(epochs, 2);
    steps = photos * CAPTIONS / BATCH;
}

/* ---- the data ---- */

static void write_captions(const char *path, int count, const char *extra)
{
    static const struct {
        const char *before, *after;
    } forms[CAPTIONS] = {{"a", ""}, {"a", " on white"}, {"one large", " is here"}};
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("{\"images\": [", f);
    for (int i = 0; i < count; i++)
        fprintf(f, "%s{\"id\": %d, \"file_name\": \"%d.jpg\"}", i ? ", " : "", i + 1, i);
    fprintf(f, "%s], \"annotations\": [", extra);
    for (int i = 0, first = 1; i < count; i++)
        for (int j = 0; j < CAPTIONS; j++, first = 0) {
            fprintf(f, "%s{\"image_id\": %d, \"caption\": \"%s %s %s%s\"}", first ? "" : ", ", i + 1,
                    forms[j].before, drawn_colours[i / 4].name, drawn_shapes[i % 4], forms[j].after);
        }
    fputs("]}", f);
    assert_int_equal(fclose(f), 0);
}

/* ---- runs ---- */

/* Settings with the names of the data; `out` within the folder. The strings are the caller's to keep. */
typedef struct task {
    cap_train_settings s;
    char captions[200], images[200], val[200], out[200];
} task;

static void tiny(task *t, const char *out)
{
    t->s = cap_train_defaults();
    snprintf(t->captions, sizeof t->captions, "%s", in("train.json"));
    snprintf(t->images, sizeof t->images, "%s", in("photos"));
    snprintf(t->val, sizeof t->val, "%s", in("val.json"));
    snprintf(t->out, sizeof t->out, "%s", in(out));
    t->s.photos[0] = (cap_photo_set){.captions = t->captions, .images = t->images};
    t->s.val[0].captions = t->val;
    t->s.run.out = t->out;
    tiny_settings(&t->s);
    t->s.run.epochs = epochs;
    t->s.run.batch = BATCH;
    t->s.per_image = CAPTIONS;
}

/* The file opens and says a sentence about a red photo. */
static void assert_describes(const char *path, int size)
{
    cap_model *m;
    error err = {0};
    if (cap_model_open(path, &m, &err)) fail_msg("%s", err.text);
    assert_int_equal(m->preprocess.size, size);
    uint8_t *pixels = malloc((size_t)size * size * 3);
    assert_non_null(pixels);
    for (int i = 0; i < size * size; i++) memcpy(pixels + 3 * i, drawn_colours[0].rgb, 3);
    arena memory = {0}, results = {0};
    nn_tape t = {.mem = &memory};
    cap_search_options o = cap_search_defaults();
    cap_hypothesis best;
    nn_begin(&t);
    cap_memory seen =
        cap_decoder_remember(&t, &m->decoder, &(cap_encoded){.states = cap_model_encode(&t, m, pixels, 1)});
    if (cap_search(&t, &m->decoder, &seen, &o, &results, &best, &err)) fail_msg("%s", err.text);
    text sentence = {0};
    cap_model_sentence(m, best.word, best.words, &sentence);
    assert_true(strlen(text_string(&sentence)) > 1);
    text_release(&sentence);
    arena_release(&memory);
    arena_release(&results);
    free(pixels);
    cap_model_close(&m);
}

/* The run, on two threads, that others are compared with. */
static struct {
    task task;
    heard heard;
    int64_t us; /* that it took */
} whole;

static void assert_like_whole(const task *t)
{
    assert_same_file(whole.task.out, t->out, "");
    assert_same_file(whole.task.out, t->out, ".state");
}

static int make_data(void **state)
{
    struct timespec begin, end;
    if (folder_make(state)) return -1;
    do_less();
    assert_int_equal(io_make_dirs(in("photos"), NULL), ERR_OK);
    for (int i = 0; i < photos; i++) {
        char name[40];
        snprintf(name, sizeof name, "photos/%d.jpg", i);
        draw_photo(in(name), i);
    }
    write_captions(in("train.json"), photos, "");
    write_captions(in("val.json"), held_out, "");
    tiny(&whole.task, "whole");
    clock_gettime(CLOCK_MONOTONIC, &begin);
    go_well(&whole.task.s, &whole.heard);
    clock_gettime(CLOCK_MONOTONIC, &end);
    whole.us = (end.tv_sec - begin.tv_sec) * 1000000 + (end.tv_nsec - begin.tv_nsec) / 1000;
    return 0;
}

/* ---- tests ---- */

static void it_learns(void **unused)
{
    (void)unused;
    const heard *h = &whole.heard;
    const char *out = whole.task.out;
    assert_int_equal(h->epochs, epochs);
    assert_true(h->validated);
    assert_true(h->loss[epochs - 1] < (epochs > 2 ? 0.95 : 1) * h->loss[0]);
    assert_int_equal(h->asked, epochs * (steps + 1)); /* the tests below count on it */
    assert_true(exists(out, "") && exists(out, ".state") && exists(out, ".log.jsonl"));
    char path[300];
    snprintf(path, sizeof path, "%s.log.jsonl", out);
    assert_int_equal(lines_of(path), epochs);
    assert_describes(out, 32);
}

static void threads_change_nothing(void **unused)
{
    (void)unused;
    for (int threads = test_size(1, 3); threads <= 3; threads += 2) {
        task t;
        heard h = {0};
        char name[40];
        snprintf(name, sizeof name, "threads%d", threads);
        tiny(&t, name);
        t.s.run.threads = threads;
        go_well(&t.s, &h);
        assert_like_whole(&t);
    }
}

/* After the first step, in the middle, after an epoch's last step, while validating, before the very end. */
static void a_resumed_run_ends_with_the_same_bits(void **unused)
{
    (void)unused;
    const int stops[] = {1, steps - 2, steps, steps + 1, steps + 3, 3 * steps + 2};
    for (int i = 0; i < (int)(sizeof stops / sizeof *stops); i += test_size(1, 6)) {
        task parts;
        error err;
        char name[40];
        snprintf(name, sizeof name, "parts%d", stops[i]);
        tiny(&parts, name);
        heard h = {.stop_at = stops[i]};
        assert_int_equal(go(&parts.s, &h, &err), ERR_INTERRUPTED);
        parts.s.run.resume = true;
        h = (heard){0};
        go_well(&parts.s, &h);
        assert_non_null(strstr(h.said, "resumed at epoch"));
        assert_like_whole(&parts);
    }
}

static void resume_needs_the_same_settings(void **unused)
{
    (void)unused;
    task t;
    heard h = {.stop_at = 2};
    error err;
    tiny(&t, "settings");
    t.s.run.resume = true;
    expect_refusal(&t.s, ERR_MISSING, "leave out --resume");
    t.s.run.resume = false;
    assert_int_equal(go(&t.s, &h, &err), ERR_INTERRUPTED);
    t.s.run.resume = true;
    int row = 0, every = test_size(1, 10);
#define REFUSED(change, name)                                                                                \
    if (row++ % every == 0) EXPECT_MISMATCH(t.s, change, name)
#define REFUSED_LSTM(change, name)                                                                           \
    if (row++ % every == 0) EXPECT_LSTM_MISMATCH(t.s, change, name)
    REFUSED(run.seed = 2, "seed");
    REFUSED(run.batch = 9, "batch");
    REFUSED(per_image = 1, "per-image");
    REFUSED(max_words = 4, "max-words");
    REFUSED(size = 64, "size");
    REFUSED(crop = true, "crop");
    REFUSED(augment = false, "augment");
    REFUSED(run.rate = 1e-3, "rate");
    REFUSED(run.warmup = 0.5, "warmup");
    REFUSED(run.decay = 0, "weight-decay");
    REFUSED(run.clip = 1, "clip");
    REFUSED(encoder_factor = 0.5, "encoder-factor");
    REFUSED(loss.smoothing = 0, "label-smoothing");
    REFUSED(loss.coverage = 1, "coverage");
    REFUSED(loss.sampling = 0.5, "scheduled-sampling");
    REFUSED_LSTM(hidden = 24, "hidden");
    REFUSED_LSTM(match = NN_MATCH_ADDITIVE, "match");
    REFUSED_LSTM(dropout = 0, "dropout");
    REFUSED(best_by = CAP_BEST_LOSS, "best-by");
    REFUSED(val[0].captions = NULL, "contents of --val");
    REFUSED(photos[0].captions = t.val, "vocabulary");
#undef REFUSED
#undef REFUSED_LSTM
}

static void a_strange_state_is_refused(void **unused)
{
    (void)unused;
    task t;
    char state[300];
    tiny(&t, "strange");
    t.s.run.resume = true;
    snprintf(state, sizeof state, "%s.state", t.out);
    assert_int_equal(io_write_file(state, "short", 5, NULL), ERR_OK);
    expect_refusal(&t.s, ERR_FORMAT, "strange.state'");
    uint8_t *bytes;
    size_t size;
    assert_int_equal(io_read_file(whole.task.out, 1 << 28, &bytes, &size, NULL), ERR_OK);
    assert_int_equal(io_write_file(state, bytes, size, NULL), ERR_OK);
    free(bytes);
    expect_refusal(&t.s, ERR_MISMATCH, "is no state of a training run");
}

static void every_way_of_training_takes_steps(void **unused)
{
    (void)unused;
    for (int i = test_size(0, NN_MATCH_COUNT + 1); i < NN_MATCH_COUNT + 3; i++) {
        task t;
        heard h = {0};
        char name[40];
        snprintf(name, sizeof name, "way%d", i);
        tiny(&t, name);
        t.s.run.epochs = 1;
        t.s.run.batch = 18;
        if (i % 2) t.s.val[0].captions = NULL;
        if (i < NN_MATCH_COUNT) cap_lstm_settings_of(&t.s.decoder)->match = (nn_match_kind)i;
        if (i == NN_MATCH_COUNT) t.s.loss.sampling = 0.5;
        if (i == NN_MATCH_COUNT + 1) t.s.loss.coverage = 1;
        if (i == NN_MATCH_COUNT + 2) {
            cap_lstm_settings_of(&t.s.decoder)->match = NN_MATCH_NONE;
            cap_lstm_settings_of(&t.s.decoder)->peek = true;
        }
        go_well(&t.s, &h);
        assert_int_equal(h.epochs, 1);
        assert_true(h.validated == !!t.s.val[0].captions);
        assert_describes(t.out, 32);
    }
}

/* ---- self-critical, and averages ---- */

/* Goes on from the whole run's model. */
static void self_critical(task *t, const char *out)
{
    tiny(t, out);
    t->s.init = whole.task.out;
    cap_train_make_self_critical(&t->s);
    t->s.samples = 4;
    t->s.sample_words = 6;
    t->s.cross_entropy = 0.2;
    t->s.loss.smoothing = 0.1;
    t->s.run.batch = BATCH;
    t->s.run.rate = 2e-3;
    t->s.run.average = 0.5;
    t->s.size = 32;
    t->s.run.epochs = 2;
}

/* Threads and interruptions leave no trace in the bits of the samples, or of the average. */
static void its_own_sentences_teach_it(void **unused)
{
    (void)unused;
    task t, parts;
    heard h = {0};
    error err;
    self_critical(&t, "critical");
    assert_true(cap_lstm_settings_of(&t.s.decoder)->sharpness > 2);
    go_well(&t.s, &h);
    assert_int_equal(h.epochs, 2);
    assert_true(h.reward[0] > 0 && h.reward[1] > 0 && h.reward[1] <= 10);
    assert_true(isnan(whole.heard.reward[0]));
    assert_describes(t.out, 32);
    self_critical(&parts, "critical_parts");
    parts.s.run.threads = 3;
    h = (heard){.stop_at = steps + 3};
    assert_int_equal(go(&parts.s, &h, &err), ERR_INTERRUPTED);
    parts.s.run.resume = true;
    h = (heard){0};
    go_well(&parts.s, &h);
    assert_same_file(t.out, parts.out, "");
    assert_same_file(t.out, parts.out, ".state");
}

static void what_self_critical_training_cannot_be(void **unused)
{
    (void)unused;
    task t;
    self_critical(&t, "impossible");
    cap_train_settings s = t.s;
    s.init = NULL;
    expect_refusal(&s, ERR_ARGUMENT, "--init");
    s = t.s;
    s.samples = 1;
    expect_refusal(&s, ERR_ARGUMENT, "two samples");
    s = t.s;
    s.cross_entropy = 0;
    expect_refusal(&s, ERR_ARGUMENT, "label smoothing");
    s = t.s;
    s.teacher_forcing = 0.5;
    expect_refusal(&s, ERR_ARGUMENT, "teacher forcing");
}

/* Whose share is nothing is the weights themselves; another is validated and saved, while the steps are those
 * of the weights: both runs lose the same. */
static void averages_are_saved_and_change_no_step(void **unused)
{
    (void)unused;
    task t;
    heard h = {0};
    tiny(&t, "average");
    t.s.run.average = 0.9;
    go_well(&t.s, &h);
    for (int i = 0; i < epochs; i++) assert_true(h.loss[i] == whole.heard.loss[i]);
    uint8_t *a, *b;
    size_t of_a, of_b;
    assert_int_equal(io_read_file(t.out, 1 << 28, &a, &of_a, NULL), ERR_OK);
    assert_int_equal(io_read_file(whole.task.out, 1 << 28, &b, &of_b, NULL), ERR_OK);
    assert_true(of_a < 1000 || of_b < 1000 || memcmp(a + of_a - 1000, b + of_b - 1000, 1000) != 0);
    free(a);
    free(b);
    t.s.run.average = 0;
    t.s.run.resume = true;
    expect_refusal(&t.s, ERR_MISMATCH, "'average' was");
}

/* ---- several sets ---- */

/* A second folder with photos of the same names. */
static void make_more(cap_photo_set *set, char captions[200], char images[200])
{
    snprintf(captions, 200, "%s", in("more.json"));
    snprintf(images, 200, "%s", in("more"));
    *set = (cap_photo_set){.captions = captions, .images = images, .times = 3, .style = "plain"};
    assert_int_equal(io_make_dirs(images, NULL), ERR_OK);
    for (int i = 0; i < 2; i++) {
        char name[40];
        snprintf(name, sizeof name, "more/%d.jpg", i);
        draw_photo(in(name), photos - 1 - i);
    }
    write_captions(captions, 2, "");
}

static void sets_become_one_heap(void **unused)
{
    (void)unused;
    task t;
    char captions[200], images[200];
    error err = {0};
    cap_split s;
    tiny(&t, "heap");
    make_more(&t.s.photos[1], captions, images);
    cap_split_source from = {.set = t.s.photos, .sets = 2, .verb = "trains on"};
    if (cap_split_open(&s, &from, NULL, &err)) fail_msg("%s", err.text);
    assert_int_equal(s.parts, 2);
    assert_int_equal(s.captions.images, photos + 2);
    assert_string_equal(s.captions.image[photos].file_name, "0.jpg");
    assert_non_null(strstr(s.items[photos].name, "/more/0.jpg"));
    assert_non_null(strstr(s.items[0].name, "/photos/0.jpg"));
    assert_ptr_equal(cap_split_part(&s, photos - 1), &s.part[0]);
    assert_ptr_equal(cap_split_part(&s, photos), &s.part[1]);
    ds_counter *counter = ds_counter_create();
    ds_vocab *vocab = NULL;
    assert_int_equal(cap_split_count(&s, counter, NULL), ERR_OK);
    assert_int_equal(ds_counter_get(counter, "white"), photos + 2); /* each caption counts once */
    assert_int_equal(ds_vocab_build(counter, &(ds_vocab_settings){0}, &vocab, NULL), ERR_OK);
    assert_int_equal(cap_split_encode(&s, vocab, NULL), ERR_OK);
    assert_int_equal(s.turns.images, photos + 2 * 3);
    assert_int_equal(s.turns.captions, (photos + 2 * 3) * CAPTIONS);
    for (int i = 0; i < s.turns.images; i++) {
        int photo = i < photos ? i : photos + (i - photos) % 2;
        assert_int_equal(s.photo[i], photo);
        assert_string_equal(s.seen[i].name, s.items[photo].name);
    }
    for (int i = 0; i < s.turns.captions; i++) {
        int caption =
            i < photos * CAPTIONS ? i : (photos + (i / CAPTIONS - photos) % 2) * CAPTIONS + i % CAPTIONS;
        const char *first = s.captions.caption[caption].text;
        const char *word = ds_vocab_word(vocab, s.turns.words[s.turns.first[i]]);
        assert_int_equal(s.turns.image[i], i / CAPTIONS);
        assert_memory_equal(first, word, strlen(word));
    }
    ds_vocab_free(&vocab);
    ds_counter_free(&counter);
    cap_split_close(&s);
}

static void sets_are_validated_one_by_one(void **unused)
{
    (void)unused;
    task whole_run, parts;
    heard h = {0};
    error err;
    char captions[200], images[200], log[300], line[4000] = "";
    tiny(&whole_run, "sets");
    make_more(&whole_run.s.photos[1], captions, images);
    whole_run.s.val[1] = (cap_photo_set){.captions = captions, .images = images};
    whole_run.s.run.epochs = 2;
    go_well(&whole_run.s, &h);
    const int steps_of_sets = (photos + 2 * 3) * CAPTIONS / BATCH;
    assert_int_equal(h.asked, 2 * (steps_of_sets + 2));
    snprintf(log, sizeof log, "%s.log.jsonl", whole_run.out);
    FILE *f = fopen(log, "r");
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof line, f));
    fclose(f);
    json_t *epoch = json_loads(line, 0, NULL), *found = json_object_get(epoch, "validation"),
           *sets = json_object_get(found, "sets");
    assert_int_equal(json_array_size(sets), 2);
    double mean = 0;
    for (int i = 0; i < 2; i++)
        mean += json_number_value(json_object_get(json_array_get(sets, (size_t)i), "cider")) / 2;
    assert_float_equal(json_number_value(json_object_get(found, "cider")), mean, 1e-4);
    json_decref(epoch);

    tiny(&parts, "sets_in_parts");
    cap_train_settings s = whole_run.s;
    s.run.out = parts.out;
    h = (heard){.stop_at = steps_of_sets + 2}; /* between the two sets */
    assert_int_equal(go(&s, &h, &err), ERR_INTERRUPTED);
    s.run.resume = true;
    s.photos[1].times = 2;
    expect_refusal(&s, ERR_MISMATCH, "'contents of --captions' was");
    s.photos[1].times = 3;
    h = (heard){0};
    go_well(&s, &h);
    assert_same_file(whole_run.out, parts.out, "");
    assert_same_file(whole_run.out, parts.out, ".state");
}

/* ---- validation sets of odd kinds ---- */

static void photos_without_captions_are_passed_over(void **unused)
{
    (void)unused;
    task t;
    heard h = {0};
    char first[60 * 24], name[40];
    size_t used = 0;
    first[0] = 0;
    for (int i = 0; i < 20; i++) /* more than are validated at a time */
        used += snprintf(first + used, sizeof first - used, ", {\"id\": %d, \"file_name\": \"%d.jpg\"}",
                         100 + i, i % photos);
    tiny(&t, "without");
    snprintf(name, sizeof name, "%s", "val_without.json");
    write_captions(in(name), 1, first);
    snprintf(t.val, sizeof t.val, "%s", in(name));
    t.s.run.epochs = 1;
    t.s.run.batch = 18;
    t.s.scored = 1;
    go_well(&t.s, &h);
    assert_true(h.validated);
}

static void damaged_photos_are_named(void **unused)
{
    (void)unused;
    task t;
    heard h = {0};
    error err;
    tiny(&t, "damaged");
    t.s.run.epochs = 1;
    uint8_t *bytes;
    size_t size;
    char *path = strdup(in("photos/2.jpg"));
    assert_int_equal(io_read_file(path, 1 << 20, &bytes, &size, NULL), ERR_OK);
    assert_int_equal(io_write_file(path, "no jpeg", 7, NULL), ERR_OK);
    t.s.max_missing = 0.3;
    go_well(&t.s, &h);
    assert_non_null(strstr(h.said, "2.jpg' is damaged"));
    t.s.max_missing = 0.01;
    h = (heard){0};
    assert_int_not_equal(go(&t.s, &h, &err), ERR_OK);
    assert_int_equal(io_write_file(path, bytes, size, NULL), ERR_OK);
    free(bytes);
    free(path);
}

/* ---- a frozen encoder ---- */

static void find_features(const char *dir, char *out, size_t size)
{
    DIR *d = opendir(dir);
    assert_non_null(d);
    *out = 0;
    for (struct dirent *e; (e = readdir(d));)
        if (!strncmp(e->d_name, "features-", 9)) snprintf(out, size, "%s/%s", dir, e->d_name);
    closedir(d);
    assert_true(*out);
}

static void flip_byte(const char *path, long at)
{
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, at, at < 0 ? SEEK_END : SEEK_SET), 0);
    int c = fgetc(f);
    assert_int_equal(fseek(f, -1, SEEK_CUR), 0);
    fputc(c ^ 0x10, f);
    assert_int_equal(fclose(f), 0);
}

static int64_t changed(const char *path)
{
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec;
}

static void features_are_kept(void **unused)
{
    (void)unused;
    static const char weights[] = TEST_SHARED_DIR "/data/weights/mobilenet_v2.safetensors";
    if (access(weights, R_OK)) {
        print_message("skipped: '%s' is not there\n", weights);
        skip();
    }
    task first, again;
    error err;
    char path[400];
    heard h = {0};
    tiny(&first, "frozen");
    first.s.encoder = weights;
    char *cache = strdup(in("cache"));
    first.s.cache = cache;
    first.s.run.epochs = 2;
    first.s.per_image = 0;
    first.s.val[0].captions = NULL;
    go_well(&first.s, &h);
    assert_true(h.encoded > 0);
    assert_describes(first.out, 32);
    find_features(cache, path, sizeof path);
    int64_t before = changed(path);
    tiny(&again, "frozen2");
    cap_train_settings s = first.s;
    s.run.out = again.out;
    h = (heard){.stop_at = 3}; /* and an interruption at features, too, leaves no trace */
    assert_int_equal(go(&s, &h, &err), ERR_INTERRUPTED);
    s.run.resume = true;
    go_well(&s, &h);
    assert_int_equal(h.encoded, 0);
    assert_true(changed(path) == before);
    assert_same_file(first.out, again.out, "");
    assert_same_file(first.out, again.out, ".state");
    s.run.resume = false;
    s.run.force = true;
    flip_byte(path, 20); /* in the header: made anew */
    h = (heard){0};
    go_well(&s, &h);
    assert_true(h.encoded > 0);
    assert_same_file(first.out, again.out, "");
    flip_byte(path, 64 + 100); /* in a photo's record */
    expect_refusal(&s, ERR_FORMAT, path);
    expect_refusal(&s, ERR_FORMAT, "delete");
    assert_int_equal(truncate(path, 1000), 0);
    h = (heard){0};
    go_well(&s, &h);
    assert_true(h.encoded > 0);
    assert_same_file(first.out, again.out, "");
    free(cache);
}

/* What the encoder of a file makes of a red photo: to be freed. */
static real *seen_by(const char *path, size_t *count)
{
    cap_model *m;
    error err = {0};
    if (cap_model_open(path, &m, &err)) fail_msg("%s", err.text);
    uint8_t pixels[32 * 32 * 3];
    for (int i = 0; i < 32 * 32; i++) memcpy(pixels + 3 * i, drawn_colours[0].rgb, 3);
    assert_int_equal(m->preprocess.size, 32);
    arena memory = {0};
    nn_tape t = {.mem = &memory};
    nn_begin(&t);
    nn_var *states = cap_model_encode(&t, m, pixels, 1);
    *count = nn_count(states);
    real *copy = malloc(*count * sizeof *copy);
    assert_non_null(copy);
    memcpy(copy, states->data, *count * sizeof *copy);
    arena_release(&memory);
    cap_model_close(&m);
    return copy;
}

/* It stays as it is, and so does the side of the photos it was made for. */
static void the_encoder_of_a_captioner_is_taken(void **unused)
{
    (void)unused;
    task t;
    heard h = {0};
    size_t count, as_many;
    tiny(&t, "second");
    t.s.encoder = whole.task.out;
    t.s.size = 0;
    t.s.dtype = IO_F32;
    t.s.run.epochs = 1;
    go_well(&t.s, &h);
    assert_true(h.encoded > 0);
    real *first = seen_by(whole.task.out, &count), *second = seen_by(t.out, &as_many);
    assert_int_equal(count, as_many);
    for (size_t i = 0; i < count; i++) assert_true(fabs(first[i] - second[i]) < 1e-4);
    free(first);
    free(second);
}

/* Another photo under an old name is seen as what it is, even with the old one's time. */
static void features_of_replaced_photos_are_made_anew(void **unused)
{
    (void)unused;
    static const char weights[] = TEST_SHARED_DIR "/data/weights/mobilenet_v2.safetensors";
    if (access(weights, R_OK)) {
        print_message("skipped: '%s' is not there\n", weights);
        skip();
    }
    task t;
    heard h = {0};
    tiny(&t, "replaced");
    t.s.encoder = weights;
    char *cache = strdup(in("cache2")), *photo = strdup(in("photos/0.jpg"));
    struct stat old;
    t.s.cache = cache;
    t.s.run.epochs = 1;
    t.s.per_image = 0;
    t.s.val[0].captions = NULL;
    t.s.run.force = true;
    go_well(&t.s, &h);
    h = (heard){0};
    go_well(&t.s, &h);
    assert_int_equal(h.encoded, 0);
    assert_int_equal(stat(photo, &old), 0);
    draw_photo(photo, 1);
    assert_int_equal(utimensat(AT_FDCWD, photo, (struct timespec[]){old.st_atim, old.st_mtim}, 0), 0);
    go_well(&t.s, &h);
    assert_true(h.encoded > 0);
    draw_photo(photo, 0);
    free(cache);
    free(photo);
}

/* ---- files ---- */

static void what_cannot_be_written_is_said_at_once(void **unused)
{
    (void)unused;
    task t;
    tiny(&t, "no_such_folder/model");
    expect_refusal(&t.s, ERR_MISSING, "no_such_folder/model");
    tiny(&t, "photos");
    expect_refusal(&t.s, ERR_IO, "photos'");
}

static void train_until_killed(const cap_train_settings *s)
{
    cap_train_events silent = {0};
    _exit(cap_train(s, &silent, NULL) ? 1 : 0);
}

static void a_killed_run_leaves_no_broken_file(void **unused)
{
    (void)unused;
    task t;
    heard h = {0};
    rng r = {.seed = (uint64_t)time(NULL)};
    tiny(&t, "killed");
    for (int i = 0; i < test_size(8, 1); i++) {
        int64_t us = (int64_t)rng_below(&r, (uint32_t)(whole.us > 1000000000 ? 1000000000 : whole.us + 1));
        t.s.run.resume = exists(t.out, ".state");
        t.s.run.force = !t.s.run.resume; /* killed between the first model and the first state */
        pid_t child = fork();
        assert_true(child >= 0);
        if (!child) train_until_killed(&t.s);
        nanosleep(&(struct timespec){us / 1000000, us % 1000000 * 1000}, NULL);
        kill(child, SIGKILL);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
        if (exists(t.out, "")) assert_describes(t.out, 32);
    }
    t.s.run.resume = exists(t.out, ".state");
    t.s.run.force = !t.s.run.resume;
    go_well(&t.s, &h);
    assert_like_whole(&t);
    assert_epochs_once(t.out, epochs);
}

/* train_test [PATTERN]: only the tests whose names fit, for the slow tools. */
int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_learns),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(a_resumed_run_ends_with_the_same_bits),
        cmocka_unit_test(resume_needs_the_same_settings),
        cmocka_unit_test(a_strange_state_is_refused),
        cmocka_unit_test(every_way_of_training_takes_steps),
        cmocka_unit_test(its_own_sentences_teach_it),
        cmocka_unit_test(what_self_critical_training_cannot_be),
        cmocka_unit_test(averages_are_saved_and_change_no_step),
        cmocka_unit_test(sets_become_one_heap),
        cmocka_unit_test(sets_are_validated_one_by_one),
        cmocka_unit_test(photos_without_captions_are_passed_over),
        cmocka_unit_test(damaged_photos_are_named),
        cmocka_unit_test(features_are_kept),
        cmocka_unit_test(the_encoder_of_a_captioner_is_taken),
        cmocka_unit_test(features_of_replaced_photos_are_made_anew),
        cmocka_unit_test(what_cannot_be_written_is_said_at_once),
        cmocka_unit_test(a_killed_run_leaves_no_broken_file),
    };
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, make_data, folder_remove);
}
