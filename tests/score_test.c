/* captioner/score/score.h against the published example of the COCO caption evaluation, and against small
 * cases worked out by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <jansson.h>

#include "captioner/score/score.h"

#define EXAMPLE TEST_SHARED_DIR "/data/coco_eval/"

static void near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance)) fail_msg("got %.9g, wanted %.9g", got, want);
}

static cap_scorer *scorer(void)
{
    cap_scorer *s = NULL;
    assert_int_equal(cap_scorer_create(&s, NULL), ERR_OK);
    return s;
}

static void reference(cap_scorer *s, int64_t image, const char *caption)
{
    assert_int_equal(cap_scorer_add_reference(s, image, caption, NULL), ERR_OK);
}

static void hypothesis(cap_scorer *s, int64_t image, const char *caption)
{
    error err = {0};
    if (cap_scorer_add_hypothesis(s, image, caption, &err)) fail_msg("%s", err.text);
}

static cap_scores run(cap_scorer *s, const cap_df *df)
{
    cap_scores all;
    error err = {0};
    if (cap_scorer_run(s, df, &all, &err)) fail_msg("%s", err.text);
    return all;
}

static void add_example(cap_scorer *s, const json_t *refs, const json_t *results, int64_t copy)
{
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(refs, "annotations"), i, row)
        reference(s, json_integer_value(json_object_get(row, "image_id")) + copy * 10000000,
                  json_string_value(json_object_get(row, "caption")));
    json_array_foreach(results, i, row)
        hypothesis(s, json_integer_value(json_object_get(row, "image_id")) + copy * 10000000,
                   json_string_value(json_object_get(row, "caption")));
}

/* The figures coco-caption prints for its own example. */
static void check_example(const cap_metrics *m)
{
    static const double bleu[] = {0.579400, 0.404391, 0.278536, 0.190829};
    static const int64_t guess[] = {9893, 8893, 7893, 6893}, correct[] = {5732, 2510, 1043, 423};
    for (int n = 0; n < CAP_NGRAM_MAX; n++) {
        near(m->bleu[n], bleu[n], 1e-6);
        assert_int_equal(m->guess[n], guess[n]);
        assert_int_equal(m->correct[n], correct[n]);
    }
    assert_int_equal(m->hypothesis_words, 9893);
    assert_int_equal(m->reference_words, 9855);
    near(m->rouge_l, 0.396253, 1e-6);
    near(m->cider_d, 0.599791, 1e-6);
    near(m->cider, 0.711060, 1e-6);
}

/* Of this thread, whatever else the machine does. */
static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The two files of the example, or NULL and a message. */
static bool load_example(json_t **refs, json_t **results)
{
    *refs = json_load_file(EXAMPLE "refs.json", 0, NULL);
    *results = json_load_file(EXAMPLE "results.json", 0, NULL);
    if (*refs && *results) return true;
    print_message("skipped: no example in %s\n", EXAMPLE);
    json_decref(*refs);
    json_decref(*results);
    return false;
}

static void published_example(void **state)
{
    (void)state;
    json_t *refs, *results;
    if (!load_example(&refs, &results)) skip();
    cap_scorer *s = scorer();
    add_example(s, refs, results, 0);
    cap_scores all = run(s, NULL);
    check_example(&all.of);
    assert_int_equal(all.images, 1000);
    assert_int_equal(all.references, 5005);
    assert_int_equal(all.left_out, 0);

    /* a second run gives the same bits; frequencies that went through a table give the same score */
    double cider = all.of.cider_d;
    all = run(s, NULL);
    assert_true(all.of.cider_d == cider);
    cap_df *df = NULL, *read = NULL;
    assert_int_equal(cap_scorer_count_df(s, &df, NULL), ERR_OK);
    json_t *json = cap_df_to_json(df);
    assert_int_equal(cap_df_from_json(&read, json, NULL), ERR_OK);
    all = run(s, read);
    assert_true(all.of.cider_d == cider);
    json_decref(json);
    cap_df_free(&df);
    cap_df_free(&read);
    cap_scorer_free(&s);

    /* five times the example, as large as the usual COCO test split; BLEU and ROUGE-L do not change */
    s = scorer();
    double start = seconds();
    for (int copy = 0; copy < 5; copy++) add_example(s, refs, results, copy);
    all = run(s, NULL);
    print_message("5000 images, 25025 references: %.2f s\n", seconds() - start);
    near(all.of.bleu[3], 0.190829, 1e-6);
    near(all.of.rouge_l, 0.396253, 1e-6);
    assert_int_equal(all.of.correct[3], 5 * 423);
    cap_scorer_free(&s);
    json_decref(refs);
    json_decref(results);
}

