/* The trainer on pairs of short texts: it learns them, threads and interruptions leave no trace in the bits,
 * a run is resumed only as it was begun, and what is held out is unseen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "captioner/net/lstm_settings.h"
#include "captioner/net/text_encoder.h"
#include "captioner/search/search.h"
#include "captioner/train/train.h"
#include "tests/small.h"
#include "tests/tiny_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int make_data(void **state)
{
    if (folder_make(state)) return -1;
    write_pairs(in("pairs.tsv"), PAIRS, "");
    write_pairs(in("val.tsv"), HELD, "");
    return 0;
}

/* The file opens and says something about a line. */
static void assert_translates(const char *path)
{
    cap_model *m;
    error err = {0};
    if (cap_model_open(path, &m, &err)) fail_msg("%s", err.text);
    assert_int_equal(m->kind, CAP_TEXT);
    assert_int_equal(cap_model_need(m, CAP_IMAGE, path, &err), ERR_MISMATCH);
    assert_non_null(strstr(err.text, "translates text; it does not describe images"));
    arena memory = {0}, results = {0};
    nn_tape t = {.mem = &memory};
    ds_sources sources;
    ds_source_batch batch;
    const char *line = "5 dogs run";
    assert_int_equal(ds_sources_encode(m->source, &line, 1, 0, &results, &sources, NULL), ERR_OK);
    assert_int_equal(ds_sources_batch(&sources, (int32_t[]){0}, 1, &results, &batch, NULL), ERR_OK);
    cap_search_options o = cap_search_defaults();
    cap_hypothesis best;
    nn_begin(&t);
    cap_encoded seen = cap_model_encode_text(&t, m, &batch);
    cap_memory memory_of_line = cap_decoder_remember(&t, &m->decoder, &seen);
    if (cap_search(&t, &m->decoder, &memory_of_line, &o, &results, &best, &err)) fail_msg("%s", err.text);
    text said = {0};
    cap_model_sentence(m, best.word, best.words, &said);
    assert_true(said.length > 0);
    text_release(&said);
    arena_release(&memory);
    arena_release(&results);
    cap_model_close(&m);
}

/* ---- tests ---- */

static void it_learns(void **unused)
{
    (void)unused;
    task t;
    heard h = {0};
    tiny(&t, "learn");
    cap_lstm_settings_of(&t.s.decoder)->dropout = cap_text_encoder_settings(&t.s.text.encoder)->dropout = 0;
    t.s.loss.smoothing = 0;
    t.s.run.epochs = 12;
    cap_text_encoder_settings(&t.s.text.encoder)->hidden = cap_lstm_settings_of(&t.s.decoder)->hidden = 32;
    go_well(&t.s, &h);
    assert_int_equal(h.epochs, 12);
    assert_true(h.validated);
    assert_true(h.loss[11] < 0.3 * h.loss[0]);
    assert_int_equal(h.asked, 12 * (STEPS + 1)); /* the tests below count on it */
    assert_non_null(strstr(h.said, "12 of 60 pairs are held out"));
    char path[300];
    snprintf(path, sizeof path, "%s.log.jsonl", t.out);
    assert_int_equal(lines_of(path), 12);
    assert_translates(t.out);
}

static void threads_change_nothing(void **unused)
{
    (void)unused;
    for (int bf16 = 0; bf16 < 2; bf16++) {
        task one, three;
        heard h = {0};
        tiny(&one, bf16 ? "one16" : "one");
        tiny(&three, bf16 ? "three16" : "three");
        one.s.run.precision = three.s.run.precision = bf16 ? GEMM_BF16 : GEMM_F32;
        one.s.run.threads = 1;
        three.s.run.threads = 3;
        go_well(&one.s, &h);
        go_well(&three.s, &h);
        assert_same_file(one.out, three.out, "");
        assert_same_file(one.out, three.out, ".state");
    }
}

/* After the first step, in the middle, after an epoch's last step, while validating, before the very end;
 * with all that draws random numbers. */
