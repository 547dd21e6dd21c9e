#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "captioner/search/search.h"
#include "datasets/vocab.h"
#include "src/base/rng.h"
#include "tests/toy_decoder.h"

enum { STATES = 4, FEATURES = 3, MOST_PHOTOS = 65, LONGEST = 12 };

typedef toy_decoder fixture;

static void set_up(fixture *f, uint64_t seed, int vocabulary)
{
    toy_decoder_create(f, seed, toy_decoder_config(FEATURES, vocabulary, NN_MATCH_SIGMOID), MOST_PHOTOS,
                       STATES);
}

static err_code try_search(fixture *f, int first, int photos, const cap_search_options *o,
                           cap_hypothesis *best, error *err)
{
    nn_begin(&f->tape);
    cap_memory m = toy_decoder_remember(f, first, photos);
    return cap_search(&f->tape, &f->decoder, &m, o, &f->results, best, err);
}

static void search(fixture *f, int first, int photos, const cap_search_options *o, cap_hypothesis *best)
{
    error err = {0};
    assert_int_equal(try_search(f, first, photos, o, best, &err), ERR_OK);
}

static bool same_words(const cap_hypothesis *a, const cap_hypothesis *b)
{
    if (a->words != b->words || a->ended != b->ended) return false;
    return !a->words || !memcmp(a->word, b->word, a->words * sizeof *a->word);
}

static int occurrences(const cap_hypothesis *h, int32_t word)
{
    int n = 0;
    for (int i = 0; i < h->words; i++) n += h->word[i] == word;
    return n;
}

/* Number of n-grams that occur a second time. */
static int repeats(const cap_hypothesis *h, int n)
{
    int found = 0;
    for (int i = 0; n && i + n <= h->words; i++)
        for (int j = i + 1; j + n <= h->words; j++)
            found += !memcmp(h->word + i, h->word + j, n * sizeof *h->word);
    return found;
}

/* ---- rules ---- */

static void expect_rules_kept(const cap_search_options *o, const cap_hypothesis *h)
{
    assert_in_range(h->words, o->min_words, o->max_words);
    assert_true(h->ended);
    for (int i = 0; i < h->words; i++) assert_true(h->word[i] >= DS_SPECIALS);
    for (int i = 0; i < o->musts; i++) assert_true(occurrences(h, o->must[i]) > 0);
    for (int i = 0; i < o->avoids; i++) assert_int_equal(occurrences(h, o->avoid[i]), 0);
    for (int i = 0; i < o->danglings; i++) assert_true(h->word[h->words - 1] != o->dangling[i]);
    assert_int_equal(repeats(h, o->no_repeat), 0);
}

/* Options as the seed draws them; words 4.. are the real ones, in three parts: to wish for, to avoid, that
 * dangle. One wish in four dangles itself. */
