/* A training on pairs of short texts that takes a moment: data and settings. For train*_test.c. To be
 * included after cmocka.h. */
#ifndef TESTS_TINY_TEXT_H
#define TESTS_TINY_TEXT_H

#include "captioner/net/lstm_settings.h"
#include "captioner/net/text_encoder.h"
#include "tests/training.h"

enum { PAIRS = 60, HELD = 12, EPOCHS = 3, STEPS = 4 /* of an epoch */ };

/* "5 dogs run" to "run5D": what is asked for is reordered, shortened and copied. */
static inline void write_pairs(const char *path, int count, const char *extra)
{
    static const char *const animals[] = {"dogs", "cats", "cows"}, *const deeds[] = {"run", "eat"};
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    for (int i = 0; i < count; i++)
        fprintf(f, "%d %s %s\t%s%d%c\n", i / 6, animals[i % 3], deeds[i % 2], deeds[i % 2], i / 6,
                "DKC"[i % 3]);
    fputs(extra, f);
    assert_int_equal(fclose(f), 0);
}

/* Settings with the names of the data; `out` within the folder. The strings are the caller's to keep. */
typedef struct task {
    cap_train_settings s;
    char pairs[200], out[200];
} task;

static inline void tiny(task *t, const char *out)
{
    t->s = cap_train_text_defaults();
    snprintf(t->pairs, sizeof t->pairs, "%s", in("pairs.tsv"));
    snprintf(t->out, sizeof t->out, "%s", in(out));
    t->s.text.pairs = t->pairs;
    t->s.run.out = t->out;
    t->s.text.val_share = (double)HELD / PAIRS;
    t->s.text.source_level.level = t->s.text.target_level.level = DS_CHAR;
    cap_lstm_settings *d = cap_lstm_settings_of(&t->s.decoder);
    cap_text_encoder_config *e = cap_text_encoder_settings(&t->s.text.encoder);
    e->hidden = d->hidden = 16;
    e->embedding = d->embedding = d->attention = 8;
    t->s.run.epochs = EPOCHS;
    t->s.run.batch = (PAIRS - HELD) / STEPS;
    t->s.run.rate = 1e-2;
    t->s.best_by = CAP_BEST_EXACT;
    t->s.run.threads = 2;
}

#endif