static void a_resumed_run_ends_with_the_same_bits(void **unused)
{
    (void)unused;
    static const int stops[] = {1, STEPS - 1, STEPS, STEPS + 1, STEPS + 3, 3 * STEPS + 2};
    for (int bf16 = 0; bf16 < 2; bf16++) {
        task whole, parts;
        heard h = {0};
        tiny(&whole, bf16 ? "whole16" : "whole");
        whole.s.loss.sampling = 0.5;
        whole.s.run.precision = bf16 ? GEMM_BF16 : GEMM_F32;
        go_well(&whole.s, &h);
        for (int i = 0; i < (int)(sizeof stops / sizeof *stops); i += test_size(1, 3)) {
            error err;
            char name[40];
            snprintf(name, sizeof name, "parts%d_%d", bf16, stops[i]);
            tiny(&parts, name);
            parts.s.loss.sampling = 0.5;
            parts.s.run.precision = bf16 ? GEMM_BF16 : GEMM_F32;
            h = (heard){.stop_at = stops[i]};
            assert_int_equal(go(&parts.s, &h, &err), ERR_INTERRUPTED);
            parts.s.run.resume = true;
            h = (heard){0};
            go_well(&parts.s, &h);
            assert_non_null(strstr(h.said, "resumed at epoch"));
            assert_same_file(whole.out, parts.out, "");
            assert_same_file(whole.out, parts.out, ".state");
        }
    }
}

static void resume_needs_the_same_settings(void **unused)
{
    (void)unused;
    task t;
    heard h = {.stop_at = 2};
    error err;
    tiny(&t, "settings");
    assert_int_equal(go(&t.s, &h, &err), ERR_INTERRUPTED);
    t.s.run.resume = true;
#define REFUSED_READER(change, name)                                                                         \
    do {                                                                                                     \
        cap_train_settings s = t.s;                                                                          \
        cap_text_encoder_settings(&s.text.encoder)->change;                                                  \
        expect_refusal(&s, ERR_MISMATCH, "'" name "' was");                                                  \
    } while (0)
    EXPECT_MISMATCH(t.s, run.seed = 2, "seed");
    EXPECT_MISMATCH(t.s, run.batch = 9, "batch");
    EXPECT_MISMATCH(t.s, max_words = 100, "max-words");
    EXPECT_MISMATCH(t.s, teacher_forcing = 0.5, "teacher-forcing");
    EXPECT_LSTM_MISMATCH(t.s, hidden = 24, "hidden");
    EXPECT_LSTM_MISMATCH(t.s, attend = CAP_ATTEND_INPUT, "attend");
    EXPECT_LSTM_MISMATCH(t.s, layers = 2, "layers");
    REFUSED_READER(hidden = 24, "encoder's hidden");
    REFUSED_READER(reverse = true, "encoder's reverse");
    REFUSED_READER(bidirectional = false, "encoder's bidirectional");
    EXPECT_MISMATCH(t.s, best_by = CAP_BEST_LOSS, "best-by");
    EXPECT_MISMATCH(t.s, text.val_share = 0, "contents of the training pairs");
    EXPECT_MISMATCH(t.s, text.val_pairs = t.pairs, "contents of the training pairs");
    EXPECT_MISMATCH(t.s, text.source_level.level = DS_WORD, "encoder's vocabulary");
#undef REFUSED_READER
}

/* Settings of one run, in turn. */
static bool choose_way(cap_train_settings *s, int way)
{
    cap_lstm_settings *d = cap_lstm_settings_of(&s->decoder);
    cap_text_encoder_config *e = cap_text_encoder_settings(&s->text.encoder);
    static const ds_codec_settings bpe = {.level = DS_BPE, .size = 20};
    if (way < NN_MATCH_COUNT) d->match = (nn_match_kind)way;
    switch (way - NN_MATCH_COUNT) {
    case 0:
        d->match = NN_MATCH_NONE, d->peek = true;
        break;
    case 1:
        e->layers = d->layers = 3;
        e->residual = d->residual = true;
        break;
    case 2:
        e->bidirectional = false, d->start = CAP_START_COPY;
        d->match = NN_MATCH_DOT, e->reverse = true;
        break;
    case 3:
        d->attend = CAP_ATTEND_INPUT, d->gate = true;
        break;
    case 4:
        s->text.source_level.level = s->text.target_level.level = DS_WORD;
        s->best_by = CAP_BEST_BLEU, s->min_count = 1;
        break;
    case 5:
        s->text.source_level = s->text.target_level = bpe;
        d->output = CAP_OUTPUT_TIED, s->beam = 3;
        break;
    case 6:
        s->teacher_forcing = 0.5, s->best_by = CAP_BEST_LOSS;
        break;
    case 7:
        s->text.val_share = 0;
        break;
    case 8:
        s->scored = 5, s->run.patience = 1, s->run.rate = 1e-9;
        break;
    default:
        return way < NN_MATCH_COUNT;
    }
    return true;
}

