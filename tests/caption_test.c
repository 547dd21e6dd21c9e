#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "captioner/caption.h"
#include "captioner/net/builtin.h"
#include "captioner/search/search_words.h"
#include "src/io/file.h"
#include "tests/model_file.h"
#include "tests/opened.h"

static const char photo[] = TEST_SOURCE_DIR "/photos/coffee.jpg";
static const char turned[] = TEST_SOURCE_DIR "/images/exif_6.jpg";

static opened open_plain(void)
{
    return open_path(model, cap_request_defaults(CAP_PHOTOS), 0);
}

static void expect_same(const cap_description *a, const cap_description *b)
{
    assert_string_equal(a->best.sentence, b->best.sentence);
    assert_int_equal(a->best.words, b->best.words);
    for (int i = 0; i < a->best.words; i++) {
        assert_string_equal(a->best.word[i], b->best.word[i]);
        assert_true(fabsf(a->best.probability[i] - b->best.probability[i]) < 1e-4f);
    }
    assert_true(fabs(a->best.log_probability - b->best.log_probability) < 1e-3);
}

static void a_file_is_described(void **state)
{
    (void)state;
    opened c = open_plain();
    cap_description d;
    assert_int_equal(cap_describe_file(c.session, &c.request, photo, &d, NULL), ERR_OK);
    assert_in_range(d.best.words, 1, 20);
    assert_true(strlen(d.best.sentence) > 0);
    double log_p = 0;
    int regions = d.grid_h * d.grid_w;
    assert_int_equal(regions, 36);
    for (int i = 0; i < d.best.words; i++) {
        double sum = 0;
        for (int r = 0; r < regions; r++) sum += (double)d.attention[i * regions + r];
        assert_true(fabs(sum - 1) < 1e-4);
        log_p += log((double)d.best.probability[i]);
    }
    assert_true(d.best.log_probability <= log_p + 1e-4 &&
                (d.best.ended || fabs(d.best.log_probability - log_p) < 1e-4));
    assert_true(d.best.confidence > 0 && d.best.confidence < 1);
    assert_null(d.photo.rgb);
    assert_true(d.view.x0 == 0 && d.view.y0 == 0 && d.view.x1 == d.width && d.view.y1 == d.height);
    close_all(&c);
    assert_true(strlen(d.best.word[0]) > 0); /* outlives the captioner */
    cap_description_release(&d);
    cap_description_release(&d);
}

static void file_memory_and_pixels_agree(void **state)
{
    (void)state;
    cap_request r = cap_request_defaults(CAP_PHOTOS);
    r.keep_photo = true;
    opened c = open_path(model, r, 0);
    cap_description file, memory, pixels;
    uint8_t *bytes;
    size_t size;
    assert_int_equal(io_read_file(turned, 1 << 20, &bytes, &size, NULL), ERR_OK);
    assert_int_equal(cap_describe_file(c.session, &c.request, turned, &file, NULL), ERR_OK);
    assert_int_equal(cap_describe_memory(c.session, &c.request, bytes, size, "memory", &memory, NULL),
                     ERR_OK);
    assert_int_equal(cap_describe_pixels(c.session, &c.request, file.photo.rgb, file.photo.width,
                                         file.photo.height, &pixels, NULL),
                     ERR_OK);
    expect_same(&file, &memory);
    expect_same(&file, &pixels);
    assert_int_equal(file.photo.width, file.width);
    assert_int_equal(pixels.photo.height, file.height);
    assert_memory_equal(pixels.photo.rgb, file.photo.rgb, (size_t)file.width * file.height * 3);
    free(bytes);
    cap_description_release(&file);
    cap_description_release(&memory);
    cap_description_release(&pixels);
    close_all(&c);
}

static void kept_photos_do_not_change_the_words(void **state)
{
    (void)state;
    cap_request r = cap_request_defaults(CAP_PHOTOS);
    opened plain = open_path(model, r, 0);
    r.keep_photo = true;
    opened keeping = open_path(model, r, 2);
    cap_description a, b;
    assert_int_equal(cap_describe_file(plain.session, &plain.request, photo, &a, NULL), ERR_OK);
    assert_int_equal(cap_describe_file(keeping.session, &keeping.request, photo, &b, NULL), ERR_OK);
    expect_same(&a, &b);
    assert_int_equal(b.photo.width, b.width);
    assert_int_equal(b.photo.height, b.height);
    cap_description_release(&a);
    cap_description_release(&b);
    close_all(&plain);
    close_all(&keeping);
}

