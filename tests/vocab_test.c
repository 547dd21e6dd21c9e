#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "datasets/tokenise.h"
#include "datasets/vocab.h"
#include "datasets/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void expect_tokens(const char *caption, const char *joined)
{
    arena memory = {0};
    ds_tokens t;
    text got = {0};
    assert_int_equal(ds_tokenise(caption, &memory, &t, NULL), ERR_OK);
    for (int i = 0; i < t.count; i++) text_printf(&got, "%s%s", i ? " " : "", t.word[i]);
    assert_string_equal(text_string(&got), joined);
    text_release(&got);
    arena_release(&memory);
}

static void words_are_split(void **state)
{
    (void)state;
    expect_tokens("A dog runs, fast!", "a dog runs fast");
    expect_tokens("The dog's ball -- isn't it?", "the dog 's ball is n't it");
    expect_tokens("Can't won't they're I've he'll she'd I'm",
                  "ca n't wo n't they 're i 've he 'll she 'd i 'm");
    expect_tokens("dogs' 'quoted' o'clock t-shirt -x- a--b", "dogs quoted o'clock t-shirt x a b");
    expect_tokens("at 10:30 3.14 1,000 a:b 5. 50% $5", "at 10:30 3.14 1,000 a b 5 50 5");
    expect_tokens("\xE2\x80\x9CHi\xE2\x80\x9D dog\xE2\x80\x99s caf\xC3\x89\xE2\x80\xA6",
                  "hi dog 's caf\xC3\xA9");
    expect_tokens(
        "a\xC2\xA0"
        "b\xE3\x80\x80"
        "c\ne\tf\xE2\x80\xA8g",
        "a b c e f g");
    expect_tokens(
        "so\xC2\xAD"
        "ft \xF0\x9F\x98\x80",
        "soft");
    expect_tokens("b\xFFz \xC3", "b\xEF\xBF\xBDz \xEF\xBF\xBD");
    expect_tokens("\xEA\xB0\x95\xEC\x95\x84\xEC\xA7\x80 \xEF\xBC\x81",
                  "\xEA\xB0\x95\xEC\x95\x84\xEC\xA7\x80");
    expect_tokens("a man &amp; his dog&#39;s ball &quot;caf&eacute;&quot; R&#x26;B",
                  "a man his dog 's ball caf\xC3\xA9 r b");
    expect_tokens("a & b &amp c &unknown; &#; &", "a b amp c unknown");
    expect_tokens("", "");
    expect_tokens("' - ... n't 's", "n't s");
}

static void sentences_are_joined(void **state)
{
    (void)state;
    const char *words[] = {"the", "dog", "'s", "ball", "is", "n't", "red"};
    text out = {0};
    ds_detokenise(words, 7, &out);
    assert_string_equal(text_string(&out), "the dog's ball isn't red");
    text_release(&out);
}

static void sides_are_noticed(void **state)
{
    (void)state;
    const char *words[] = {"turning", "left"}, *none[] = {"brightly", "leftover"};
    assert_true(ds_says_side(words, 2));
    assert_false(ds_says_side(none, 2));
}

static ds_vocab *build(int64_t min_count, int32_t max_size)
{
    static const char *const words[] = {"b", "a", "dog", "a", "dog", "dog", "c", "b"};
    ds_counter *c = ds_counter_create();
    ds_vocab *v = NULL;
    for (size_t i = 0; i < 8; i++) assert_int_equal(ds_counter_add(c, words[i], 1, NULL), ERR_OK);
    assert_int_equal(ds_counter_get(c, "dog"), 3);
    assert_int_equal(ds_counter_get(c, "cat"), 0);
    assert_int_equal(ds_vocab_build(c, &(ds_vocab_settings){min_count, max_size}, &v, NULL), ERR_OK);
    ds_counter_free(&c);
    return v;
}

static void vocabulary_is_sorted(void **state)
{
    (void)state;
    static const char *const order[] = {"<pad>", "<start>", "<end>", "<unk>", "dog", "a", "b", "c"};
    ds_vocab *v = build(1, 0);
    assert_int_equal(ds_vocab_size(v), 8);
    for (int i = 0; i < 8; i++) {
        assert_string_equal(ds_vocab_word(v, i), order[i]);
        assert_int_equal(ds_vocab_id(v, order[i]), i);
    }
    assert_int_equal(ds_vocab_count(v, 4), 3);
    assert_int_equal(ds_vocab_id(v, "cat"), DS_UNK);
    assert_string_equal(ds_vocab_word(v, 99), "<unk>");
    assert_string_equal(ds_vocab_word(v, -1), "<unk>");
    ds_vocab_free(&v);
}