static void every_way_of_training_takes_steps(void **unused)
{
    (void)unused;
    for (int way = 0;; way++) {
        task t;
        heard h = {0};
        char name[40];
        snprintf(name, sizeof name, "way%d", way);
        tiny(&t, name);
        t.s.run.epochs = 1;
        if (!choose_way(&t.s, way)) break;
        go_well(&t.s, &h);
        assert_int_equal(h.epochs, 1);
        assert_int_equal(h.validated, t.s.text.val_share > 0);
        assert_translates(t.out);
    }
}

/* ---- what is learnt from ---- */

static void held_out_pairs_are_unseen(void **unused)
{
    (void)unused;
    task t;
    heard h = {0};
    tiny(&t, "unseen");
    char again[20 * 16 + 1] = "";
    for (int i = 0; i < 20; i++) /* some of them will be held out */
        snprintf(again + 16 * i, 17, "same words\tsame\n");
    char name[40];
    snprintf(name, sizeof name, "%s", "again.tsv");
    write_pairs(in(name), PAIRS, again);
    snprintf(t.pairs, sizeof t.pairs, "%s", in(name));
    t.s.text.val_share = 0.5;
    t.s.run.epochs = 1;
    go_well(&t.s, &h);
    assert_non_null(strstr(h.said, "40 of 80 pairs are held out"));
    const char *gone = strstr(h.said, "pairs that say the same as one of these are left out of training");
    assert_non_null(gone);
    int held = 0, left = 0;
    for (const char *line = h.said; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (sscanf(line, "%d pairs, %d to validate", &left, &held) == 2) break;
        left = held = 0;
    }
    assert_int_equal(held, 40);
    assert_in_range(left, 40 - 19, 39);
}

static void long_pairs_are_left_out(void **unused)
{
    (void)unused;
    task t;
    heard h = {0};
    tiny(&t, "long");
    char line[400], name[40];
    memset(line, 'a', sizeof line);
    snprintf(line + 300, 100, "\tb\na\t%.60s\n", line);
    snprintf(name, sizeof name, "%s", "long.tsv");
    write_pairs(in(name), PAIRS, line);
    snprintf(t.pairs, sizeof t.pairs, "%s", in(name));
    t.s.text.val_share = 0;
    t.s.run.epochs = 1;
    t.s.max_words = 50;
    go_well(&t.s, &h);
    assert_non_null(strstr(h.said, "2 pairs with a side over 50 words are left out"));
    assert_non_null(strstr(h.said, "60 pairs;"));
    t.s.max_words = 3;
    t.s.run.force = true;
    expect_refusal(&t.s, ERR_ARGUMENT, "every pair is longer than 3 words");
}

static void data_must_be_named_clearly(void **unused)
{
    (void)unused;
    task t;
    tiny(&t, "named");
#define REFUSED(change, code, part)                                                                          \
    do {                                                                                                     \
        cap_train_settings s = t.s;                                                                          \
        s.change;                                                                                            \
        expect_refusal(&s, code, part);                                                                      \
    } while (0)
#define REFUSED_READER(change, code, part)                                                                   \
    do {                                                                                                     \
        cap_train_settings s = t.s;                                                                          \
        cap_text_encoder_settings(&s.text.encoder)->change;                                                  \
        expect_refusal(&s, code, part);                                                                      \
    } while (0)
    REFUSED(text.pairs = NULL, ERR_ARGUMENT, "--source and --target");
    REFUSED(text.source = t.pairs, ERR_ARGUMENT, "--source and --target");
    REFUSED(text.val_source = t.pairs, ERR_ARGUMENT, "--val-source and --val-target");
    REFUSED(text.val_share = 1, ERR_ARGUMENT, "--val-share");
    REFUSED(text.pairs = "/nowhere/pairs", ERR_MISSING, "/nowhere/pairs");
    REFUSED(text.val_pairs = "/nowhere/pairs", ERR_MISSING, "/nowhere/pairs");
    REFUSED_READER(dropout = 2, ERR_ARGUMENT, "dropout");
    REFUSED(text.target_level.level = DS_WORD, ERR_ARGUMENT, "--min-count"); /* each word occurs once */
    REFUSED_READER(hidden = 0, ERR_ARGUMENT, "hidden");
#undef REFUSED
#undef REFUSED_READER
}

/* train_text_test [PATTERN]: only the tests whose names fit, for the slow tools. */
int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_learns),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(a_resumed_run_ends_with_the_same_bits),
        cmocka_unit_test(resume_needs_the_same_settings),
        cmocka_unit_test(every_way_of_training_takes_steps),
        cmocka_unit_test(held_out_pairs_are_unseen),
        cmocka_unit_test(long_pairs_are_left_out),
        cmocka_unit_test(data_must_be_named_clearly),
    };
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, make_data, folder_remove);
}