/* Lengths 4 and 6 are as near to 5: the shorter counts, so no brevity penalty; 7 against 5 would be one. */
static void equally_near_lengths_take_the_shorter(void **state)
{
    (void)state;
    cap_scorer *s = scorer();
    reference(s, 1, "a b c d e f");
    reference(s, 1, "a b c d");
    hypothesis(s, 1, "a b c d e");
    cap_scores all = run(s, NULL);
    assert_int_equal(all.of.reference_words, 4);
    assert_int_equal(all.of.hypothesis_words, 5);
    near(all.of.bleu[3], 1, 1e-6);
    cap_scorer_free(&s);
}

static void brevity_penalty(void **state)
{
    (void)state;
    cap_scorer *s = scorer();
    reference(s, 1, "the cat sat on the mat");
    hypothesis(s, 1, "the cat sat on");
    cap_scores all = run(s, NULL);
    near(all.of.bleu[0], exp(1 - 6.0 / 4), 1e-6);
    near(all.of.bleu[3], exp(1 - 6.0 / 4), 1e-6);
    cap_scorer_free(&s);
}

/* Papineni et al.: "the" seven times, at most twice in a reference. */
static void repeated_words_are_clipped(void **state)
{
    (void)state;
    cap_scorer *s = scorer();
    reference(s, 7, "The cat is on the mat.");
    reference(s, 7, "There is a cat on the mat.");
    hypothesis(s, 7, "the the the the the the the");
    cap_scores all = run(s, NULL);
    assert_int_equal(all.of.correct[0], 2);
    assert_int_equal(all.of.guess[0], 7);
    assert_int_equal(all.of.correct[1], 0);
    near(all.of.bleu[0], 2.0 / 7, 1e-6);
    cap_scorer_free(&s);
}

/* LCS "a c" of 2: P 2/3 with the first reference, R 2/2 with the second ("a c"), taken separately. */
static void rouge_takes_best_precision_and_recall_apart(void **state)
{
    (void)state;
    cap_scorer *s = scorer();
    reference(s, 1, "x c y z b q");
    reference(s, 1, "a c");
    hypothesis(s, 1, "a b c");
    double p = 2.0 / 3, r = 1, b2 = 1.44;
    cap_scores all = run(s, NULL);
    near(all.of.rouge_l, (1 + b2) * p * r / (r + b2 * p), 1e-12);
    cap_scorer_free(&s);
}

/* Two images, no shared word: every idf is ln 2, so cosines are over raw counts. The hypothesis of image 1 is
 * its reference: 10. That of image 2 is "c c" against "c d": unigrams 2/(2 sqrt 2) plain, 1/(2 sqrt 2)
 * clipped. */
static void cider_by_hand(void **state)
{
    (void)state;
    cap_scorer *s = scorer();
    reference(s, 1, "v w x y z");
    reference(s, 2, "c d");
    hypothesis(s, 1, "v w x y z");
    hypothesis(s, 2, "c c");
    cap_scores all = run(s, NULL);
    near(all.image[0].of.cider_d, 10, 1e-9);
    near(all.image[0].of.cider, 10, 1e-9);
    near(all.image[1].of.cider, 10.0 / 4 * 2 / (2 * sqrt(2)), 1e-9);
    near(all.image[1].of.cider_d, 10.0 / 4 * 1 / (2 * sqrt(2)), 1e-9);
    near(all.of.cider, (10 + 2.5 / sqrt(2)) / 2, 1e-9);
    assert_false(all.cider_means_nothing);
    cap_scorer_free(&s);
}

/* One bigram fewer costs exp(-1/72); "a" is all but the last word's n-grams. */
static void cider_length_factor(void **state)
{
    (void)state;
    cap_scorer *s = scorer();
    reference(s, 1, "a b");
    reference(s, 2, "c");
    hypothesis(s, 1, "a");
    hypothesis(s, 2, "c");
    cap_scores all = run(s, NULL);
    near(all.image[0].of.cider, 2.5 / sqrt(2), 1e-9);
    near(all.image[0].of.cider_d, 2.5 / sqrt(2) * exp(-1.0 / 72), 1e-9);
    cap_scorer_free(&s);
}

