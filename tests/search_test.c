#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "captioner/net/lstm_decoder.h"
#include "captioner/net/text_encoder.h"
#include "captioner/search/search.h"
#include "datasets/vocab.h"
#include "src/nn/linear.h"
#include "tests/toy_decoder.h"

enum { PHOTOS = 5, STATES = 6, FEATURES = 4, WORDS = 7, MOST = 4 };

/* Sentences for the text model; what follows an end is not to be read. */
static const int32_t sentence[PHOTOS][STATES] = {{4, 5, 9, 9, 9, 9},
                                                 {6, 4, 5, 7, 8, 4},
                                                 {8, 9, 9, 9, 9, 9},
                                                 {4, 4, 6, 9, 9, 9},
                                                 {7, 6, 5, 4, 8, 9}},
                     sentence_length[PHOTOS] = {2, 6, 1, 3, 5};

typedef toy_decoder fixture;

static void set_up(fixture *f, uint64_t seed, nn_match_kind match)
{
    toy_decoder_create(f, seed, toy_decoder_config(FEATURES, WORDS, match), PHOTOS, STATES);
}

/* Two layers of a bidirectional encoder, three of a residual decoder. */
static void set_up_text(fixture *f, uint64_t seed, cap_attend attend)
{
    cap_text_encoder_config e = {
        .vocabulary = 10, .embedding = 4, .hidden = 3, .layers = 2, .bidirectional = true};
    cap_decoder_config c = cap_decoder_text_defaults();
    cap_lstm_settings *s = cap_lstm_settings_of(&c);
    c.vocabulary = WORDS;
    s->embedding = 5;
    s->hidden = 6;
    s->attention = 4;
    s->layers = 3;
    s->residual = true;
    s->attend = attend;
    s->output = CAP_OUTPUT_TIED;
    toy_decoder_create_text(f, seed, &e, c, sentence[0], sentence_length, STATES);
}

enum { NAMED = 2 };

static const cap_concept named[PHOTOS][NAMED] = {{{4, 4, 0, 0.9f, {0, 0, 0.5f, 0.5f}}, {5, 5, 1, 0.3f, {0}}},
                                                 {{0}},
                                                 {{6, 5, 0, 0.6f, {0.25f, 0, 1, 1}}},
                                                 {{5, 5, 1, 0.8f, {0}}, {4, 4, 1, 0.1f, {0}}},
                                                 {{6, 6, 1, 0.4f, {0}}}};
static const int32_t named_count[PHOTOS] = {2, 0, 1, 2, 1}, named_style[PHOTOS] = {0, 1, 2, 1, 0};
static const cap_concepts named_all = {PHOTOS, NAMED, &named[0][0], named_count};

/* Regions and what is named beside them; a glance with two styles, two heads. */
static void set_up_named(fixture *f, uint64_t seed, cap_attend attend)
{
    cap_decoder_config c = toy_decoder_config(FEATURES, WORDS, NN_MATCH_SIGMOID);
    cap_lstm_settings *s = cap_lstm_settings_of(&c);
    s->attend = attend;
    s->glance = 5;
    s->heads = 2;
    s->sharpness = 1.5;
    assert_int_equal(cap_decoder_config_take_concepts(&c, 2, NULL), ERR_OK);
    toy_decoder_create(f, seed, c, PHOTOS, STATES);
    f->named = &named_all;
    f->style = named_style;
}

static int states_of(const fixture *f, int photo)
{
    return f->words ? sentence_length[photo] : STATES + (f->named ? 1 + named_count[photo] : 0);
}

/* That a word has an attention for, those after the end of a photo's included. */
static int width_of(const fixture *f)
{
    return STATES + (f->named ? 1 + NAMED : 0);
}

