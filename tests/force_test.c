/* captioner/search/force.h against the search, captioner/score/attention_stats.h against figures worked out
 * by hand, and the document frequencies that models carry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "captioner/score/attention_stats.h"
#include "captioner/score/model_df.h"
#include "captioner/score/score.h"
#include "captioner/search/force.h"
#include "tests/model_file.h"
#include "tests/opened.h"

static const char photo[] = TEST_SOURCE_DIR "/photos/coffee.jpg";

static void near(double a, double b, double tolerance)
{
    if (!(fabs(a - b) <= tolerance)) fail_msg("%.9f, expected %.9f", a, b);
}

static opened open_greedy(void)
{
    cap_request r = cap_request_defaults(CAP_PHOTOS);
    r.beam = 1;
    r.max_words = 6;
    return open_path(model, r, 0);
}

/* The model's own sentence, forced, has the probabilities and the attention that the search saw; each of its
 * greedy words is the likeliest that is no <unk> and no end. */
static void own_sentence(void **state)
{
    (void)state;
    opened c = open_greedy();
    cap_description d;
    cap_judged j;
    assert_int_equal(cap_describe_file(c.session, &c.request, photo, &d, NULL), ERR_OK);
    assert_int_equal(cap_judge_file(c.session, &c.request, photo, d.best.sentence, &j, NULL), ERR_OK);
    assert_int_equal(j.description.best.words, d.best.words);
    assert_int_equal(j.unknown, 0);
    double sum = 0;
    for (int i = 0; i < d.best.words; i++) {
        assert_string_equal(j.given[i], d.best.word[i]);
        assert_string_equal(j.description.best.word[i], d.best.word[i]);
        near((double)j.description.best.probability[i], (double)d.best.probability[i], 1e-5);
        near(j.log_probability[i], log((double)d.best.probability[i]), 1e-4);
        assert_in_range(j.rank[i], 1, 3);
        sum += j.log_probability[i];
    }
    for (int i = 0; i < d.best.words * d.grid_h * d.grid_w; i++)
        near((double)j.description.attention[i], (double)d.attention[i], 1e-5);
    if (!d.best.ended) near(sum, d.best.log_probability, 1e-4);
    near(j.description.best.log_probability, sum + j.log_probability[d.best.words], 1e-9);
    cap_description_release(&d);
    cap_judged_release(&j);
    close_all(&c);
}

/* After the same beginning, the probabilities of all that can follow sum to less than 1 (<pad> and <start>
 * have the rest), and their ranks are all different. */
static void words_share_one_probability(void **state)
{
    (void)state;
    static const char *const last[] = {"a",  "dog", "cat", "runs",        "on",   "snow",
                                       "in", "the", "man", "caf\xC3\xA9", "zebra" /* <unk> */};
    opened c = open_greedy();
    double sum = 0;
    int ranks = 0;
    for (size_t i = 0; i < sizeof last / sizeof last[0]; i++) {
        char sentence[64];
        cap_judged j;
        snprintf(sentence, sizeof sentence, "A dog %s.", last[i]);
        assert_int_equal(cap_judge_file(c.session, &c.request, photo, sentence, &j, NULL), ERR_OK);
        assert_int_equal(j.description.best.words, 3);
        sum += exp(j.log_probability[2]);
        ranks |= 1 << j.rank[2];
        assert_int_equal(j.unknown, i == 10);
        assert_string_equal(j.given[2], last[i]);
        assert_string_equal(j.description.best.word[2], i == 10 ? "<unk>" : last[i]);
        cap_judged_release(&j);
    }
    cap_judged j; /* the twelfth that can follow is the end */
    assert_int_equal(cap_judge_file(c.session, &c.request, photo, "a dog", &j, NULL), ERR_OK);
    sum += exp(j.log_probability[2]);
    ranks |= 1 << j.rank[2];
    cap_judged_release(&j);
    assert_true(sum > 0.5 && sum < 1);
    assert_int_equal(ranks, (1 << 13) - 2); /* 1..12 */
    close_all(&c);
}

