/* Parameters: what a declaration may not do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "src/nn/params.h"

static void add(nn_params *p, const char *name)
{
    nn_params_add(p, name, 1, (int[]){3}, nn_init_normal(1), 0);
}

static void check_refused(const char *one, const char *other, const char *text)
{
    nn_params p = {0};
    error err = {0};
    add(&p, one);
    add(&p, "between");
    add(&p, other);
    assert_int_equal(nn_params_finish(&p, 1, &err), ERR_ARGUMENT);
    assert_string_equal(err.text, text);
    nn_params_release(&p);
}

static void test_one_name_twice(void **state)
{
    (void)state;
    check_refused("a.weight", "a.weight", "two parameters are named 'a.weight'");
}

/* Names that become the same because they are too long. */
static void test_long_names(void **state)
{
    (void)state;
    char one[120], other[120], text[160];
    memset(one, 'x', sizeof one - 1);
    one[sizeof one - 1] = 0;
    memcpy(other, one, sizeof one);
    other[sizeof other - 2] = 'y';
    snprintf(text, sizeof text, "two parameters are named '%.*s'", (int)sizeof((nn_param *)0)->name - 1, one);
    check_refused(one, other, text);
}

static void test_for_use(void **state)
{
    (void)state;
    nn_params p = {0};
    error err = {0};
    add(&p, "w");
    assert_int_equal(nn_params_finish_for_use(&p, &err), ERR_OK);
    nn_params_release(&p);
    add(&p, "w");
    add(&p, "w");
    assert_int_equal(nn_params_finish_for_use(&p, &err), ERR_ARGUMENT);
    nn_params_release(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_name_twice),
        cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_for_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
