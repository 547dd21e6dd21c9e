/* The photos of a command line, and what folders hold besides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/folder.h"
#include "tools/photo_list.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static void put(const char *name)
{
    FILE *f = fopen(in(name), "w");
    assert_non_null(f);
    fclose(f);
}

static void expect_told(const passed_over *p, const char *line)
{
    text t = {0};
    passed_over_tell(p, &t);
    assert_string_equal(text_string(&t), line);
    text_release(&t);
}

static void kinds_are_known_by_their_ends(void **state)
{
    (void)state;
    static const char *const none[] = {"a.jpg", "a.txt", "heic",    ".heic",  "a.",
                                       "a. ",   "a.hei", "a.heicc", ".a.gif", ""};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) assert_int_equal(passed_over_kind(none[i]), -1);
    assert_int_equal(passed_over_kind("a.b.HEIC"), passed_over_kind("c.heif"));
    assert_int_equal(passed_over_kind("a.nef"), passed_over_kind("a.CR3"));
    assert_int_not_equal(passed_over_kind("a.bmp"), passed_over_kind("a.tif"));
}

static void nothing_says_nothing(void **state)
{
    (void)state;
    passed_over p = {0};
    expect_told(&p, "");
    p.at_least = true;
    expect_told(&p, "folders in folders are not looked into, see -r");
    p.deeper = 1200;
    expect_told(&p, "at least 1200 photos lie deeper, see -r");
}

/* Links go round in circles, the walk does not. */
static void a_tree_is_walked_once(void **state)
{
    (void)state;
    mkdir(in("tree"), 0700);
    mkdir(in("tree/b"), 0700);
    mkdir(in("tree/a.jpg"), 0700);
    put("tree/b/2.png");
    put("tree/b/1.webp");
    put("tree/a.jpg/x.jpg");
    put("tree/c.jpeg");
    assert_int_equal(symlink("..", in("tree/b/up")), 0);
    assert_int_equal(symlink("nowhere", in("tree/gone.jpg")), 0);
    photo_list l = {.recursive = true};
    error err = {0};
    assert_int_equal(photo_list_add(&l, in("tree"), &err), ERR_OK);
    static const char *const names[] = {"tree/a.jpg/x.jpg", "tree/b/1.webp", "tree/b/2.png", "tree/c.jpeg",
                                        "tree/gone.jpg"}; /* reading will say that it is gone */
    assert_int_equal(l.count, 5);
    for (int i = 0; i < 5; i++) assert_string_equal(l.path[i], in(names[i]));
    expect_told(&l.passed, "1 passed over: 1 link to a folder");
    photo_list_release(&l);

    assert_int_equal(photo_list_add(&l, in("tree"), &err), ERR_OK);
    assert_int_equal(l.count, 2);
    expect_told(&l.passed, "3 photos lie deeper, see -r");
    photo_list_release(&l);

    l.looked_at = 1 << 30; /* a home folder before */
    assert_int_equal(photo_list_add(&l, in("tree"), &err), ERR_OK);
    expect_told(&l.passed, "folders in folders are not looked into, see -r");
    photo_list_release(&l);
}

static void what_is_no_file_is_passed_over(void **state)
{
    (void)state;
    mkdir(in("odd"), 0700);
    assert_int_equal(mkfifo(in("odd/a.jpg"), 0600), 0);
    assert_int_equal(symlink("a.jpg", in("odd/b.jpg")), 0);
    assert_int_equal(symlink("/dev/zero", in("odd/c.jpg")), 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", in("odd/d.jpg"));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    photo_list l = {0};
    error err = {0};
    assert_int_equal(photo_list_add(&l, in("odd"), &err), ERR_MISSING);
    expect_told(&l.passed, "4 passed over: 2 pipes, 1 socket, 1 device");
    assert_int_equal(photo_list_add(&l, in("odd/a.jpg"), &err), ERR_OK); /* named */
    assert_int_equal(l.count, 1);
    photo_list_release(&l);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_are_known_by_their_ends),
        cmocka_unit_test(nothing_says_nothing),
        cmocka_unit_test(a_tree_is_walked_once),
        cmocka_unit_test(what_is_no_file_is_passed_over),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
