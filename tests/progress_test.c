/* Progress with a clock and a stream of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tools/progress.h"

static double test_time; /* the clock takes no argument */

static double test_clock(void)
{
    return test_time;
}

static ui_progress begin(long total, int width, char **text, size_t *size)
{
    ui_progress p = {.label = "epoch 1", .unit = "captions", .total = total};
    ui_progress_start(&p);
    p.out = open_memstream(text, size);
    p.width = width;
    p.clock = test_clock;
    test_time = p.started = p.shown_at = 1000;
    return p;
}

static int count(const char *text, char c)
{
    int n = 0;
    for (; *text; text++) n += *text == c;
    return n;
}

static void times(void **state)
{
    static const struct {
        double seconds;
        const char *text;
    } cases[] = {{0, "0:00"},    {7.4, "0:07"},      {59.6, "1:00"},
                 {754, "12:34"}, {10921, "3:02:01"}, {-1, "0:00"}};
    (void)state;
    char text[32];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ui_format_time(text, sizeof text, cases[i].seconds);
        assert_string_equal(text, cases[i].text);
    }
}

static void a_log_gets_a_line_a_tenth(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    ui_progress p = begin(1000, 0, &text, &size);
    for (int i = 1; i <= 1000; i++) {
        test_time += 0.01;
        ui_progress_update(&p, i, "loss 2.5");
    }
    ui_progress_finish(&p);
    fclose(p.out);
    assert_int_equal(count(text, '\n'), 11);
    assert_int_equal(count(text, '\r'), 0);
    assert_non_null(strstr(text, "epoch 1  10%  100/1000 captions  100/s  0:09 left  loss 2.5\n"));
    assert_non_null(strstr(text, "epoch 1: 1000 captions in 0:10, 100.0/s\n"));
    free(text);
}

static void a_slow_log_speaks_more_and_more_rarely(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    ui_progress p = begin(0, 0, &text, &size);
    for (int second = 1; second <= 36000; second++) {
        test_time += 1;
        ui_progress_update(&p, second, NULL);
    }
    fclose(p.out);
    assert_in_range(count(text, '\n'), 40, 150);
    free(text);
}

static void a_terminal_sees_ten_redraws_a_second(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    ui_progress p = begin(10000, 100, &text, &size);
    for (int i = 1; i <= 10000; i++) {
        test_time += 0.0001;
        ui_progress_update(&p, i, NULL);
    }
    fclose(p.out);
    assert_in_range(count(text, '\r'), 9, 11);
    assert_int_equal(count(text, '\n'), 0);
    assert_non_null(strstr(text, "[############............]"));
    free(text);
}

static void a_narrow_terminal_is_not_overrun(void **state)
{
    (void)state;
    for (int width = 20; width < 120; width += 7) {
        char *text = NULL;
        size_t size = 0;
        ui_progress p = begin(100, width, &text, &size);
        test_time += 1;
        ui_progress_update(&p, 50, "loss 1.234, a long note with ä and ö that goes on and on and on");
        fclose(p.out);
        const char *end = strstr(text, "\033[K");
        assert_non_null(end);
        int columns = 0;
        for (const char *c = text + 1; c < end; c++) columns += ((unsigned char)*c & 0xC0) != 0x80;
        assert_true(columns < width);
        free(text);
    }
}

static void a_resumed_run_counts_its_own_rate(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    ui_progress p = begin(1000, 0, &text, &size);
    p.first = 900, p.shown = 900;
    test_time += 10;
    ui_progress_update(&p, 950, NULL);
    fclose(p.out);
    assert_string_equal(text, "epoch 1  95%  950/1000 captions  5.0/s  0:10 left\n");
    free(text);
}

static void quiet_is_quiet(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    ui_progress p = begin(10, 80, &text, &size);
    p.quiet = true;
    test_time += 100;
    ui_progress_update(&p, 5, "note");
    ui_progress_clear(&p);
    ui_progress_finish(&p);
    fclose(p.out);
    assert_int_equal(size, 0);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times),
        cmocka_unit_test(a_log_gets_a_line_a_tenth),
        cmocka_unit_test(a_slow_log_speaks_more_and_more_rarely),
        cmocka_unit_test(a_terminal_sees_ten_redraws_a_second),
        cmocka_unit_test(a_narrow_terminal_is_not_overrun),
        cmocka_unit_test(a_resumed_run_counts_its_own_rate),
        cmocka_unit_test(quiet_is_quiet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