static void search(fixture *f, int first, int photos, const cap_search_options *o, cap_hypothesis *best)
{
    error err = {0};
    nn_begin(&f->tape);
    cap_memory m = toy_decoder_remember(f, first, photos);
    size_t used = f->mem.used;
    assert_int_equal(cap_search(&f->tape, &f->decoder, &m, o, &f->results, best, &err), ERR_OK);
    assert_int_equal(f->mem.used, used);
}

/* log p of each next word after `n` words, by running the decoder alone from its start. */
static void next_words(fixture *f, int photo, const int32_t *word, int n, double log_p[WORDS])
{
    nn_tape *t = &f->tape;
    nn_begin(t);
    cap_memory m = toy_decoder_remember(f, photo, 1);
    cap_decoder_state state = cap_decoder_start(t, &f->decoder, &m, NULL, 1);
    nn_var *logits = NULL;
    for (int i = 0; i <= n; i++) {
        int32_t previous = i ? word[i - 1] : DS_START;
        cap_step step = cap_decoder_step(t, &f->decoder, &m, NULL, &state, &previous);
        state = step.state;
        logits = cap_decoder_logits(t, &f->decoder, &step);
    }
    assert_false(t->failed);
    double sum = 0;
    for (int i = 0; i < WORDS; i++) sum += exp((double)logits->data[i]);
    for (int i = 0; i < WORDS; i++) log_p[i] = (double)logits->data[i] - log(sum);
}

/* log of the attention that each state got from the words, summed: by running the decoder along them. */
static double coverage_of(fixture *f, int photo, const int32_t *word, int n)
{
    nn_tape *t = &f->tape;
    nn_begin(t);
    cap_memory m = toy_decoder_remember(f, photo, 1);
    cap_decoder_state state = cap_decoder_start(t, &f->decoder, &m, NULL, 1);
    double got[STATES + 1 + NAMED] = {0}, sum = 0;
    for (int i = 0; i < n; i++) {
        int32_t previous = i ? word[i - 1] : DS_START;
        cap_step step = cap_decoder_step(t, &f->decoder, &m, NULL, &state, &previous);
        state = step.state;
        for (int j = 0; j < width_of(f); j++) got[j] += (double)step.alpha->data[j];
    }
    for (int j = 0; j < states_of(f, photo); j++) sum += log(fmin(got[j], 1));
    return sum;
}

/* The formulas of Wu et al. 2016, eq. 14, written out. */
static double score_of(fixture *f, int photo, const cap_search_options *o, const int32_t *word, int n,
                       double log_p)
{
    double length = n + 1, penalty = 1;
    if (o->length == CAP_LENGTH_MEAN) penalty = length;
    if (o->length == CAP_LENGTH_GNMT) penalty = exp(o->length_alpha * log((5 + length) / 6));
    return log_p / penalty + (o->coverage > 0 ? o->coverage * coverage_of(f, photo, word, n) : 0);
}

/* The best score of every complete sentence there is. */
static double exhaust(fixture *f, int photo, const cap_search_options *o, int32_t *word, int n, double so_far)
{
    double log_p[WORDS], best = -INFINITY;
    next_words(f, photo, word, n, log_p);
    if (n >= o->min_words) best = score_of(f, photo, o, word, n, so_far + log_p[DS_END]);
    for (int32_t w = DS_SPECIALS; n < o->max_words && w < WORDS; w++) {
        word[n] = w;
        best = fmax(best, exhaust(f, photo, o, word, n + 1, so_far + log_p[w]));
    }
    return best;
}

static void check_fixture_against_all(fixture *f, cap_length length, double alpha, double coverage, int least)
{
    /* A beam of 64 holds all of three words; of four it holds enough where log-probability alone decides. */
    cap_search_options o = {.beam = 64,
                            .min_words = least,
                            .max_words = coverage > 0 ? 3 : MOST,
                            .length = length,
                            .length_alpha = alpha,
                            .coverage = coverage};
    cap_hypothesis best[PHOTOS];
    int32_t word[MOST];
    search(f, 0, PHOTOS, &o, best);
    for (int i = 0; i < PHOTOS; i++) {
        assert_true(best[i].words >= least && best[i].words <= MOST);
        o.length = best[i].limited ? CAP_LENGTH_MEAN : length;
        double most = exhaust(f, i, &o, word, 0, 0);
        assert_true(best[i].score < most + 1e-5);
        if (!best[i].limited)
            assert_true(best[i].score > most - 1e-5); /* else some beginnings were given up */
    }
    toy_decoder_release(f);
}

