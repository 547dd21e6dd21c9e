/* Translating: what comes back belongs to what went in, alone or among others, at every level of text. */
#include "src/base/rng.h"
#include "tests/folder.h"
#include "tests/opened.h"
#include "tests/random_model.h"
#include "tests/random_text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { LINES = 9 };

static const char *const lines[LINES] = {
    "one two three", "",    " four five! ", "one", "seven eight nine ten! one two three four five six seven",
    "\t \r",         "six", "hundred one",  "ten!"};

/* Weights large enough for words to differ in likelihood. */
static const char *save_model(const char *name, const ds_codec_settings *level, nn_match_kind match)
{
    const char *path = in(name);
    cap_model *m = NULL;
    rng r = {.seed = 3};
    assert_int_equal(random_text_model(level, match, &m, NULL), ERR_OK);
    for (size_t i = 0; i < m->params.size; i++) m->params.data[i] += (real)rng_normal(&r);
    assert_int_equal(cap_model_save(m, path, IO_F32, NULL), ERR_OK);
    cap_model_close(&m);
    return path;
}

static opened open_random(const ds_codec_settings *level, nn_match_kind match, int n_best)
{
    cap_request r = cap_request_defaults(CAP_LINES);
    r.n_best = n_best;
    r.max_words = 30;
    const char *path = save_model("model.safetensors", level, match);
    opened t = open_path(path, r, 1);
    unlink(path);
    return t;
}

static const ds_codec_settings levels[] = {
    {.level = DS_WORD, .min_count = 1}, {.level = DS_CHAR, .min_count = 1}, {DS_BPE, 8, 1}};

static void expect_sums(const cap_translation *t)
{
    assert_non_null(t->attention);
    assert_string_equal(t->source[t->sources - 1], "<end>");
    for (int i = 0; i < t->best.words; i++) {
        double sum = 0;
        for (int k = 0; k < t->sources; k++) sum += (double)t->attention[i * t->sources + k];
        assert_true(fabs(sum - 1) < 1e-4);
    }
}

static void expect_same(const cap_translation *a, const cap_translation *b)
{
    assert_string_equal(a->best.sentence, b->best.sentence);
    assert_int_equal(a->best.words, b->best.words);
    assert_int_equal(a->sources, b->sources);
    assert_true(fabs(a->best.log_probability - b->best.log_probability) < 1e-3);
    for (int i = 0; i < a->best.words * a->sources; i++)
        assert_true(fabs((double)a->attention[i] - (double)b->attention[i]) < 1e-4);
}

/* Together, one by one, and in another order: the same lines get the same translations. */
static void lines_do_not_disturb_each_other(void **state)
{
    (void)state;
    for (int level = 0; level < DS_LEVELS; level++) {
        opened t = open_random(&levels[level], NN_MATCH_ADDITIVE, 1);
        cap_translation out[LINES], again[LINES], alone;
        error reason[LINES], one;
        const char *backwards[LINES];
        for (int i = 0; i < LINES; i++) backwards[i] = lines[LINES - 1 - i];
        assert_int_equal(cap_translate(t.session, &t.request, lines, LINES, out, reason, NULL), ERR_OK);
        assert_int_equal(cap_translate(t.session, &t.request, backwards, LINES, again, reason, NULL), ERR_OK);
        for (int i = 0; i < LINES; i++) {
            assert_int_equal(reason[i].code, ERR_OK);
            assert_int_equal(cap_translate(t.session, &t.request, &lines[i], 1, &alone, &one, NULL), ERR_OK);
            expect_same(&out[i], &alone);
            expect_same(&out[i], &again[LINES - 1 - i]);
            if (out[i].best.words) expect_sums(&out[i]);
            cap_translation_release(&alone);
        }
        assert_string_equal(out[1].best.sentence, "");
        assert_int_equal(out[1].sources, 0);
        assert_int_equal(out[1].alternatives, 1);
        assert_int_equal(out[5].best.words, 0);
        assert_true(out[0].best.words > 0 && out[4].best.words > 0);
        for (int i = 0; i < LINES; i++) {
            cap_translation_release(&out[i]);
            cap_translation_release(&again[i]);
        }
        close_all(&t);
    }
}

static void words_have_names(void **state)
{
    (void)state;
    opened t = open_random(&levels[DS_WORD], NN_MATCH_DOT, 3);
    cap_translation out;
    error reason;
    assert_int_equal(cap_translate(t.session, &t.request, &lines[2], 1, &out, &reason, NULL), ERR_OK);
    assert_int_equal(out.sources, 4);
    assert_string_equal(out.source[0], "four");
    assert_string_equal(out.source[2], "\xEF\xBF\xAD!");
    assert_string_equal(out.source_label[2], "!");
    assert_string_equal(out.source_label[3], "\xC2\xB6");
    assert_int_equal(out.alternatives, 3);
    for (int i = 0; i < out.best.words; i++)
        assert_string_equal(out.best.word[i], out.alternative[0].word[i]);
    for (int i = 1; i < 3; i++) assert_true(out.alternative[i].score <= out.alternative[i - 1].score);
    cap_translation_release(&out);
    assert_int_equal(cap_translate(t.session, &t.request, &lines[7], 1, &out, &reason, NULL), ERR_OK);
    assert_string_equal(out.source[0], "<unk>");
    cap_translation_release(&out);
    cap_translation_release(&out);
    close_all(&t);
    close_all(&t);
}

