#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "datasets/captions_only.h"
#include "datasets/encode.h"
#include "src/io/file.h"
#include "tests/folder.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const names[] = {"person", "dog", "traffic light", "bench"};
enum { NAMES = sizeof names / sizeof names[0] };

static err_code read_text(const char *text, size_t size, ds_captions_only *o, error *err)
{
    assert_int_equal(io_write_file("only.tsv", text, size, NULL), ERR_OK);
    return ds_captions_only_read("only.tsv", names, NAMES, o, err);
}

static ds_captions_only taken(const char *text)
{
    ds_captions_only o;
    assert_int_equal(read_text(text, strlen(text), &o, NULL), ERR_OK);
    return o;
}

static void expect_objects(const ds_captions_only *o, int32_t image, int count, const int32_t *objects)
{
    assert_int_equal(o->first[image + 1] - o->first[image], count);
    assert_memory_equal(o->object + o->first[image], objects, (size_t)count * sizeof *objects);
}

static void lines_are_grouped_by_image(void **state)
{
    (void)state;
    ds_captions_only o = taken(
        "\xEF\xBB\xBF"
        "42\tdog,traffic light\tA dog waits.\r\n"
        "7\t?\tTwo men talk.\n"
        "\n"
        " 042 \tdog,traffic light\t It is\tred. \r\n"
        "9\t\tGrass");
    const ds_captions *c = &o.captions;
    assert_int_equal(c->images, 3);
    assert_int_equal(c->captions, 4);
    assert_int_equal(c->image[0].id, 42);
    assert_int_equal(c->image[0].count, 2);
    assert_string_equal(c->caption[0].text, "A dog waits.");
    assert_string_equal(c->caption[1].text, "It is\tred.");
    assert_int_equal(c->image[1].id, 7);
    assert_string_equal(c->caption[c->image[1].first].text, "Two men talk.");
    assert_string_equal(c->caption[c->image[2].first].text, "Grass");
    assert_int_equal(c->caption[3].image, 2);
    expect_objects(&o, 0, 2, (const int32_t[]){1, 2});
    expect_objects(&o, 1, 0, NULL);
    expect_objects(&o, 2, 0, NULL);
    assert_true(o.listed[0] && !o.listed[1] && o.listed[2]);
    assert_int_equal(o.wordless, 0);
    ds_captions_only_release(&o);
    ds_captions_only_release(&o);
}

static void objects_are_taken_once(void **state)
{
    (void)state;
    ds_captions_only o = taken("1\tbench, person ,bench,,\tA bench.\n");
    expect_objects(&o, 0, 2, (const int32_t[]){3, 0});
    ds_captions_only_release(&o);
}

static void lines_without_words_are_left_out(void **state)
{
    (void)state;
    ds_captions_only o = taken("1\tdog\tA dog.\n2\tdog\t...\n1\tdog\t\n3\t?\tA bench.\n");
    assert_int_equal(o.captions.images, 2);
    assert_int_equal(o.captions.captions, 2);
    assert_int_equal(o.captions.image[1].id, 3);
    assert_int_equal(o.wordless, 2);
    assert_int_equal(o.first_wordless, 2);
    ds_captions_only_release(&o);
}

static void without_names_objects_are_unknown(void **state)
{
    (void)state;
    ds_captions_only o;
    const char text[] = "1\tunicorn\tA unicorn.\n";
    assert_int_equal(io_write_file("only.tsv", text, sizeof text - 1, NULL), ERR_OK);
    assert_int_equal(ds_captions_only_read("only.tsv", NULL, 0, &o, NULL), ERR_OK);
    expect_objects(&o, 0, 0, NULL);
    assert_false(o.listed[0]);
    ds_captions_only_release(&o);
}