static void check_against_all(uint64_t seed, cap_length length, double alpha, double coverage, int least)
{
    fixture f;
    set_up(&f, seed, NN_MATCH_SIGMOID);
    check_fixture_against_all(&f, length, alpha, coverage, least);
}

static void wide_beam_finds_the_best_of_all_sentences(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        check_against_all(seed, CAP_LENGTH_NONE, 0, 0, 1);
        check_against_all(seed, CAP_LENGTH_MEAN, 0, 0, 1);
        check_against_all(seed, CAP_LENGTH_GNMT, 0.6, 0, 2);
        check_against_all(seed, CAP_LENGTH_GNMT, 2, 0, 1);
        check_against_all(seed, CAP_LENGTH_NONE, 0, 0.3, 1);
        check_against_all(seed, CAP_LENGTH_MEAN, 0, 0.1, 1);
        check_against_all(seed, CAP_LENGTH_GNMT, 0.6, 0.2, 2);
    }
}

static void of_a_deep_text_model_too(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        fixture f;
        set_up_text(&f, seed, seed % 2 ? CAP_ATTEND_INPUT : CAP_ATTEND_OUTPUT);
        check_fixture_against_all(&f, CAP_LENGTH_MEAN, 0, 0, 1);
        set_up_text(&f, seed, seed % 2 ? CAP_ATTEND_OUTPUT : CAP_ATTEND_INPUT);
        check_fixture_against_all(&f, CAP_LENGTH_GNMT, 0.6, 0.2, 2);
    }
}

static void of_a_model_of_concepts_too(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        fixture f;
        set_up_named(&f, seed, seed % 2 ? CAP_ATTEND_INPUT : CAP_ATTEND_OUTPUT);
        check_fixture_against_all(&f, CAP_LENGTH_MEAN, 0, 0, 1);
        set_up_named(&f, seed, seed % 2 ? CAP_ATTEND_OUTPUT : CAP_ATTEND_INPUT);
        check_fixture_against_all(&f, CAP_LENGTH_GNMT, 0.6, 0.2, 2);
    }
}

static int32_t likeliest(const double log_p[WORDS], bool may_end)
{
    int32_t best = may_end ? DS_END : DS_SPECIALS;
    for (int32_t w = DS_SPECIALS; w < WORDS; w++)
        if (log_p[w] > log_p[best]) best = w;
    return best;
}

/* The likeliest word each time; where that leads beyond the most words, it ends where that scores best.
 * Returns the words; *limited says that the limit decided. */
static int expect_greedy(fixture *f, int photo, const cap_search_options *o, int32_t *word, double *score,
                         bool *limited)
{
    double log_p[WORDS], so_far = 0;
    int best = 0;
    *score = -INFINITY;
    *limited = true;
    for (int n = 0; n <= o->max_words; n++) {
        next_words(f, photo, word, n, log_p);
        double ended = score_of(f, photo, o, word, n, so_far + log_p[DS_END]);
        int32_t next = likeliest(log_p, n >= o->min_words);
        *limited = next != DS_END;
        if (n >= o->min_words && (ended > *score || !*limited)) {
            *score = ended;
            best = n;
        }
        if (!*limited || n == o->max_words) break;
        so_far += log_p[next];
        word[n] = next;
    }
    return best;
}

