/* N-gram models: against exact fractions (golden/ngram.py), their file, and what is done with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "captioner/net/ngram_decoder.h"
#include "captioner/train/ngram_learn.h"
#include "datasets/sources.h"
#include "src/io/json.h"
#include "tests/opened.h"
#include "tests/training.h"

/* ---- golden ---- */

typedef struct counted {
    ds_codec *codec;
    cap_ngram model;
    cap_ngram_report report;
    arena memory;
} counted;

static const char *string_of(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

static int number_of(const json_t *o, const char *key)
{
    return (int)json_integer_value(json_object_get(o, key));
}

static counted count_lines(const json_t *lines, const json_t *golden)
{
    counted c = {0};
    ds_encoded e;
    const char *list[400];
    size_t n = json_array_size(lines);
    ds_codec_settings level = {.level = DS_WORD, .min_count = number_of(golden, "min_count")};
    cap_ngram_settings s = {.order = number_of(golden, "order")};
    if (!strcmp(string_of(golden, "smoothing"), "none")) s.smoothing = CAP_SMOOTH_NONE;
    for (size_t i = 0; i < n; i++) list[i] = json_string_value(json_array_get(lines, i));
    assert_int_equal(ds_codec_learn(&level, list, (int32_t)n, &c.codec, NULL), ERR_OK);
    assert_int_equal(ds_targets_encode(c.codec, list, (int32_t)n, &c.memory, &e, NULL), ERR_OK);
    int32_t words = ds_vocab_size(ds_codec_vocab(c.codec));
    assert_int_equal(cap_ngram_learn(&e, words, &s, &c.model, &c.report, NULL), ERR_OK);
    return c;
}

static void release_counted(counted *c)
{
    ds_codec_free(&c->codec);
    cap_ngram_release(&c->model);
    arena_release(&c->memory);
}

/* Every distribution on the way is whole, and says what single words say. */
static void check_whole(const cap_ngram *m, cap_ngram_state s)
{
    real *all = malloc((size_t)m->vocabulary * sizeof *all);
    double sum = 0;
    cap_ngram_all(m, s, all);
    for (int32_t w = 0; w < m->vocabulary; w++) {
        cap_ngram_state copy = s;
        double p = exp(cap_ngram_say(m, &copy, w));
        assert_true(fabs(p - exp((double)all[w])) < 1e-6);
        sum += p;
    }
    assert_true(fabs(sum - 1) < 1e-5);
    free(all);
}

static void check_answer(counted *c, const char *name, const json_t *answer)
{
    int32_t *word, words;
    const json_t *expected = json_object_get(answer, "probability");
    assert_int_equal(ds_codec_encode(c->codec, string_of(answer, "line"), &c->memory, &word, &words, NULL),
                     ERR_OK);
    assert_int_equal(json_array_size(expected), words + 1);
    cap_ngram_state s = {0};
    cap_ngram_say(&c->model, &s, DS_START);
    for (int i = 0; i <= words; i++) {
        check_whole(&c->model, s);
        double p = exp(cap_ngram_say(&c->model, &s, i < words ? word[i] : DS_END));
        double q = json_real_value(json_array_get(expected, (size_t)i));
        if (!(fabs(p - q) < 1e-6))
            fail_msg("%s: word %d of '%s' has %.9f, not %.9f", name, i, string_of(answer, "line"), p, q);
    }
}

static void check_case(const json_t *lines, const json_t *golden)
{
    counted c = count_lines(lines, golden);
    const json_t *discounts = json_object_get(golden, "discounts");
    for (size_t k = 0; k < json_array_size(discounts); k++)
        for (size_t i = 0; i < 3; i++) {
            double d = json_real_value(json_array_get(json_array_get(discounts, k), i));
            assert_true(fabs(c.report.discount[k][i] - d) < 1e-9);
        }
    size_t i;
    json_t *answer;
    json_array_foreach(json_object_get(golden, "answers"), i, answer)
        check_answer(&c, string_of(golden, "name"), answer);
    release_counted(&c);
}

static void probabilities_are_those_of_exact_fractions(void **state)
{
    (void)state;
    json_t *root, *of_text, *golden;
    size_t i, j;
    assert_int_equal(io_json_load(TEST_SOURCE_DIR "/golden/ngram.json", IO_JSON_MAX, &root, NULL), ERR_OK);
    int cases = 0;
    json_array_foreach(json_object_get(root, "texts"), i, of_text)
        json_array_foreach(json_object_get(of_text, "cases"), j, golden)
    {
        check_case(json_object_get(of_text, "lines"), golden);
        cases++;
    }
    assert_int_equal(cases, 12);
    json_decref(root);
}

/* ---- as a model ---- */

static const char corpus[] =
    "a dog runs\na dog sleeps\ntwo dogs run\n\na cat sleeps\nthe dog runs away\na dog runs\n";

static cap_train_settings settings(const char *out)
{
    static char text_path[200], out_path[4][200];
    static int turn;
    char *to = out_path[turn++ % 4];
    cap_train_settings s = cap_train_language_defaults(&cap_decoder_ngram);
    snprintf(text_path, sizeof text_path, "%s", in("corpus.txt"));
    snprintf(to, sizeof out_path[0], "%s", in(out));
    assert_int_equal(io_write_file(text_path, corpus, sizeof corpus - 1, NULL), ERR_OK);
    s.language.text = text_path;
    s.run.out = to;
    s.min_count = 1;
    return s;
}

static opened made(const char *out, cap_train_settings *s)
{
    heard h = {0};
    *s = settings(out);
    cap_ngram_settings_of(&s->decoder)->order = 3;
    s->run.force = true;
    go_well(s, &h);
    return open_path(s->run.out, cap_request_defaults(CAP_BEGINNINGS), 2);
}

static void a_file_holds_all_of_it(void **state)
{
    (void)state;
    cap_train_settings s;
    opened o = made("m.safetensors", &s);
    cap_measured sums = {0}, twice = {0};
    const char *lines[] = {"a dog runs", " ", "the cat barks"};
    assert_int_equal(cap_measure(o.session, lines, 3, &sums, NULL), ERR_OK);
    assert_int_equal(sums.lines, 2);
    assert_int_equal(sums.words, 8);
    assert_int_equal(sums.unknown, 1);
    assert_int_equal(sums.characters, 11 + 14);
    assert_true(sums.log_probability < sums.log_probability_known && sums.log_probability_known < 0);

    cap_model *m = NULL;
    assert_int_equal(cap_model_open_unfolded(s.run.out, &m, NULL), ERR_OK);
    assert_int_equal(cap_model_save(m, in("again.safetensors"), IO_F16, NULL), ERR_OK);
    cap_model_close(&m);
    opened again = open_path(in("again.safetensors"), cap_request_defaults(CAP_BEGINNINGS), 1);
    assert_int_equal(cap_measure(again.session, lines, 3, &twice, NULL), ERR_OK);
    assert_memory_equal(&sums, &twice, sizeof sums);
    close_all(&o);
    close_all(&again);
}

static void it_goes_on_from_a_beginning(void **state)
{
    (void)state;
    cap_train_settings s;
    opened o = made("m.safetensors", &s);
    cap_completion c;
    assert_int_equal(cap_complete(o.session, NULL, " a dog ", 0, &c, NULL), ERR_OK);
    assert_string_equal(c.text, "a dog runs");
    assert_string_equal(c.best.sentence, " runs");
    assert_int_equal(c.given, 2);
    assert_string_equal(c.label[0], "runs");
    cap_completion_release(&c);

    /* What is given stays as it was written, known or not; rules hold as in captions. */
    cap_request r = cap_request_defaults(CAP_BEGINNINGS);
    r.strategy = CAP_GREEDY;
    r.must = (const char *const[]){"sleeps", NULL};
    assert_int_equal(cap_complete(o.session, &r, "Blaugh dog", 0, &c, NULL), ERR_OK);
    assert_int_equal(c.unknown, 1);
    assert_ptr_equal(strstr(c.text, "Blaugh dog "), c.text);
    assert_non_null(strstr(c.text, "sleeps"));
    cap_completion_release(&c);
    close_all(&o);
}

static void sampled_words_are_those_of_the_table(void **state)
{
    (void)state;
    cap_train_settings s;
    opened o = made("m.safetensors", &s);
    cap_completion c, drawn;
    assert_int_equal(cap_complete(o.session, NULL, "a dog", 100, &c, NULL), ERR_OK);
    double sum = 0;
    for (int i = 0; i < c.nexts; i++) {
        sum += exp(c.next[i].log_probability);
        assert_true(!i || c.next[i].log_probability <= c.next[i - 1].log_probability);
    }
    assert_true(fabs(sum - 1) < 1e-5);
    assert_string_equal(c.next[0].word, "runs");

    cap_request r = cap_request_defaults(CAP_BEGINNINGS);
    r.strategy = CAP_SAMPLE;
    r.n_best = 20;
    r.max_words = 1;
    assert_int_equal(cap_complete(o.session, &r, "a dog", 0, &drawn, NULL), ERR_OK);
    for (int i = 0; i < drawn.alternatives; i++) {
        int at = 0;
        while (at < c.nexts && strcmp(c.next[at].word, drawn.alternative[i].word[0]) != 0) at++;
        assert_true(at < c.nexts);
        assert_true(fabs((double)drawn.alternative[i].probability[0] - exp(c.next[at].log_probability)) <
                    1e-5);
    }
    cap_completion_release(&c);
    cap_completion_release(&drawn);
    close_all(&o);
}

static void words_given_are_not_repeated(void **state)
{
    (void)state;
    cap_train_settings s;
    opened o = made("m.safetensors", &s);
    cap_request r = cap_request_defaults(CAP_BEGINNINGS);
    cap_completion c;
    r.no_repeat = 1;
    assert_int_equal(cap_complete(o.session, &r, "dog runs a", 0, &c, NULL), ERR_OK);
    assert_null(strstr(c.best.sentence, "dog"));
    assert_null(strstr(c.best.sentence, "runs"));
    cap_completion_release(&c);
    close_all(&o);
}

/* A number of a tensor changed: told, and nothing is looked up beyond its array. */
static void damaged_tables_are_refused(void **state)
{
    (void)state;
    cap_train_settings s;
    opened o = made("m.safetensors", &s);
    close_all(&o);
    io_tensors *t = io_tensors_open(s.run.out, NULL);
    assert_non_null(t);
    static const struct {
        const char *name;
        int at;
        int32_t value;
    } rows[] = {{"ngram.2.word", 0, 1 << 20},     {"ngram.2.word", 0, -1},
                {"ngram.1.first", 2, 1 << 20},    {"ngram.1.first", 0, 1},
                {"ngram.2.shorter", 0, -5},       {"ngram.2.shorter", 1, 1 << 20},
                {"ngram.3.log_p", 0, 0x7fc00000}, {"ngram.1.backoff", 3, 0x40000000}};
    uint8_t *bytes;
    size_t size;
    assert_int_equal(io_read_file(s.run.out, 1 << 20, &bytes, &size, NULL), ERR_OK);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const io_tensor *x = io_tensors_find(t, rows[i].name), *first = io_tensors_find(t, "ngram.1.first");
        uint8_t *copy = malloc(size);
        memcpy(copy, bytes, size);
        assert_non_null(x);
        /* The file lies in memory as a whole, so distances between tensors are those in the bytes. */
        size_t base = 0;
        while (memcmp(bytes + base, first->data, first->bytes) != 0) base += 4;
        size_t place = base + (size_t)((const uint8_t *)x->data - (const uint8_t *)first->data);
        memcpy(copy + place + 4 * (size_t)rows[i].at, &rows[i].value, 4);
        cap_model *m = NULL;
        error err = {0};
        assert_int_equal(cap_open_memory(copy, size, "damaged", NULL, &m, &err), ERR_FORMAT);
        assert_non_null(strstr(err.text, "damaged"));
        free(copy);
    }
    free(bytes);
    io_tensors_close(&t);
}

