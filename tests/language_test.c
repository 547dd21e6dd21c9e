/* Language models that learn: a tiny corpus, both decoders, from training to completions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "captioner/net/lstm_settings.h"
#include "captioner/net/transformer_rows.h"
#include "datasets/texts.h"
#include "tests/opened.h"
#include "tests/training.h"

enum { LINES = 48, LEARNT = 15 };

/* Who does what where: everything but the beginning follows from the words before. */
static void write_corpus(const char *path)
{
    static const char *const who[] = {"the dog", "a cat", "two cows"},
                             *const deed[] = {"runs", "sleeps", "eat"},
                             *const where[] = {"in the wet grass", "on a red sofa", "near the old barn"};
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    for (int i = 0; i < LINES; i++) fprintf(f, "%s %s %s\n", who[i % 3], deed[i % 3], where[i % 3]);
    assert_int_equal(fclose(f), 0);
}

typedef struct task {
    cap_train_settings s;
    char text[200], out[200];
} task;

static void tiny(task *t, const char *kind, const char *out)
{
    t->s = cap_train_language_defaults(cap_decoder_find(kind));
    snprintf(t->text, sizeof t->text, "%s", in("corpus.txt"));
    snprintf(t->out, sizeof t->out, "%s", in(out));
    write_corpus(t->text);
    t->s.language.text = t->text;
    t->s.language.val_share = 0.25;
    t->s.run.out = t->out;
    t->s.run.epochs = LEARNT;
    t->s.run.batch = 3;
    t->s.run.rate = 2e-2;
    t->s.run.threads = 2;
    t->s.min_count = 1;
    t->s.dtype = IO_F32;
    if (!strcmp(kind, "lstm")) {
        cap_lstm_settings *d = cap_lstm_settings_of(&t->s.decoder);
        d->embedding = 8;
        d->hidden = 16;
    } else {
        cap_transformer_settings *d = cap_transformer_decoder_settings(&t->s.decoder);
        d->hidden = 16;
        d->heads = 2;
        d->layers = 1;
        d->feed_forward = 16;
    }
}

/* Perplexity of the corpus, as `eval --text` measures it. */
static double perplexity_of(cap_session *s, const char *path)
{
    ds_texts texts;
    cap_measured sums = {0};
    assert_int_equal(ds_texts_read(path, &texts, NULL), ERR_OK);
    assert_int_equal(cap_measure(s, texts.line, texts.count, &sums, NULL), ERR_OK);
    assert_int_equal(sums.lines, LINES);
    assert_int_equal(sums.unknown, 0);
    ds_texts_release(&texts);
    return exp(-sums.log_probability / (double)sums.words);
}

static void learns_and_completes(const char *kind)
{
    task t;
    heard h = {0};
    tiny(&t, kind, "m.safetensors");
    t.s.run.force = true;
    go_well(&t.s, &h);
    assert_true(h.validated);
    assert_non_null(strstr(h.said, "12 of 48 texts are held out"));
    assert_true(h.loss[LEARNT - 1] < 0.6 * h.loss[0]);

    opened o = open_path(t.out, cap_request_defaults(CAP_BEGINNINGS), 2);
    cap_info info;
    cap_get_info(o.model, &info);
    assert_int_equal(info.reads, CAP_BEGINNINGS);
    assert_false(info.attends);
    /* Of seven words and an end the first alone cannot be known: 3^(1/8) = 1.15 is the best there is. */
    double p = perplexity_of(o.session, t.text);
    if (!(p > 1.14 && p < 1.6)) fail_msg("%s has perplexity %g", kind, p);
    cap_completion c;
    assert_int_equal(cap_complete(o.session, NULL, "two", 0, &c, NULL), ERR_OK);
    assert_string_equal(c.text, "two cows eat near the old barn");
    cap_completion_release(&c);

    /* Step by step as all at once. */
    const char *line = "the dog runs on a red barn";
    cap_measured sums = {0};
    double sum = 0;
    assert_int_equal(cap_measure(o.session, &line, 1, &sums, NULL), ERR_OK);
    const char *const word[] = {"the", "dog", "runs", "on", "a", "red", "barn", "<end>"};
    char so_far[100] = "";
    for (int i = 0; i < 8; i++) {
        assert_int_equal(cap_complete(o.session, NULL, so_far, 100, &c, NULL), ERR_OK);
        int at = 0;
        while (at < c.nexts && strcmp(c.next[at].word, word[i]) != 0) at++;
        assert_true(at < c.nexts);
        sum += c.next[at].log_probability;
        cap_completion_release(&c);
        snprintf(so_far + strlen(so_far), sizeof so_far - strlen(so_far), " %s", word[i]);
    }
    if (!(fabs(sum - sums.log_probability) < 1e-3))
        fail_msg("%s: %g and %g", kind, sum, sums.log_probability);

    /* No coverage of what is not there. */
    cap_request r = cap_request_defaults(CAP_BEGINNINGS);
    r.coverage = 1;
    r.attention = true;
    assert_int_equal(cap_complete(o.session, &r, "a", 0, &c, NULL), ERR_OK);
    cap_completion_release(&c);
    close_all(&o);
}

