/* Training runs under test: what they said, how they end, and the files they leave. For train*_test.c. To
 * be included after cmocka.h. */
#ifndef TESTS_TRAINING_H
#define TESTS_TRAINING_H

#include "captioner/net/lstm_settings.h"
#include "captioner/train/train.h"
#include "src/io/file.h"
#include "tests/folder.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEARD_EPOCHS = 16 }; /* whose losses are kept */

typedef struct heard {
    int asked, stop_at; /* the stop_at-th question is answered with yes; 0: none */
    int epochs, encoded;
    double loss[HEARD_EPOCHS], reward[HEARD_EPOCHS]; /* reward NAN: the run has none */
    bool validated;
    char said[2000];
    char label[40]; /* of the last progress */
} heard;

static inline bool stop(void *ctx)
{
    heard *h = ctx;
    return ++h->asked == h->stop_at;
}

static inline void say(void *ctx, const char *sentence)
{
    heard *h = ctx;
    size_t used = strlen(h->said);
    snprintf(h->said + used, sizeof h->said - used, "%s\n", sentence);
}

static inline void progress(void *ctx, const char *label, const char *unit, long done, long total,
                            const char *note)
{
    heard *h = ctx;
    (void)unit;
    (void)note;
    assert_true(done >= 0 && done <= total);
    /* What takes time is told of before its first step, so that a rate can be computed: epochs that a run
     * resumes inside are the only ones to begin above 0. */
    bool may_be_resumed = !h->epochs && strstr(label, "epoch");
    if (strcmp(label, h->label)) assert_true(!done || may_be_resumed);
    snprintf(h->label, sizeof h->label, "%s", label);
    if (strstr(label, "encoding")) h->encoded++;
}

static inline void epoch(void *ctx, const cap_epoch *e)
{
    heard *h = ctx;
    bool judged = e->perplexity >= 1 && e->accuracy >= 0 && e->accuracy <= 1;
    assert_true(isfinite(e->loss) && (judged || e->reward >= 0));
    if (h->epochs < HEARD_EPOCHS) {
        h->reward[h->epochs] = e->reward;
        h->loss[h->epochs++] = e->loss;
    }
    h->validated = e->validated;
    for (int i = 0; i < e->samples; i++) assert_non_null(e->sample_output[i]);
}

static inline err_code go(const cap_train_settings *s, heard *h, error *err)
{
    cap_train_events events = {h, say, progress, epoch, stop};
    *err = (error){0};
    h->label[0] = 0;
    return cap_train(s, &events, err);
}

static inline void go_well(const cap_train_settings *s, heard *h)
{
    error err;
    if (go(s, h, &err)) fail_msg("%s", err.text);
}

static inline void expect_refusal(const cap_train_settings *s, err_code code, const char *part)
{
    error err;
    heard h = {0};
    if (go(s, &h, &err) != code) fail_msg("no refusal that says '%s': '%s'", part, err.text);
    if (!strstr(err.text, part)) fail_msg("'%s' does not say '%s'", err.text, part);
    assert_int_equal(h.epochs, 0);
}

/* Settings `from` with `change` in one member, or in one of their LSTM decoder: a run that goes on takes them for
 * others than it began with. */
#define EXPECT_MISMATCH(from, change, name)                                                                  \
    do {                                                                                                     \
        cap_train_settings s = (from);                                                                       \
        s.change;                                                                                            \
        expect_refusal(&s, ERR_MISMATCH, "'" name "' was");                                                  \
    } while (0)
#define EXPECT_LSTM_MISMATCH(from, change, name)                                                             \
    do {                                                                                                     \
        cap_train_settings s = (from);                                                                       \
        cap_lstm_settings_of(&s.decoder)->change;                                                            \
        expect_refusal(&s, ERR_MISMATCH, "'" name "' was");                                                  \
    } while (0)

/* A small decoder that learns fast, for drawn photos. */
static inline void tiny_settings(cap_train_settings *s)
{
    cap_lstm_settings *d = cap_lstm_settings_of(&s->decoder);
    d->hidden = d->projection = 16;
    d->embedding = d->attention = 8;
    d->dropout = 0.2;
    s->size = 32;
    s->min_count = 1;
    s->run.rate = 1e-2;
    s->beam = 2;
    s->run.threads = 2;
}

static inline bool exists(const char *out, const char *end)
{
    char path[300];
    struct stat info;
    snprintf(path, sizeof path, "%s%s", out, end);
    return !stat(path, &info);
}

static inline void assert_same_file(const char *a, const char *b, const char *end)
{
    char path[300];
    uint8_t *x, *y;
    size_t m, n;
    snprintf(path, sizeof path, "%s%s", a, end);
    assert_int_equal(io_read_file(path, 1 << 28, &x, &m, NULL), ERR_OK);
    snprintf(path, sizeof path, "%s%s", b, end);
    assert_int_equal(io_read_file(path, 1 << 28, &y, &n, NULL), ERR_OK);
    if (m != n || memcmp(x, y, m)) fail_msg("'%s%s' and '%s%s' differ", a, end, b, end);
    free(x);
    free(y);
}

static inline int lines_of(const char *path)
{
    FILE *f = fopen(path, "r");
    int lines = 0;
    assert_non_null(f);
    for (int c; (c = fgetc(f)) != EOF;) lines += c == '\n';
    fclose(f);
    return lines;
}

/* The log has a line for each epoch from 1 to `epochs`, in order, and no other. */
static inline void assert_epochs_once(const char *out, int epochs)
{
    char path[300], line[20000];
    int number, expected = 0;
    snprintf(path, sizeof path, "%s.log.jsonl", out);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        assert_non_null(strchr(line, '\n'));
        assert_int_equal(sscanf(line, "{\"epoch\":%d,", &number), 1);
        assert_int_equal(number, ++expected);
    }
    fclose(f);
    assert_int_equal(expected, epochs);
}

#endif
