#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "datasets/codec.h"
#include "datasets/pairs.h"
#include "datasets/sources.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HANGUL "\xEA\xB0\x95\xEC\x95\x84\xEC\xA7\x80" /* three syllables */

static ds_codec *learn(const char *level, const char *const *lines, int32_t count)
{
    ds_codec_settings s;
    ds_codec *c = NULL;
    assert_int_equal(ds_codec_settings_parse(level, &s, NULL), ERR_OK);
    assert_int_equal(ds_codec_learn(&s, lines, count, &c, NULL), ERR_OK);
    return c;
}

/* The words of the line as the codec has them, joined by '|'. */
static void expect_words(const ds_codec *c, const char *line, const char *words)
{
    arena memory = {0};
    text got = {0};
    int32_t *ids, n;
    assert_int_equal(ds_codec_encode(c, line, &memory, &ids, &n, NULL), ERR_OK);
    for (int32_t i = 0; i < n; i++)
        text_printf(&got, "%s%s", i ? "|" : "", ds_vocab_word(ds_codec_vocab(c), ids[i]));
    assert_string_equal(text_string(&got), words);
    text_release(&got);
    arena_release(&memory);
}

static void expect_labels(const ds_codec *c, const char *line, const char *labels)
{
    arena memory = {0};
    text got = {0};
    int32_t *ids, n;
    assert_int_equal(ds_codec_encode(c, line, &memory, &ids, &n, NULL), ERR_OK);
    for (int32_t i = 0; i < n; i++) {
        text_append(&got, i ? "|" : "");
        ds_codec_label(c, ids[i], &got);
    }
    assert_string_equal(text_string(&got), labels);
    text_release(&got);
    arena_release(&memory);
}

static void expect_back(const ds_codec *c, const char *line, const char *back)
{
    arena memory = {0};
    text got = {0};
    int32_t *ids, n;
    assert_int_equal(ds_codec_encode(c, line, &memory, &ids, &n, NULL), ERR_OK);
    ds_codec_decode(c, ids, n, &got);
    assert_string_equal(text_string(&got), back);
    text_release(&got);
    arena_release(&memory);
}

#define J "\xEF\xBF\xAD"
#define B "\xE2\x96\x81"

static void words_come_back(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "Don't stop!",
        "\"Are you Swedish?\" \"No, I'm Swiss.\"",
        "He paid $5.50 (10:30 p.m.) ... for a t-shirt, and/or a hat -- twice?!",
        "Zwei M\xC3\xA4nner stehen \xE2\x80\x93 \xE2\x80\x9Equatsch\xE2\x80\x9C \xE2\x80\x93 rock'n'roll.",
        HANGUL "\xEB\x8A\x94 " HANGUL "?",
        "'quoted' dogs' 3,000.5% <unk> <pad>",
    };
    int count = (int)(sizeof lines / sizeof lines[0]);
    ds_codec *c = learn("word", lines, count);
    for (int i = 0; i < count; i++) expect_back(c, lines[i], lines[i]);
    expect_words(c, lines[0], "Don|" J "'t|stop|" J "!");
    expect_words(c, "stop \"Swiss\" (10:30)", "stop|\"" J "|Swiss|" J "\"|(" J "|10:30|" J ")");
    expect_labels(c, lines[0], "Don|'t|stop|!");
    expect_back(c, "  Don't \t stop!  ", "Don't stop!");
    expect_back(c, "Don't panic!", "Don't <unk>!");
    expect_back(c, "stop" J "!", "stop!");
    expect_back(c, "", "");
    ds_codec_free(&c);
}

static void code_points_come_back(void **state)
{
    (void)state;
    static const char *const lines[] = {"a  b" HANGUL, "1994-09-27"};
    ds_codec *c = learn("char", lines, 2);
    expect_back(c, lines[0], lines[0]);
    expect_back(c, lines[1], lines[1]);
    expect_words(c, "ab ", "a|b| ");
    expect_labels(c, "a b", "a|\xE2\x90\xA3|b");
    expect_back(c, "axb", "a<unk>b");
    expect_words(c, "a\xFF", "a|<unk>");
    ds_codec_free(&c);
}

/* The example of Sennrich et al., figure 1: low x5, lower x2, newest x6, widest x3 (without the end-of-word
 * mark: here the blank in front is marked). Merges by hand: e+s (9), es+t (9), B+l? no: l+o (7), lo+w (7),
 * ... */
