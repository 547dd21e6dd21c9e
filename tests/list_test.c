/* Lists that grow, and what is said when they cannot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/error.h"
#include "src/base/list.h"

typedef struct three {
    char letter[3];
} three;

/* Items of an odd size, one by one: all are kept, and few of the calls moved them. */
static void items_are_kept(void **state)
{
    (void)state;
    three *item = NULL;
    int32_t count = 0, moves = 0;
    int64_t capacity = 0;
    while (count < 100000) {
        int64_t had = capacity;
        assert_true(LIST_ROOM(item, count, 1, capacity));
        assert_true(capacity > count);
        moves += capacity != had;
        item[count] = (three){{(char)count, (char)(count >> 8), (char)(count >> 16)}};
        count++;
    }
    assert_in_range(moves, 1, 20);
    for (int32_t i = 0; i < count; i++)
        assert_true(item[i].letter[0] == (char)i && item[i].letter[1] == (char)(i >> 8));
    free(item);
}

static void many_at_once(void **state)
{
    (void)state;
    double *item = NULL;
    size_t count = 0;
    int64_t capacity = 0;
    assert_true(LIST_ROOM(item, count, 0, capacity));
    assert_true(LIST_ROOM(item, count, 1000, capacity));
    assert_true(capacity >= 1000);
    double *before = item;
    int64_t had = capacity;
    count = 1000;
    assert_true(LIST_ROOM(item, count, capacity - 1000, capacity));
    assert_ptr_equal(item, before);
    assert_int_equal(capacity, had);
    free(item);
}

/* AddressSanitizer ends a program that asks for more than there can be, unless it says this: here it is asked. */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

/* What cannot be is refused, and the list stays as it was. */
static void refused(void **state)
{
    (void)state;
    double *item = NULL;
    int64_t capacity = 0, count = 0;
    assert_true(LIST_ROOM(item, count, 3, capacity));
    double *before = item;
    int64_t had = capacity;
    int32_t narrow = INT32_MAX;
    assert_false(LIST_ROOM(item, count, INT64_MAX, capacity));
    assert_false(LIST_ROOM(item, count, INT64_MAX / 8, capacity));
    assert_false(LIST_ROOM(item, count, -1, capacity));
    assert_false(LIST_ROOM(item, count, SIZE_MAX, capacity));
    assert_false(LIST_ROOM(item, narrow, 1, capacity));
    count = INT64_MAX;
    assert_false(LIST_ROOM(item, count, 1, capacity));
    assert_ptr_equal(item, before);
    assert_int_equal(capacity, had);
    free(item);
}

static void memory_ran_out(void **state)
{
    (void)state;
    error err = {0};
    assert_int_equal(err_no_memory(&err, "for a model"), ERR_MEMORY);
    assert_int_equal(err.code, ERR_MEMORY);
    assert_string_equal(err.text, "out of memory for a model");
    assert_int_equal(err_no_memory(&err, "while reading '%s', line %d", "a\nb", 7), ERR_MEMORY);
    assert_string_equal(err.text, "out of memory while reading 'a\\nb', line 7");
    assert_int_equal(err_no_memory(NULL, "for a model"), ERR_MEMORY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_are_kept),
        cmocka_unit_test(many_at_once),
        cmocka_unit_test(refused),
        cmocka_unit_test(memory_ran_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
