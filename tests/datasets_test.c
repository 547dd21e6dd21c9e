#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "datasets/coco.h"
#include "datasets/encode.h"
#include "src/base/text.h"
#include "src/io/file.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void describe(const ds_captions *c, text *out)
{
    text_printf(out, "images %d captions %d unknown %d blank %d without %d\n", c->images, c->captions,
                c->unknown, c->blank, c->without);
    for (int32_t i = 0; i < c->images; i++) {
        text_printf(out, "%lld %s\n", (long long)c->image[i].id, c->image[i].file_name);
        for (int32_t j = 0; j < c->image[i].count; j++) {
            const ds_caption *caption = &c->caption[c->image[i].first + j];
            assert_int_equal(caption->image, i);
            text_printf(out, "  %s\n", caption->text);
        }
    }
}

/* One case: a folder with input.json and either the description or the error as `expected`. */
static void run_case(const char *name)
{
    char path[PATH_MAX];
    uint8_t *input, *expected;
    size_t input_size, expected_size;
    text got = {0};
    error err = {0};
    ds_captions c;
    snprintf(path, sizeof path, TEST_SOURCE_DIR "/cases/coco/%s/input.json", name);
    assert_int_equal(io_read_file(path, 1 << 20, &input, &input_size, NULL), ERR_OK);
    snprintf(path, sizeof path, TEST_SOURCE_DIR "/cases/coco/%s/expected", name);
    assert_int_equal(io_read_file(path, 1 << 20, &expected, &expected_size, NULL), ERR_OK);
    ds_captions_settings settings = {.split = "train,restval"};
    if (ds_captions_parse((char *)input, input_size, "input.json", &settings, &c, &err))
        text_printf(&got, "%s\n", err.text);
    else
        describe(&c, &got);
    if (strcmp(text_string(&got), (char *)expected)) print_message("case %s\n", name);
    assert_string_equal(text_string(&got), (char *)expected);
    ds_captions_release(&c);
    text_release(&got);
    free(input);
    free(expected);
}

static void cases_are_as_expected(void **state)
{
    (void)state;
    DIR *dir = opendir(TEST_SOURCE_DIR "/cases/coco");
    int count = 0;
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] == '.') continue;
        run_case(entry->d_name);
        count++;
    }
    closedir(dir);
    assert_true(count >= 30);
}

/* Every cut of a good file is refused, none reads beyond its end. */
static void cut_files_are_refused(void **state)
{
    (void)state;
    static const char whole[] =
        "{\"a\":[1,\"x\"],\"images\":[{\"id\":1,\"file_name\":\"a.jpg\"}],"
        "\"annotations\":[{\"image_id\":1,\"caption\":\"a dog\"}]}";
    ds_captions c;
    for (size_t size = 0; size < sizeof whole - 1; size++) {
        char *copy = malloc(size + 1); /* the sanitizer watches its end */
        memcpy(copy, whole, size);
        char *tight = realloc(copy, size ? size : 1);
        assert_int_equal(ds_captions_parse(tight, size, "cut", NULL, &c, NULL), ERR_FORMAT);
        free(tight);
    }
    assert_int_equal(ds_captions_parse(whole, sizeof whole - 1, "whole", NULL, &c, NULL), ERR_OK);
    ds_captions_release(&c);
}

static void count_missing(void *ctx, const char *path)
{
    assert_non_null(strstr(path, ".jpg"));
    ++*(int *)ctx;
}