static void an_lstm_learns_and_completes(void **state)
{
    (void)state;
    learns_and_completes("lstm");
}

static void a_transformer_learns_and_completes(void **state)
{
    (void)state;
    learns_and_completes("transformer");
}

static void a_stopped_run_goes_on_to_the_same_bits(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        const char *kind = i ? "transformer" : "lstm";
        task whole, broken;
        heard h = {0}, stopped = {.stop_at = 11}, resumed = {0};
        error err;
        tiny(&whole, kind, i ? "whole2" : "whole");
        whole.s.run.threads = 1;
        whole.s.run.epochs = 2;
        go_well(&whole.s, &h);
        tiny(&broken, kind, i ? "broken2" : "broken");
        broken.s.run.epochs = 2;
        assert_int_equal(go(&broken.s, &stopped, &err), ERR_INTERRUPTED);
        broken.s.run.resume = true;
        go_well(&broken.s, &resumed);
        assert_same_file(whole.out, broken.out, "");
    }
}

static void a_model_is_where_another_starts(void **state)
{
    (void)state;
    task first, second;
    heard h = {0}, again = {0};
    tiny(&first, "lstm", "first");
    go_well(&first.s, &h);
    tiny(&second, "lstm", "second");
    FILE *f = fopen(second.text, "a");
    fputs("three sheep graze\n", f);
    fclose(f);
    second.s.init = first.out;
    assert_int_equal(cap_train_take_sizes(&second.s, NULL), ERR_OK);
    second.s.run.rate = 1e-3;
    second.s.language.val_share = 0;
    go_well(&second.s, &again);
    assert_non_null(strstr(again.said, "3 words are new to it"));
    assert_true(again.loss[0] < 0.5 * h.loss[0]);
}

static void what_cannot_be_is_told(void **state)
{
    (void)state;
    task t;
    tiny(&t, "lstm", "no");
    cap_lstm_settings_of(&t.s.decoder)->match = NN_MATCH_DOT;
    expect_refusal(&t.s, ERR_ARGUMENT, "nothing to look at");
    tiny(&t, "lstm", "no");
    cap_lstm_settings_of(&t.s.decoder)->concepts = true;
    expect_refusal(&t.s, ERR_ARGUMENT, "nothing is named to a language model");
    tiny(&t, "lstm", "no");
    cap_lstm_settings_of(&t.s.decoder)->start = CAP_START_MEAN;
    expect_refusal(&t.s, ERR_ARGUMENT, "nothing to start from");
    tiny(&t, "lstm", "no");
    t.s.max_words = 3;
    expect_refusal(&t.s, ERR_ARGUMENT, "a larger --max-words");
    tiny(&t, "transformer", "no");
    t.s.best_by = CAP_BEST_BLEU;
    expect_refusal(&t.s, ERR_ARGUMENT, "judged by their loss");
    tiny(&t, "transformer", "no");
    t.s.language.val_text = in("nothing.txt");
    expect_refusal(&t.s, ERR_MISSING, "nothing.txt");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_lstm_learns_and_completes),
        cmocka_unit_test(a_transformer_learns_and_completes),
        cmocka_unit_test(a_stopped_run_goes_on_to_the_same_bits),
        cmocka_unit_test(a_model_is_where_another_starts),
        cmocka_unit_test(what_cannot_be_is_told),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