static void bad_photos_do_not_stop_the_others(void **state)
{
    (void)state;
    opened c = open_plain();
    const char *paths[] = {"/nowhere/a.jpg", photo, TEST_SOURCE_DIR "/CMakeLists.txt", turned, photo};
    cap_description many[5], one;
    error errors[5], err = {0};
    assert_int_equal(cap_describe_files(c.session, &c.request, paths, 5, many, errors, &err), ERR_OK);
    assert_int_equal(errors[0].code, ERR_MISSING);
    assert_int_equal(errors[2].code, ERR_FORMAT);
    assert_null(many[0].best.sentence);
    for (int i = 1; i < 5; i += i == 1 ? 2 : 1) {
        assert_int_equal(errors[i].code, ERR_OK);
        assert_int_equal(cap_describe_file(c.session, &c.request, paths[i], &one, &err), ERR_OK);
        expect_same(&one, &many[i]);
        cap_description_release(&one);
    }
    assert_int_equal(cap_describe_files(c.session, &c.request, paths, 1, &one, errors, &err), ERR_OK);
    assert_int_equal(errors[0].code, ERR_MISSING);
    assert_int_equal(cap_describe_files(c.session, &c.request, NULL, 0, NULL, NULL, &err), ERR_OK);
    for (int i = 0; i < 5; i++) cap_description_release(&many[i]);
    close_all(&c);
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    cap_model *m = NULL;
    cap_session *session = NULL;
    cap_description d;
    error err = {0};
    assert_int_equal(cap_open("/nowhere/m.safetensors", NULL, &m, &err), ERR_MISSING);
    assert_null(m);
    assert_int_not_equal(cap_open(photo, NULL, &m, &err), ERR_OK);
    assert_non_null(strstr(err.text, "coffee.jpg"));
    cap_open_options o = {.reads = CAP_LINES};
    assert_int_equal(cap_open(model, &o, &m, &err), ERR_MISMATCH);
    assert_non_null(strstr(err.text, "it does not translate"));
    o = (cap_open_options){.precision = CAP_PRECISIONS};
    assert_int_equal(cap_open(model, &o, &m, &err), ERR_ARGUMENT);
    assert_null(m);
    cap_close(&m);
    opened c = open_plain();
    assert_int_equal(cap_session_open(c.model, -1, &session, &err), ERR_ARGUMENT);
    assert_null(session);
    c.request.beam = 0;
    assert_int_equal(cap_request_check(NULL, &c.request, &err), ERR_ARGUMENT);
    assert_int_equal(cap_request_check(c.model, &c.request, &err), ERR_ARGUMENT);
    assert_int_equal(cap_describe_file(c.session, &c.request, photo, &d, &err), ERR_ARGUMENT);
    c.request = cap_request_defaults(CAP_PHOTOS);
    c.request.must = (const char *const[]){"zebra", NULL};
    assert_int_equal(cap_request_check(NULL, &c.request, &err), ERR_OK);
    assert_int_equal(cap_request_check(c.model, &c.request, &err), ERR_ARGUMENT);
    cap_translation t;
    error reason;
    assert_int_equal(cap_translate(c.session, NULL, (const char *const[]){"a dog"}, 1, &t, &reason, &err),
                     ERR_MISMATCH);
    c.request = cap_request_defaults(CAP_PHOTOS);
    c.request.max_pixels = 1000;
    assert_int_equal(cap_describe_file(c.session, &c.request, photo, &d, &err), ERR_LIMIT);
    uint8_t pixel[3] = {0};
    assert_int_equal(cap_describe_pixels(c.session, &c.request, pixel, 0, 1, &d, &err), ERR_ARGUMENT);
    assert_int_equal(cap_describe_pixels(c.session, &c.request, pixel, 1, 1001, &d, &err), ERR_LIMIT);
    assert_int_equal(cap_describe_pixels(c.session, &c.request, NULL, 1, 1, &d, &err), ERR_ARGUMENT);
    assert_int_equal(cap_describe_pixels(c.session, &c.request, pixel, 1, 1, &d, &err), ERR_OK);
    cap_description_release(&d);
    close_all(&c);
    close_all(&c);
}

