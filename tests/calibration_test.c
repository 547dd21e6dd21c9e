/* captioner/score/calibration.h by hand, and attention statistics that are put together from parts. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "captioner/score/attention_stats.h"
#include "captioner/score/calibration.h"

static void near(double got, double want)
{
    if (!(fabs(got - want) <= 1e-6)) fail_msg("got %.9g, wanted %.9g", got, want);
}

static void add(cap_calibration *c, const char *const *word, const float *p, int words)
{
    static const char *const references[] = {"A dog's bone.", "The CAT sat; it can't run"};
    error err = {0};
    assert_int_equal(cap_calibration_add(c, word, p, words, references, 2, &err), ERR_OK);
}

/* Case and clitics are the scorer's: "dog's" is dog 's, "can" alone is no word of "can't" (ca n't). */
static void words_occur_as_scores_see_them(void **state)
{
    (void)state;
    static const char *const word[] = {"cat", "dog", "dog's", "can't", "can", "bird", ".", "bone"};
    static const float p[] = {0.95f, 0.91f, 0.55f, 1, 0.05f, 0.15f, 0.9f, 0};
    cap_calibration c = {0};
    add(&c, word, p, 8);
    assert_int_equal(c.words, 7); /* the dot is no word */
    assert_int_equal(c.bin[9].words, 3);
    assert_int_equal(c.bin[9].occur, 3);
    assert_int_equal(c.bin[5].occur, 1);
    assert_int_equal(c.bin[0].words, 2); /* can, bone */
    assert_int_equal(c.bin[0].occur, 1);
    assert_int_equal(c.bin[1].occur, 0);
    near(c.bin[9].probability, 0.95 + 0.91 + 1);
    near(cap_calibration_error(&c), (fabs(2.86 - 3) + fabs(0.55 - 1) + fabs(0.05 - 1) + 0.15) / 7);
}

static void perfect_and_empty(void **state)
{
    (void)state;
    static const char *const word[] = {"cat", "bird"};
    static const float p[] = {0.55f, 0.45f}, sure[] = {1, 0};
    cap_calibration c = {0};
    near(cap_calibration_error(&c), 0);
    add(&c, word, sure, 2);
    near(cap_calibration_error(&c), 0);
    add(&c, word, p, 2);
    near(cap_calibration_error(&c), 0.9 / 4);
    assert_int_equal(cap_calibration_add(&c, word, p, 0, NULL, 0, NULL), ERR_OK);
    assert_int_equal(c.words, 4);
}

/* Captions kept one by one give the statistics of all together. */
static void parts_make_the_whole(void **state)
{
    (void)state;
    static const float alpha[] = {0.7f, 0.2f, 0.1f, 0.1f, 0.8f, 0.1f, 0.3f, 0.3f, 0.4f};
    cap_attention_stats whole = {0}, parts = {0}, one = {0}, two = {0};
    cap_attention_add(&whole, alpha, 2, 3);
    cap_attention_add(&whole, alpha + 3, 2, 3);
    cap_attention_add(&one, alpha, 2, 3);
    cap_attention_add(&two, alpha + 3, 2, 3);
    cap_attention_merge(&parts, &one);
    cap_attention_merge(&parts, &two);
    cap_attention a = cap_attention_summary(&whole), b = cap_attention_summary(&parts);
    assert_int_equal(b.captions, 2);
    assert_int_equal(b.words, 4);
    near(a.entropy, b.entropy);
    near(a.strongest, b.strongest);
    near(b.strongest, (0.7 + 0.8 + 0.8 + 0.4) / 4);
    near(a.change, b.change);
    near(b.change, (0.6 + 0.5) / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_occur_as_scores_see_them),
        cmocka_unit_test(perfect_and_empty),
        cmocka_unit_test(parts_make_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
