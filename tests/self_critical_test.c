/* Self-critical training on toy decoders: samples follow the decoder's probabilities, their loss has the
 * gradient of their expected worth, and steps along it make sentences worth more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "captioner/search/force.h"
#include "captioner/search/samples.h"
#include "captioner/train/self_critical.h"
#include "datasets/vocab.h"
#include "src/train/optim.h"
#include "tests/toy_decoder.h"

enum { STATES = 4, FEATURES = 3, PHOTOS = 4, VOCABULARY = 9, MOST_WORDS = 4 };

/* Each photo's captions: two of three words. */
static const int32_t image_of[] = {0, 0, 1, 1, 2, 2, 3, 3};
static const int32_t captions[] = {4, 5, 6, 4, 5, 7, 5, 6, 4, 5, 6, 7, 8, 7, 4, 8, 7, 5, 6, 8, 8, 6, 8, 4};
static const int64_t firsts[] = {0, 3, 6, 9, 12, 15, 18, 21, 24};
static const ds_encoded references = {
    .captions = 8, .images = PHOTOS, .image = image_of, .first = firsts, .words = captions};

static void set_up(toy_decoder *f, uint64_t seed)
{
    toy_decoder_create(f, seed, toy_decoder_config(FEATURES, VOCABULARY, NN_MATCH_SIGMOID), PHOTOS, STATES);
    f->tape.seed = 11;
    for (size_t i = 0; i < f->params.size; i++) f->params.data[i] /= 2; /* softer choices */
    nn_param *bias = nn_params_find(&f->params, "decoder.output.bias");
    bias->var.data[DS_PAD] = bias->var.data[DS_START] = bias->var.data[DS_UNK] = -20; /* taught not to */
}

static double mean_length(const cap_samples *s)
{
    double sum = 0;
    for (int r = 0; r < s->rows; r++) sum += s->length[r];
    return sum / s->rows;
}

static bool draw(toy_decoder *f, uint64_t step, const cap_sample_options *o, cap_samples *out)
{
    nn_begin(&f->tape);
    f->tape.step = step;
    cap_memory m = toy_decoder_remember(f, 0, PHOTOS);
    return cap_sample_sentences(&f->tape, &f->decoder, &m, o, &f->results, out);
}

static bool same_draw(const cap_samples *a, const cap_samples *b, int row)
{
    return a->length[row] == b->length[row] && !memcmp(a->word + row * a->width, b->word + row * b->width,
                                                       (size_t)a->length[row] * sizeof *a->word);
}

/* ---- draws ---- */

static void samples_are_sentences(void **state)
{
    (void)state;
    toy_decoder f;
    cap_samples s;
    cap_sample_options o = {.samples = 50, .max_words = MOST_WORDS};
    int ended = 0;
    set_up(&f, 3);
    assert_true(draw(&f, 0, &o, &s));
    assert_int_equal(s.rows, PHOTOS * o.samples);
    assert_int_equal(s.width, MOST_WORDS + 1);
    for (int r = 0; r < s.rows; r++) {
        const int32_t *word = s.word + r * s.width;
        assert_in_range(s.length[r], 1, s.width);
        assert_true(s.ended[r] == (word[s.length[r] - 1] == DS_END));
        assert_true(s.ended[r] || s.length[r] == s.width);
        for (int i = 0; i < s.length[r]; i++)
            assert_true(word[i] >= DS_SPECIALS || (word[i] == DS_END && i == s.length[r] - 1));
        ended += s.ended[r];
    }
    assert_true(ended > 0 && ended < s.rows);
    toy_decoder_release(&f);
}