static bool says(const cap_alternative *a, const char *word)
{
    for (int i = 0; i < a->words; i++)
        if (!strcmp(a->word[i], word)) return true;
    return false;
}

static void several_sentences_keep_to_the_wishes(void **state)
{
    (void)state;
    const char *must[] = {"Dog", "CAF\xC3\x89", "dog", NULL}, *avoid[] = {"man", "unheard-of", NULL};
    cap_request r = cap_request_defaults(CAP_PHOTOS);
    r.n_best = 4;
    r.beam = 8;
    r.must = must;
    r.avoid = avoid;
    opened c = open_path(model, r, 0);
    cap_description d;
    assert_int_equal(cap_describe_file(c.session, &c.request, photo, &d, NULL), ERR_OK);
    assert_int_equal(d.alternatives, 4);
    for (int i = 0; i < 4; i++) {
        const cap_alternative *a = &d.alternative[i];
        assert_true(says(a, "dog") && says(a, "caf\xC3\xA9") && !says(a, "man"));
        if (i) assert_true(a->score <= a[-1].score && strcmp(a->sentence, a[-1].sentence));
        const char *last = a->word[a->words - 1]; /* dangling words by default */
        assert_true(strcmp(last, "a") && strcmp(last, "the") && strcmp(last, "on") && strcmp(last, "in"));
        int length = a->words + a->ended;
        double penalty = pow((5.0 + length) / 6, r.length_alpha); /* GNMT's, the default */
        assert_true(fabs(a->score - a->log_probability / penalty) < 1e-6);
        assert_true(fabs(a->confidence - exp(a->log_probability / length)) < 1e-6);
    }
    assert_string_equal(d.best.sentence, d.alternative[0].sentence);
    cap_description_release(&d);
    close_all(&c);
}

static int said_again(const cap_alternative *a, const char *harmless)
{
    int found = 0;
    for (int i = 0; i < a->words; i++)
        for (int j = 0; j < i && strcmp(a->word[i], harmless); j++) found += !strcmp(a->word[i], a->word[j]);
    return found;
}

/* The random model has too few English words for the default list; its record may have a list of its own. */
static void no_content_word_is_said_twice(void **state)
{
    (void)state;
    opened c = open_plain();
    cap_description d;
    int said[3];
    c.request.min_words = c.request.max_words = 9;
    for (int way = 0; way < 3; way++) { /* no list, a list, a list that is not asked for */
        if (way == 1)
            json_object_set_new(((cap_model *)(uintptr_t)c.model)->record, "again", json_pack("[s]", "a"));
        c.request.repeat_words = way == 2;
        assert_int_equal(cap_describe_file(c.session, &c.request, photo, &d, NULL), ERR_OK);
        assert_int_equal(d.best.words, 9);
        said[way] = said_again(&d.best, "a");
        cap_description_release(&d);
    }
    assert_true(said[0] > 0 && said[1] == 0);
    assert_int_equal(said[2], said[0]);
    assert_false(cap_request_defaults(CAP_PHOTOS).repeat_words);
    assert_true(cap_request_defaults(CAP_LINES).repeat_words);
    close_all(&c);
}

static ds_vocab *vocab_of(const char *const *words, int count)
{
    ds_counter *counter = ds_counter_create();
    ds_vocab *v = NULL;
    for (int i = 0; i < count; i++) ds_counter_add(counter, words[i], 100 - i, NULL);
    assert_int_equal(ds_vocab_build(counter, &(ds_vocab_settings){0}, &v, NULL), ERR_OK);
    ds_counter_free(&counter);
    return v;
}

