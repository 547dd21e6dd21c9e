#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "captioner/train/content_words.h"
#include "datasets/coco.h"

#include <string.h>

static const char json[] =
    "{\"images\": [{\"id\": 1, \"file_name\": \"a\"}, {\"id\": 2, \"file_name\": \"b\"},"
    "{\"id\": 3, \"file_name\": \"c\"}], \"annotations\": ["
    "{\"image_id\": 1, \"caption\": \"Two dogs, two dogs on the grass\"},"
    "{\"image_id\": 1, \"caption\": \"The grass is green\"},"
    "{\"image_id\": 1, \"caption\": \"A x dogs\"},"
    "{\"image_id\": 1, \"caption\": \"It isn't the dog's\"},"
    "{\"image_id\": 3, \"caption\": \"green green\"}]}";

/* What the test captions are, as numbers. */
typedef struct numbered {
    ds_vocab *vocab;
    ds_encoded e;
    arena memory;
} numbered;

static void number_captions(numbered *n)
{
    ds_captions c;
    ds_counter *counter = ds_counter_create();
    *n = (numbered){0};
    assert_int_equal(ds_captions_parse(json, sizeof json - 1, "made", NULL, &c, NULL), ERR_OK);
    assert_int_equal(ds_count_captions(&c, counter, NULL), ERR_OK);
    assert_int_equal(ds_vocab_build(counter, &(ds_vocab_settings){0}, &n->vocab, NULL), ERR_OK);
    assert_int_equal(ds_encode_captions(&c, n->vocab, &n->memory, &n->e, NULL), ERR_OK);
    ds_counter_free(&counter);
    ds_captions_release(&c);
}

static void release_numbers(numbered *n)
{
    ds_vocab_free(&n->vocab);
    arena_release(&n->memory);
}

static void words_with_content_are_found(void **state)
{
    (void)state;
    static const char *const expected[] = {"dogs", "green", "grass", "two", "dog"};
    numbered n;
    cap_content c;
    number_captions(&n);
    assert_int_equal(cap_content_find(&c, n.vocab, &n.e, 1, &n.memory, NULL), ERR_OK);
    assert_int_equal(c.words, 5);
    for (int j = 0; j < c.words; j++) {
        assert_string_equal(ds_vocab_word(n.vocab, c.number[j]), expected[j]);
        assert_int_equal(c.place[c.number[j]], j);
    }
    assert_int_equal(c.place[ds_vocab_id(n.vocab, "the")], -1);
    assert_int_equal(cap_content_find(&c, n.vocab, &n.e, 3, &n.memory, NULL), ERR_OK);
    assert_int_equal(c.words, 2);
    assert_int_equal(cap_content_find(&c, n.vocab, &n.e, 9, &n.memory, NULL), ERR_OK);
    assert_int_equal(c.words, 0);
    release_numbers(&n);
}

static void targets_are_shares_of_captions(void **state)
{
    (void)state;
    numbered n;
    cap_content c;
    float target[5] = {9, 9, 9, 9, 9};
    number_captions(&n);
    assert_int_equal(cap_content_find(&c, n.vocab, &n.e, 1, &n.memory, NULL), ERR_OK);
    cap_content_targets(&c, &n.e, 0, target); /* a word twice in a caption is one caption */
    assert_memory_equal(target, ((float[]){0.5F, 0.25F, 0.5F, 0.25F, 0.25F}), sizeof target);
    cap_content_targets(&c, &n.e, 1, target); /* no caption */
    assert_memory_equal(target, ((float[]){0, 0, 0, 0, 0}), sizeof target);
    cap_content_targets(&c, &n.e, 2, target);
    assert_memory_equal(target, ((float[]){0, 1, 0, 0, 0}), sizeof target);
    release_numbers(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_with_content_are_found),
        cmocka_unit_test(targets_are_shares_of_captions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
