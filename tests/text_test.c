/* Strings, UTF-8, letters and hashes. */
#include "src/base/error.h"
#include "src/base/hash.h"
#include "src/base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_growing(void **state)
{
    (void)state;
    text t = {0};
    assert_string_equal(text_string(&t), "");
    text_append(&t, "");
    text_printf(&t, "%d %s", 7, "seven");
    text_append_bytes(&t, "\0x", 2);
    assert_int_equal(t.length, 9);
    assert_memory_equal(text_string(&t), "7 seven\0x", 10);
    text_clear(&t);
    for (int i = 0; i < 1000; i++) text_printf(&t, "%03d,", i);
    assert_int_equal(t.length, 4000);
    assert_memory_equal(text_string(&t) + 4 * 537, "537,", 4);
    char *s = text_take(&t);
    assert_int_equal(strlen(s), 4000);
    free(s);
    assert_null(t.data);
    s = text_take(&t);
    assert_string_equal(s, "");
    free(s);
    text_append_bytes(&t, NULL, SIZE_MAX - 100); /* memory for that is refused, not tried */
    assert_true(t.failed);
    text_append(&t, "more");
    assert_string_equal(text_string(&t), "");
    text_clear(&t); /* who clears a text for the next part still sees at the end that one is missing */
    assert_true(t.failed);
    assert_null(text_take(&t));
    text_release(&t);
    text_release(&t);
}

static void test_utf8_round_trip(void **state)
{
    (void)state;
    for (uint32_t point = 0; point <= 0x10FFFF; point++) {
        char bytes[4];
        int n = text_utf8_put(point, bytes);
        const char *p = bytes;
        int32_t back = text_utf8_next(&p, bytes + n);
        assert_int_equal(back, point >= 0xD800 && point <= 0xDFFF ? 0xFFFD : point);
        assert_int_equal(p - bytes, n);
    }
    char bytes[4];
    assert_int_equal(text_utf8_put(0x110000, bytes), 3);
    assert_memory_equal(bytes, "\xEF\xBF\xBD", 3);
}

static void test_utf8_faults(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        int fault; /* offset, or -1: valid */
    } cases[] = {
        {"", -1},
        {"caf\xC3\xA9", -1},
        {"\xF0\x9F\x98\x80!", -1},
        {"\xED\x9F\xBF\xEE\x80\x80", -1},
        {"a\x80", 1},  /* continuation alone */
        {"ab\xC3", 2}, /* cut off */
        {"\xE2\x82", 0},
        {"\xF0\x9F\x98", 0},
        {"x\xC0\x80", 1}, /* overlong */
        {"\xC1\xBF", 0},
        {"\xE0\x9F\xBF", 0},
        {"\xF0\x8F\xBF\xBF", 0},
        {"\xED\xA0\x80", 0},     /* surrogate */
        {"\xF4\x90\x80\x80", 0}, /* beyond 10FFFF */
        {"\xF8\x88\x80\x80\x80", 0},
        {"\xFF", 0},
        {"\xC3\xC3\xA9", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t n = strlen(cases[i].bytes), fault = 99;
        char *exact = malloc(n + 1); /* the sanitiser sees reading beyond n when n bytes is all there is */
        memcpy(exact, cases[i].bytes, n);
        exact = realloc(exact, n ? n : 1);
        assert_int_equal(text_utf8_valid(exact, n, &fault), cases[i].fault < 0);
        if (cases[i].fault >= 0) assert_int_equal(fault, cases[i].fault);
        assert_int_equal(text_utf8_valid(exact, n, NULL), cases[i].fault < 0);
        free(exact);
    }
}

static void assert_lower(const char *from, const char *to)
{
    text t = {0};
    text_lower(&t, from, strlen(from));
    assert_string_equal(text_string(&t), to);
    text_release(&t);
}

