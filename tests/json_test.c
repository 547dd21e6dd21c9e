/* JSON: errors name the file and the place, getters check types. */
#include "src/base/text.h"
#include "src/io/file.h"
#include "src/io/json.h"
#include "src/io/json_build.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

static json_t *parse(const char *s)
{
    error err = {0};
    json_t *root;
    if (io_json_parse(s, strlen(s), "x", &root, &err)) fail_msg("%s", err.text);
    return root;
}

static void test_malformed(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", "line 1, column 0: '[' or '{' expected near end of file"},
        {"{\n  \"a\": }", "line 2, column 8: unexpected token near '}'"},
        {"[1, 2", "line 1, column 5: ']' expected near end of file"},
        {"[1] 2", "line 1, column 5: end of file expected near '2'"},
        {"[\"\xC3\x28\"]", "line 1, column 2: unable to decode byte 0xc3 near '\"'"},
        {"[1e999]", "line 1, column 6: real number overflow near '1e999'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        error err = {0};
        json_t *root;
        char expected[256];
        snprintf(expected, sizeof expected, "cannot read 'x.json': %s", cases[i][1]);
        assert_int_equal(io_json_parse(cases[i][0], strlen(cases[i][0]), "x.json", &root, &err), ERR_FORMAT);
        assert_string_equal(err.text, expected);
        assert_null(root);
    }
}

static void test_deep(void **state)
{
    (void)state;
    enum { N = 1000000 };
    char *s = malloc(N);
    memset(s, '[', N);
    error err = {0};
    json_t *root;
    assert_int_equal(io_json_parse(s, N, "deep", &root, &err), ERR_FORMAT);
    assert_non_null(strstr(err.text, "maximum parsing depth reached"));
    free(s);
}

static void test_load(void **state)
{
    (void)state;
    error err = {0};
    json_t *root;
    char path[64];
    snprintf(path, sizeof path, "/tmp/caption_json_test_%ld.json", (long)getpid());
    io_write_file(path, "\xEF\xBB\xBF{\"a\": [1]}", 13, &err);
    assert_int_equal(io_json_load(path, 13, &root, &err), ERR_OK);
    assert_int_equal(json_array_size(json_object_get(root, "a")), 1);
    json_decref(root);
    assert_int_equal(io_json_load(path, 12, &root, &err), ERR_LIMIT);
    assert_null(root);
    assert_int_equal(io_json_load("/no/such.json", 100, &root, &err), ERR_MISSING);
    assert_string_equal(err.text, "cannot read '/no/such.json': No such file or directory");
    assert_int_equal(io_json_parse("\xFF\xFE{\0}\0", 6, "utf16.json", &root, &err), ERR_FORMAT);
    assert_string_equal(err.text, "cannot read 'utf16.json': the text is UTF-16; save it as UTF-8");
    assert_null(root);
    unlink(path);
}