static void greedy_takes_the_likeliest_word(void **state)
{
    (void)state;
    int limited = 0, shorter = 0;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        fixture f;
        set_up(&f, seed, NN_MATCH_ADDITIVE);
        cap_search_options o = {.beam = 1, .min_words = 2, .max_words = MOST, .length = CAP_LENGTH_MEAN};
        cap_hypothesis best[PHOTOS];
        search(&f, 0, PHOTOS, &o, best);
        for (int i = 0; i < PHOTOS; i++) {
            int32_t word[MOST];
            double score;
            bool by_limit;
            int n = expect_greedy(&f, i, &o, word, &score, &by_limit);
            assert_true(best[i].ended);
            assert_int_equal(best[i].words, n);
            assert_memory_equal(best[i].word, word, n * sizeof *word);
            assert_true(fabs(best[i].score - score) < 1e-4);
            assert_true(fabs(best[i].score * (n + 1) - best[i].log_probability) < 1e-4);
            limited += by_limit;
            shorter += by_limit && n < MOST;
        }
        toy_decoder_release(&f);
    }
    assert_in_range(limited, 2, 12 * PHOTOS - 1); /* both ways to end were seen, */
    assert_in_range(shorter, 1, limited - 1);     /* and sentences that end before the limit and at it */
}

/* Within a limit that they do not reach, sentences are what they are without it. */
static void limits_that_are_not_reached_change_nothing(void **state)
{
    (void)state;
    int compared = 0;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        fixture f;
        set_up(&f, seed, NN_MATCH_SIGMOID);
        cap_search_options o = {
            .beam = 3, .min_words = 1, .max_words = 60, .length = CAP_LENGTH_GNMT, .length_alpha = 0.7};
        cap_hypothesis wide[PHOTOS], narrow[PHOTOS];
        search(&f, 0, PHOTOS, &o, wide);
        o.max_words = 30;
        search(&f, 0, PHOTOS, &o, narrow);
        for (int i = 0; i < PHOTOS; i++) {
            if (wide[i].words > 20) continue;
            compared++;
            assert_int_equal(narrow[i].words, wide[i].words);
            assert_memory_equal(narrow[i].word, wide[i].word, wide[i].words * sizeof(int32_t));
            assert_true(fabs(narrow[i].score - wide[i].score) < 1e-9);
        }
        toy_decoder_release(&f);
    }
    assert_true(compared > 10);
}

/* A model that never says <end> of itself gives sentences all the same; one that gives it no probability is
 * cut. */
static void what_cannot_end_is_cut(void **state)
{
    (void)state;
    for (int s = 0; s < CAP_STRATEGIES; s++) {
        fixture f;
        set_up(&f, 5, NN_MATCH_SIGMOID);
        cap_search_options o = cap_search_defaults();
        o.strategy = (cap_strategy)s;
        o.max_words = 6;
        cap_hypothesis best[PHOTOS];
        cap_lstm_of(&f.decoder)->out_b->data[DS_END] = -30;
        search(&f, 0, PHOTOS, &o, best);
        for (int i = 0; i < PHOTOS; i++) assert_true(best[i].ended && best[i].words <= 6);
        cap_lstm_of(&f.decoder)->out_b->data[DS_END] = -(real)INFINITY;
        search(&f, 0, PHOTOS, &o, best);
        for (int i = 0; i < PHOTOS; i++) assert_true(!best[i].ended && best[i].words == 6);
        toy_decoder_release(&f);
    }
}

static void check_inputs_do_not_meet(fixture *f, int beam)
{
    cap_search_options o = {
        .beam = beam, .min_words = 1, .max_words = 12, .length = CAP_LENGTH_MEAN, .attention = true};
    cap_hypothesis all[PHOTOS], one;
    search(f, 0, PHOTOS, &o, all);
    for (int i = 0; i < PHOTOS; i++) {
        search(f, i, 1, &o, &one);
        assert_int_equal(one.words, all[i].words);
        assert_memory_equal(one.word, all[i].word, one.words * sizeof *one.word);
        assert_true(fabs(one.score - all[i].score) < 1e-5);
        for (int j = 0; j < one.words * width_of(f); j++) {
            assert_true(fabsf(one.alpha[j] - all[i].alpha[j]) < 1e-5f);
            if (j % width_of(f) >= states_of(f, i)) assert_true(one.alpha[j] == 0);
        }
    }
    toy_decoder_release(f);
}

