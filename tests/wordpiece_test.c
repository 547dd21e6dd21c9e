/* WordPiece: the pieces of transformers' BertTokenizer, vocabularies from files, and pieces of our own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "datasets/wordpiece.h"
#include "src/base/letters.h"
#include "src/base/text.h"

/* The pieces of the line, joined by blanks. */
static void expect(const ds_wordpiece *w, const char *line, const char *pieces)
{
    arena memory = {0};
    text got = {0};
    int32_t *ids, n;
    assert_int_equal(ds_wordpiece_encode(w, line, &memory, &ids, &n, NULL), ERR_OK);
    for (int32_t i = 0; i < n; i++) text_printf(&got, "%s%s", i ? " " : "", ds_wordpiece_piece(w, ids[i]));
    assert_string_equal(text_string(&got), pieces);
    text_release(&got);
    arena_release(&memory);
}

static ds_wordpiece *of_golden(const json_t *golden, bool lower)
{
    json_t *o = json_pack("{s:b, s:O}", "lower", lower, "vocabulary", json_object_get(golden, "vocabulary"));
    ds_wordpiece *w = NULL;
    error err = {0};
    if (ds_wordpiece_from_json(o, &w, &err)) fail_msg("%s", err.text);
    json_decref(o);
    return w;
}

static void compare(const ds_wordpiece *w, const json_t *sample, const char *key)
{
    const char *line = json_string_value(json_object_get(sample, "line"));
    const json_t *theirs = json_object_get(sample, key);
    arena memory = {0};
    int32_t *ids, n;
    assert_int_equal(ds_wordpiece_encode(w, line, &memory, &ids, &n, NULL), ERR_OK);
    for (int32_t i = 0; i < n; i++)
        if (i >= (int32_t)json_array_size(theirs) ||
            ids[i] != json_integer_value(json_array_get(theirs, (size_t)i)))
            fail_msg("'%s', %s: piece %d is '%s', not theirs", line, key, (int)i,
                     ds_wordpiece_piece(w, ids[i]));
    assert_int_equal(n, json_array_size(theirs));
    arena_release(&memory);
}

static void pieces_are_those_of_transformers(void **state)
{
    (void)state;
    json_error_t wrong;
    json_t *golden = json_load_file(TEST_SOURCE_DIR "/golden/wordpiece.json", 0, &wrong), *sample;
    if (!golden) fail_msg("%s", wrong.text);
    ds_wordpiece *lower = of_golden(golden, true), *cased = of_golden(golden, false);
    size_t i, compared = 0;
    json_array_foreach(json_object_get(golden, "lines"), i, sample)
    {
        if (!HAVE_UTF8PROC && !json_is_true(json_object_get(sample, "plain"))) continue;
        compare(lower, sample, "lower");
        if (HAVE_UTF8PROC) compare(cased, sample, "cased");
        compared++;
    }
    assert_true(compared >= 16);
    ds_wordpiece_free(&lower);
    ds_wordpiece_free(&cased);
    json_decref(golden);
}

/* ---- files ---- */