static void frequent_pairs_are_merged_first(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "low low low low low lower lower newest newest newest newest newest "
        "newest widest widest widest"};
    ds_codec *c = learn("bpe:3", lines, 1);
    json_t *object = ds_codec_to_json(c), *merges = json_object_get(object, "merges");
    assert_int_equal(ds_codec_merges(c), 3);
    assert_string_equal(json_string_value(json_array_get(merges, 0)), "e s");
    assert_string_equal(json_string_value(json_array_get(merges, 1)), "es t");
    assert_string_equal(json_string_value(json_array_get(merges, 2)), B " l");
    expect_words(c, "lowest", B "l|o|w|est");
    expect_labels(c, "lowest",
                  "l|\xC2\xB7o|\xC2\xB7w|\xC2\xB7"
                  "est");
    json_decref(object);
    ds_codec_free(&c);
    c = learn("bpe:1000", lines, 1); /* every pair that occurs twice */
    assert_true(ds_codec_merges(c) < 30);
    expect_words(c, "low newest", B "low|" B "newest");
    ds_codec_free(&c);
}

static void pieces_come_back(void **state)
{
    (void)state;
    static const char *const lines[] = {"  two  blanks, don't (you?) ", "a\tb\xC2\xA0" HANGUL "!!!",
                                        "aaaaaaa aaa"};
    ds_codec *c = learn("bpe:50", lines, 3);
    for (int i = 0; i < 3; i++) expect_back(c, lines[i], lines[i]);
    expect_back(c, "", "");
    expect_words(c, "", "");
    expect_back(c, " ", " ");
    expect_back(c, "tall bats, loud boots (alas)?", "tall bats, loud boots (alas)?");
    expect_back(c, "aZ", "a<unk>");
    ds_codec_free(&c);
}

static void rare_pieces_are_spelled(void **state)
{
    (void)state;
    static const char *const lines[] = {"abab abab cdcd cdcd cdcd cdcd x"};
    ds_codec_settings s = {.level = DS_BPE, .size = 100, .min_count = 3};
    ds_codec *c = NULL;
    assert_int_equal(ds_codec_learn(&s, lines, 1, &c, NULL), ERR_OK);
    expect_words(c, "cdcd", B "cdcd");
    expect_words(c, "ab", B "|ab"); /* B + abab, made of B ab (twice) and ab (four times) */
    expect_back(c, "abab x abab", "abab x abab");
    ds_codec_free(&c);
}

/* Counts all pairs anew before each merge: slow and obvious. */
static void expect_slow_merges(const char *const *word, const int *count, int words, const ds_codec *c)
{
    enum { MOST = 64 };
    char spelled[8][MOST][MOST];
    int size[8];
    json_t *object = ds_codec_to_json(c), *merges = json_object_get(object, "merges");
    for (int w = 0; w < words; w++) {
        size[w] = (int)strlen(word[w]) + 1;
        for (int i = 0; i < size[w]; i++) snprintf(spelled[w][i], MOST, i ? "%c" : B, i ? word[w][i - 1] : 0);
    }
    for (size_t m = 0; m < json_array_size(merges); m++) {
        char merge[2 * MOST + 2];
        int best = 0, chosen = 0;
        for (int w = 0; w < words; w++) {
            for (int i = 0; i + 1 < size[w]; i++) {
                int times = 0;
                for (int v = 0; v < words; v++)
                    for (int j = 0; j + 1 < size[v]; j++)
                        if (!strcmp(spelled[v][j], spelled[w][i]) &&
                            !strcmp(spelled[v][j + 1], spelled[w][i + 1]))
                            times += count[v];
                snprintf(merge, sizeof merge, "%s %s", spelled[w][i], spelled[w][i + 1]);
                if (!strcmp(merge, json_string_value(json_array_get(merges, m)))) chosen = times;
                if (times > best) best = times;
            }
        }
        assert_true(best >= 2);
        assert_int_equal(chosen, best);
        for (int w = 0; w < words; w++) {
            for (int i = 0; i + 1 < size[w]; i++) {
                snprintf(merge, sizeof merge, "%s %s", spelled[w][i], spelled[w][i + 1]);
                if (strcmp(merge, json_string_value(json_array_get(merges, m)))) continue;
                snprintf(merge, sizeof merge, "%s%s", spelled[w][i], spelled[w][i + 1]);
                snprintf(spelled[w][i], MOST, "%.*s", MOST - 1, merge);
                for (int j = i + 1; j + 1 < size[w]; j++) memcpy(spelled[w][j], spelled[w][j + 1], MOST);
                size[w]--;
            }
        }
    }
    json_decref(object);
}

