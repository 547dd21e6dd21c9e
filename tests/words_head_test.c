/* The head that names words is taught: it finds what tells words, photos are scored by heads that have not
 * seen them, and the bits are those of the seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "captioner/train/words_head.h"
#include "src/base/rng.h"

enum { PHOTOS = 2000, WIDTH = 12, WORDS = 3 };

/* Photo i has a caption of each of its words; a word shows in the sign of one number of the mean. */
typedef struct school {
    ds_vocab *vocab;
    cap_namer namer;
    nn_params params;
    float means[PHOTOS * WIDTH];
    int32_t image[PHOTOS * (WORDS + 1)], words[PHOTOS * (WORDS + 1)];
    int64_t first[PHOTOS * (WORDS + 1) + 1];
    int32_t number[WORDS], place[DS_SPECIALS + WORDS + 1], caption[PHOTOS + 1], fold[PHOTOS];
    ds_encoded captions;
    cap_content content;
    cap_words_lesson lesson;
    pool *threads;
} school;

static const char *const names[] = {"dog", "snow", "red", "a"};

static void make_vocabulary(school *s)
{
    ds_counter *counter = ds_counter_create();
    for (int i = 0; i <= WORDS; i++) assert_int_equal(ds_counter_add(counter, names[i], 9 - i, NULL), ERR_OK);
    assert_int_equal(ds_vocab_build(counter, &(ds_vocab_settings){0}, &s->vocab, NULL), ERR_OK);
    ds_counter_free(&counter);
    for (int i = 0; i < DS_SPECIALS + WORDS + 1; i++) s->place[i] = -1;
    for (int i = 0; i < WORDS; i++) {
        s->number[i] = ds_vocab_id(s->vocab, names[i]);
        s->place[s->number[i]] = i;
    }
}

static void add_caption(school *s, int32_t photo, int32_t word)
{
    int32_t i = s->captions.captions++;
    s->image[i] = photo;
    s->words[i] = word;
    s->first[i + 1] = i + 1;
}

static void make_photos(school *s)
{
    rng r = {.seed = 7};
    int32_t a = ds_vocab_id(s->vocab, "a");
    for (int32_t i = 0; i < PHOTOS; i++) {
        char name[20];
        s->caption[i] = s->captions.captions;
        for (int j = 0; j < WIDTH; j++) s->means[i * WIDTH + j] = (float)(0.01 * rng_normal(&r));
        for (int w = 0; w < WORDS; w++)
            if (s->means[i * WIDTH + 2 * w] > 0) add_caption(s, i, s->number[w]);
        if (s->caption[i] == s->captions.captions) add_caption(s, i, a);
        snprintf(name, sizeof name, "%d.jpg", i);
        s->fold[i] = cap_words_fold(name);
        assert_true(s->fold[i] >= 0 && s->fold[i] < CAP_WORDS_FOLDS);
    }
    s->caption[PHOTOS] = s->captions.captions;
    s->captions.images = PHOTOS;
    s->captions.image = s->image;
    s->captions.first = s->first;
    s->captions.words = s->words;
}

static school *open_school(int threads)
{
    school *s = calloc(1, sizeof *s);
    cap_names list;
    error err = {0};
    assert_non_null(s);
    make_vocabulary(s);
    make_photos(s);
    assert_true(cap_names_copy(&list, names, WORDS));
    cap_namer_config c = cap_words_config(&(cap_words_settings){.naming = {0.1, 4}, .hidden = 64}, &list);
    if (cap_namer_declare(&s->namer, &c, WIDTH, s->vocab, &s->params, &err)) fail_msg("%s", err.text);
    assert_int_equal(nn_params_finish(&s->params, 1, NULL), ERR_OK);
    s->content = (cap_content){.words = WORDS, .number = s->number, .place = s->place, .caption = s->caption};
    s->lesson = (cap_words_lesson){.width = WIDTH,
                                   .means = s->means,
                                   .like = &s->namer,
                                   .vocab = s->vocab,
                                   .captions = &s->captions,
                                   .content = &s->content,
                                   .fold = s->fold};
    s->threads = pool_create(threads);
    return s;
}