/* The first words against what forcing says of each, of all that may be said. */
static void samples_follow_the_probabilities(void **state)
{
    (void)state;
    toy_decoder f;
    cap_samples s;
    cap_sample_options o = {.samples = 2000, .max_words = 1};
    double p[VOCABULARY] = {0}, sum = 0;
    set_up(&f, 3);
    for (int32_t w = DS_SPECIALS; w < VOCABULARY; w++) {
        cap_forced forced;
        nn_begin(&f.tape);
        cap_memory m = toy_decoder_remember(&f, 0, 1);
        assert_int_equal(cap_force(&f.tape, &f.decoder, &m, &w, 1, &f.results, &forced, NULL), ERR_OK);
        p[w] = (double)forced.as.probability[0];
        sum += p[w];
    }
    int count[VOCABULARY] = {0};
    assert_true(draw(&f, 0, &o, &s));
    for (int r = 0; r < o.samples; r++) count[s.word[r * s.width]]++;
    int said = o.samples - count[DS_END];
    for (int w = DS_SPECIALS; w < VOCABULARY; w++) {
        double expected = p[w] / sum, spread = sqrt(expected * (1 - expected) / said);
        assert_true(fabs((double)count[w] / said - expected) < 5 * spread);
    }
    toy_decoder_release(&f);
}

/* Of another step or another part all is drawn anew; more samples leave the first ones of a photo alone only
 * where its rows are the same, so they are compared with themselves. */
static void draws_repeat_and_differ(void **state)
{
    (void)state;
    toy_decoder f;
    cap_samples a, b, c, d;
    cap_sample_options o = {.samples = 20, .max_words = MOST_WORDS}, other = o;
    int steps = 0, parts = 0;
    other.part = 1;
    set_up(&f, 5);
    assert_true(draw(&f, 7, &o, &a) && draw(&f, 7, &o, &b) && draw(&f, 8, &o, &c) && draw(&f, 7, &other, &d));
    for (int r = 0; r < a.rows; r++) {
        assert_true(same_draw(&a, &b, r));
        steps += same_draw(&a, &c, r);
        parts += same_draw(&a, &d, r);
    }
    assert_true(steps < a.rows / 2 && parts < a.rows / 2);
    toy_decoder_release(&f);
}

/* ---- the loss ---- */

static nn_var *loss_of(toy_decoder *f, uint64_t step, int samples, const cap_cider_ids *judge,
                       cap_counts *counts)
{
    static const int32_t image[PHOTOS] = {0, 1, 2, 3};
    error err = {0};
    nn_begin(&f->tape);
    f->tape.recording = true;
    f->tape.step = step;
    cap_memory m = toy_decoder_remember(f, 0, PHOTOS);
    cap_critic c = {.judge = judge, .image = image, .samples = samples, .max_words = MOST_WORDS};
    nn_var *loss = cap_self_critical_loss(&f->tape, &f->decoder, &m, &c, counts, &err);
    if (!loss) fail_msg("%s", err.text);
    return loss;
}

static void steps_raise_the_worth(void **state)
{
    (void)state;
    toy_decoder f;
    cap_cider_ids *judge = NULL;
    optim o;
    double before = 0, after = 0;
    set_up(&f, 9);
    assert_int_equal(cap_cider_ids_create(&references, true, &judge, NULL), ERR_OK);
    assert_int_equal(optim_init(&o, OPTIM_ADAMW, &f.params, NULL), ERR_OK);
    for (uint64_t step = 0; step < 300; step++) {
        cap_counts counts;
        nn_var *loss = loss_of(&f, step, 8, judge, &counts);
        assert_true(f.tape.recording && isfinite(loss->data[0]) && counts.judged == 0);
        nn_params_zero_grad(&f.params, NULL);
        nn_backward(&f.tape, loss);
        optim_step(&o, NULL, 0.02);
        if (step < 20) before += counts.reward / 20;
        if (step >= 280) after += counts.reward / 20;
    }
    assert_true(before < 1 && after > 2 * before);
    optim_release(&o);
    cap_cider_ids_free(&judge);
    toy_decoder_release(&f);
}

/* One weight is moved: what the samples are worth on the average changes by as much as the gradient says, but
 * for the scale. The direction of the gradient is that of rising worth; the mean over many draws is compared
 * with differences of the mean worth under common random numbers of many more. */
