/* A caption through a translator: which words looked at which, and where in the photo they look then. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "captioner/chain.h"
#include "tests/opened.h"
#include "tests/random_model.h"
#include "tests/random_text.h"

static void expect_weights(const float *found, const float *wanted, int n)
{
    for (int i = 0; i < n; i++) assert_true(fabsf(found[i] - wanted[i]) < 1e-6F);
}

static void words_look_at_words(void **state)
{
    (void)state;
    float weight[6];
    /* word for word; the end does not count */
    static const float each[] = {0.2F, 0.2F, 0.6F, 0.9F, 0, 0.1F};
    static const char *const dog[] = {"a", "<unk>", "<end>"}, *const said[] = {"a", "dog"};
    cap_chain_weights(each, 2, 3, dog, 2, said, weight);
    expect_weights(weight, (const float[]){0.5F, 0.5F, 1, 0}, 4);
    /* characters: those of one word together */
    static const char *const letter[] = {"a", " ", "d", "o", "g", "<end>"};
    static const float letters[] = {0.1F, 0, 0.2F, 0.3F, 0.2F, 0.2F};
    cap_chain_weights(letters, 1, 6, letter, 2, said, weight);
    assert_true(fabsf(weight[0] - 0.125F) < 0.01F && fabsf(weight[1] - 0.875F) < 0.01F);
    /* a word that the translator takes for two halves of others: "ab" over "a" and "b" */
    static const char *const whole[] = {"ab", "cd", "e", "<end>"}, *const parts[] = {"a", "bcd", "", "e"};
    static const float one[] = {1, 0, 0, 0};
    cap_chain_weights(one, 1, 4, whole, 4, parts, weight);
    assert_true(fabsf(weight[0] - 0.5F) < 0.01F && fabsf(weight[1] - 0.5F) < 0.01F);
    /* only the end was looked at: nothing is known */
    static const float end[] = {0, 0, 1};
    cap_chain_weights(end, 1, 3, dog, 2, said, weight);
    expect_weights(weight, (const float[]){0.5F, 0.5F}, 2);
}

/* Every number of a translated description is the one by the formula. */
static void attention_goes_through_the_translator(void **state)
{
    (void)state;
    error err = {0}, reason[2] = {0};
    char photos[] = "chain_photos.safetensors", texts[] = "chain_texts.safetensors";
    assert_int_equal(random_model_write(photos, NN_MATCH_SIGMOID, true, &err), ERR_OK);
    assert_int_equal(random_text_save(texts, NN_MATCH_SIGMOID, &err), ERR_OK);
    opened captioner = open_path(photos, cap_request_defaults(CAP_PHOTOS), 1);
    opened translator = open_path(texts, cap_request_defaults(CAP_LINES), 1);
    captioner.request.n_best = 2;
    cap_description plain, d[2] = {0};
    cap_chained source[2] = {0};
    const char *path = TEST_SOURCE_DIR "/photos/coffee.jpg";
    assert_int_equal(cap_describe_file(captioner.session, &captioner.request, path, &plain, &err), ERR_OK);
    assert_int_equal(cap_describe_file(captioner.session, &captioner.request, path, &d[0], &err), ERR_OK);
    reason[1].code = ERR_FORMAT; /* a photo that could not be read */
    assert_int_equal(cap_chain(translator.session, true, d, 2, source, reason, &err), ERR_OK);
    assert_int_equal(reason[0].code, ERR_OK);
    assert_string_equal(source[0].said.sentence, plain.best.sentence);
    assert_string_not_equal(d[0].best.sentence, plain.best.sentence);
    size_t end = strlen(d[0].best.sentence);
    assert_true(end && d[0].best.sentence[end - 1] == '.');
    assert_int_equal(d[0].alternatives, 2);
    assert_non_null(d[0].concept_attention);
    int regions = d[0].grid_h * d[0].grid_w, words = plain.best.words;
    for (int t = 0; t < d[0].best.words; t++) {
        const float *weight = source[0].alignment + t * words;
        float sum = 0;
        for (int c = 0; c < words; c++) sum += weight[c];
        assert_true(fabsf(sum - 1) < 1e-5F);
        for (int l = 0; l < regions; l++) {
            float wanted = 0;
            for (int c = 0; c < words; c++) wanted += weight[c] * plain.attention[c * regions + l];
            assert_true(fabsf(d[0].attention[t * regions + l] - wanted) < 1e-6F);
        }
    }
    assert_ptr_equal(d[0].attention, d[0].best.attention);
    cap_description_release(&d[0]);
    cap_description_release(&plain);
    close_all(&captioner);
    close_all(&translator);
    unlink(photos);
    unlink(texts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_look_at_words),
        cmocka_unit_test(attention_goes_through_the_translator),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