static void quick_learning_does_what_slow_learning_does(void **state)
{
    (void)state;
    static const char *const word[] = {"banana", "bandana", "aaaaab", "nabob",
                                       "cabana", "ananas",  "bab",    "aaa"};
    static const int count[] = {3, 5, 2, 7, 4, 6, 11, 9};
    text line = {0};
    for (int w = 0; w < 8; w++)
        for (int i = 0; i < count[w]; i++) text_printf(&line, "%s%s", line.length ? " " : "", word[w]);
    const char *lines[] = {text_string(&line)};
    ds_codec *c = learn("bpe:60", lines, 1);
    assert_true(ds_codec_merges(c) > 15);
    expect_slow_merges(word, count, 8, c);
    text_release(&line);
    ds_codec_free(&c);
}

static void codecs_are_stored(void **state)
{
    (void)state;
    static const char *const lines[] = {"Two dogs run, two dogs jump.", HANGUL " run"};
    static const char *const level[] = {"word", "char", "bpe:12"};
    for (int i = 0; i < 3; i++) {
        ds_codec *c = learn(level[i], lines, 2), *again = NULL;
        json_t *object = ds_codec_to_json(c), *twice;
        assert_int_equal(ds_codec_from_json(object, &again, NULL), ERR_OK);
        twice = ds_codec_to_json(again);
        assert_true(json_equal(object, twice));
        assert_int_equal(ds_codec_level(again), i);
        for (int l = 0; l < 2; l++) expect_back(again, lines[l], lines[l]);
        json_decref(object);
        json_decref(twice);
        ds_codec_free(&c);
        ds_codec_free(&again);
    }
}

static void damaged_codecs_are_refused(void **state)
{
    (void)state;
#define VOCABULARY "\"vocabulary\":[\"<pad>\",\"<start>\",\"<end>\",\"<unk>\",\"a\",\"b\"]"
    static const char *const cases[][2] = {
        {"[]", "the codec: is an array, an object with 'level' is needed"},
        {"{\"level\":\"syllable\"," VOCABULARY "}", "cannot read the codec: there is no level 'syllable'"},
        {"{\"level\":\"word\"}", "the codec: 'vocabulary' is missing, an array is needed"},
        {"{\"level\":\"word\",\"vocabulary\":[]}",
         "cannot read the vocabulary: entry 0, '<pad>', is missing"},
        {"{\"level\":\"bpe\"," VOCABULARY "}", "the codec: 'merges' is missing, an array is needed"},
        {"{\"level\":\"bpe\"," VOCABULARY ",\"merges\":[\"ab\"]}",
         "cannot read the codec: merge 0 is not two pieces with a blank between"},
        {"{\"level\":\"bpe\"," VOCABULARY ",\"merges\":[\"a b\",\"a b c\"]}",
         "cannot read the codec: merge 1 is not two pieces with a blank between"},
        {"{\"level\":\"bpe\"," VOCABULARY ",\"merges\":[3]}",
         "cannot read the codec: merge 0 is not two pieces with a blank between"},
        {"{\"level\":\"bpe\"," VOCABULARY ",\"merges\":[\"a b\",\"a b\"]}",
         "the merge of 'a' and 'b' is there twice"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *object = json_loads(cases[i][0], 0, NULL);
        ds_codec *c = NULL;
        error err = {0};
        assert_int_equal(ds_codec_from_json(object, &c, &err), ERR_FORMAT);
        assert_string_equal(err.text, cases[i][1]);
        assert_null(c);
        json_decref(object);
    }
}

static void levels_are_named(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",       "words",  "bpe",         "bpe:",           "bpe:0",
                                        "bpe:-5", "bpe:8k", "bpe:1000001", "bpe:99999999999"};
    ds_codec_settings s;
    error err = {0};
    assert_int_equal(ds_codec_settings_parse("bpe:8000", &s, NULL), ERR_OK);
    assert_int_equal(s.level, DS_BPE);
    assert_int_equal(s.size, 8000);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(ds_codec_settings_parse(wrong[i], &s, &err), ERR_ARGUMENT);
    assert_string_equal(err.text,
                        "'bpe:99999999999' is no level: word, char or bpe:N, N from 1 to 1000000 merges");
}