static void inputs_do_not_meet(void **state)
{
    (void)state;
    fixture f;
    for (int beam = 1; beam <= 4; beam++) {
        set_up(&f, 40, NN_MATCH_SIGMOID);
        check_inputs_do_not_meet(&f, beam);
        set_up_text(&f, 40, beam % 2 ? CAP_ATTEND_INPUT : CAP_ATTEND_OUTPUT);
        check_inputs_do_not_meet(&f, beam);
        set_up_named(&f, 40, beam % 2 ? CAP_ATTEND_OUTPUT : CAP_ATTEND_INPUT);
        check_inputs_do_not_meet(&f, beam);
    }
}

/* A sentence alone, cut where it ends, has the states it has among longer ones; nothing stands behind its
 * end. */
static void padding_changes_nothing(void **state)
{
    (void)state;
    fixture f;
    set_up_text(&f, 7, CAP_ATTEND_INPUT);
    int width = f.decoder.config.features;
    nn_begin(&f.tape);
    cap_encoded all =
        cap_text_encoder_forward(&f.tape, &f.encoder, sentence[0], sentence_length, PHOTOS, STATES);
    assert_int_equal(all.layers, 2);
    for (int i = 0; i < PHOTOS; i++) {
        int n = sentence_length[i];
        cap_encoded one =
            cap_text_encoder_forward(&f.tape, &f.encoder, sentence[i], sentence_length + i, 1, n);
        assert_false(f.tape.failed);
        const real *in = all.states->data + i * STATES * width;
        for (int j = 0; j < STATES * width; j++) {
            real alone = j < n * width ? one.states->data[j] : 0;
            assert_true(fabs((double)(in[j] - alone)) < 1e-6);
        }
        for (int layer = 0; layer < 2; layer++)
            for (int j = 0; j < width; j++) {
                const nn_lstm_state *a = &all.last[layer], *b = &one.last[layer];
                assert_true(fabs((double)(a->h->data[i * width + j] - b->h->data[j])) < 1e-6);
                assert_true(fabs((double)(a->c->data[i * width + j] - b->c->data[j])) < 1e-6);
            }
        /* forward ends at the last word, backward at the first */
        int half = width / 2;
        for (int j = 0; j < width; j++) {
            const real *end = in + (j < half ? (n - 1) * width : 0);
            assert_true(all.last[1].h->data[i * width + j] == end[j]);
        }
    }
    toy_decoder_release(&f);
}

static void attention_is_of_each_word(void **state)
{
    (void)state;
    fixture f;
    set_up(&f, 3, NN_MATCH_SIGMOID);
    cap_search_options o = cap_search_defaults();
    o.attention = true;
    o.max_words = 8;
    cap_hypothesis best[PHOTOS];
    search(&f, 0, PHOTOS, &o, best);
    nn_begin(&f.tape);
    cap_memory m = toy_decoder_remember(&f, 0, PHOTOS);
    for (int32_t i = 0; i < PHOTOS; i++) { /* the same words again, forced */
        cap_decoder_state s = cap_decoder_start(&f.tape, &f.decoder, &m, &i, 1);
        for (int n = 0; n < best[i].words; n++) {
            int32_t previous = n ? best[i].word[n - 1] : DS_START;
            cap_step step = cap_decoder_step(&f.tape, &f.decoder, &m, &i, &s, &previous);
            s = step.state;
            float sum = 0;
            for (int l = 0; l < STATES; l++) {
                sum += best[i].alpha[n * STATES + l];
                assert_true(fabsf(best[i].alpha[n * STATES + l] - (float)step.alpha->data[l]) < 1e-4f);
            }
            assert_true(fabsf(sum - 1) < 1e-5f);
        }
    }
    toy_decoder_release(&f);
}