static void bad_sentences(void **state)
{
    (void)state;
    opened c = open_greedy();
    cap_judged j;
    error err = {0};
    assert_int_equal(cap_judge_file(c.session, &c.request, photo, " . ", &j, &err), ERR_ARGUMENT);
    assert_string_equal(err.text, "there is no word in ' . '");
    assert_null(j.given);
    assert_int_equal(cap_judge_file(c.session, &c.request, "/nowhere.jpg", "a dog", &j, &err), ERR_MISSING);
    char *longest = calloc(CAP_MAX_WORDS + 1, 2);
    for (int i = 0; i <= CAP_MAX_WORDS; i++) memcpy(longest + 2 * i, i < CAP_MAX_WORDS ? "a " : "a", 2);
    assert_int_equal(cap_judge_file(c.session, &c.request, photo, longest, &j, &err), ERR_LIMIT);
    longest[2 * CAP_MAX_WORDS - 1] = 0;
    assert_int_equal(cap_judge_file(c.session, &c.request, photo, longest, &j, &err), ERR_OK);
    cap_judged_release(&j);
    free(longest);
    close_all(&c);
}

/* ---- attention ---- */

static void attention_by_hand(void **state)
{
    (void)state;
    static const float two[] = {0.5f, 0.5f, 0, 0, 0, 0, 0.25f, 0.75f}; /* 2 words, 4 regions */
    cap_attention_stats s = {0};
    cap_attention_add(&s, two, 2, 4);
    cap_attention a = cap_attention_summary(&s);
    double h = -(0.25 * log(0.25) + 0.75 * log(0.75));
    near(a.entropy, (0.5 + h / log(4)) / 2, 1e-9);
    near(a.strongest, 0.625, 1e-9);
    near(a.change, 1, 1e-9);
    assert_false(a.flat || a.frozen);
    assert_int_equal(a.words, 2);
    cap_attention_add(&s, two, 1, 4); /* one word more, without a neighbour */
    a = cap_attention_summary(&s);
    near(a.strongest, 1.75 / 3, 1e-9);
    near(a.change, 1, 1e-9);
    assert_int_equal(a.captions, 2);
}

/* A model that looks at concepts: two regions, two concepts, and what the first two words leave of 1. */
static void attention_to_concepts(void **state)
{
    (void)state;
    float alpha[] = {0.25f, 0, 0.25f, 0}, of_concepts[] = {0.25f, 0.25f, 0, 0.5f}, all[] = {0.5f, 0.5f, 1, 0};
    cap_attention_stats s = {0}, none = {0}, rest = {0};
    cap_description d = {.best = {.words = 2},
                         .grid_h = 1,
                         .grid_w = 2,
                         .attention = alpha,
                         .concepts = 2,
                         .concept_attention = of_concepts};
    assert_true(cap_attention_add_description(&s, &d));
    cap_attention a = cap_attention_summary(&s);
    near(a.entropy, (log(4) + 1.5 * log(2)) / 2 / log(5), 1e-6);
    near(a.strongest, 0.375, 1e-6);
    near(a.change, 0.25, 1e-6);
    d.concept_attention = NULL; /* nothing was named */
    assert_true(cap_attention_add_description(&rest, &d));
    near(cap_attention_summary(&rest).strongest, 0.75, 1e-6);
    d.attention = all; /* a model that knows no concepts */
    assert_true(cap_attention_add_description(&none, &d));
    near(cap_attention_summary(&none).entropy, 0.5, 1e-6);
    near(cap_attention_summary(&none).change, 0.5, 1e-6);
    d.attention = NULL;
    assert_true(cap_attention_add_description(&none, &d));
    assert_int_equal(cap_attention_summary(&none).captions, 1);
}

