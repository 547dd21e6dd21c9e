/* What --existing allows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tools/existing.h"

static void each_word_allows_what_it_says(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        bool ours, theirs;
    } rows[] = {{"keep", false, false}, {"replace-ours", true, false}, {"replace", true, true}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        existing_policy policy = existing_parse(rows[i].word);
        assert_int_equal(existing_allows(policy, true), rows[i].ours);
        assert_int_equal(existing_allows(policy, false), rows[i].theirs);
    }
    assert_int_equal(existing_parse(EXISTING_DEFAULT), EXISTING_KEEP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_word_allows_what_it_says)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
