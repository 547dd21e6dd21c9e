/* The rules of captioner/score/ptb.h: every line of tests/cases/ptb.tsv, and hostile captions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "captioner/score/ptb.h"
#include "captioner/score/ptb_chars.h"

/* The number of a \uXXXX at s; 0 where there is none. */
static uint32_t escaped(const char *s)
{
    char digits[5] = "", *end;
    if (s[0] != '\\' || s[1] != 'u') return 0;
    for (int i = 0; i < 4 && s[2 + i]; i++) digits[i] = s[2 + i];
    uint32_t c = (uint32_t)strtoul(digits, &end, 16);
    return end == digits + 4 ? c : 0;
}

/* \t, \n, \uXXXX (with surrogate pairs); a backslash before anything else is itself */
static void unescape(char *s)
{
    char *to = s;
    while (*s) {
        uint32_t c = escaped(s), low = c ? escaped(s + 6) : 0;
        bool pair = c >= 0xD800 && c < 0xDC00 && low;
        if (pair) c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
        if (c) {
            s += pair ? 12 : 6;
            to = cap_char_write(to, c);
        } else if (s[0] == '\\' && (s[1] == 't' || s[1] == 'n')) {
            *to++ = s[1] == 't' ? '\t' : '\n';
            s += 2;
        } else {
            *to++ = *s++;
        }
    }
    *to = 0;
}

static void join(const cap_tokens *t, char *to, size_t size)
{
    size_t used = 0;
    to[0] = 0;
    for (size_t i = 0; i < t->count; i++)
        used += snprintf(to + used, size - used, "%s%s", i ? " " : "", t->token[i]);
}

static void every_rule(void **state)
{
    (void)state;
    FILE *f = fopen(TEST_SOURCE_DIR "/cases/ptb.tsv", "r");
    assert_non_null(f);
    char line[1024], got[2048];
    int failures = 0, cases = 0;
    for (int number = 1; fgets(line, sizeof line, f); number++) {
        char *tab = strchr(line, '\t');
        if (line[0] == '#' || !tab) continue;
        *tab = 0;
        char *want = tab + 1;
        want[strcspn(want, "\n")] = 0;
        unescape(line);
        unescape(want);
        arena a = {0};
        cap_tokens t;
        assert_int_equal(cap_ptb_tokens(line, &a, &t, NULL), ERR_OK);
        join(&t, got, sizeof got);
        if (strcmp(got, want)) {
            print_error("ptb.tsv:%d: '%s'\n  wanted '%s'\n  got    '%s'\n", number, line, want, got);
            failures++;
        }
        cases++;
        arena_release(&a);
    }
    fclose(f);
    assert_true(cases > 35);
    assert_int_equal(failures, 0);
}

static void split_keeps_punctuation(void **state)
{
    (void)state;
    static const struct {
        const char *caption, *want;
    } cases[] = {
        {"one.. two... three.... \"four\"; (5)", "one . . two ... three ... `` four '' ; -lrb- 5 -rrb-"},
        {"dogs' a -- b - c", "dogs ' a -- b - c"},
        {"etc... u.s.. end.", "etc. . . u.s. . end ."}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        arena a = {0};
        cap_tokens t;
        char got[256];
        assert_int_equal(cap_ptb_split(cases[i].caption, &a, &t, NULL), ERR_OK);
        join(&t, got, sizeof got);
        assert_string_equal(got, cases[i].want);
        arena_release(&a);
    }
}

static void broken_utf8_is_dropped(void **state)
{
    (void)state;
    arena a = {0};
    cap_tokens t;
    char got[64];
    assert_int_equal(cap_ptb_tokens("a\xff"
                                    "b \xc0\xaf c\xe2\x82",
                                    &a, &t, NULL),
                     ERR_OK);
    join(&t, got, sizeof got);
    assert_string_equal(got, "a b c");
    arena_release(&a);
}

static void too_long_is_refused(void **state)
{
    (void)state;
    char *huge = malloc(CAP_PTB_MAX_BYTES + 2);
    memset(huge, 'a', CAP_PTB_MAX_BYTES + 1);
    huge[CAP_PTB_MAX_BYTES + 1] = 0;
    arena a = {0};
    cap_tokens t;
    error err = {0};
    assert_int_equal(cap_ptb_tokens(huge, &a, &t, &err), ERR_LIMIT);
    huge[CAP_PTB_MAX_BYTES] = 0;
    assert_int_equal(cap_ptb_tokens(huge, &a, &t, &err), ERR_OK);
    assert_int_equal(t.count, 1);
    free(huge);
    arena_release(&a);
}

/* Captions of the characters the rules look at, in any order: must end, within the memory set aside. */
static void random_captions_do_no_harm(void **state)
{
    (void)state;
    static const char *const parts[] = {"a",       "n",        "'",
                                        "t",       ".",        "-",
                                        "/",       "@",        "www.",
                                        "9",       ",",        "&",
                                        "\"",      "`",        "(",
                                        " ",       "?",        "&#",
                                        "&amp;",   "\xe2",     "\xe2\x80\x94",
                                        "http://", "\xc2\xbd", "com",
                                        "y'all",   "cannot",   "'tis",
                                        "S",       "+",        "\xf0\x9f\x98\x80"};
    uint64_t x = 88172645463325252u;
    for (int round = 0; round < 20000; round++) {
        char text[256] = "";
        size_t used = 0;
        for (int i = 0; i < 24; i++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            const char *part = parts[x % (sizeof parts / sizeof parts[0])];
            used += snprintf(text + used, sizeof text - used, "%s", part);
        }
        arena a = {0};
        cap_tokens t;
        assert_int_equal(cap_ptb_split(text, &a, &t, NULL), ERR_OK);
        for (size_t i = 0; i < t.count; i++) assert_true(t.token[i][0] != 0);
        arena_release(&a);
    }
}

static void out_of_memory_is_said(void **state)
{
    (void)state;
    for (long n = 1; n <= 3; n++) {
        arena a = {.fail_in = n};
        cap_tokens t;
        assert_int_equal(cap_ptb_tokens("a cat", &a, &t, NULL), ERR_MEMORY);
        arena_release(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule),
        cmocka_unit_test(split_keeps_punctuation),
        cmocka_unit_test(broken_utf8_is_dropped),
        cmocka_unit_test(too_long_is_refused),
        cmocka_unit_test(random_captions_do_no_harm),
        cmocka_unit_test(out_of_memory_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