static void captions_become_numbers(void **state)
{
    (void)state;
    ds_captions_only o = taken("5\tdog\tA dog.\n6\t?\tA cat on the left\n5\tdog\tThe dog runs\n");
    ds_counter *counter = ds_counter_create();
    ds_vocab *v;
    ds_encoded e;
    arena memory = {0};
    assert_int_equal(ds_count_captions(&o.captions, counter, NULL), ERR_OK);
    assert_int_equal(ds_counter_get(counter, "dog"), 2);
    assert_int_equal(ds_vocab_build(counter, &(ds_vocab_settings){0}, &v, NULL), ERR_OK);
    assert_int_equal(ds_encode_captions(&o.captions, v, &memory, &e, NULL), ERR_OK);
    ds_captions_only_forget_texts(&o);
    assert_int_equal(o.captions.captions, 0);
    assert_int_equal(o.captions.image[1].id, 6);
    expect_objects(&o, 0, 1, (const int32_t[]){1});
    ds_captions_only_release(&o);
    assert_int_equal(e.images, 2);
    assert_int_equal(e.captions, 3);
    assert_int_equal(e.image[1], 0);
    assert_string_equal(ds_vocab_word(v, e.words[e.first[1]]), "the");
    assert_true(!e.sided[0] && e.sided[1]);
    arena_release(&memory);
    ds_vocab_free(&v);
    ds_counter_free(&counter);
}

static void expect_bad(const char *text, size_t size, const char *message)
{
    ds_captions_only o;
    error e = {0};
    assert_int_equal(read_text(text, size, &o, &e), ERR_FORMAT);
    assert_string_equal(e.text, message);
    assert_int_equal(o.captions.images, 0);
}

#define BAD(text, message) expect_bad(text, sizeof(text) - 1, message)

static void bad_files_are_refused(void **state)
{
    (void)state;
    ds_captions_only o;
    error e = {0};
    BAD("1\tdog\tA dog.\n2\tA dog.\n",
        "cannot read 'only.tsv': line 2 has not the three parts that it needs: image, objects and caption, a "
        "tab "
        "between two");
    BAD("image\tobjects\tcaption\n",
        "cannot read 'only.tsv': line 1: 'image' is no image's id, which is a whole "
        "number from 0 to 2^53");
    BAD("-1\t?\tA dog.\n",
        "cannot read 'only.tsv': line 1: '-1' is no image's id, which is a whole number from 0 "
        "to 2^53");
    BAD("9007199254740993\t?\tA dog.\n",
        "cannot read 'only.tsv': line 1: '9007199254740993' is no image's id, "
        "which is a whole number from 0 to 2^53");
    BAD("1\tdog\tA dog.\n2\tdog,unicorn\tA unicorn.\n",
        "cannot read 'only.tsv': line 2: there is no object 'unicorn'");
    BAD("1\tdog\tA dog.\n1\t?\tA dog.\n",
        "cannot read 'only.tsv': line 2: image 1 has other objects than in line 1");
    BAD("1\tdog\tA \xC3(\n", "cannot read 'only.tsv': line 1 is not UTF-8 (byte 9)");
    BAD("1\tdog\tA\0dog\n", "cannot read 'only.tsv': line 1 holds a zero byte");
    BAD("", "cannot use 'only.tsv': there is not one caption with a word in it");
    BAD("1\tdog\t.\n", "cannot use 'only.tsv': there is not one caption with a word in it");
    assert_int_equal(ds_captions_only_read("absent.tsv", names, NAMES, &o, &e), ERR_MISSING);
}

static int enter_folder(void **state)
{
    return folder_make(state) ? -1 : chdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_grouped_by_image),
        cmocka_unit_test(objects_are_taken_once),
        cmocka_unit_test(lines_without_words_are_left_out),
        cmocka_unit_test(without_names_objects_are_unknown),
        cmocka_unit_test(captions_become_numbers),
        cmocka_unit_test(bad_files_are_refused),
    };
    return cmocka_run_group_tests(tests, enter_folder, folder_remove);
}
