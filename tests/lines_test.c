#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tools/lines.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A pipe that holds the bytes, its writing end left open when `open` is asked for. */
static line_reader reader_of(const char *bytes, size_t size, int *open)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], bytes, size), size);
    if (open)
        *open = ends[1];
    else
        close(ends[1]);
    return (line_reader){.fd = ends[0], .name = "the test"};
}

static void expect_line(line_reader *r, const char *line, int number)
{
    read_line l;
    assert_int_equal(lines_next(r, &l, NULL), ERR_OK);
    assert_non_null(l.text);
    assert_string_equal(l.text, line);
    assert_int_equal(l.number, number);
    assert_false(l.too_long);
}

static void expect_end(line_reader *r)
{
    read_line l;
    assert_int_equal(lines_next(r, &l, NULL), ERR_OK);
    assert_null(l.text);
    close(r->fd);
    lines_release(r);
}

static void lines_are_read(void **state)
{
    (void)state;
    line_reader r = reader_of("one\n\nthree\nfour", 15, NULL);
    expect_line(&r, "one", 1);
    expect_line(&r, "", 2);
    expect_line(&r, "three", 3);
    expect_line(&r, "four", 4);
    expect_end(&r);
    r = reader_of("", 0, NULL);
    expect_end(&r);
    r = reader_of("\n", 1, NULL);
    expect_line(&r, "", 1);
    expect_end(&r);
}

static void zero_bytes_are_noticed(void **state)
{
    (void)state;
    read_line l;
    line_reader r = reader_of("a\0b\nc\n", 6, NULL);
    assert_int_equal(lines_next(&r, &l, NULL), ERR_OK);
    assert_true(l.has_zero);
    expect_line(&r, "c", 2);
    expect_end(&r);
}

static void pauses_are_noticed(void **state)
{
    (void)state;
    int writer;
    line_reader r = reader_of("one\ntwo\nthr", 11, &writer);
    assert_false(lines_must_wait(&r));
    expect_line(&r, "one", 1);
    assert_false(lines_must_wait(&r));
    expect_line(&r, "two", 2);
    assert_true(lines_must_wait(&r));
    assert_int_equal(write(writer, "ee\n", 3), 3);
    assert_false(lines_must_wait(&r));
    expect_line(&r, "three", 3);
    close(writer);
    assert_false(lines_must_wait(&r));
    expect_end(&r);
}

/* Fills the pipe from a second process, as a pipe holds less than such a line. */
static line_reader reader_of_long_line(const char *head, size_t size, const char *rest)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        if (write(ends[1], head, strlen(head)) < 0) _exit(1);
        for (size_t i = 0; i < size; i++)
            if (write(ends[1], i % 2 ? " " : "w", 1) != 1) _exit(1);
        _exit(write(ends[1], rest, strlen(rest)) < 0);
    }
    close(ends[1]);
    return (line_reader){.fd = ends[0], .name = "the test"};
}

static void overlong_lines_are_passed_over(void **state)
{
    (void)state;
    static const size_t sizes[] = {LINE_MOST + 1, 2 * LINE_MOST - 1, 2 * LINE_MOST, 2 * LINE_MOST + 1,
                                   200000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (int last = 0; last < 2; last++) {
            read_line l;
            line_reader r = reader_of_long_line("", sizes[i], last ? "" : "\nnext\n");
            assert_int_equal(lines_next(&r, &l, NULL), ERR_OK);
            assert_true(l.too_long);
            assert_string_equal(l.text, "");
            if (!last) expect_line(&r, "next", 2);
            expect_end(&r);
        }
    }
    line_reader r = reader_of_long_line("", LINE_MOST, "\nnext\n"); /* just not too long */
    read_line l;
    assert_int_equal(lines_next(&r, &l, NULL), ERR_OK);
    assert_false(l.too_long);
    assert_int_equal(strlen(l.text), LINE_MOST);
    expect_line(&r, "next", 2);
    expect_end(&r);
}

static void a_byte_order_mark_is_no_text(void **state)
{
    (void)state;
    line_reader r = reader_of("\xEF\xBB\xBFone\n\xEF\xBB\xBFtwo", 14, NULL);
    expect_line(&r, "one", 1);
    expect_line(&r, "\xEF\xBB\xBFtwo", 2); /* inside a text it is a character */
    expect_end(&r);
    r = reader_of("\xEF\xBB\xBF", 3, NULL);
    expect_end(&r);
    r = reader_of("\xEF\xBB\n", 3, NULL);
    expect_line(&r, "\xEF\xBB", 1);
    expect_end(&r);
    r = reader_of("\xFF\xFEo\0\n\0", 6, NULL);
    read_line l;
    error err = {0};
    assert_int_equal(lines_next(&r, &l, &err), ERR_FORMAT);
    assert_string_equal(err.text, "cannot read the test: the text is UTF-16; save it as UTF-8");
    close(r.fd);
    lines_release(&r);
}

/* The mark does not count for the length of the line. */
static void a_byte_order_mark_before_a_long_line(void **state)
{
    (void)state;
    for (size_t more = 0; more < 5; more++) {
        line_reader r = reader_of_long_line("\xEF\xBB\xBF", LINE_MOST + more, "\nnext\n");
        read_line l;
        assert_int_equal(lines_next(&r, &l, NULL), ERR_OK);
        assert_int_equal(l.too_long, more > 0);
        if (!more) assert_int_equal(strlen(l.text), LINE_MOST);
        expect_line(&r, "next", 2);
        expect_end(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_read),
        cmocka_unit_test(zero_bytes_are_noticed),
        cmocka_unit_test(pauses_are_noticed),
        cmocka_unit_test(overlong_lines_are_passed_over),
        cmocka_unit_test(a_byte_order_mark_is_no_text),
        cmocka_unit_test(a_byte_order_mark_before_a_long_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
