/* Files of a run: the same file is known by whatever path. */
#include "tools/outputs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void touch(const char *path)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fclose(f);
}

static int enter_folder(void **state)
{
    static char folder[32];
    snprintf(folder, sizeof folder, "/tmp/outputs_test_XXXXXX");
    if (!mkdtemp(folder) || chdir(folder)) return -1;
    touch("a");
    mkdir("d", 0700);
    *state = folder;
    return symlink("a", "soft") || link("a", "hard") || symlink("d", "e") || mkfifo("pipe", 0600);
}

static int leave_folder(void **state)
{
    const char *name[] = {"soft", "hard", "e", "pipe", "a"};
    for (size_t i = 0; i < sizeof name / sizeof *name; i++) unlink(name[i]);
    return rmdir("d") || chdir("/") || rmdir(*state);
}

static void test_what_is_read_is_not_written(void **state)
{
    char whole[64];
    snprintf(whole, sizeof whole, "%s/a", (const char *)*state);
    const char *name[] = {"a", "./a", "d/../a", "e/../a", "soft", "hard", whole};
    for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
        outputs o = {0};
        error e = {0};
        assert_int_equal(outputs_reads(&o, "--model", "a", &e), ERR_OK);
        assert_int_equal(outputs_reads(&o, "a photo", name[i], &e), ERR_OK);
        assert_int_equal(outputs_writes(&o, "--out", name[i], &e), ERR_ARGUMENT);
        assert_non_null(strstr(e.text, "--out"));
        assert_non_null(strstr(e.text, "--model"));
        outputs_release(&o);
        assert_int_equal(outputs_writes(&o, "--out", name[i], &e), ERR_OK);
        assert_int_equal(outputs_reads(&o, "--model", "a", &e), ERR_ARGUMENT); /* in either order */
        outputs_release(&o);
    }
}

static void test_nothing_is_written_twice(void **state)
{
    (void)state;
    outputs o = {0};
    assert_int_equal(outputs_writes(&o, "--out", "d/new", NULL), ERR_OK);
    assert_int_equal(outputs_writes(&o, "--log", "e/new", NULL), ERR_ARGUMENT);
    assert_int_equal(outputs_writes(&o, "--log", "d/../d//new", NULL), ERR_ARGUMENT);
    assert_int_equal(outputs_writes(&o, "--log", "new", NULL), ERR_OK);
    assert_int_equal(outputs_writes(&o, "--log", "./new", NULL), ERR_ARGUMENT);
    assert_int_equal(outputs_writes(&o, "--log", "no/folder/new", NULL), ERR_OK);
    assert_int_equal(outputs_writes(&o, "--log", "no/folder/new", NULL), ERR_ARGUMENT);
    outputs_release(&o);
}

static void test_devices_and_pipes_are_anybodys(void **state)
{
    (void)state;
    outputs o = {0};
    const char *name[] = {"/dev/null", "pipe"};
    for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
        assert_int_equal(outputs_reads(&o, "a photo", name[i], NULL), ERR_OK);
        assert_int_equal(outputs_writes(&o, "--out", name[i], NULL), ERR_OK);
        assert_int_equal(outputs_writes(&o, "--log", name[i], NULL), ERR_OK);
    }
    outputs_release(&o);
}

static void test_photos_of_a_folder(void **state)
{
    (void)state;
    outputs o = {0};
    touch("d/a.jpg");
    touch("d/a.json");
    assert_int_equal(outputs_reads(&o, "--images", "e", NULL), ERR_OK);
    assert_int_equal(outputs_writes(&o, "--out", "d/a.jpg", NULL), ERR_ARGUMENT);
    assert_int_equal(outputs_writes(&o, "--out", "d/a.json", NULL), ERR_OK);
    assert_int_equal(outputs_writes(&o, "--out", "d/b.jpg", NULL), ERR_OK);
    outputs_release(&o);
    unlink("d/a.jpg");
    unlink("d/a.json");
}

static void test_input_that_is_not_there(void **state)
{
    (void)state;
    outputs o = {0};
    assert_int_equal(outputs_reads(&o, "--encoder", "small", NULL), ERR_OK);
    assert_int_equal(outputs_writes(&o, "--out", "small", NULL), ERR_OK);
    outputs_release(&o);
}

static void test_many(void **state)
{
    (void)state;
    outputs o = {0};
    char name[16];
    for (int again = 0; again < 2; again++) {
        for (int i = 0; i < 1000; i++) {
            snprintf(name, sizeof name, "d/%d", i);
            assert_int_equal(outputs_writes(&o, "--out", name, NULL), again ? ERR_ARGUMENT : ERR_OK);
        }
    }
    outputs_release(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_read_is_not_written),
        cmocka_unit_test(test_nothing_is_written_twice),
        cmocka_unit_test(test_devices_and_pipes_are_anybodys),
        cmocka_unit_test(test_photos_of_a_folder),
        cmocka_unit_test(test_input_that_is_not_there),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