static void vocabulary_is_cut(void **state)
{
    (void)state;
    ds_vocab *v = build(2, 0);
    assert_int_equal(ds_vocab_size(v), 7);
    ds_vocab_free(&v);
    v = build(0, 5);
    assert_int_equal(ds_vocab_size(v), 5);
    assert_string_equal(ds_vocab_word(v, 4), "dog");
    ds_vocab_free(&v);
    ds_counter *c = ds_counter_create();
    assert_int_equal(ds_vocab_build(c, &(ds_vocab_settings){1, 3}, &v, NULL), ERR_ARGUMENT);
    assert_int_equal(ds_counter_add(c, "<unk>", 1, NULL), ERR_ARGUMENT);
    assert_int_equal(ds_counter_add(c, "", 1, NULL), ERR_ARGUMENT);
    ds_counter_free(&c);
}

static void vocabulary_is_stored(void **state)
{
    (void)state;
    ds_vocab *v = build(1, 0), *again = NULL;
    json_t *array = ds_vocab_to_json(v);
    char *text_form = json_dumps(array, JSON_COMPACT);
    assert_string_equal(text_form, "[\"<pad>\",\"<start>\",\"<end>\",\"<unk>\",\"dog\",\"a\",\"b\",\"c\"]");
    assert_int_equal(ds_vocab_from_json(array, &again, NULL), ERR_OK);
    assert_int_equal(ds_vocab_size(again), 8);
    assert_int_equal(ds_vocab_id(again, "b"), 6);
    free(text_form);
    json_decref(array);
    ds_vocab_free(&v);
    ds_vocab_free(&again);
}

static void damaged_vocabularies_are_refused(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{}", "cannot read the vocabulary: not a JSON array"},
        {"[]", "cannot read the vocabulary: entry 0, '<pad>', is missing"},
        {"[\"<pad>\",\"<start>\",\"<end>\"]", "cannot read the vocabulary: entry 3, '<unk>', is missing"},
        {"[\"<pad>\",\"<end>\",\"<start>\",\"<unk>\"]",
         "cannot read the vocabulary: entry 1 is '<end>' instead of '<start>'"},
        {"[\"<pad>\",\"<start>\",\"<end>\",\"<unk>\",\"a\",\"b\",\"a\"]",
         "cannot read the vocabulary: entry 6 'a' repeats entry 4"},
        {"[\"<pad>\",\"<start>\",\"<end>\",\"<unk>\",\"<pad>\"]",
         "cannot read the vocabulary: entry 4 '<pad>' repeats entry 0"},
        {"[\"<pad>\",\"<start>\",\"<end>\",\"<unk>\",3]",
         "cannot read the vocabulary: entry 4 is not a non-empty string"},
        {"[\"<pad>\",\"<start>\",\"<end>\",\"<unk>\",\"\"]",
         "cannot read the vocabulary: entry 4 is not a non-empty string"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *array = json_loads(cases[i][0], 0, NULL);
        ds_vocab *v = NULL;
        error err = {0};
        assert_int_equal(ds_vocab_from_json(array, &v, &err), ERR_FORMAT);
        assert_string_equal(err.text, cases[i][1]);
        assert_null(v);
        json_decref(array);
    }
}

static void many_words_are_found(void **state)
{
    (void)state;
    ds_words w = {0};
    char word[16];
    for (int i = 0; i < 50000; i++) {
        snprintf(word, sizeof word, "w%d", i);
        assert_int_equal(ds_words_put(&w, word), i);
    }
    for (int i = 0; i < 50000; i++) {
        snprintf(word, sizeof word, "w%d", i);
        assert_int_equal(ds_words_find(&w, word), i);
        assert_int_equal(ds_words_put(&w, word), i);
    }
    assert_int_equal(ds_words_find(&w, "w50000"), -1);
    ds_words_release(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_split),
        cmocka_unit_test(sentences_are_joined),
        cmocka_unit_test(sides_are_noticed),
        cmocka_unit_test(vocabulary_is_sorted),
        cmocka_unit_test(vocabulary_is_cut),
        cmocka_unit_test(vocabulary_is_stored),
        cmocka_unit_test(damaged_vocabularies_are_refused),
        cmocka_unit_test(many_words_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