static void the_gradient_is_that_of_the_expected_worth(void **state)
{
    (void)state;
    enum { ROUNDS = 60, SAMPLES = 60 };
    toy_decoder f;
    cap_cider_ids *judge = NULL;
    cap_counts counts;
    set_up(&f, 9);
    assert_int_equal(cap_cider_ids_create(&references, true, &judge, NULL), ERR_OK);
    size_t n = f.params.size;
    real *mean = calloc(n, sizeof *mean), *held = calloc(n, sizeof *held);
    assert_true(mean && held);
    for (uint64_t step = 0; step < ROUNDS; step++) {
        nn_var *loss = loss_of(&f, step, SAMPLES, judge, &counts);
        nn_params_zero_grad(&f.params, NULL);
        nn_backward(&f.tape, loss);
        for (size_t i = 0; i < n; i++) mean[i] += f.params.grad[i] / ROUNDS;
    }
    cap_samples s;
    assert_true(draw(&f, 0, &(cap_sample_options){.samples = 1000, .max_words = MOST_WORDS}, &s));
    double square = 0, worth[2] = {0}, words = mean_length(&s);
    for (size_t i = 0; i < n; i++) square += (double)mean[i] * (double)mean[i];
    memcpy(held, f.params.data, n * sizeof *held);
    double far = 0.1 / sqrt(square);
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < n; i++) f.params.data[i] = held[i] + (side ? -1 : 1) * (real)far * mean[i];
        for (uint64_t step = 0; step < ROUNDS; step++) {
            loss_of(&f, 1000 + step, SAMPLES, judge, &counts);
            worth[side] += counts.reward / ROUNDS;
        }
    }
    /* Along the gradient's direction: slope of the mean worth is -words a sample times the gradient's norm. */
    double slope = (worth[0] - worth[1]) / (2 * 0.1), expected = -words * sqrt(square);
    assert_true(slope < 0 && slope / expected > 0.75 && slope / expected < 1.33);
    free(mean);
    free(held);
    cap_cider_ids_free(&judge);
    toy_decoder_release(&f);
}

/* The same draws are worth more by what they say of that on which a photo's captions agree: words 4 and 5 of the
 * first photo, and so on. Only some words name anything. */
static void naming_is_paid_for(void **state)
{
    (void)state;
    static const int32_t image[PHOTOS] = {0, 1, 2, 3};
    static const bool names[VOCABULARY] = {[4] = true, [5] = true, [6] = true, [7] = true};
    static const int32_t agreed[PHOTOS][2] = {{4, 5}, {5, 6}, {7}, {6}}; /* both captions of each have them */
    static const int counts_of[PHOTOS] = {2, 2, 1, 1};
    enum { SAMPLES = 30 };
    toy_decoder f;
    cap_cider_ids *judge = NULL;
    cap_samples s;
    double reward[2], said = 0;
    set_up(&f, 9);
    assert_int_equal(cap_cider_ids_create(&references, true, &judge, NULL), ERR_OK);
    for (int with = 0; with < 2; with++) {
        error err = {0};
        cap_counts counts;
        nn_begin(&f.tape);
        f.tape.recording = true;
        f.tape.step = 3;
        cap_memory m = toy_decoder_remember(&f, 0, PHOTOS);
        cap_critic c = {.judge = judge,
                        .image = image,
                        .samples = SAMPLES,
                        .max_words = MOST_WORDS,
                        .names = names,
                        .naming = with * 0.5};
        assert_non_null(cap_self_critical_loss(&f.tape, &f.decoder, &m, &c, &counts, &err));
        reward[with] = counts.reward;
    }
    assert_true(draw(&f, 3, &(cap_sample_options){.samples = SAMPLES, .max_words = MOST_WORDS}, &s));
    for (int r = 0; r < s.rows; r++)
        for (int i = 0; s.ended[r] && i < counts_of[r / SAMPLES]; i++) {
            bool there = false;
            for (int j = 0; j + 1 < s.length[r]; j++)
                there |= s.word[r * s.width + j] == agreed[r / SAMPLES][i];
            said += there / (double)counts_of[r / SAMPLES] / s.rows;
        }
    assert_true(said > 0.05 && said < 0.95);
    assert_true(fabs(reward[1] - reward[0] - 0.5 * said) < 1e-9);
    cap_cider_ids_free(&judge);
    toy_decoder_release(&f);
}