static void what_cannot_be_is_told(void **state)
{
    (void)state;
    cap_train_settings s = settings("no.safetensors");
    s.run.resume = true;
    expect_refusal(&s, ERR_ARGUMENT, "nothing to resume");
    s = settings("no.safetensors");
    s.init = "builtin";
    expect_refusal(&s, ERR_ARGUMENT, "cannot start from a model");
    s = settings("no.safetensors");
    s.language.text = in("nothing.txt");
    expect_refusal(&s, ERR_MISSING, "nothing.txt");
    assert_int_equal(io_write_file(in("blank.txt"), "\n \n", 3, NULL), ERR_OK);
    s.language.text = in("blank.txt");
    expect_refusal(&s, ERR_FORMAT, "every line is empty");
    s = settings("no.safetensors");
    s.min_count = 100;
    expect_refusal(&s, ERR_ARGUMENT, "a smaller --min-count helps");
    assert_false(exists(s.run.out, ""));
    cap_ngram_settings_of(&s.decoder)->order = 7;
    s.min_count = 1;
    expect_refusal(&s, ERR_ARGUMENT, "'order' is 7");

    cap_train_settings well;
    opened o = made("m.safetensors", &well);
    s = settings("m.safetensors");
    expect_refusal(&s, ERR_ARGUMENT, "exists");
    cap_completion c;
    error err = {0};
    assert_int_equal(cap_complete(o.session, NULL, "\xff", 0, &c, &err), ERR_FORMAT);
    cap_translation t;
    const char *line = "a";
    assert_int_equal(cap_translate(o.session, NULL, &line, 1, &t, &err, &err), ERR_MISMATCH);
    assert_non_null(strstr(err.text, "is a language model"));
    close_all(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(probabilities_are_those_of_exact_fractions),
        cmocka_unit_test(a_file_holds_all_of_it),
        cmocka_unit_test(it_goes_on_from_a_beginning),
        cmocka_unit_test(sampled_words_are_those_of_the_table),
        cmocka_unit_test(words_given_are_not_repeated),
        cmocka_unit_test(damaged_tables_are_refused),
        cmocka_unit_test(what_cannot_be_is_told),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
