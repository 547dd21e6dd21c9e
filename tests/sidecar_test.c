/* Sidecars that a loss of power emptied, and those that a person did. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "src/io/file.h"
#include "tests/folder.h"
#include "tools/sidecar.h"

static bool is_wanted(existing_policy policy)
{
    const sidecar s = {.kind = "txt"};
    outputs files = {0};
    error err = {0};
    bool wanted;
    assert_int_equal(sidecar_plan(&s, &files, policy, in("a.jpg"), &wanted, &err), ERR_OK);
    outputs_release(&files);
    return wanted;
}

static void write_one(const char *content)
{
    const sidecar s = {.kind = "txt"};
    error err = {0};
    remove(in("a.txt"));
    assert_true(is_wanted(EXISTING_KEEP));
    assert_int_equal(sidecar_write(&s, EXISTING_KEEP, in("a.jpg"), content, &err), ERR_OK);
    assert_false(is_wanted(EXISTING_KEEP));
}

static bool has_attributes(void)
{
    char value[256];
    return getxattr(in("a.txt"), "user.caption", value, sizeof value) > 0;
}

static void what_is_ours_is_known_by_its_content(void **state)
{
    (void)state;
    write_one("a dog runs\n");
    if (!has_attributes()) skip(); /* not on this file system: then nothing is ours */
    assert_true(is_wanted(EXISTING_REPLACE_OURS));
    FILE *f = fopen(in("a.txt"), "a");
    assert_non_null(f);
    fputs("and jumps\n", f);
    fclose(f);
    assert_true(has_attributes());
    assert_false(is_wanted(EXISTING_REPLACE_OURS));
    assert_true(is_wanted(EXISTING_REPLACE));
}

/* The times tell: of a torn file it is that of the writing. */
static void a_torn_one_is_made_anew_and_an_emptied_one_stays(void **state)
{
    (void)state;
    struct stat st;
    write_one("a dog runs\n");
    if (!has_attributes()) skip();
    assert_int_equal(stat(in("a.txt"), &st), 0);
    assert_int_equal(truncate(in("a.txt"), 0), 0);
    const struct timespec later[2] = {st.st_atim, {st.st_mtim.tv_sec + 5, 0}},
                          as_written[2] = {st.st_atim, st.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, in("a.txt"), later, 0), 0);
    assert_false(is_wanted(EXISTING_KEEP));
    assert_int_equal(utimensat(AT_FDCWD, in("a.txt"), as_written, 0), 0);
    assert_true(is_wanted(EXISTING_KEEP));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_ours_is_known_by_its_content),
                                       cmocka_unit_test(a_torn_one_is_made_anew_and_an_emptied_one_stays)};
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
