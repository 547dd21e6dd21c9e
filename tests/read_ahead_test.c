/* Photos read ahead by threads are described as those read in their turn, and nobody waits for those that nobody
 * wants any more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/stat.h>

#include "tests/folder.h"
#include "tests/opened.h"
#include "tests/random_model.h"
#include "tools/read_ahead.h"

#define PHOTOS_AT TEST_SOURCE_DIR "/images/"

/* More than wait at once; some that are not there, or no photos. */
enum { ALL = 3 * READ_AHEAD + 1, GROUP = 5 };

static const char *path_of(int i)
{
    static const char *const some[] = {PHOTOS_AT "rgb.png", PHOTOS_AT "exif_6.jpg", PHOTOS_AT "none.jpg",
                                       PHOTOS_AT "grey.jpg", PHOTOS_AT "make.py"};
    return some[i * 7 % 5];
}

static void expect_same(opened *o, const char *const *path, cap_ahead *list, int n)
{
    cap_description ahead[GROUP], in_turn[GROUP];
    error ahead_reason[GROUP], reason[GROUP], err = {0};
    assert_int_equal(cap_describe_ahead(o->session, &o->request, list, n, ahead, ahead_reason, &err), ERR_OK);
    assert_int_equal(cap_describe_files(o->session, &o->request, path, n, in_turn, reason, &err), ERR_OK);
    for (int i = 0; i < n; i++) {
        assert_int_equal(ahead_reason[i].code, reason[i].code);
        assert_int_equal(ahead[i].width, in_turn[i].width);
        if (reason[i].code)
            assert_string_equal(ahead_reason[i].text, reason[i].text);
        else
            assert_string_equal(ahead[i].best.sentence, in_turn[i].best.sentence);
        assert_true(reason[i].code || ahead[i].best.score == in_turn[i].best.score);
        cap_description_release(&ahead[i]);
        cap_description_release(&in_turn[i]);
        cap_ahead_release(&list[i]);
    }
}

static opened open_named(void)
{
    error err = {0};
    assert_int_equal(random_model_write(in("m"), NN_MATCH_SIGMOID, true, &err), ERR_OK);
    return open_path(in("m"), cap_request_defaults(CAP_PHOTOS), 2);
}

static void they_are_described_as_in_their_turn(void **state)
{
    (void)state;
    opened o = open_named();
    const char *path[ALL];
    for (int i = 0; i < ALL; i++) path[i] = path_of(i);
    for (int threads = 1; threads < 6; threads += 2) {
        read_ahead *r = read_ahead_start(o.model, &o.request, path, ALL, threads);
        assert_non_null(r);
        for (int i = 0; i < ALL; i += GROUP) {
            cap_ahead list[GROUP];
            int n = ALL - i < GROUP ? ALL - i : GROUP;
            read_ahead_take(r, n, list);
            expect_same(&o, path + i, list, n);
        }
        read_ahead_stop(&r);
        assert_null(r);
    }
    close_all(&o);
}

/* A pipe that nobody writes to is not opened ahead. */
static void stopping_in_the_midst_waits_for_nothing(void **state)
{
    (void)state;
    opened o = open_named();
    const char *path[ALL];
    char pipe[200];
    snprintf(pipe, sizeof pipe, "%s", in("pipe.jpg"));
    assert_int_equal(mkfifo(pipe, 0600), 0);
    for (int i = 0; i < ALL; i++) path[i] = i % 3 ? path_of(i) : pipe;
    for (int taken = 0; taken < GROUP; taken++) {
        cap_ahead list[GROUP];
        read_ahead *r = read_ahead_start(o.model, &o.request, path, ALL, 3);
        assert_non_null(r);
        read_ahead_take(r, taken, list);
        for (int i = 0; i < taken; i++) {
            assert_string_equal(list[i].path, path[i]);
            if (path[i] == pipe) assert_null(list[i].pixels);
            cap_ahead_release(&list[i]);
        }
        read_ahead_stop(&r);
    }
    close_all(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(they_are_described_as_in_their_turn),
                                       cmocka_unit_test(stopping_in_the_midst_waits_for_nothing)};
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
