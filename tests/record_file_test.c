/* Records of photos, killed at every byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "src/io/file.h"
#include "tests/folder.h"
#include "tools/done_list.h"
#include "tools/record_file.h"

/* Names that each format has to write in a way of its own. */
static const char *const photo[] = {"a.jpg", "b,\"c\"\n\td.jpg", "not\xFFutf8\\.jpg", "e\r\n"};
static const char *const caption[] = {"a dog runs", "say \"cheese\", please", "", "zwei\tH\xC3\xBCte"};
static const char *const json[] = {"{\"path\":\"a.jpg\",\"caption\":\"a dog runs\"}",
                                   "{\"path\":\"b,\\\"c\\\"\\n\\td.jpg\"}",
                                   "{\"path\":\"not?utf8\",\"path_bytes\":\"6e6f74ff757466385c2e6a7067\"}",
                                   "{\"path\":\"e\\r\\n\",\"caption\":\"}\"}"};
enum { PHOTOS = 4 };

/* Writes what is lacking; how much that was. */
static int write_all(const char *path, bool *torn)
{
    record_file f = {.path = path};
    error err = {0};
    int added = 0;
    assert_int_equal(record_file_open(&f, EXISTING_KEEP, &err), ERR_OK);
    *torn = f.torn;
    for (int i = 0; i < PHOTOS; i++) {
        bool has;
        record r = {photo[i], caption[i], 0.25 * i, i == 2, json[i]};
        assert_true(record_file_has(&f, photo[i], &has));
        if (!has) assert_int_equal(record_file_add(&f, &r, &err), ERR_OK);
        added += !has;
        assert_true(record_file_has(&f, photo[i], &has));
        assert_true(has);
    }
    assert_int_equal(record_file_close(&f, &err), ERR_OK);
    return added;
}

static void cut_anywhere(const char *name)
{
    uint8_t *whole, *mended;
    size_t size, mended_size;
    bool torn;
    error err = {0};
    char path[200];
    snprintf(path, sizeof path, "%s", in(name));
    assert_int_equal(write_all(path, &torn), PHOTOS);
    assert_int_equal(write_all(path, &torn), 0);
    assert_false(torn);
    assert_int_equal(io_read_file(path, 1 << 20, &whole, &size, &err), ERR_OK);
    for (size_t n = 0; n < size; n++) {
        assert_int_equal(io_write_file(path, whole, n, &err), ERR_OK);
        write_all(path, &torn);
        assert_int_equal(io_read_file(path, 1 << 20, &mended, &mended_size, &err), ERR_OK);
        assert_int_equal(mended_size, size);
        assert_memory_equal(mended, whole, size);
        free(mended);
    }
    free(whole);
}

static void records_survive_a_cut_anywhere(void **state)
{
    (void)state;
    cut_anywhere("o.csv");
    cut_anywhere("o.tsv");
    cut_anywhere("o.jsonl");
}

/* What spreadsheets make of a file: a byte order mark, line ends of two bytes, quotes round every field. */
static void what_others_saved_is_read(void **state)
{
    (void)state;
    static const char saved[] =
        "\xEF\xBB\xBFpath,caption,confidence,unsure\r\n\"a.jpg\",\"x\",\"1\",\"false\"\r\n";
    record_file f = {.path = in("saved.csv")};
    error err = {0};
    bool has;
    assert_int_equal(io_write_file(f.path, saved, sizeof saved - 1, &err), ERR_OK);
    assert_int_equal(record_file_open(&f, EXISTING_KEEP, &err), ERR_OK);
    assert_true(record_file_has(&f, "a.jpg", &has));
    assert_true(has);
    assert_int_equal(f.found, 1);
    assert_false(f.torn);
    assert_int_equal(record_file_close(&f, &err), ERR_OK);
}

static void a_photo_that_changes_is_done_no_longer(void **state)
{
    (void)state;
    done_list d = {.path = in("done")};
    error err = {0};
    bool done;
    char a[200], b[200];
    snprintf(a, sizeof a, "%s", in("a\n.jpg"));
    snprintf(b, sizeof b, "%s", in("b.jpg"));
    assert_int_equal(io_write_file(a, "1", 1, &err), ERR_OK);
    assert_int_equal(io_write_file(b, "1", 1, &err), ERR_OK);
    assert_int_equal(done_list_open(&d, &err), ERR_OK);
    assert_int_equal(done_list_note(&d, a, &err), ERR_OK);
    assert_int_equal(done_list_write(&d, &err), ERR_OK);
    assert_int_equal(done_list_note(&d, b, &err), ERR_OK); /* killed before it was written */
    assert_int_equal(done_list_close(&d, &err), ERR_OK);

    assert_int_equal(done_list_open(&d, &err), ERR_OK);
    assert_int_equal(done_list_has(&d, a, &done, &err), ERR_OK);
    assert_true(done);
    assert_int_equal(done_list_has(&d, b, &done, &err), ERR_OK);
    assert_false(done);
    assert_int_equal(io_write_file(a, "22", 2, &err), ERR_OK);
    assert_int_equal(done_list_has(&d, a, &done, &err), ERR_OK);
    assert_false(done);
    assert_int_equal(done_list_close(&d, &err), ERR_OK);
}

static void a_set_knows_what_is_in_it(void **state)
{
    (void)state;
    enum { MANY = 5000 };
    path_set s = {0};
    char name[32];
    for (int i = 0; i < MANY; i += 2) {
        int n = snprintf(name, sizeof name, "photo %d", i);
        assert_true(path_set_add(&s, name, (size_t)n) && path_set_add(&s, name, (size_t)n));
    }
    assert_int_equal(s.count, MANY / 2);
    for (int i = 0; i < MANY; i++) {
        int n = snprintf(name, sizeof name, "photo %d", i);
        assert_int_equal(path_set_has(&s, name, (size_t)n), i % 2 == 0);
    }
    path_set_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(records_survive_a_cut_anywhere),
                                       cmocka_unit_test(what_others_saved_is_read),
                                       cmocka_unit_test(a_photo_that_changes_is_done_no_longer),
                                       cmocka_unit_test(a_set_knows_what_is_in_it)};
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
