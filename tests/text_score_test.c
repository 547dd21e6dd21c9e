/* captioner/score/text_score.h: 13a tokens and BLEU worked out by hand, and tests/golden/bleu, which
 * tests/recipes/bleu.py computes in another way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "captioner/score/text_score.h"
#include "src/base/text.h"
#include "src/io/file.h"

#define GOLDEN TEST_SOURCE_DIR "/golden/bleu/"

enum { LINES = 120 };

typedef struct lines {
    char *bytes, *line[LINES];
} lines;

static lines read_lines(const char *path)
{
    lines l = {0};
    uint8_t *bytes;
    size_t size;
    assert_int_equal(io_read_file(path, 1 << 20, &bytes, &size, NULL), ERR_OK);
    l.bytes = (char *)bytes;
    char *at = l.bytes;
    for (int i = 0; i < LINES; i++) {
        l.line[i] = at;
        at = strchr(at, '\n');
        assert_non_null(at);
        *at++ = 0;
    }
    assert_int_equal(*at, 0);
    return l;
}

static void expect_tokens(const char *line, const char *expected)
{
    arena a = {0};
    cap_tokens t;
    text joined = {0};
    assert_int_equal(cap_13a_tokens(line, &a, &t, NULL), ERR_OK);
    for (size_t i = 0; i < t.count; i++) text_printf(&joined, "%s%s", i ? " " : "", t.token[i]);
    assert_string_equal(text_string(&joined), expected);
    text_release(&joined);
    arena_release(&a);
}

static void tokens_by_hand(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"Hello, world!", "Hello , world !"},
        {"It cost 1,000.50 dollars.", "It cost 1,000.50 dollars ."}, /* points between digits stay */
        {"a well-known 5-year-old", "a well-known 5 - year-old"},    /* a dash parts after a digit only */
        {"don't 'quote' \"this\"", "don't 'quote' \" this \""},      /* ' is no symbol here */
        {"(a/b) $5 50%", "( a / b ) $ 5 50 %"},
        {"U.S. e.g. 3.", "U . S . e . g . 3 ."},
        {"AT&amp;T &lt;b&gt; &quot;x&quot; &amp;lt;", "AT & T < b > \" x \" <"},
        {"wait...", "wait . . ."},
        {"a<skipped>b", "ab"},
        {"caf\xC3\xA9.\xC3\xA9\xC2\xA0x\xE3\x80\x80y",
         "caf\xC3\xA9 . \xC3\xA9 x y"},                               /* Unicode blanks part */
        {"\xE2\x80\x9Cno\xE2\x80\x9D", "\xE2\x80\x9Cno\xE2\x80\x9D"}, /* curly quotes do not */
        {"\xFF.\xFE", "\xFF . \xFE"},
        {"", ""},
        {" \t ", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) expect_tokens(cases[i][0], cases[i][1]);
}

static void tokens_as_computed_elsewhere(void **state)
{
    (void)state;
    lines hyp = read_lines(GOLDEN "hyp.txt"), expected = read_lines(GOLDEN "tokens.txt");
    for (int i = 0; i < LINES; i++) expect_tokens(hyp.line[i], expected.line[i]);
    free(hyp.bytes);
    free(expected.bytes);
}

static void add(cap_text_counts *c, const char *hypothesis, const char *a, const char *b)
{
    const char *refs[] = {a, b};
    assert_int_equal(cap_text_add(c, hypothesis, refs, b ? 2 : 1, NULL), ERR_OK);
}

static double golden(const char *name)
{
    char found[16];
    double score = -1;
    FILE *f = fopen(GOLDEN "scores.txt", "r");
    assert_non_null(f);
    while (fscanf(f, "%15s %lf", found, &score) == 2 && strcmp(found, name)) continue;
    fclose(f);
    assert_string_equal(found, name);
    return score;
}

static void near(double a, double b)
{
    if (!(fabs(a - b) <= 1e-8)) fail_msg("%.12f, expected %.12f", a, b);
}