static void test_getters(void **state)
{
    (void)state;
    error err = {0};
    json_t *root = parse(
        "{\"i\":-9007199254740993,\"r\":0.5,\"s\":\"caf\\u00e9\",\"t\":true,\"n\":null,\"a\":[1],\"o\":{}}");
    int64_t i;
    double r;
    int t;
    const char *s;
    json_t *a;
    assert_int_equal(io_json_int(root, "i", "x", &i, &err), ERR_OK);
    assert_true(i == -9007199254740993);
    assert_int_equal(io_json_number(root, "r", "x", &r, &err), ERR_OK);
    assert_true(r == 0.5);
    assert_int_equal(io_json_number(root, "i", "x", &r, &err), ERR_OK);
    assert_int_equal(io_json_string(root, "s", "x", &s, &err), ERR_OK);
    assert_string_equal(s, "caf\xC3\xA9");
    assert_int_equal(io_json_bool(root, "t", "x", &t, &err), ERR_OK);
    assert_int_equal(t, 1);
    assert_int_equal(io_json_array(root, "a", "x", &a, &err), ERR_OK);
    assert_int_equal(json_array_size(a), 1);
    assert_int_equal(io_json_object(root, "o", "x", &a, &err), ERR_OK);

    const char *where = "'x.json': images[3]";
    assert_int_equal(io_json_int(root, "s", where, &i, &err), ERR_FORMAT);
    assert_string_equal(err.text, "'x.json': images[3]: 's' is a string, an integer is needed");
    assert_int_equal(io_json_int(root, "r", where, &i, &err), ERR_FORMAT);
    assert_string_equal(err.text, "'x.json': images[3]: 'r' is a fraction, an integer is needed");
    assert_int_equal(io_json_string(root, "n", where, &s, &err), ERR_FORMAT);
    assert_string_equal(err.text, "'x.json': images[3]: 'n' is null, a string is needed");
    assert_int_equal(io_json_array(root, "z", where, &a, &err), ERR_FORMAT);
    assert_string_equal(err.text, "'x.json': images[3]: 'z' is missing, an array is needed");
    assert_int_equal(io_json_object(json_object_get(root, "a"), "z", where, &a, &err), ERR_FORMAT);
    assert_string_equal(err.text, "'x.json': images[3]: is an array, an object with 'z' is needed");
    assert_int_equal(io_json_bool(NULL, "z", where, &t, &err), ERR_FORMAT);
    assert_string_equal(err.text, "'x.json': images[3]: is missing, an object with 'z' is needed");
    json_decref(root);
}

static void test_optional(void **state)
{
    (void)state;
    error err = {0};
    json_t *root = parse("{\"i\":5,\"n\":null}"), *a = root;
    int64_t i;
    double r;
    int t;
    const char *s;
    assert_int_equal(io_json_int_or(root, "i", "x", 7, &i, &err), ERR_OK);
    assert_int_equal(i, 5);
    assert_int_equal(io_json_int_or(root, "z", "x", 7, &i, &err), ERR_OK);
    assert_int_equal(i, 7);
    assert_int_equal(io_json_number_or(root, "n", "x", 1.5, &r, &err), ERR_OK);
    assert_true(r == 1.5);
    assert_int_equal(io_json_bool_or(root, "n", "x", 1, &t, &err), ERR_OK);
    assert_int_equal(t, 1);
    assert_int_equal(io_json_string_or(root, "z", "x", NULL, &s, &err), ERR_OK);
    assert_null(s);
    assert_int_equal(io_json_array_or(root, "z", "x", &a, &err), ERR_OK);
    assert_null(a);
    assert_int_equal(io_json_object_or(root, "i", "x", &a, &err), ERR_FORMAT);
    assert_string_equal(err.text, "x: 'i' is an integer, an object is needed");
    json_decref(root);
}

static void test_text(void **state)
{
    (void)state;
    json_t *root = parse("{\"b\": [1, 2.5, \"caf\\u00e9\"], \"a\": null}");
    char *s = io_json_text(root, JSON_COMPACT);
    assert_string_equal(s, "{\"b\":[1,2.5,\"caf\xC3\xA9\"],\"a\":null}");
    free(s);
    json_decref(root);
}

/* ---- memory that runs out ---- */

static long allocations, failing; /* the allocation that fails, from 1; all from -failing on */

static void *scarce_malloc(size_t n)
{
    allocations++;
    if (failing > 0 ? allocations == failing : failing < 0 && allocations >= -failing) return NULL;
    return malloc(n);
}

static void limit(long n)
{
    allocations = 0;
    failing = n;
}

/* Tokens of all lengths, first in what is still short and then in what has grown, and containers that grow.
 */
static char *long_tokens(void)
{
    text t = {0};
    text_append(&t, "{\"a string of 31 bytes, which as\": [\"a string of 31 bytes, which is\", 1, 2.5, ");
    for (int i = 0; i < 40; i++) text_append(&t, "null, true, -1, [], {}, ");
    text_append(&t, "123456789012345678, 0.123456789012345678901234567890123456789012345678e-12, ");
    for (int i = 0; i < 300; i++) text_printf(&t, "\"%0*d\\\"\\u00e9 caf\xC3\xA9\", ", i + 1, i);
    text_append(&t, "\"");
    for (int i = 0; i < 200; i++) text_append(&t, "\\ud83d\\ude00 and more of the same, ");
    text_append(&t, "\"], \"z\": {");
    for (int i = 0; i < 50; i++) text_printf(&t, "%s\"key%d\": %d", i ? ", " : "", i, i * i);
    text_append(&t, "}}\n");
    assert_false(t.failed);
    return text_take(&t);
}