/* English articles are content in a German vocabulary, or rather nobody knows: there the rule is off. */
static void only_english_has_words_to_say_again(void **state)
{
    (void)state;
    static const char *const english[] = {"a", "dog", "in", "the", "snow", "is", "with", "two", "on"};
    static const char *const german[] = {"ein", "hund", "in", "schnee", "mit", "was", "so", "an"};
    ds_vocab *v = vocab_of(english, 9), *w = vocab_of(german, 8);
    cap_word_lists lists;
    cap_search_options o = cap_search_defaults();
    assert_int_equal(cap_search_words(v, NULL, NULL, NULL, &lists, &o, NULL), ERR_OK);
    assert_int_equal(o.agains, 7); /* all but dog and snow */
    for (int i = 0; i < o.agains; i++) {
        const char *word = ds_vocab_word(v, o.again[i]);
        assert_true(strcmp(word, "dog") && strcmp(word, "snow"));
    }
    assert_int_equal(cap_search_words(w, NULL, NULL, NULL, &lists, &o, NULL), ERR_OK);
    assert_int_equal(o.agains, 0);
    json_t *own = json_pack("{s:[s,s]}", "again", "ein", "zebra"), *wrong = json_pack("{s:i}", "again", 1);
    assert_int_equal(cap_search_words(w, own, NULL, NULL, &lists, &o, NULL), ERR_OK);
    assert_int_equal(o.agains, 1);
    assert_int_equal(o.again[0], ds_vocab_id(w, "ein"));
    assert_int_equal(cap_search_words(w, wrong, NULL, NULL, &lists, &o, NULL), ERR_FORMAT);
    json_decref(own);
    json_decref(wrong);
    json_t *record = json_object(); /* a new model's says which list it goes by */
    io_json_build b = {.root = record};
    cap_search_record_words(v, &b, record);
    assert_int_equal(json_array_size(json_object_get(record, "again")), 7);
    json_decref(record);
    ds_vocab_free(&v);
    ds_vocab_free(&w);
}

static void words_become_numbers(void **state)
{
    (void)state;
    static const char *const words[] = {"dog", "snow", "the"};
    ds_counter *counter = ds_counter_create();
    ds_vocab *v = NULL;
    for (int i = 0; i < 3; i++) ds_counter_add(counter, words[i], 9 - i, NULL);
    assert_int_equal(ds_vocab_build(counter, &(ds_vocab_settings){0}, &v, NULL), ERR_OK);
    cap_word_lists lists;
    cap_search_options o = cap_search_defaults();
    error err = {0};
    const char *must[] = {"snow", NULL}, *unknown[] = {"snow", "zebra", NULL}, *none[] = {"?!", NULL};
    assert_int_equal(cap_search_words(v, NULL, must, unknown + 1, &lists, &o, &err), ERR_OK);
    assert_int_equal(o.musts, 1);
    assert_int_equal(o.must[0], DS_SPECIALS + 1);
    assert_int_equal(o.avoids, 0);
    assert_int_equal(o.danglings, 1);
    assert_int_equal(o.dangling[0], DS_SPECIALS + 2);
    json_t *own = json_pack("{s:[s,s]}", "dangling", "dog", "zebra"),
           *empty = json_pack("{s:[]}", "dangling");
    json_t *wrong = json_pack("{s:s}", "dangling", "dog"), *number = json_pack("{s:[i]}", "dangling", 1);
    assert_int_equal(cap_search_words(v, own, NULL, NULL, &lists, &o, &err), ERR_OK);
    assert_int_equal(o.musts, 0);
    assert_int_equal(o.danglings, 1);
    assert_int_equal(o.dangling[0], DS_SPECIALS);
    assert_int_equal(cap_search_words(v, empty, NULL, NULL, &lists, &o, &err), ERR_OK);
    assert_int_equal(o.danglings, 0);
    assert_int_equal(cap_search_words(v, wrong, NULL, NULL, &lists, &o, &err), ERR_FORMAT);
    assert_int_equal(cap_search_words(v, number, NULL, NULL, &lists, &o, &err), ERR_FORMAT);
    assert_int_equal(cap_search_words(v, NULL, unknown, NULL, &lists, &o, &err), ERR_ARGUMENT);
    assert_non_null(strstr(err.text, "zebra"));
    assert_int_equal(cap_search_words(v, NULL, none, NULL, &lists, &o, &err), ERR_ARGUMENT);
    assert_int_equal(cap_search_words(v, NULL, must, must, &lists, &o, &err), ERR_ARGUMENT);
    json_t *record = json_object(); /* as a new model's: the default list, written out */
    io_json_build b = {.root = record};
    cap_search_record_words(v, &b, record);
    cap_search_record_words(v, &b, own); /* has one already */
    assert_false(b.failed);
    assert_int_equal(json_array_size(json_object_get(own, "dangling")), 2);
    assert_int_equal(json_array_size(json_object_get(record, "dangling")), 1);
    assert_int_equal(cap_search_words(v, record, NULL, NULL, &lists, &o, &err), ERR_OK);
    assert_int_equal(o.dangling[0], DS_SPECIALS + 2);
    json_decref(record);
    json_decref(own);
    json_decref(empty);
    json_decref(wrong);
    json_decref(number);
    ds_vocab_free(&v);
    ds_counter_free(&counter);
}