static cap_search_options draw_options(uint64_t seed, int32_t list[12])
{
    static const int32_t words[12] = {4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    rng r = {.seed = seed, .stream = 77};
    cap_search_options o = cap_search_defaults();
    memcpy(list, words, sizeof words);
    rng_shuffle(&r, list, 12);
    o.strategy = (cap_strategy)rng_below(&r, CAP_STRATEGIES);
    o.beam = 1 + (int)rng_below(&r, 5);
    o.groups = 1 + (int)rng_below(&r, (uint32_t)o.beam);
    o.n_best = o.strategy == CAP_GREEDY ? 1 : (int)rng_below(&r, 4);
    o.max_words = 1 + (int)rng_below(&r, LONGEST);
    o.min_words = 1 + (int)rng_below(&r, (uint32_t)o.max_words);
    o.length = (cap_length)rng_below(&r, CAP_LENGTHS);
    o.coverage = rng_below(&r, 2) ? 0.2 : 0;
    o.no_repeat = 2 + (int)rng_below(&r, 2);
    o.temperature = 0.5 + rng_uniform(&r);
    o.top_k = (int)rng_below(&r, 6);
    o.top_p = rng_below(&r, 2) ? 0.8 : 1;
    o.musts = (int)rng_below(&r, o.max_words > 4 ? 4 : (uint32_t)o.max_words);
    o.must = list;
    o.avoid = list + 4;
    o.avoids = (int)rng_below(&r, 3);
    o.dangling = list + (rng_below(&r, 4) ? 7 : 2);
    o.danglings = (int)rng_below(&r, 4);
    return o;
}

static void rules_hold_on_a_thousand_models(void **state)
{
    (void)state;
    int sentences = 0, wishes = 0;
    for (uint64_t seed = 1; seed <= 1000; seed++) {
        fixture f;
        int32_t list[12];
        set_up(&f, seed, 16);
        cap_search_options o = draw_options(seed, list);
        int n = o.n_best ? o.n_best : 1;
        cap_hypothesis best[2 * 4];
        search(&f, 0, 2, &o, best);
        for (int i = 0; i < 2 * n; i++) {
            if (i % n == 0) assert_true(best[i].words > 0);
            if (!best[i].words) continue;
            expect_rules_kept(&o, &best[i]);
            sentences++;
            wishes += o.musts;
        }
        toy_decoder_release(&f);
    }
    assert_true(sentences > 2500 && wishes > 2000);
}

/* With two words and pairs that must not repeat, only five words can be said in a row. */
static void rules_that_cannot_hold_give_way(void **state)
{
    (void)state;
    static const int32_t both[] = {4, 5};
    for (cap_strategy strategy = 0; strategy < CAP_STRATEGIES; strategy++) {
        fixture f;
        set_up(&f, 3, 6);
        cap_search_options o = cap_search_defaults();
        o.strategy = strategy;
        o.no_repeat = 2;
        o.min_words = o.max_words = 9;
        o.dangling = both;
        o.danglings = 2;
        cap_hypothesis best[3];
        search(&f, 0, 3, &o, best);
        for (int i = 0; i < 3; i++) assert_int_equal(best[i].words, 9);
        toy_decoder_release(&f);
    }
}

/* How many words of the hypothesis were said before, but for those of `again`. */
static int said_again(const cap_hypothesis *h, const int32_t *again, int agains)
{
    int found = 0;
    for (int i = 0; i < h->words; i++) {
        bool harmless = false, said = false;
        for (int j = 0; j < agains; j++) harmless |= again[j] == h->word[i];
        for (int j = 0; j < i; j++) said |= h->word[j] == h->word[i];
        found += said && !harmless;
    }
    return found;
}

/* Of the 26 words three may be said again; four of the others must be said, which is once. */
static void no_other_word_is_said_again(void **state)
{
    (void)state;
    static const int32_t again[] = {4, 5, 6}, must[] = {9, 4, 12, 7};
    int without = 0, harmless = 0;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        fixture f;
        set_up(&f, seed, 30);
        cap_search_options o = cap_search_defaults();
        cap_hypothesis best[2 * 2];
        o.strategy = (cap_strategy)(seed % CAP_STRATEGIES);
        o.n_best = o.strategy == CAP_GREEDY ? 1 : 2;
        o.max_words = o.min_words = LONGEST;
        o.no_repeat = 0;
        o.again = again;
        o.agains = 3;
        o.must = must;
        o.musts = seed % 3 ? 0 : 4;
        search(&f, 0, 2, &o, best);
        for (int i = 0; i < 2 * o.n_best; i++) {
            assert_int_equal(said_again(&best[i], again, 3), 0);
            for (int j = 0; j < o.musts; j++) assert_true(occurrences(&best[i], must[j]) > 0);
            for (int j = 0; j < 3; j++) harmless += occurrences(&best[i], again[j]) > 1;
        }
        o.repeat_words = true;
        search(&f, 0, 2, &o, best);
        for (int i = 0; i < 2 * o.n_best; i++) without += said_again(&best[i], again, 3);
        toy_decoder_release(&f);
    }
    assert_true(without > 1000 && harmless > 100);
}

/* Four words, of which one may be said again, and no pair twice: within eight words all four are said, the
 * first rule gives way, and the other holds, as what is left to follow a word runs out in nine at the least. */