static void test_short_memory(void **state)
{
    (void)state;
    char *s = long_tokens();
    limit(0);
    json_t *whole = parse(s), *root;
    long needed = allocations;
    assert_true(needed > 500);
    for (int forever = 0; forever < 2; forever++)
        for (long n = 1; n <= needed; n++) {
            error err = {0};
            limit(forever ? -n : n);
            assert_int_equal(io_json_parse(s, strlen(s), "x.json", &root, &err), ERR_MEMORY);
            assert_string_equal(err.text, "out of memory while reading 'x.json'");
            assert_null(root);
        }
    limit(needed + 1);
    assert_int_equal(io_json_parse(s, strlen(s), "x.json", &root, NULL), ERR_OK);
    assert_true(json_equal(whole, root));
    json_decref(root);

    limit(0);
    char *written = io_json_text(whole, JSON_COMPACT);
    needed = allocations;
    free(written);
    for (long n = 1; n <= needed; n++) {
        limit(n);
        assert_null(io_json_text(whole, JSON_COMPACT));
    }
    limit(0);
    json_decref(whole);
    free(s);
}

static json_t *build(const json_t *more)
{
    static const char *const words[] = {"a", "dog"};
    io_json_build b = io_json_build_object();
    io_json_put_int(&b, b.root, "epoch", 3);
    io_json_put_number(&b, b.root, "loss", (double)NAN);
    json_t *o = io_json_put_object(&b, b.root, "inside");
    io_json_put_bool(&b, o, "yes", true);
    io_json_put_null(&b, o, "nothing");
    io_json_put_string(&b, o, "name", "caf\xC3\xA9 \xFFx");
    io_json_put_string(&b, o, "no name", NULL);
    json_t *list = io_json_put_array(&b, b.root, "list");
    io_json_put_floats(&b, list, NULL, (float[]){0.5F, INFINITY}, 2);
    io_json_put_strings(&b, list, NULL, words, 2);
    io_json_put(&b, list, NULL, json_integer(7));
    io_json_put_members(&b, o, more);
    return io_json_take(&b);
}

static void test_build(void **state)
{
    (void)state;
    limit(0);
    json_t *more = parse("{\"yes\": false, \"x\": 1}"), *o, *none;
    limit(0);
    o = build(more);
    long needed = allocations;
    char *s = io_json_text(o, JSON_COMPACT);
    assert_string_equal(s,
                        "{\"epoch\":3,\"loss\":null,\"inside\":{\"yes\":false,\"nothing\":null,"
                        "\"name\":\"caf\xC3\xA9 \xEF\xBF\xBDx\",\"no name\":null,\"x\":1},"
                        "\"list\":[[0.5,null],[\"a\",\"dog\"],7]}");
    free(s);
    json_decref(o);
    for (long n = 1; n <= needed; n++) {
        limit(n);
        assert_null(build(more));
    }
    limit(0);
    assert_null(build(NULL));
    json_decref(more);

    error err = {0};
    io_json_build b = io_json_build_array();
    io_json_put(&b, b.root, NULL, NULL);
    io_json_put_int(&b, io_json_put_object(&b, b.root, NULL), "x", 1);
    assert_int_equal(io_json_done(&b, "the log", &none, &err), ERR_MEMORY);
    assert_string_equal(err.text, "out of memory while making the log");
    assert_null(none);
}

int main(void)
{
    json_set_alloc_funcs(scarce_malloc,
                         free); /* before the first use: what reads and writes goes through it */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_malformed),    cmocka_unit_test(test_deep),     cmocka_unit_test(test_load),
        cmocka_unit_test(test_getters),      cmocka_unit_test(test_optional), cmocka_unit_test(test_text),
        cmocka_unit_test(test_short_memory), cmocka_unit_test(test_build),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