static void the_model_says_what_it_is(void **state)
{
    (void)state;
    opened c = open_plain();
    cap_info info;
    cap_get_info(c.model, &info);
    assert_string_equal(info.encoder, "small");
    assert_int_equal(info.size, 96);
    assert_int_equal(info.vocabulary, 10);
    assert_true(info.attends);
    assert_string_equal(cap_get_word(c.model, 0), "a");
    assert_string_equal(cap_get_word(c.model, 9), "caf\xC3\xA9");
    assert_null(cap_get_word(c.model, 10));
    assert_null(cap_get_word(c.model, -1));
    assert_int_equal(info.reads, CAP_PHOTOS);
    assert_string_equal(info.decoder, "lstm");
    assert_non_null(strstr(info.record, "\"licence\":\"none: random weights\""));
    close_all(&c);
}

static void the_built_in_model_is_there_or_missed(void **state)
{
    (void)state;
    cap_model *m = NULL;
    error err = {0};
    size_t size;
    const void *bytes = cap_builtin_model(&size);
    err_code code = cap_open(NULL, NULL, &m, &err);
    assert_int_equal(code, bytes ? ERR_OK : ERR_UNSUPPORTED);
    if (bytes) {
        assert_int_equal((uintptr_t)bytes % 64, 0);
        cap_info info;
        cap_get_info(m, &info);
        assert_int_equal(info.file_bytes, size);
    }
    cap_close(&m);
}

/* One session answers every wish; none of them changes the next. */
static void requests_are_independent(void **state)
{
    (void)state;
    opened c = open_plain();
    cap_description first, other, again;
    cap_request r = c.request;
    r.avoid = (const char *const[]){"dog", "cat", "man", NULL};
    r.strategy = CAP_SAMPLE;
    r.n_best = 4;
    assert_int_equal(cap_describe_file(c.session, &c.request, photo, &first, NULL), ERR_OK);
    assert_int_equal(cap_describe_file(c.session, &r, photo, &other, NULL), ERR_OK);
    assert_int_equal(cap_describe_file(c.session, &c.request, photo, &again, NULL), ERR_OK);
    assert_int_equal(other.alternatives, 4);
    assert_false(says(&other.best, "dog"));
    expect_same(&first, &again);
    cap_description_release(&first);
    cap_description_release(&other);
    cap_description_release(&again);
    close_all(&c);
}

static void the_version_is_that_of_the_header(void **state)
{
    (void)state;
    int major, minor, patch;
    assert_int_equal(cap_version(), CAP_VERSION);
    assert_int_equal(sscanf(cap_version_text(), "%d.%d.%d", &major, &minor, &patch), 3);
    assert_int_equal(CAP_VERSION_NUMBER(major, minor, patch), CAP_VERSION);
    assert_string_equal(cap_version_text(), CAPTION_VERSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_described),
        cmocka_unit_test(file_memory_and_pixels_agree),
        cmocka_unit_test(kept_photos_do_not_change_the_words),
        cmocka_unit_test(bad_photos_do_not_stop_the_others),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(several_sentences_keep_to_the_wishes),
        cmocka_unit_test(no_content_word_is_said_twice),
        cmocka_unit_test(only_english_has_words_to_say_again),
        cmocka_unit_test(words_become_numbers),
        cmocka_unit_test(the_model_says_what_it_is),
        cmocka_unit_test(the_built_in_model_is_there_or_missed),
        cmocka_unit_test(requests_are_independent),
        cmocka_unit_test(the_version_is_that_of_the_header),
    };
    return cmocka_run_group_tests(tests, model_file_make, model_file_remove);
}
