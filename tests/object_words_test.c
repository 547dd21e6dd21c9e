#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "captioner/net/object_words.h"
#include "cnn/backbone.h"

#include <string.h>

/* A vocabulary of the words of a sentence, for the test to free. */
static ds_vocab *vocab_of(const char *sentence)
{
    ds_counter *counter = ds_counter_create();
    ds_vocab *v = NULL;
    char copy[600], *rest = copy, *word;
    assert_true(strlen(sentence) < sizeof copy);
    memcpy(copy, sentence, strlen(sentence) + 1);
    while ((word = strtok_r(rest, " ", &rest)))
        assert_int_equal(ds_counter_add(counter, word, 1, NULL), ERR_OK);
    assert_int_equal(ds_vocab_build(counter, &(ds_vocab_settings){0}, &v, NULL), ERR_OK);
    ds_counter_free(&counter);
    return v;
}

static void expect_said(const ds_vocab *v, const char *class_name, const char *first, const char *last)
{
    int32_t a, b;
    assert_true(cap_object_said(v, class_name, &a, &b));
    assert_string_equal(ds_vocab_word(v, a), first);
    assert_string_equal(ds_vocab_word(v, b), last);
}

static void classes_are_said_in_words_of_the_vocabulary(void **state)
{
    (void)state;
    int32_t a, b;
    ds_vocab *v = vocab_of("dog traffic light hair dryer television ball gadget");
    expect_said(v, "dog", "dog", "dog");
    expect_said(v, "traffic light", "traffic", "light");
    expect_said(v, "hair drier", "hair", "dryer");
    expect_said(v, "tv", "television", "television");
    expect_said(v, "sports ball", "ball", "ball");
    expect_said(v, "gadget", "gadget", "gadget");
    assert_false(cap_object_said(v, "cat", &a, &b));
    assert_false(cap_object_said(v, "stop sign", &a, &b));
    ds_vocab_free(&v);
}

static const char *const classes[] = {"person", "dog",   "hot dog", "bear",   "teddy bear", "elephant",
                                      "skis",   "knife", "bench",   "orange", "bus",        "sheep"};
enum { CLASSES = sizeof classes / sizeof classes[0] };

/* The names of the classes that a sentence names, with blanks between them. */
static const char *named_by(const ds_vocab *v, const cap_object_names *names, const char *sentence)
{
    static char out[200];
    char copy[200], *rest = copy, *word;
    int32_t number[30];
    int count = 0;
    bool named[CLASSES] = {false};
    memcpy(copy, sentence, strlen(sentence) + 1);
    while ((word = strtok_r(rest, " ", &rest))) number[count++] = ds_vocab_id(v, word);
    cap_object_names_find(names, number, count, named);
    out[0] = 0;
    for (int i = 0; i < CLASSES; i++) {
        if (!named[i]) continue;
        size_t n = strlen(out), m = strlen(classes[i]);
        if (n) out[n++] = ' ';
        memcpy(out + n, classes[i], m + 1);
    }
    return out;
}

static void captions_name_classes(void **state)
{
    (void)state;
    arena memory = {0};
    cap_object_names names;
    ds_vocab *v = vocab_of(
        "a man women dogs dog hot bear teddy bears baby elephant elephants skier knives "
        "benches orange oranges buses sheep on with babies puppies shirt");
    assert_int_equal(cap_object_names_create(&names, v, classes, CLASSES, &memory, NULL), ERR_OK);
    assert_string_equal(named_by(v, &names, "a man with dogs"), "person dog");
    assert_string_equal(named_by(v, &names, "women with puppies on benches"), "person dog bench");
    assert_string_equal(named_by(v, &names, "hot dog"), "hot dog");
    assert_string_equal(named_by(v, &names, "hot dogs on a dog"), "dog hot dog");
    assert_string_equal(named_by(v, &names, "a teddy bear with bears"), "bear teddy bear");
    assert_string_equal(named_by(v, &names, "a baby elephant"), "elephant");
    assert_string_equal(named_by(v, &names, "babies on elephants"), "person elephant");
    assert_string_equal(named_by(v, &names, "a skier with knives"), "person skis knife");
    assert_string_equal(named_by(v, &names, "a orange shirt"), "");
    assert_string_equal(named_by(v, &names, "oranges on buses with sheep"), "orange bus sheep");
    assert_string_equal(named_by(v, &names, "hot"), "");
    assert_string_equal(named_by(v, &names, ""), "");
    assert_string_equal(named_by(v, &names, "giraffe on a bench"), "");
    arena_release(&memory);
    ds_vocab_free(&v);
}

/* By other words than those that the detector has. */
static void cocos_classes_are_known(void **state)
{
    (void)state;
    int rows;
    const cnn_backbone_row *const *list = cnn_backbone_rows(&rows), *row = NULL;
    for (int i = 0; i < rows; i++)
        if (!strcmp(list[i]->name, "yolox_nano")) row = list[i];
    assert_non_null(row);
    ds_vocab *v = vocab_of(
        "racquets cellphones sofas mice bikes planes ships gulls bulls kittens ponies "
        "toddlers television fridges doughnuts hotdogs dryer hair stove mugs purses");
    arena memory = {0};
    cap_object_names names;
    int32_t a, b;
    assert_int_equal(cap_object_names_create(&names, v, row->class_names, row->classes, &memory, NULL),
                     ERR_OK);
    bool named[80] = {false};
    for (int32_t w = DS_SPECIALS; w < ds_vocab_size(v); w++) cap_object_names_find(&names, &w, 1, named);
    int count = 0;
    for (int i = 0; i < row->classes; i++) count += named[i];
    assert_int_equal(count, 19);
    assert_true(cap_object_said(v, "hair drier", &a, &b));
    arena_release(&memory);
    ds_vocab_free(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_are_said_in_words_of_the_vocabulary),
        cmocka_unit_test(captions_name_classes),
        cmocka_unit_test(cocos_classes_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
