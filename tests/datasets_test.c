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
    ds_captions_settings settings = {.split = DS_TRAIN_SPLITS, .by_default = true};
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
    ds_missing missing;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/a.jpg", dir);
    assert_int_equal(io_write_file(path, "x", 1, NULL), ERR_OK);
    snprintf(path, sizeof path, "%s/c.jpg", dir);
    assert_int_equal(io_write_file(path, "x", 1, NULL), ERR_OK);
    assert_int_equal(ds_captions_parse(json, sizeof json - 1, "j", NULL, &c, NULL), ERR_OK);
    assert_int_equal(ds_captions_check_files(&c, dir, 0.4, &missing, &err), ERR_MISSING);
    assert_int_equal(missing.count, 2);
    assert_non_null(strstr(err.text, "2 of 4 photos are missing"));
    assert_non_null(strstr(err.text, ": 'b.jpg' and 'd.jpg'"));
    assert_int_equal(c.images, 4);
    assert_int_equal(c.image[1].count, 1);
    assert_int_equal(ds_captions_check_files(&c, dir, 0.5, &missing, &err), ERR_OK);
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

/* However many are missing, three are named. */
static void missing_files_take_one_line(void **state)
{
    (void)state;
    ds_missing m = {.of = 82783};
    text line = {0};
    for (int i = 0; i < 82783; i++) ds_missing_note(&m, i ? "b.jpg" : "a.jpg");
    ds_missing_tell(&m, "photos", &line);
    assert_string_equal(
        text_string(&line),
        "82783 of 82783 photos are missing in 'photos': 'a.jpg', 'b.jpg', 'b.jpg' and 82780 more");
    text_release(&line);
}

static const char karpathy[] =
    "{\"images\":["
    "{\"imgid\":0,\"split\":\"train\",\"filename\":\"0.jpg\",\"sentences\":[{\"raw\":\"zero\"},{\"raw\":\" "
    "\"}]},"
    "{\"imgid\":1,\"split\":\"val\",\"filename\":\"1.jpg\",\"sentences\":[{\"raw\":\"one\"},{\"raw\":\" "
    "\"}]},"
    "{\"imgid\":2,\"split\":\"restval\",\"filename\":\"2.jpg\",\"sentences\":[{\"raw\":\"two\"}]},"
    "{\"imgid\":3,\"split\":\"test\",\"filename\":\"3.jpg\",\"sentences\":[{\"raw\":\"three\"}]}]}";

static void read_split(const char *json, const char *split, bool by_default, ds_captions *c, error *err)
{
    ds_captions_settings s = {.split = split, .by_default = by_default};
    *err = (error){0};
    err_code code = ds_captions_parse(json, strlen(json), "k.json", &s, c, err);
    assert_int_equal(code, err->code);
}

/* A split holds its own photos, captions and blank ones, and the file's other splits are known by name. */
static void splits_are_taken(void **state)
{
    (void)state;
    ds_captions c;
    error err;
    text line = {0};
    read_split(karpathy, DS_TRAIN_SPLITS, true, &c, &err);
    assert_int_equal(err.code, ERR_OK);
    assert_int_equal(c.images, 2);
    assert_string_equal(c.image[1].file_name, "2.jpg");
    assert_int_equal(c.captions, 2);
    assert_string_equal(c.caption[c.image[1].first].text, "two");
    assert_int_equal(c.blank, 1);
    ds_splits_tell(&c.splits, &line);
    assert_string_equal(text_string(&line),
                        "'train' (1 photo) and 'restval' (1 photo); 'val' and 'test' are left alone");
    ds_captions_release(&c);
    read_split(karpathy, "test", false, &c, &err);
    assert_int_equal(c.images, 1);
    assert_string_equal(c.caption[0].text, "three");
    ds_captions_release(&c);
    read_split(karpathy, NULL, false, &c, &err);
    assert_int_equal(c.images, 4);
    assert_int_equal(c.splits.count, 4);
    ds_captions_release(&c);
    text_release(&line);
}

static void wrong_splits_are_refused(void **state)
{
    (void)state;
    static const char coco[] =
        "{\"images\":[{\"id\":1,\"file_name\":\"a.jpg\"}],\"annotations\":[{\"image_id\":1,\"caption\":\"a "
        "dog\"}]}";
    static const char half[] =
        "{\"images\":[{\"imgid\":0,\"split\":\"train\",\"filename\":\"0.jpg\",\"sentences\":[]},"
        "{\"imgid\":1,\"filename\":\"1.jpg\",\"sentences\":[]}]}";
    ds_captions c;
    error err;
    read_split(karpathy, "train,tets", false, &c, &err);
    assert_string_equal(err.text,
                        "'k.json' has no split 'tets'; it has 'train', 'val', 'restval' and 'test'");
    read_split(karpathy, "train,", false, &c, &err);
    assert_int_equal(err.code, ERR_ARGUMENT);
    read_split(karpathy, "dev", true, &c, &err); /* nothing to take by default either */
    assert_int_equal(err.code, ERR_ARGUMENT);
    read_split(coco, "test", false, &c, &err);
    assert_int_equal(err.code, ERR_ARGUMENT);
    assert_non_null(strstr(err.text, "'k.json' is not divided into splits"));
    read_split(coco, "test", true, &c, &err);
    assert_int_equal(err.code, ERR_OK);
    assert_int_equal(c.captions, 1);
    ds_captions_release(&c);
    read_split(half, "train", false, &c, &err);
    assert_string_equal(err.text, "cannot read 'k.json': images[1]: 'split' is missing");
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
    ds_missing missing;
    assert_int_equal(c.images, 80);
    assert_int_equal(c.captions, 400);
    assert_int_equal(c.unknown + c.blank + c.without, 0);
    assert_int_equal(c.image[0].id, 493652);
    assert_int_equal(ds_captions_check_files(&c, TEST_SHARED_DIR "/data/coco_mini/images", 0, &missing, NULL),
                     ERR_OK);
    assert_int_equal(missing.count, 0);
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
        cmocka_unit_test(cases_are_as_expected),       cmocka_unit_test(cut_files_are_refused),
        cmocka_unit_test(missing_files_are_skipped),   cmocka_unit_test(paths_are_joined),
        cmocka_unit_test(missing_files_take_one_line), cmocka_unit_test(splits_are_taken),
        cmocka_unit_test(wrong_splits_are_refused),    cmocka_unit_test(real_captions_are_read),
        cmocka_unit_test(real_words_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