static void words_are_said_again_before_pairs_are(void **state)
{
    (void)state;
    static const int32_t again[] = {4};
    for (uint64_t seed = 1; seed <= 20; seed++) {
        fixture f;
        set_up(&f, seed, DS_SPECIALS + 4);
        cap_search_options o = cap_search_defaults();
        cap_hypothesis best;
        o.strategy = CAP_GREEDY;
        o.min_words = o.max_words = 8;
        o.no_repeat = 2;
        o.again = again;
        o.agains = 1;
        search(&f, 0, 1, &o, &best);
        assert_int_equal(best.words, 8);
        assert_int_equal(repeats(&best, 2), 0);
        for (int i = 0; i < 4; i++) assert_int_equal(occurrences(&best, DS_SPECIALS + i) > 0, true);
        toy_decoder_release(&f);
    }
}

static void wishes_alone_can_fill_a_sentence(void **state)
{
    (void)state;
    static const int32_t must[] = {9, 4, 7};
    for (uint64_t seed = 1; seed <= 30; seed++) {
        fixture f;
        set_up(&f, seed, 12);
        cap_search_options o = cap_search_defaults();
        o.must = must;
        o.musts = o.max_words = 3;
        o.dangling = must; /* 9 and 4: so 7 comes last */
        o.danglings = 2;
        cap_hypothesis best;
        search(&f, 0, 1, &o, &best);
        assert_int_equal(best.words, 3);
        assert_int_equal(best.word[2], 7);
        toy_decoder_release(&f);
    }
}

static void wrong_rules_are_refused(void **state)
{
    (void)state;
    fixture f;
    error err = {0};
    cap_hypothesis best[2];
    int32_t words[] = {4, 5, 4, 99, DS_UNK};
    set_up(&f, 1, 6);
    const cap_search_options plain = cap_search_defaults();
    cap_search_options o[14];
    for (int i = 0; i < 14; i++) o[i] = plain;
    for (int i = 0; i < 14; i++) o[i].must = o[i].avoid = o[i].dangling = o[i].again = words;
    o[0].musts = 3;               /* twice the same */
    o[1].musts = o[1].avoids = 1; /* wanted and avoided */
    o[2].avoids = 2;              /* nothing left */
    o[3].musts = 2;               /* more words than there is room for */
    o[3].max_words = 1;
    o[4].must = words + 3; /* no such word */
    o[4].musts = 1;
    o[5].avoid = words + 4; /* a special one */
    o[5].avoids = 1;
    o[6].no_repeat = -1;
    o[7].strategy = CAP_SAMPLE;
    o[7].temperature = 0;
    o[8].strategy = CAP_DIVERSE;
    o[8].groups = 4;
    o[9].strategy = CAP_GREEDY;
    o[9].n_best = 2;
    o[10].coverage = NAN;
    o[11].strategy = CAP_STRATEGIES;
    o[12].agains = 5; /* one of them a special one */
    o[13].agains = CAP_MAX_AGAIN + 1;
    for (int i = 0; i < 14; i++) {
        err.text[0] = 0;
        assert_int_equal(try_search(&f, 0, 1, &o[i], best, &err), ERR_ARGUMENT);
        assert_true(strlen(err.text) > 20);
    }
    assert_int_equal(try_search(&f, 0, 1, &plain, best, &err), ERR_OK);
    toy_decoder_release(&f);
}

/* ---- beams ---- */

static void no_beam_loses_to_greedy(void **state)
{
    (void)state;
    int better = 0, compared = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        fixture f;
        set_up(&f, seed, 12);
        cap_search_options o = cap_search_defaults();
        o.length = (cap_length)(seed % CAP_LENGTHS);
        o.coverage = seed % 2 ? 0.1 : 0;
        o.max_words = LONGEST;
        cap_hypothesis greedy[3], beam[3];
        o.strategy = CAP_GREEDY;
        search(&f, 0, 3, &o, greedy);
        o.strategy = seed % 4 ? CAP_BEAM : CAP_DIVERSE;
        o.beam = 2 + (int)(seed % 5);
        o.groups = 2;
        search(&f, 0, 3, &o, beam);
        for (int i = 0; i < 3; i++) {
            if (greedy[i].limited) continue;
            compared++;
            assert_true(beam[i].score >= greedy[i].score - 1e-5);
            better += beam[i].score > greedy[i].score + 1e-5;
        }
        toy_decoder_release(&f);
    }
    assert_true(compared > 300 && better > 100); /* and a beam is good for something */
}