static void close_school(school *s)
{
    cap_namer_release(&s->namer);
    nn_params_release(&s->params);
    ds_vocab_free(&s->vocab);
    pool_free(&s->threads);
    free(s);
}

static const cap_train_events silent;

static void teach(school *s, float folds[PHOTOS * WORDS], float own[PHOTOS * WORDS])
{
    cap_words_run run = {.threads = s->threads, .seed = 5, .events = &silent};
    error err = {0};
    if (cap_words_score_folds(&s->lesson, &run, folds, &err)) fail_msg("%s", err.text);
    if (cap_words_teach(&s->lesson, &run, &s->params, &err)) fail_msg("%s", err.text);
    assert_int_equal(cap_words_score(&s->namer, s->means, PHOTOS, WIDTH, s->threads, own, NULL), ERR_OK);
}

static void it_finds_what_tells_words(void **state)
{
    (void)state;
    static float folds[PHOTOS * WORDS], own[PHOTOS * WORDS], again[PHOTOS * WORDS], same[PHOTOS * WORDS];
    school *s = open_school(1), *other = open_school(3);
    cap_words_precision of_folds, of_own;
    teach(s, folds, own);
    assert_int_equal(cap_words_judge(&s->lesson, folds, &of_folds, NULL), ERR_OK);
    assert_int_equal(cap_words_judge(&s->lesson, own, &of_own, NULL), ERR_OK);
    assert_int_equal(of_own.words, WORDS);
    assert_true(of_folds.mean > 0.8 && of_own.mean > 0.85 && of_own.mean <= 1);
    for (int i = 0; i < PHOTOS * WORDS; i++) assert_true(own[i] > 0 && own[i] < 1);
    teach(other, again, same);
    assert_memory_equal(folds, again, sizeof folds);
    assert_memory_equal(own, same, sizeof own);
    close_school(s);
    close_school(other);
}

/* What a photo's own captions say changes no score of its fold. */
static void a_photo_is_not_scored_by_what_it_taught(void **state)
{
    (void)state;
    static float before[PHOTOS * WORDS], after[PHOTOS * WORDS];
    school *s = open_school(2);
    cap_words_run run = {.threads = s->threads, .seed = 5, .events = &silent};
    assert_int_equal(cap_words_score_folds(&s->lesson, &run, before, NULL), ERR_OK);
    int32_t c = s->caption[0];
    s->words[c] = s->words[c] == s->number[0] ? s->number[1] : s->number[0];
    assert_int_equal(cap_words_score_folds(&s->lesson, &run, after, NULL), ERR_OK);
    for (int i = 0; i < PHOTOS; i++)
        if (s->fold[i] == s->fold[0])
            assert_memory_equal(before + i * WORDS, after + i * WORDS, WORDS * sizeof *before);
    assert_memory_not_equal(before, after, sizeof before);
    close_school(s);
}

static bool at_once(void *ctx)
{
    (void)ctx;
    return true;
}

static void it_can_be_interrupted(void **state)
{
    (void)state;
    static float scores[PHOTOS * WORDS];
    school *s = open_school(1);
    cap_train_events events = {.stop = at_once};
    cap_words_run run = {.threads = s->threads, .seed = 5, .events = &events};
    error err = {0};
    assert_int_equal(cap_words_score_folds(&s->lesson, &run, scores, &err), ERR_INTERRUPTED);
    assert_int_equal(cap_words_teach(&s->lesson, &run, &s->params, &err), ERR_INTERRUPTED);
    s->means[5] = NAN;
    run.events = &silent;
    assert_int_equal(cap_words_teach(&s->lesson, &run, &s->params, &err), ERR_LIMIT);
    close_school(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_finds_what_tells_words),
        cmocka_unit_test(a_photo_is_not_scored_by_what_it_taught),
        cmocka_unit_test(it_can_be_interrupted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