static void test_lower(void **state)
{
    (void)state;
    assert_lower("A Dog, 2 CATS @[`{", "a dog, 2 cats @[`{");
    assert_lower("ÀÉÖ×ØÞß ÿ", "àéö×øþß ÿ");
    assert_lower("ĀĄČĐĞĲĹŁŃŇŊŒŠŸŹŽ", "āąčđğĳĺłńňŋœšÿźž");
    assert_lower("ΆΈΊΌΎΏ ΑΒΓΣΩΪ", "άέίόύώ αβγσωϊ");
    assert_lower("ЀЁЏ АБЙЯ ҐӁӀӐ", "ѐёџ абйя ґӂӏӑ");
    assert_lower("Ệ Ơ 日本", text_lower_point(0x1A0) == 0x1A1 ? "ệ ơ 日本" : "ệ Ơ 日本");
    assert_lower("A\xFFZ\xC3", "a\xFFz\xC3");
}

/* The twins agree on every letter of the alphabets the plain one promises. */
static void test_lower_twins(void **state)
{
    (void)state;
    static const uint32_t ranges[][2] = {
        {0, 0x17F}, {0x386, 0x3CE}, {0x400, 0x52F}, {0x1E00, 0x1E95}, {0x1EA0, 0x1EFF}};
    for (size_t r = 0; r < sizeof ranges / sizeof ranges[0]; r++)
        for (uint32_t point = ranges[r][0]; point <= ranges[r][1]; point++)
            if (text_lower_point(point) != text_lower_point_plain(point))
                fail_msg("U+%04X: %04X, plain %04X", point, text_lower_point(point),
                         text_lower_point_plain(point));
    assert_int_equal(text_lower_point(0xFFFFFFFF), 0xFFFFFFFF);
}

static size_t width(const char *s)
{
    return text_width(s, strlen(s));
}

static void test_width(void **state)
{
    (void)state;
    assert_int_equal(width(""), 0);
    assert_int_equal(width("a dog"), 5);
    assert_int_equal(width("caf\xC3\xA9"), 4);
    assert_int_equal(width("cafe\xCC\x81"), 4);
    assert_int_equal(width("日本 x"), 6);
    assert_int_equal(width("\xF0\x9F\x98\x80"), 2);
    assert_int_equal(width("\t\x1B"), 0);
    assert_int_equal(width("\xFF\xC3"), 2);
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(uint64_t));
}

/* 64 bits of either half are enough for half a million inputs: the chance of one pair is 1 in 10^8. */
static void test_hash_collides_never(void **state)
{
    (void)state;
    enum { N = 500000 };
    uint64_t *lo = malloc(N * sizeof *lo), *hi = malloc(N * sizeof *hi);
    uint8_t bytes[48] = {0};
    /* A counter somewhere among zeros, in several lengths. */
    for (uint32_t i = 0; i < N; i++) {
        size_t n = 4 + i % 45, at = n * 7 % (n - 3); /* by length: inputs stay distinct */
        memset(bytes, 0, sizeof bytes);
        memcpy(bytes + at, &i, sizeof i);
        hash128 h = hash_bytes(bytes, n, 0);
        lo[i] = h.lo;
        hi[i] = h.hi;
    }
    qsort(lo, N, sizeof *lo, compare);
    qsort(hi, N, sizeof *hi, compare);
    for (int i = 1; i < N; i++) assert_true(lo[i] != lo[i - 1] && hi[i] != hi[i - 1]);
    free(lo);
    free(hi);
}