/* The content as a file: path[24]. */
static void write_file(const char *content, char path[24])
{
    snprintf(path, 24, "/tmp/wordpiece_XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    close(fd);
}

static err_code read_text(const char *content, ds_wordpiece **out, error *err)
{
    char path[24];
    write_file(content, path);
    err_code code = ds_wordpiece_read(path, true, out, err);
    unlink(path);
    return code;
}

static void a_file_has_a_piece_a_line(void **state)
{
    (void)state;
    ds_wordpiece *w = NULL;
    error err = {0};
    if (read_text("[PAD]\nd\r\n[UNK]\n##og\n[MASK]\n[CLS]\n[SEP]\n", &w, &err)) fail_msg("%s", err.text);
    assert_int_equal(ds_wordpiece_size(w), 7);
    assert_int_equal(ds_wordpiece_special(w, DS_WP_CLS), 5);
    expect(w, "Dog cat", "[CLS] d ##og [UNK] [SEP]");
    assert_string_equal(ds_wordpiece_piece(w, 7), "[UNK]");
    ds_wordpiece_free(&w);
}

static void what_is_no_vocabulary_is_refused(void **state)
{
    (void)state;
    ds_wordpiece *w = NULL;
    error err = {0};
    assert_int_equal(read_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n", &w, &err), ERR_FORMAT);
    assert_non_null(strstr(err.text, "[MASK] is missing"));
    assert_int_equal(read_text("[PAD]\na\na\n", &w, &err), ERR_FORMAT);
    assert_non_null(strstr(err.text, "piece 3, 'a', is there twice"));
    assert_int_equal(read_text("[PAD]\n\na\n", &w, &err), ERR_FORMAT);
    assert_non_null(strstr(err.text, "piece 2 is empty"));
    assert_null(w);
}

static void json_leads_back(void **state)
{
    (void)state;
    ds_wordpiece *w = NULL, *back = NULL;
    assert_int_equal(read_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##b\n", &w, NULL), ERR_OK);
    json_t *o = ds_wordpiece_to_json(w);
    assert_int_equal(ds_wordpiece_from_json(o, &back, NULL), ERR_OK);
    assert_true(ds_wordpiece_lowers(back));
    expect(back, "AB", "[CLS] a ##b [SEP]");
    json_array_append_new(json_object_get(o, "vocabulary"), json_integer(7));
    ds_wordpiece *none = NULL;
    assert_int_equal(ds_wordpiece_from_json(o, &none, NULL), ERR_FORMAT);
    json_decref(o);
    ds_wordpiece_free(&w);
    ds_wordpiece_free(&back);
}

static err_code read_tokenizer(const char *content, ds_wordpiece **out, error *err)
{
    char path[24];
    write_file(content, path);
    err_code code = ds_wordpiece_read_tokenizer(path, out, err);
    unlink(path);
    return code;
}

static void a_file_of_tokenizers_is_read(void **state)
{
    (void)state;
    ds_wordpiece *w = NULL;
    error err = {0};
    const char *good =
        "{\"normalizer\": {\"lowercase\": false}, \"model\": {\"type\": \"WordPiece\", \"vocab\": "
        "{\"A\": 5, \"[PAD]\": 0, \"[CLS]\": 2, \"[UNK]\": 1, \"[MASK]\": 4, \"[SEP]\": 3}}}";
    if (read_tokenizer(good, &w, &err)) fail_msg("%s", err.text);
    expect(w, "A a", "[CLS] A [UNK] [SEP]");
    assert_false(ds_wordpiece_lowers(w));
    ds_wordpiece_free(&w);
    assert_int_equal(read_tokenizer("{\"model\": {\"type\": \"BPE\", \"vocab\": {}}}", &w, &err),
                     ERR_UNSUPPORTED);
    const char *gap = "{\"model\": {\"type\": \"WordPiece\", \"vocab\": {\"a\": 0, \"b\": 2}}}";
    assert_int_equal(read_tokenizer(gap, &w, &err), ERR_FORMAT);
    assert_non_null(strstr(err.text, "'b' has no number of its own below 2"));
}

/* ---- learning ---- */

static void frequent_words_become_pieces(void **state)
{
    (void)state;
    const char *const lines[] = {"the dog, the dogs", "The hot dog", "the dogs run; a run q"};
    ds_wordpiece *w = NULL, *small = NULL;
    error err = {0};
    if (ds_wordpiece_learn(lines, 3, 60, true, &w, &err)) fail_msg("%s", err.text);
    expect(w, "the dogs", "[CLS] the dogs [SEP]");
    expect(w, "dogs' god", "[CLS] dogs [UNK] g ##o ##d [SEP]");
    expect(w, "q", "[CLS] [UNK] [SEP]"); /* it occurs once */
    assert_true(ds_wordpiece_size(w) <= 60);
    assert_int_equal(ds_wordpiece_learn(lines, 3, 20, true, &small, &err), ERR_ARGUMENT);
    assert_non_null(strstr(err.text, "more than the 20 asked for"));
    assert_int_equal(ds_wordpiece_learn(lines + 2, 0, 20, true, &small, &err), ERR_ARGUMENT);
    ds_wordpiece_free(&w);
}

/* ---- letters ---- */

static void plain_twins_agree_on_what_they_know(void **state)
{
    (void)state;
    uint32_t a[TEXT_PARTS], b[TEXT_PARTS];
    for (uint32_t p = 0; p < 0x180; p++) {
        assert_int_equal(text_kind_of(p), text_kind_plain(p));
        assert_int_equal(text_decompose_plain(p, b), text_decompose(p, a));
        assert_int_equal(a[0], b[0]);
    }
    for (uint32_t p = 0xAC00; p < 0xD7A4; p++) {
        int n = text_decompose(p, a);
        assert_int_equal(text_decompose_plain(p, b), n);
        assert_memory_equal(a, b, (size_t)n * sizeof *a);
    }
    assert_int_equal(text_decompose_plain(0xE9, a), 2);
    assert_int_equal(a[0], 'e');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_those_of_transformers),    cmocka_unit_test(a_file_has_a_piece_a_line),
        cmocka_unit_test(what_is_no_vocabulary_is_refused),    cmocka_unit_test(json_leads_back),
        cmocka_unit_test(a_file_of_tokenizers_is_read),        cmocka_unit_test(frequent_words_become_pieces),
        cmocka_unit_test(plain_twins_agree_on_what_they_know),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