static void lines_become_batches(void **state)
{
    (void)state;
    static const char *const lines[] = {"ab", "", "abcd"};
    ds_codec *c = learn("char", lines, 3);
    arena memory = {0};
    ds_sources s;
    ds_encoded t;
    ds_source_batch b;
    assert_int_equal(ds_sources_encode(c, lines, 3, 3, &memory, &s, NULL), ERR_OK);
    assert_int_equal(s.longest, 4);
    assert_int_equal(s.cut, 1);
    assert_int_equal(ds_sources_batch(&s, (int32_t[]){2, 1, 0}, 3, &memory, &b, NULL), ERR_OK);
    assert_int_equal(b.max_len, 4);
    static const int32_t length[] = {4, 1, 3};
    assert_memory_equal(b.length, length, sizeof length);
    int32_t a = ds_vocab_id(ds_codec_vocab(c), "a"), bb = ds_vocab_id(ds_codec_vocab(c), "b");
    int32_t cc = ds_vocab_id(ds_codec_vocab(c), "c");
    int32_t want[] = {a, bb, cc, DS_END, DS_END, DS_PAD, DS_PAD, DS_PAD, a, bb, DS_END, DS_PAD};
    assert_memory_equal(b.tokens, want, sizeof want);
    assert_int_equal(ds_targets_encode(c, lines, 3, &memory, &t, NULL), ERR_OK);
    assert_int_equal(t.captions, 3);
    assert_int_equal(t.images, 3);
    assert_int_equal(t.first[3], 6);
    assert_int_equal(t.image[2], 2);
    assert_int_equal(t.words[1], bb);
    arena_release(&memory);
    ds_codec_free(&c);
}

/* A line of one letter 60,000 times must not take quadratic time; a line of 10,000 words neither. */
static void long_lines_are_taken(void **state)
{
    (void)state;
    char *line = malloc(60001);
    static const char *const level[] = {"word", "char", "bpe:100"};
    assert_non_null(line);
    memset(line, 'a', 60000);
    line[60000] = 0;
    const char *lines[] = {line};
    for (int i = 0; i < 3; i++) {
        ds_codec *c = learn(level[i], lines, 1);
        expect_back(c, line, line);
        ds_codec_free(&c);
    }
    free(line);
}

/* Every line of the real texts comes back, and no word of the text that was learned from is unknown. */
static void real_text_comes_back(void **state)
{
    (void)state;
    static const char *const path[] = {"multi30k_train.en", "multi30k_train.de"};
    static const char *const level[] = {"bpe:8000", "char", "word"};
    char at[2][1024];
    ds_pairs pairs;
    for (int i = 0; i < 2; i++) snprintf(at[i], sizeof at[i], "%s/data/text/%s", TEST_SHARED_DIR, path[i]);
    if (access(at[0], R_OK)) {
        print_message("%s is not there\n", at[0]);
        skip();
    }
    assert_int_equal(ds_pairs_read_two(at[0], at[1], &pairs, NULL), ERR_OK);
    assert_int_equal(pairs.count, 29000);
    for (int i = 0; i < 3; i++) {
        ds_codec *c = learn(level[i], pairs.target, pairs.count);
        int32_t different = 0;
        arena memory = {0};
        text got = {0};
        for (int32_t l = 0; l < pairs.count; l++) {
            int32_t *ids, n;
            arena_reset(&memory);
            text_clear(&got);
            assert_int_equal(ds_codec_encode(c, pairs.target[l], &memory, &ids, &n, NULL), ERR_OK);
            for (int32_t k = 0; k < n; k++) assert_int_not_equal(ids[k], DS_UNK);
            ds_codec_decode(c, ids, n, &got);
            different += strcmp(text_string(&got), pairs.target[l]) != 0;
        }
        if (i < 2) assert_int_equal(different, 0);
        print_message("%s: %d entries, %d of %d lines come back changed\n", level[i],
                      (int)ds_vocab_size(ds_codec_vocab(c)), (int)different, (int)pairs.count);
        assert_true(different < 300); /* words: lines with blanks in a row or of another kind */
        text_release(&got);
        arena_release(&memory);
        ds_codec_free(&c);
    }
    ds_pairs_release(&pairs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_come_back),
        cmocka_unit_test(code_points_come_back),
        cmocka_unit_test(frequent_pairs_are_merged_first),
        cmocka_unit_test(pieces_come_back),
        cmocka_unit_test(rare_pieces_are_spelled),
        cmocka_unit_test(quick_learning_does_what_slow_learning_does),
        cmocka_unit_test(codecs_are_stored),
        cmocka_unit_test(damaged_codecs_are_refused),
        cmocka_unit_test(levels_are_named),
        cmocka_unit_test(lines_become_batches),
        cmocka_unit_test(long_lines_are_taken),
        cmocka_unit_test(real_text_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