static void missing_files_are_skipped(void **state)
{
    (void)state;
    static const char json[] =
        "{\"images\":[{\"id\":1,\"file_name\":\"a.jpg\"},{\"id\":2,\"file_name\":\"b.jpg\"},"
        "{\"id\":3,\"file_name\":\"c.jpg\"},{\"id\":4,\"file_name\":\"d.jpg\"}],\"annotations\":["
        "{\"image_id\":1,\"caption\":\"one\"},{\"image_id\":2,\"caption\":\"two\"},"
        "{\"image_id\":3,\"caption\":\"three\"},{\"image_id\":3,\"caption\":\"four\"}]}";
    char dir[] = "/tmp/ds_files_XXXXXX", path[PATH_MAX];
    ds_captions c;
    text got = {0};
    error err = {0};
    int reported = 0;
    int32_t missing = 0;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/a.jpg", dir);
    assert_int_equal(io_write_file(path, "x", 1, NULL), ERR_OK);
    snprintf(path, sizeof path, "%s/c.jpg", dir);
    assert_int_equal(io_write_file(path, "x", 1, NULL), ERR_OK);
    assert_int_equal(ds_captions_parse(json, sizeof json - 1, "j", NULL, &c, NULL), ERR_OK);
    assert_int_equal(ds_captions_check_files(&c, dir, 0.4, count_missing, &reported, &missing, &err),
                     ERR_MISSING);
    assert_int_equal(reported, 2);
    assert_int_equal(missing, 2);
    assert_non_null(strstr(err.text, "2 of 4 photos are missing"));
    assert_int_equal(c.images, 4);
    assert_int_equal(c.image[1].count, 1);
    assert_int_equal(ds_captions_check_files(&c, dir, 0.5, NULL, NULL, &missing, &err), ERR_OK);
    describe(&c, &got);
    assert_string_equal(text_string(&got),
                        "images 2 captions 3 unknown 0 blank 0 without 0\n"
                        "1 a.jpg\n  one\n3 c.jpg\n  three\n  four\n");
    unlink(path);
    snprintf(path, sizeof path, "%s/a.jpg", dir);
    unlink(path);
    rmdir(dir);
    text_release(&got);
    ds_captions_release(&c);
}

static void paths_are_joined(void **state)
{
    (void)state;
    char path[12];
    assert_int_equal(ds_image_path("dir", "a.jpg", path, sizeof path, NULL), ERR_OK);
    assert_string_equal(path, "dir/a.jpg");
    assert_int_equal(ds_image_path("dir/", "a.jpg", path, sizeof path, NULL), ERR_OK);
    assert_string_equal(path, "dir/a.jpg");
    assert_int_equal(ds_image_path("directory", "a.jpg", path, sizeof path, NULL), ERR_LIMIT);
}

/* The figures are those of the files' own README and of a count of the words by another program. */
static void real_captions_are_read(void **state)
{
    (void)state;
    ds_captions c;
    if (ds_captions_read(TEST_SHARED_DIR "/data/coco_mini/captions_train.json", NULL, &c, NULL)) {
        print_message("skipped: no " TEST_SHARED_DIR "/data/coco_mini\n");
        skip();
    }
    int32_t missing = -1;
    assert_int_equal(c.images, 80);
    assert_int_equal(c.captions, 400);
    assert_int_equal(c.unknown + c.blank + c.without, 0);
    assert_int_equal(c.image[0].id, 493652);
    assert_int_equal(
        ds_captions_check_files(&c, TEST_SHARED_DIR "/data/coco_mini/images", 0, NULL, NULL, &missing, NULL),
        ERR_OK);
    assert_int_equal(missing, 0);
    ds_captions_release(&c);
}

static void real_words_are_counted(void **state)
{
    (void)state;
    ds_captions c;
    if (ds_captions_read(TEST_SHARED_DIR "/data/flickr8k/captions_train.json", NULL, &c, NULL)) {
        print_message("skipped: no " TEST_SHARED_DIR "/data/flickr8k\n");
        skip();
    }
    arena memory = {0};
    ds_counter *counter = ds_counter_create();
    ds_vocab *v = NULL;
    ds_encoded data;
    assert_int_equal(c.images, 6000);
    assert_int_equal(c.captions, 30000);
    assert_int_equal(ds_count_captions(&c, counter, NULL), ERR_OK);
    assert_int_equal(ds_counter_get(counter, "dog"), 6159);
    assert_int_equal(ds_vocab_build(counter, &(ds_vocab_settings){.min_count = 1}, &v, NULL), ERR_OK);
    assert_string_equal(ds_vocab_word(v, 4), "a");
    assert_int_equal(ds_encode_captions(&c, v, &memory, &data, NULL), ERR_OK);
    assert_int_equal(data.unknown, 0);
    assert_int_equal(data.captions, 30000);
    assert_true(data.first[30000] > 300000 && data.first[30000] < 360000);
    ds_vocab_free(&v);
    ds_counter_free(&counter);
    ds_captions_release(&c);
    arena_release(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cases_are_as_expected),     cmocka_unit_test(cut_files_are_refused),
        cmocka_unit_test(missing_files_are_skipped), cmocka_unit_test(paths_are_joined),
        cmocka_unit_test(real_captions_are_read),    cmocka_unit_test(real_words_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