/* What people said weighs in as often as asked, and is learnt as it was before the logits were sharpened. */
static void captions_weigh_in(void **state)
{
    (void)state;
    static const int32_t image[PHOTOS] = {0, 1, 2, 3}, all[] = {0, 1, 2, 3, 4, 5, 6, 7};
    enum { SHARP, PLAIN, BOTH, LOSSES };
    toy_decoder f;
    cap_cider_ids *judge = NULL;
    arena memory = {0};
    ds_batch people;
    double value[LOSSES];
    set_up(&f, 9);
    assert_int_equal(cap_cider_ids_create(&references, true, &judge, NULL), ERR_OK);
    assert_int_equal(ds_batch_of(&references, all, 8, 0, &memory, &people, NULL), ERR_OK);
    for (int which = 0; which < LOSSES; which++) {
        error err = {0};
        cap_counts counts;
        nn_begin(&f.tape);
        f.tape.recording = true;
        f.tape.step = 3;
        cap_memory m = toy_decoder_remember(&f, 0, PHOTOS);
        cap_lstm_settings_of(&f.decoder.config)->sharpness = which == PLAIN ? 1 : 2;
        cap_critic c = {.judge = judge,
                        .image = image,
                        .samples = 5,
                        .max_words = MOST_WORDS,
                        .captions = &people,
                        .cross_entropy = which == BOTH ? 0.25 : 0,
                        .attention = {.smoothing = 0.1}};
        nn_var *loss = which == PLAIN ? cap_decoder_loss(&f.tape, &f.decoder, &m, &people, &c.attention, NULL)
                                      : cap_self_critical_loss(&f.tape, &f.decoder, &m, &c, &counts, &err);
        assert_non_null(loss);
        value[which] = (double)loss->data[0];
        assert_false(f.tape.training);
    }
    assert_true(value[PLAIN] > 0.1);
    assert_true(fabs(value[BOTH] - value[SHARP] - 0.25 * value[PLAIN]) < 1e-5);
    arena_release(&memory);
    cap_cider_ids_free(&judge);
    toy_decoder_release(&f);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    static const int32_t image[PHOTOS] = {0, 1, 2, 3};
    toy_decoder f;
    cap_cider_ids *judge = NULL;
    nn_var *loss = NULL;
    set_up(&f, 2);
    assert_int_equal(cap_cider_ids_create(&references, true, &judge, NULL), ERR_OK);
    for (long n = 1; !loss && n < 100000; n++) {
        error err = {0};
        cap_counts counts;
        nn_begin(&f.tape);
        f.tape.recording = true;
        cap_memory m = toy_decoder_remember(&f, 0, PHOTOS);
        cap_critic c = {.judge = judge, .image = image, .samples = 3, .max_words = MOST_WORDS, .naming = 1};
        f.mem.fail_in = n;
        loss = cap_self_critical_loss(&f.tape, &f.decoder, &m, &c, &counts, &err);
        assert_true(loss || f.tape.failed || err.code == ERR_MEMORY);
        f.mem.fail_in = 0;
        f.tape.failed = false;
    }
    assert_non_null(loss);
    cap_cider_ids_free(&judge);
    toy_decoder_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_are_sentences),
        cmocka_unit_test(samples_follow_the_probabilities),
        cmocka_unit_test(draws_repeat_and_differ),
        cmocka_unit_test(steps_raise_the_worth),
        cmocka_unit_test(the_gradient_is_that_of_the_expected_worth),
        cmocka_unit_test(naming_is_paid_for),
        cmocka_unit_test(captions_weigh_in),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