static void n_best_are_the_best_in_order(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        fixture f;
        set_up(&f, seed, 7);
        cap_search_options o = {.beam = 64, .n_best = 10, .min_words = 1, .max_words = 3};
        cap_hypothesis many[10], few[4];
        search(&f, 0, 1, &o, many);
        o.n_best = 4;
        search(&f, 0, 1, &o, few);
        for (int i = 0; i < 10; i++) {
            assert_true(many[i].words > 0);
            if (i) assert_true(many[i].limited >= many[i - 1].limited);
            if (i && many[i].limited == many[i - 1].limited) assert_true(many[i].score <= many[i - 1].score);
            for (int j = 0; j < i; j++) assert_false(same_words(&many[i], &many[j]));
            if (i < 4 && !many[i].limited) assert_true(same_words(&many[i], &few[i]));
        }
        toy_decoder_release(&f);
    }
}

static int distinct_first_words(const cap_hypothesis *list, int n)
{
    int distinct = 0;
    for (int i = 0; i < n; i++) {
        bool is_new = list[i].words > 0;
        for (int j = 0; j < i && is_new; j++) is_new = list[j].word[0] != list[i].word[0];
        distinct += is_new;
    }
    return distinct;
}

static void groups_differ_more_than_one_beam(void **state)
{
    (void)state;
    int plain = 0, diverse = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        fixture f;
        set_up(&f, seed, 20);
        cap_search_options o = cap_search_defaults();
        o.beam = o.groups = o.n_best = 4;
        o.max_words = LONGEST;
        o.diversity = 100;
        cap_hypothesis best[4];
        search(&f, 0, 1, &o, best);
        plain += distinct_first_words(best, 4);
        o.strategy = CAP_DIVERSE;
        search(&f, 0, 1, &o, best);
        diverse += distinct_first_words(best, 4);
        assert_int_equal(distinct_first_words(best, 4), 4); /* at this price none is worth saying twice */
        o.diversity = 0; /* every group is the same beam of one: one sentence, found once */
        search(&f, 0, 1, &o, best);
        for (int i = 1; i < 4 && best[i].words;
             i++) /* unless the limit decides: then it ends in several places */
            assert_memory_equal(best[i].word, best[0].word,
                                (best[i].words < best[0].words ? best[i].words : best[0].words) *
                                    sizeof(int32_t));
        toy_decoder_release(&f);
    }
    assert_true(diverse > plain);
}

/* ---- draws ---- */

static void draws_follow_the_probabilities(void **state)
{
    (void)state;
    enum { TIMES = 60 };
    fixture f;
    set_up(&f, 5, 8);
    cap_search_options o = cap_search_defaults();
    o.strategy = CAP_SAMPLE;
    o.n_best = CAP_MAX_BEAM;
    o.max_words = 1;
    cap_hypothesis best[CAP_MAX_BEAM];
    int count[8] = {0};
    double p[8] = {0}, sum = 0;
    for (int i = 0; i < TIMES; i++) {
        o.seed = 100 + (uint64_t)i;
        search(&f, 0, 1, &o, best);
        for (int j = 0; j < CAP_MAX_BEAM; j++) {
            count[best[j].word[0]]++;
            p[best[j].word[0]] = (double)best[j].probability[0];
        }
    }
    for (int w = DS_SPECIALS; w < 8; w++) sum += p[w]; /* <end> and the others are forbidden */
    for (int w = DS_SPECIALS; w < 8; w++) {
        double share = (double)count[w] / (TIMES * CAP_MAX_BEAM), expected = p[w] / sum;
        double spread = sqrt(expected * (1 - expected) / (TIMES * CAP_MAX_BEAM));
        assert_true(fabs(share - expected) < 5 * spread + 1e-9);
    }
    toy_decoder_release(&f);
}