static void one_image_has_no_cider(void **state)
{
    (void)state;
    cap_scorer *s = scorer(), *large = scorer();
    reference(s, 1, "a cat on a mat");
    hypothesis(s, 1, "a cat on a mat");
    cap_scores all = run(s, NULL);
    assert_true(all.cider_means_nothing);
    assert_true(all.of.cider_d == 0 && all.of.cider == 0);

    cap_df *df = NULL; /* ... but has with frequencies from elsewhere */
    reference(large, 1, "a dog");
    reference(large, 2, "a bird");
    assert_int_equal(cap_scorer_count_df(large, &df, NULL), ERR_OK);
    assert_int_equal(df->sequences.node_count, 2); /* only "a" is in two images */
    all = run(s, df);
    assert_false(all.cider_means_nothing);
    near(all.of.cider_d, 10, 1e-9);
    cap_df_free(&df);
    cap_scorer_free(&s);
    cap_scorer_free(&large);
}

static void empty_captions_score_zero(void **state)
{
    (void)state;
    cap_scorer *s = scorer();
    reference(s, 1, "a cat");
    reference(s, 2, "a dog");
    reference(s, 2, "");
    hypothesis(s, 1, " . ");
    hypothesis(s, 2, "a dog");
    cap_scores all = run(s, NULL);
    assert_int_equal(all.empty, 1);
    for (int n = 0; n < CAP_NGRAM_MAX; n++) near(all.image[0].of.bleu[n], 0, 1e-9);
    assert_true(all.image[0].of.rouge_l == 0 && all.image[0].of.cider_d == 0);
    assert_true(all.image[1].of.rouge_l == 1);
    assert_int_equal(all.of.hypothesis_words, 2);
    cap_scorer_free(&s);
}

static void statistics(void **state)
{
    (void)state;
    cap_scorer *s = scorer();
    for (int i = 0; i < 5; i++) reference(s, i, "a reference");
    assert_int_equal(cap_scorer_add_training(s, "A cat sits.", NULL), ERR_OK);
    assert_int_equal(cap_scorer_add_training(s, "a cat sits on a mat", NULL), ERR_OK);
    hypothesis(s, 0, "a cat sits");
    hypothesis(s, 1, "A cat, sits!");
    hypothesis(s, 2, "a cat sits on");
    hypothesis(s, 3, "dogs");
    cap_scores all = run(s, NULL);
    assert_int_equal(all.images, 4);
    assert_int_equal(all.left_out, 1);
    assert_int_equal(all.distinct, 3);
    assert_int_equal(all.novel, 2);
    assert_string_equal(all.image[1].caption, "A cat, sits!");
    assert_int_equal(all.vocabulary, 5);
    assert_int_equal(all.training_captions, 2);
    near(all.mean_words, 11.0 / 4, 1e-12);
    cap_scorer_free(&s);
}

/* Images without a hypothesis must not count as documents. */
static void only_scored_images_count_as_documents(void **state)
{
    (void)state;
    cap_scorer *with = scorer(), *without = scorer();
    for (int i = 0; i < 2; i++) {
        reference(i ? with : without, 1, "a cat on a mat");
        reference(i ? with : without, 2, "a dog in a park");
        hypothesis(i ? with : without, 1, "a cat in a mat");
        hypothesis(i ? with : without, 2, "a dog in a park");
    }
    reference(with, 3, "a cat in a park");
    assert_true(run(with, NULL).of.cider_d == run(without, NULL).of.cider_d);
    cap_scorer_free(&with);
    cap_scorer_free(&without);
}

/* An image with these references, and what a caption names of what most of them name. */
static void expect_objects(const char *const *refs, const char *caption, int64_t objects, int64_t named)
{
    cap_scorer *s = scorer();
    while (*refs) reference(s, 1, *refs++);
    hypothesis(s, 1, caption);
    cap_scores all = run(s, NULL);
    assert_int_equal(all.objects, objects);
    assert_int_equal(all.objects_named, named);
    cap_scorer_free(&s);
}

/* Three of five call it a dog, by whatever word; four tell of people, two of a bench, all of snow. */
static void objects_that_most_name(void **state)
{
    (void)state;
    static const char *const five[] = {"A man and his puppy in the snow.",
                                       "Two women with a dog, snow",
                                       "a girl on a bench, in snow",
                                       "People, snow, dogs!",
                                       "<unk> snow on a bench",
                                       NULL};
    expect_objects(five, "a boy in the snow", 2, 1);
    expect_objects(five, "A terrier sits by its lady.", 2, 2);
    expect_objects(five, "hot dogs on a bench", 2, 0); /* a hot dog is no dog */
    expect_objects(five, "", 2, 0);
    static const char *const six[] = {"a cat", "a kitten", "cats", "a bed", "a bed", "a bed", NULL};
    expect_objects(six, "a cat on a bed", 0, 0); /* half are not most */
    expect_objects(six + 1, "a cat on a bed", 1, 1);
    expect_objects(six + 3, "a cat on a bed", 1, 1);
    expect_objects(six + 4, "a cat on a bed", 0, 0); /* two people are not many */
}