/* Every input bit, and the seed, changes every output bit about half of the time. */
static void test_hash_scatters(void **state)
{
    (void)state;
    enum { BYTES = 40, ROUNDS = 200 };
    uint8_t bytes[BYTES];
    int least = 128 * ROUNDS, most = 0;
    for (int bit = 0; bit < 8 * BYTES; bit++) {
        int flips = 0;
        for (uint32_t r = 0; r < ROUNDS; r++) {
            for (uint32_t i = 0; i < BYTES; i++) bytes[i] = (uint8_t)((r * 2654435761u + i * 40503u) >> 13);
            hash128 a = hash_bytes(bytes, BYTES, 1);
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            hash128 b = hash_bytes(bytes, BYTES, 1);
            flips += __builtin_popcountll(a.lo ^ b.lo) + __builtin_popcountll(a.hi ^ b.hi);
        }
        if (flips < least) least = flips;
        if (flips > most) most = flips;
    }
    /* 64 of 128 expected; the mean of 200 rounds deviates by 0.4. */
    if (least < 62 * ROUNDS || most > 66 * ROUNDS) fail_msg("flips %d..%d", least / ROUNDS, most / ROUNDS);
    hash128 a = hash_bytes("", 0, 0), b = hash_bytes("", 0, 1), c = hash_bytes("\0", 1, 0);
    assert_true(a.lo != b.lo && a.hi != b.hi && a.lo != c.lo && a.hi != c.hi);
}

/* Written down once: caches on disk are named after these values. */
static void test_hash_stays(void **state)
{
    (void)state;
    char hex[HASH_HEX];
    hash_hex(hash_bytes("a dog runs on the beach", 23, 42), hex);
    assert_string_equal(hex, "434e331ba13e03e69c78ecbb84042aa2");
}

static void test_shown(void **state)
{
    static const struct {
        const char *text, *shown;
    } cases[] = {
        {"", ""},
        {"a dog \xC3\xA9 \xED\x95\x9C \\", "a dog \xC3\xA9 \xED\x95\x9C \\"},
        {"\t\n\r\x1B[31m\x7F", "\\t\\n\\r\\x1b[31m\\x7f"},
        {"\xC2\x80 \xC2\x9B \xC2\xA0", "\\u0080 \\u009b \xC2\xA0"},
        {"gpj\xE2\x80\xAE.exe \xE2\x81\xA6 \xE2\x80\x8F", "gpj\\u202e.exe \\u2066 \\u200f"},
        {"\xE2\x80\x8D \xE2\x80\xAF \xE2\x81\xAA", "\xE2\x80\x8D \xE2\x80\xAF \xE2\x81\xAA"}, /* neighbours */
        {"caf\xE9 \x9B \xC0\x9B \xE2\x80", "caf\xE9 \\x9b \xC0\\x9b \xE2\\x80"},              /* not UTF-8 */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        text t = {0};
        text_append_shown(&t, cases[i].text);
        assert_string_equal(text_string(&t), cases[i].shown);
        text_release(&t);
    }
}

/* A message is cut between characters, never inside an escape. */
static void test_long_message(void **state)
{
    (void)state;
    error err = {0};
    char name[400];
    memset(name, 1, sizeof name - 1);
    name[sizeof name - 1] = 0;
    err_set(&err, ERR_IO, "ab%s", name);
    assert_int_equal(strlen(err.text), 2 + 508);
    assert_string_equal(err.text + 2 + 504, "\\x01");
}

static void test_byte_order_mark(void **state)
{
    (void)state;
    assert_int_equal(text_byte_order_mark("\xEF\xBB\xBF", 3), 3);
    assert_int_equal(text_byte_order_mark("\xEF\xBB", 2), 0);
    assert_int_equal(text_byte_order_mark("", 0), 0);
    assert_int_equal(text_byte_order_mark("one", 3), 0);
    assert_true(text_byte_order_mark("\xFF\xFEo\0", 4) < 0);
    assert_true(text_byte_order_mark("\xFE\xFF\0o", 4) < 0);
    assert_true(text_byte_order_mark("\0\0\xFE\xFF", 4) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_growing),       cmocka_unit_test(test_utf8_round_trip),
        cmocka_unit_test(test_utf8_faults),   cmocka_unit_test(test_lower),
        cmocka_unit_test(test_lower_twins),   cmocka_unit_test(test_width),
        cmocka_unit_test(test_hash_stays),    cmocka_unit_test(test_hash_collides_never),
        cmocka_unit_test(test_hash_scatters), cmocka_unit_test(test_shown),
        cmocka_unit_test(test_long_message),  cmocka_unit_test(test_byte_order_mark),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
