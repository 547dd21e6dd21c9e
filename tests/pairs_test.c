#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "datasets/pairs.h"
#include "src/base/text.h"
#include "src/io/file.h"
#include "tests/folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *put_file(const char *name, const char *bytes, size_t size)
{
    assert_int_equal(io_write_file(name, bytes, size, NULL), ERR_OK);
    return name;
}

#define PUT(name, bytes) put_file(name, bytes, sizeof(bytes) - 1)

/* The pairs of a file with these bytes. */
static ds_pairs read_bytes(const char *name, ds_pairs_format format, const char *bytes, size_t size)
{
    ds_pairs p;
    put_file(name, bytes, size);
    assert_int_equal(ds_pairs_read(name, format, &p, NULL), ERR_OK);
    return p;
}

#define READ(name, format, bytes) read_bytes(name, format, bytes, sizeof(bytes) - 1)

static void expect_pair(const ds_pairs *p, int i, const char *source, const char *target, int line)
{
    assert_string_equal(p->source[i], source);
    assert_string_equal(p->target[i], target);
    assert_int_equal(p->line[i], line);
}

static void tsv_is_read(void **state)
{
    (void)state;
    ds_pairs p = READ("pairs.tsv", DS_PAIRS_TSV,
                      "\xEF\xBB\xBFHello.\tHallo.\tCC-BY\r\n\n  a b \t c\n\tx\nlast\tLetzte");
    assert_int_equal(p.count, 3);
    expect_pair(&p, 0, "Hello.", "Hallo.", 1);
    expect_pair(&p, 1, "a b", "c", 3);
    expect_pair(&p, 2, "last", "Letzte", 5);
    assert_int_equal(p.empty, 2);
    assert_int_equal(p.first_empty, 2);
    ds_pairs_release(&p);
    ds_pairs_release(&p);
}

static void utf16_is_called_that(void **state)
{
    (void)state;
    error err = {0};
    ds_pairs p;
    PUT("utf16.tsv", "\xFF\xFE\x61\0\t\0");
    assert_int_equal(ds_pairs_read("utf16.tsv", DS_PAIRS_TSV, &p, &err), ERR_FORMAT);
    assert_non_null(strstr(err.text, "the text is UTF-16; save it as UTF-8"));
}

static void dates_are_read(void **state)
{
    (void)state;
    ds_pairs p =
        READ("dates.txt", DS_PAIRS_DATES, "september 27, 1994           _1994-09-27\na_b_2003-08-19\n");
    assert_int_equal(p.count, 2);
    expect_pair(&p, 0, "september 27, 1994", "1994-09-27", 1);
    expect_pair(&p, 1, "a_b", "2003-08-19", 2);
    ds_pairs_release(&p);
}

static void two_files_are_read(void **state)
{
    (void)state;
    ds_pairs p;
    PUT("a.en", "one\n\nthree\r\nfour");
    PUT("a.de", "eins\nzwei\ndrei\n\n");
    assert_int_equal(ds_pairs_read_two("a.en", "a.de", &p, NULL), ERR_OK);
    assert_int_equal(p.count, 2);
    expect_pair(&p, 1, "three", "drei", 3);
    assert_int_equal(p.empty, 2);
    assert_int_equal(p.first_empty, 2);
    ds_pairs_release(&p);
}

static void expect_refused(err_code got, err_code code, const error *err, const char *message)
{
    assert_int_equal(got, code);
    assert_string_equal(err->text, message);
}

static void expect_bad(ds_pairs_format format, const char *bytes, size_t size, const char *message)
{
    ds_pairs p;
    error e = {0};
    put_file("bad.tsv", bytes, size);
    expect_refused(ds_pairs_read("bad.tsv", format, &p, &e), ERR_FORMAT, &e, message);
}

#define BAD(format, bytes, message) expect_bad(format, bytes, sizeof(bytes) - 1, message)