static void without_attention_there_are_words_still(void **state)
{
    (void)state;
    fixture f;
    set_up(&f, 3, NN_MATCH_NONE);
    cap_search_options o = cap_search_defaults();
    o.attention = true;
    o.min_words = 5;
    cap_hypothesis best[PHOTOS];
    search(&f, 0, PHOTOS, &o, best);
    for (int i = 0; i < PHOTOS; i++) {
        assert_null(best[i].alpha);
        assert_in_range(best[i].words, 5, 20);
        for (int n = 0; n < best[i].words; n++) assert_in_range(best[i].word[n], DS_SPECIALS, WORDS - 1);
    }
    toy_decoder_release(&f);
}

static void equal_words_go_by_number(void **state)
{
    (void)state;
    fixture f;
    set_up(&f, 1, NN_MATCH_SIGMOID);
    memset(cap_lstm_of(&f.decoder)->embedding->data, 0,
           nn_count(cap_lstm_of(&f.decoder)->embedding) * sizeof(real));
    memset(cap_lstm_of(&f.decoder)->out_b->data, 0, nn_count(cap_lstm_of(&f.decoder)->out_b) * sizeof(real));
    cap_search_options o = {.beam = 3, .min_words = 3, .max_words = 3};
    cap_hypothesis best[PHOTOS];
    search(&f, 0, PHOTOS, &o, best);
    for (int i = 0; i < PHOTOS; i++)
        for (int n = 0; n < 3; n++) assert_int_equal(best[i].word[n], DS_SPECIALS);
    toy_decoder_release(&f);
}

static void trouble_is_told(void **state)
{
    (void)state;
    fixture f;
    error err = {0};
    cap_hypothesis best[PHOTOS];
    set_up(&f, 1, NN_MATCH_SIGMOID);
    cap_memory m = toy_decoder_remember(&f, 0, PHOTOS);
    cap_search_options o = cap_search_defaults();
    o.beam = 65;
    assert_int_equal(cap_search(&f.tape, &f.decoder, &m, &o, &f.results, best, &err), ERR_ARGUMENT);
    o = cap_search_defaults();
    o.min_words = 21;
    assert_int_equal(cap_search(&f.tape, &f.decoder, &m, &o, &f.results, best, &err), ERR_ARGUMENT);
    o = cap_search_defaults();
    cap_lstm_of(&f.decoder)->out_b->data[5] = NAN;
    assert_int_equal(cap_search(&f.tape, &f.decoder, &m, &o, &f.results, best, &err), ERR_FORMAT);
    cap_lstm_of(&f.decoder)->out_b->data[5] = 0;
    toy_decoder_fail_allocations(&f, PHOTOS, &o, best);
    toy_decoder_release(&f);
    set_up_text(&f, 1, CAP_ATTEND_OUTPUT);
    toy_decoder_fail_allocations(&f, PHOTOS, &o, best);
    toy_decoder_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wide_beam_finds_the_best_of_all_sentences),
        cmocka_unit_test(greedy_takes_the_likeliest_word),
        cmocka_unit_test(limits_that_are_not_reached_change_nothing),
        cmocka_unit_test(what_cannot_end_is_cut),
        cmocka_unit_test(inputs_do_not_meet),
        cmocka_unit_test(of_a_deep_text_model_too),
        cmocka_unit_test(of_a_model_of_concepts_too),
        cmocka_unit_test(padding_changes_nothing),
        cmocka_unit_test(attention_is_of_each_word),
        cmocka_unit_test(without_attention_there_are_words_still),
        cmocka_unit_test(equal_words_go_by_number),
        cmocka_unit_test(trouble_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