static void cuts_leave_the_likeliest(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        fixture f;
        set_up(&f, seed, 12);
        cap_search_options o = cap_search_defaults();
        cap_hypothesis greedy[4], drawn[4];
        o.strategy = CAP_GREEDY;
        search(&f, 0, 4, &o, greedy);
        o.strategy = CAP_SAMPLE;
        for (int way = 0; way < 3; way++) { /* each of these leaves one word to draw */
            o.top_k = way == 0;
            o.top_p = way == 1 ? 1e-6 : 1;
            o.temperature = way == 2 ? 1e-4 : 1;
            search(&f, 0, 4, &o, drawn);
            for (int i = 0; i < 4; i++) {
                assert_true(same_words(&greedy[i], &drawn[i]));
                assert_true(fabs(greedy[i].score - drawn[i].score) < 1e-5);
            }
        }
        toy_decoder_release(&f);
    }
}

static void seeds_repeat_and_differ(void **state)
{
    (void)state;
    fixture f;
    set_up(&f, 8, 16);
    cap_search_options o = cap_search_defaults();
    o.strategy = CAP_SAMPLE;
    o.n_best = 8;
    cap_hypothesis a[8], b[8];
    search(&f, 0, 1, &o, a);
    search(&f, 0, 1, &o, b);
    for (int i = 0; i < 8; i++) assert_true(same_words(&a[i], &b[i]));
    o.seed = 2;
    search(&f, 0, 1, &o, b);
    int same = 0;
    for (int i = 0; i < 8; i++) same += same_words(&a[i], &b[i]);
    assert_true(same < 8);
    toy_decoder_release(&f);
}

/* ---- batches ---- */

static void alone_or_among_64_others(void **state)
{
    (void)state;
    static const int32_t must[] = {6}, again[] = {5, 7, 8};
    for (int i = 0; i < 2 * CAP_STRATEGIES; i++) {
        fixture f;
        set_up(&f, 21, 30);
        cap_search_options o = cap_search_defaults();
        o.strategy = (cap_strategy)(i % CAP_STRATEGIES);
        o.n_best = o.strategy == CAP_GREEDY ? 1 : 2;
        o.must = must;
        o.musts = i >= CAP_STRATEGIES;
        o.again = again;
        o.agains = 3;
        o.coverage = 0.1;
        o.top_k = 10;
        o.top_p = 0.95;
        cap_hypothesis all[MOST_PHOTOS * 2], one[2];
        search(&f, 0, MOST_PHOTOS, &o, all);
        for (int p = 0; p < MOST_PHOTOS; p++) {
            search(&f, p, 1, &o, one);
            for (int k = 0; k < o.n_best; k++) assert_true(same_words(&one[k], &all[p * o.n_best + k]));
        }
        toy_decoder_release(&f);
    }
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    for (cap_strategy strategy = 0; strategy < CAP_STRATEGIES; strategy++) {
        fixture f;
        cap_hypothesis best[2];
        set_up(&f, 1, 12);
        cap_search_options o = cap_search_defaults();
        o.strategy = strategy;
        o.max_words = 4;
        o.top_p = 0.9;
        o.coverage = 0.1;
        toy_decoder_fail_allocations(&f, 2, &o, best);
        toy_decoder_release(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_hold_on_a_thousand_models),
        cmocka_unit_test(rules_that_cannot_hold_give_way),
        cmocka_unit_test(no_other_word_is_said_again),
        cmocka_unit_test(words_are_said_again_before_pairs_are),
        cmocka_unit_test(wishes_alone_can_fill_a_sentence),
        cmocka_unit_test(wrong_rules_are_refused),
        cmocka_unit_test(no_beam_loses_to_greedy),
        cmocka_unit_test(n_best_are_the_best_in_order),
        cmocka_unit_test(groups_differ_more_than_one_beam),
        cmocka_unit_test(draws_follow_the_probabilities),
        cmocka_unit_test(cuts_leave_the_likeliest),
        cmocka_unit_test(seeds_repeat_and_differ),
        cmocka_unit_test(alone_or_among_64_others),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
