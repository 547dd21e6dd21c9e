/* The state of a training run that is to go on. One small run stands; the bytes are a whole file for it to go
 * on with, or, when they begin with '{', JSON that is laid over the state it saved itself (RFC 7386: null
 * takes a member away), so that a state is never stale. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "captioner/net/lstm_settings.h"
#include "captioner/net/text_encoder.h"
#include "captioner/train/task.h"
#include "captioner/train/train.h"
#include "src/io/file.h"
#include "src/io/json.h"
#include "src/train/checkpoint.h"
#include "tests/folder.h"
#include "tests/fuzz/fuzz.h"

static const char lines[] = "ab\tba\nb a\ta b\naa\tbb\nba\tab\nbb\taa\na\tb\n";

static cap_run run;
static cap_train_settings settings;
static cap_train_events events;
static json_t *saved; /* what the run wrote beside its tensors */
static char out[64], state[80], pairs[64];

static void remove_folder(void)
{
    cap_run_close(&run);
    json_decref(saved);
    folder_remove(NULL);
}

static void read_saved(void)
{
    io_tensors *t = io_tensors_open(state, NULL);
    const char *training = t ? io_tensors_metadata(t, "training") : NULL;
    if (!training || io_json_parse(training, strlen(training), "fuzz", &saved, NULL)) abort();
    io_tensors_close(&t);
}

static void begin(void)
{
    error e = {0};
    if (folder_make(NULL)) abort();
    snprintf(out, sizeof out, "%s/out", folder);
    snprintf(state, sizeof state, "%s/fuzz.state", folder);
    snprintf(pairs, sizeof pairs, "%s/pairs", folder);
    settings = cap_train_text_defaults();
    settings.text.pairs = pairs;
    settings.text.source_level.level = settings.text.target_level.level = DS_CHAR;
    cap_text_encoder_config *encoder = cap_text_encoder_settings(&settings.text.encoder);
    encoder->embedding = encoder->hidden = 2;
    cap_lstm_settings *decoder = cap_lstm_settings_of(&settings.decoder);
    decoder->embedding = decoder->hidden = decoder->attention = 2;
    settings.min_count = settings.run.threads = settings.run.epochs = 1;
    settings.run.out = out;
    if (io_write_file(pairs, lines, sizeof lines - 1, &e) ||
        cap_run_open(&run, &cap_task_pairs, &settings.run, &settings, &events, &e)) {
        fprintf(stderr, "fuzz_state: %s\n", e.text);
        abort();
    }
    snprintf(run.files.state, sizeof run.files.state, "%s", state);
    if (cap_run_save_state(&run, &e)) abort();
    read_saved();
    atexit(remove_folder);
}

/* Lays `patch` over *target, as RFC 7386 says. */
static void merge(json_t *target, const json_t *patch)
{
    const char *key;
    json_t *value, *old;
    json_object_foreach((json_t *)(uintptr_t)patch, key, value)
    {
        old = json_object_get(target, key);
        if (json_is_null(value)) {
            json_object_del(target, key);
        } else if (json_is_object(value) && json_is_object(old)) {
            merge(old, value);
        } else {
            json_object_set(target, key, value);
        }
    }
}

static bool write_patched(const uint8_t *bytes, size_t size)
{
    json_t *patch = NULL, *whole = json_deep_copy(saved);
    if (!whole || io_json_parse((const char *)bytes, size, "fuzz", &patch, NULL)) {
        json_decref(whole);
        return false;
    }
    merge(whole, patch);
    char *training = io_json_text(whole, JSON_COMPACT | JSON_REAL_PRECISION(17));
    io_metadata pair = {"training", training};
    bool written = training && !ckpt_save(state, run.params, NULL, &run.optim, &pair, 1, IO_F32, NULL);
    free(training);
    json_decref(patch);
    json_decref(whole);
    return written;
}

static bool write_state(const uint8_t *bytes, size_t size)
{
    if (size && bytes[0] == '{') return write_patched(bytes, size);
    return !io_write_file(state, bytes, size, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    error e = {0};
    if (!saved) begin();
    if (!write_state(bytes, size)) return 0;
    if (cap_run_load_state(&run, &e)) {
        fuzz_must_say(&e);
        return 0;
    }
    fuzz_taken++;
    const cap_progress *a = &run.at;
    if (a->epoch < 0 || a->batch < 0 || a->step < 0 || a->best_epoch < -1) abort();
    return 0;
}