static void scores_as_computed_elsewhere(void **state)
{
    (void)state;
    lines hyp = read_lines(GOLDEN "hyp.txt"), a = read_lines(GOLDEN "ref_a.txt"),
          b = read_lines(GOLDEN "ref_b.txt"), far = read_lines(GOLDEN "far.txt");
    cap_text_counts one = {0}, two = {0}, none = {0};
    for (int i = 0; i < LINES; i++) {
        add(&one, hyp.line[i], a.line[i], NULL);
        add(&two, hyp.line[i], a.line[i], b.line[i]);
        add(&none, far.line[i], a.line[i], NULL);
    }
    near(cap_text_score(&one).score, golden("one"));
    near(cap_text_score(&two).score, golden("two"));
    near(cap_text_score(&none).score, golden("far")); /* no match of two words: smoothed */
    assert_int_equal(two.fewest_references, 1);
    assert_int_equal(two.most_references, 2);
    assert_true(one.exact >= LINES / 7 && one.exact < LINES);
    lines all[] = {hyp, a, b, far};
    for (int i = 0; i < 4; i++) free(all[i].bytes);
}

/* 5 of 6 words, 3 of 5 pairs, 1 of 4 triples, 0 of 3 fours, which counts as half a hit. */
static void bleu_by_hand(void **state)
{
    (void)state;
    cap_text_counts c = {0};
    add(&c, "the cat sat on a mat", "the cat is on a mat", NULL);
    cap_text_bleu b = cap_text_score(&c);
    near(b.precision[0], 100 * 5.0 / 6);
    near(b.precision[1], 100 * 3.0 / 5);
    near(b.precision[2], 100 * 1.0 / 4);
    near(b.precision[3], 100 * 0.5 / 3);
    near(b.score, 100 * pow(5.0 / 6 * 3 / 5 * 1 / 4 * 0.5 / 3, 0.25));
    near(b.brevity, 1);

    c = (cap_text_counts){0}; /* two orders without a hit count half and a quarter; 4 words against 6 */
    add(&c, "cat x the y", "the cat is on a mat", NULL);
    b = cap_text_score(&c);
    near(b.brevity, exp(1 - 6.0 / 4));
    near(b.score, 100 * exp(1 - 6.0 / 4) * pow(2.0 / 4 * 0.5 / 3 * 0.25 / 2 * 0.125 / 1, 0.25));
}

static void nothing_scores_nothing(void **state)
{
    (void)state;
    cap_text_counts c = {0};
    assert_true(cap_text_score(&c).score == 0);
    add(&c, "x y z w v", "a b c d e", NULL);
    assert_true(cap_text_score(&c).score == 0);
    c = (cap_text_counts){0};
    add(&c, "a b c", "a b c", NULL); /* no four words anywhere */
    assert_true(cap_text_score(&c).score == 0);
    assert_int_equal(c.exact, 1);
    c = (cap_text_counts){0};
    add(&c, "", "a b c", NULL);
    assert_true(cap_text_score(&c).score == 0 && cap_text_score(&c).brevity == 0);
}

static void exact_matches(void **state)
{
    (void)state;
    cap_text_counts c = {0};
    add(&c, "1994-09-27 ", "1994-09-27", NULL);
    add(&c, "A dog", "a dog", NULL);
    add(&c, "second", "first", "second");
    add(&c, "", "", "x");
    assert_int_equal(c.lines, 4);
    assert_int_equal(c.exact, 2);
    const char *empty[] = {"", ""};
    error err = {0};
    assert_int_equal(cap_text_add(&c, "x", empty, 2, &err), ERR_ARGUMENT);
    assert_int_equal(c.lines, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_by_hand),
        cmocka_unit_test(tokens_as_computed_elsewhere),
        cmocka_unit_test(scores_as_computed_elsewhere),
        cmocka_unit_test(bleu_by_hand),
        cmocka_unit_test(nothing_scores_nothing),
        cmocka_unit_test(exact_matches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