/* Several images add up, and a second run begins anew. */
static void objects_of_all_images(void **state)
{
    (void)state;
    cap_scorer *s = scorer();
    for (int i = 0; i < 6; i++) reference(s, i % 2, i % 2 ? "a red bus" : "a bus by a hydrant");
    hypothesis(s, 0, "a hydrant");
    hypothesis(s, 1, "buses");
    for (int i = 0; i < 2; i++) {
        cap_scores all = run(s, NULL);
        assert_int_equal(all.objects, 3);
        assert_int_equal(all.objects_named, 2);
    }
    cap_scorer_free(&s);
}

static void misuse_is_refused(void **state)
{
    (void)state;
    cap_scorer *s = scorer();
    cap_scores all;
    error err = {0};
    assert_int_equal(cap_scorer_run(s, NULL, &all, &err), ERR_ARGUMENT);
    reference(s, 5, "a cat");
    assert_int_equal(cap_scorer_add_hypothesis(s, 6, "a cat", &err), ERR_MISSING);
    assert_string_equal(err.text, "image 6 has no reference captions");
    hypothesis(s, 5, "a cat");
    assert_int_equal(cap_scorer_add_hypothesis(s, 5, "a dog", &err), ERR_ARGUMENT);
    static char longest[2 * CAP_SCORE_MAX_WORDS + 8];
    for (int i = 0; i <= CAP_SCORE_MAX_WORDS; i++) memcpy(longest + 2 * i, "a ", 2);
    assert_int_equal(cap_scorer_add_reference(s, 5, longest, &err), ERR_LIMIT);
    longest[2 * CAP_SCORE_MAX_WORDS] = 0;
    assert_int_equal(cap_scorer_add_reference(s, 5, longest, &err), ERR_OK);
    assert_int_equal(run(s, NULL).images, 1);
    cap_scorer_free(&s);
    cap_scorer_free(&s);
}

static void damaged_frequencies_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{}",
        "[]",
        "{\"images\": 0, \"words\": [], \"counts\": []}",
        "{\"images\": 2, \"words\": [1], \"counts\": []}",
        "{\"images\": 2, \"words\": [\"a\", \"a\"], \"counts\": []}",
        "{\"images\": 2, \"words\": [\"a\"], \"counts\": [[1, 0, 2]]}", /* a row not before it */
        "{\"images\": 2, \"words\": [\"a\"], \"counts\": [[0, 1, 2]]}", /* no such word */
        "{\"images\": 2, \"words\": [\"a\"], \"counts\": [[0, 0, 3]]}", /* in more images than there are */
        "{\"images\": 2, \"words\": [\"a\"], \"counts\": [[0, 0, 2], [0, 0, 2]]}",
        "{\"images\": 2, \"words\": [\"a\"], \"counts\": [[0, 0]]}",
        "{\"images\": 2, \"words\": [\"a\"], \"counts\": [[-1, 0, 2]]}",
        "{\"images\": 99999999999, \"words\": [\"a\"], \"counts\": []}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        json_t *json = json_loads(bad[i], 0, NULL);
        cap_df *df = NULL;
        error err = {0};
        assert_int_equal(cap_df_from_json(&df, json, &err), ERR_FORMAT);
        assert_null(df);
        assert_true(err.text[0]);
        json_decref(json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_example),
        cmocka_unit_test(equally_near_lengths_take_the_shorter),
        cmocka_unit_test(brevity_penalty),
        cmocka_unit_test(repeated_words_are_clipped),
        cmocka_unit_test(rouge_takes_best_precision_and_recall_apart),
        cmocka_unit_test(cider_by_hand),
        cmocka_unit_test(cider_length_factor),
        cmocka_unit_test(one_image_has_no_cider),
        cmocka_unit_test(empty_captions_score_zero),
        cmocka_unit_test(statistics),
        cmocka_unit_test(only_scored_images_count_as_documents),
        cmocka_unit_test(objects_that_most_name),
        cmocka_unit_test(objects_of_all_images),
        cmocka_unit_test(misuse_is_refused),
        cmocka_unit_test(damaged_frequencies_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