static void bad_lines_leave_the_others_alone(void **state)
{
    (void)state;
    opened t = open_random(&levels[DS_CHAR], NN_MATCH_DOT, 1);
    char *longest = malloc(CAP_MAX_SOURCE + 2);
    assert_non_null(longest);
    memset(longest, 'e', CAP_MAX_SOURCE + 1);
    longest[CAP_MAX_SOURCE + 1] = 0;
    const char *some[] = {"one", "tw\xC3", longest, "one"};
    cap_translation out[4];
    error reason[4];
    assert_int_equal(cap_translate(t.session, &t.request, some, 4, out, reason, NULL), ERR_OK);
    assert_int_equal(reason[0].code, ERR_OK);
    assert_int_equal(reason[1].code, ERR_FORMAT);
    assert_string_equal(reason[1].text, "not UTF-8 (byte 3)");
    assert_int_equal(reason[2].code, ERR_LIMIT);
    assert_string_equal(reason[2].text, "4097 characters are too many, 4096 at most");
    assert_null(out[1].best.sentence);
    expect_same(&out[0], &out[3]);
    for (int i = 0; i < 4; i++) cap_translation_release(&out[i]);
    assert_int_equal(cap_translate(t.session, &t.request, some, 0, out, reason, NULL), ERR_OK);
    free(longest);
    close_all(&t);
}

static void wrong_models_are_refused(void **state)
{
    (void)state;
    char path[128];
    cap_model *m;
    error err = {0};
    const cap_open_options translator = {.reads = CAP_LINES};
    snprintf(path, sizeof path, "%s", in("photos.safetensors"));
    assert_int_equal(random_model_save(path, NN_MATCH_SIGMOID, NULL), ERR_OK);
    assert_int_equal(cap_open(path, &translator, &m, &err), ERR_MISMATCH);
    assert_non_null(strstr(err.text, "describes images; it does not translate"));
    assert_null(m);
    unlink(path);
    assert_int_equal(cap_open(path, &translator, &m, &err), ERR_MISSING);
    opened t = open_random(&levels[DS_WORD], NN_MATCH_NONE, 1);
    cap_info info;
    cap_get_info(t.model, &info);
    assert_false(info.attends);
    assert_int_equal(info.reads, CAP_LINES);
    assert_true(info.vocabulary > 0 && info.source_vocabulary > 0);
    cap_translation out;
    cap_description d;
    error reason;
    assert_int_equal(cap_translate(t.session, &t.request, lines, 1, &out, &reason, NULL), ERR_OK);
    assert_null(out.attention);
    cap_translation_release(&out);
    assert_int_equal(cap_describe_file(t.session, NULL, "photo.jpg", &d, &err), ERR_MISMATCH);
    close_all(&t);
}

static void rules_hold(void **state)
{
    (void)state;
    cap_translation out;
    error reason, err = {0};
    const char *path = save_model("rules.safetensors", &levels[DS_WORD], NN_MATCH_DOT);
    opened t = open_path(path, cap_request_defaults(CAP_LINES), 0);
    unlink(path);
    t.request.must = (const char *const[]){"f\xC3\xBCnf", NULL};
    t.request.avoid = (const char *const[]){"eins", "unheard", NULL};
    assert_int_equal(cap_translate(t.session, &t.request, lines, 1, &out, &reason, NULL), ERR_OK);
    assert_non_null(strstr(out.best.sentence, "f\xC3\xBCnf"));
    assert_null(strstr(out.best.sentence, "eins"));
    assert_true(out.best.words <= 2 * 8 + 10);
    cap_translation_release(&out);
    t.request.must = (const char *const[]){"Eins", NULL};
    assert_int_equal(cap_request_check(t.model, &t.request, &err), ERR_ARGUMENT);
    assert_string_equal(err.text, "the model does not know the word 'Eins', so it cannot say it");
    t.request.must = (const char *const[]){"eins", NULL};
    assert_int_equal(cap_translate(t.session, &t.request, lines, 1, &out, &reason, &err), ERR_ARGUMENT);
    assert_string_equal(err.text, "the word 'eins' cannot both appear and be avoided");
    close_all(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_do_not_disturb_each_other),
        cmocka_unit_test(words_have_names),
        cmocka_unit_test(bad_lines_leave_the_others_alone),
        cmocka_unit_test(wrong_models_are_refused),
        cmocka_unit_test(rules_hold),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