static void flat_and_frozen(void **state)
{
    (void)state;
    static const float even[] = {0.26f, 0.24f, 0.25f, 0.25f, 0.25f, 0.25f, 0.25f, 0.25f};
    static const float fixed[] = {1, 0, 0, 0, 1, 0, 0, 0};
    cap_attention_stats s = {0}, f = {0}, none = {0};
    cap_attention_add(&s, even, 2, 4);
    cap_attention a = cap_attention_summary(&s);
    assert_true(a.flat && a.frozen);
    near(a.change, 0.01, 1e-6);
    cap_attention_add(&f, fixed, 2, 4);
    a = cap_attention_summary(&f);
    assert_true(!a.flat && a.frozen);
    near(a.entropy, 0, 1e-9);
    cap_attention_add(&none, NULL, 3, 4);
    cap_attention_add(&none, even, 8, 1);
    a = cap_attention_summary(&none);
    assert_false(a.flat || a.frozen);
    assert_int_equal(a.captions, 0);
}

/* ---- document frequencies in a model ---- */

static cap_df *some_df(void)
{
    cap_scorer *s = NULL;
    cap_df *df = NULL;
    assert_int_equal(cap_scorer_create(&s, NULL), ERR_OK);
    for (int i = 0; i < 3; i++) cap_scorer_add_reference(s, i, i ? "a dog runs" : "a cat", NULL);
    assert_int_equal(cap_scorer_count_df(s, &df, NULL), ERR_OK);
    cap_scorer_free(&s);
    return df;
}

static void models_carry_frequencies(void **state)
{
    (void)state;
    char path[64];
    error err = {0};
    cap_model *m = NULL;
    cap_df *df = NULL, *made = some_df();
    assert_int_equal(cap_model_read_df(model, &df, &err), ERR_MISSING);
    assert_null(df);
    assert_int_equal(cap_model_open(model, &m, &err), ERR_OK);
    assert_int_equal(cap_model_get_df(m, &df, &err), ERR_OK);
    assert_null(df);
    assert_int_equal(cap_model_set_df(m, made, &err), ERR_OK);
    snprintf(path, sizeof path, "%s.df", model);
    assert_int_equal(cap_model_save(m, path, IO_F16, &err), ERR_OK);
    cap_model_close(&m);
    assert_int_equal(cap_model_read_df(path, &df, &err), ERR_OK);
    assert_int_equal(df->total, 3);
    assert_int_equal(df->sequences.node_count, made->sequences.node_count);
    cap_df_free(&df);
    cap_model *c = NULL;
    assert_int_equal(cap_open(path, NULL, &c, &err), ERR_OK);
    assert_int_equal(cap_model_get_df(c, &df, &err), ERR_OK);
    assert_int_equal(df->images[1], 3); /* "a" */
    cap_df_free(&df);
    cap_df_free(&made);
    cap_close(&c);
    unlink(path);
}

static void large_tables_stay_out_of_models(void **state)
{
    (void)state;
    cap_scorer *s = NULL;
    cap_df *df = NULL;
    cap_model *m = NULL;
    error err = {0};
    assert_int_equal(cap_scorer_create(&s, NULL), ERR_OK);
    for (int i = 0; i < 2 * 60000; i++) { /* 60,000 different sentences of 4 words, each of two images */
        char caption[64];
        snprintf(caption, sizeof caption, "first%d second third fourth", i / 2);
        assert_int_equal(cap_scorer_add_reference(s, i, caption, NULL), ERR_OK);
    }
    assert_int_equal(cap_scorer_count_df(s, &df, NULL), ERR_OK);
    assert_int_equal(cap_model_open(model, &m, NULL), ERR_OK);
    assert_int_equal(cap_model_set_df(m, df, &err), ERR_LIMIT);
    assert_null(m->df);
    cap_model_close(&m);
    cap_df_free(&df);
    cap_scorer_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_sentence),
        cmocka_unit_test(words_share_one_probability),
        cmocka_unit_test(bad_sentences),
        cmocka_unit_test(attention_by_hand),
        cmocka_unit_test(attention_to_concepts),
        cmocka_unit_test(flat_and_frozen),
        cmocka_unit_test(models_carry_frequencies),
        cmocka_unit_test(large_tables_stay_out_of_models),
    };
    return cmocka_run_group_tests(tests, model_file_make, model_file_remove);
}