static void bad_files_are_refused(void **state)
{
    (void)state;
    ds_pairs p;
    error e = {0};
    PUT("bad.en", "one\ntwo\nthree\n");
    PUT("bad.de", "eins\n");
    expect_refused(ds_pairs_read_two("bad.en", "bad.de", &p, &e), ERR_FORMAT, &e,
                   "'bad.en' has 3 lines and 'bad.de' has 1: line by line they must pair up");
    expect_refused(ds_pairs_read_two("bad.de", "bad.en", &p, &e), ERR_FORMAT, &e,
                   "'bad.de' has 1 lines and 'bad.en' has 3: line by line they must pair up");
    BAD(DS_PAIRS_TSV, "one\ntwo\n", "cannot read 'bad.tsv': line 1 has no tab between source and target");
    BAD(DS_PAIRS_DATES, "one\ntwo\n", "cannot read 'bad.tsv': line 1 has no '_' between source and target");
    BAD(DS_PAIRS_TSV, "a\tb\n\xC3\xA9\t\xC3(\n", "cannot read 'bad.tsv': line 2 is not UTF-8 (byte 4)");
    BAD(DS_PAIRS_TSV, "a\tb\nc\0\td\n", "cannot read 'bad.tsv': line 2 holds a zero byte");
    BAD(DS_PAIRS_TSV, "", "cannot use 'bad.tsv': the file is empty");
    BAD(DS_PAIRS_TSV, "\n \n\tb\n", "cannot use 'bad.tsv': not one pair, a side of each line is empty");
    assert_int_equal(ds_pairs_read("absent.tsv", DS_PAIRS_TSV, &p, &e), ERR_MISSING);
    assert_int_equal(p.count, 0);
}

/* 100,000 words on one line. */
static void overlong_lines_are_refused(void **state)
{
    (void)state;
    enum { WORDS = 100000 };
    char *line = malloc(2 * WORDS + 4);
    ds_pairs p;
    error e = {0};
    assert_non_null(line);
    memcpy(line, "a\tb\n", 4);
    for (int i = 0; i < WORDS; i++) memcpy(line + 4 + 2 * i, "w ", 2);
    put_file("long.tsv", line, 2 * WORDS + 4);
    free(line);
    expect_refused(ds_pairs_read("long.tsv", DS_PAIRS_TSV, &p, &e), ERR_LIMIT, &e,
                   "cannot use 'long.tsv': line 2 is 200000 bytes long, 65536 at most");
}

static void formats_have_names(void **state)
{
    (void)state;
    ds_pairs_format f;
    error e = {0};
    assert_int_equal(ds_pairs_format_find("dates", &f, NULL), ERR_OK);
    assert_int_equal(f, DS_PAIRS_DATES);
    assert_string_equal(ds_pairs_format_name(DS_PAIRS_TSV), "tsv");
    expect_refused(ds_pairs_format_find("csv", &f, &e), ERR_ARGUMENT, &e,
                   "there is no format 'csv' of pairs: tsv or dates");
}

static void pairs_are_parted(void **state)
{
    (void)state;
    ds_pairs all, rest, held, again_rest, again;
    text lines = {0};
    for (int i = 0; i < 100; i++) text_printf(&lines, "s%d\tt%d\n", i, i);
    all = read_bytes("many.tsv", DS_PAIRS_TSV, text_string(&lines), lines.length);
    text_release(&lines);
    assert_int_equal(ds_pairs_split(&all, 0.1, 7, &rest, &held, NULL), ERR_OK);
    assert_int_equal(ds_pairs_split(&all, 0.1, 7, &again_rest, &again, NULL), ERR_OK);
    assert_int_equal(rest.count, 90);
    assert_int_equal(held.count, 10);
    char seen[100] = {0};
    for (int i = 0; i < 10; i++) {
        assert_ptr_equal(held.source[i], again.source[i]);
        assert_true(!i || held.line[i] > held.line[i - 1]);
        seen[held.line[i] - 1]++;
    }
    for (int i = 0; i < 90; i++) seen[rest.line[i] - 1]++;
    for (int i = 0; i < 100; i++) assert_int_equal(seen[i], 1);
    ds_pairs_release(&again);
    ds_pairs_release(&again_rest);
    assert_int_equal(ds_pairs_split(&all, 0.1, 8, &again_rest, &again, NULL), ERR_OK);
    assert_true(memcmp(held.line, again.line, 10 * sizeof *held.line) != 0);
    ds_pairs_release(&again);
    ds_pairs_release(&again_rest);
    assert_int_equal(ds_pairs_split(&all, 1, 8, &again_rest, &again, NULL), ERR_ARGUMENT);
    ds_pairs_release(&rest);
    ds_pairs_release(&held);
    ds_pairs_release(&again);
    ds_pairs_release(&again_rest);
    ds_pairs_release(&all);
}

static int enter_folder(void **state)
{
    return folder_make(state) ? -1 : chdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tsv_is_read),           cmocka_unit_test(utf16_is_called_that),
        cmocka_unit_test(dates_are_read),        cmocka_unit_test(two_files_are_read),
        cmocka_unit_test(bad_files_are_refused), cmocka_unit_test(overlong_lines_are_refused),
        cmocka_unit_test(formats_have_names),    cmocka_unit_test(pairs_are_parted),
    };
    return cmocka_run_group_tests(tests, enter_folder, folder_remove);
}
