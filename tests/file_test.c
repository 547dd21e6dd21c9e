/* Files: what is written is read back, failures say why and leave nothing behind. */
#include "src/io/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/folder.h"

static char path[256];

static const char *in_folder(const char *name)
{
    snprintf(path, sizeof path, "%s", in(name));
    return path;
}

static int entries(void)
{
    int n = 0;
    DIR *d = opendir(folder);
    while (readdir(d)) n++;
    closedir(d);
    return n - 2;
}

static void assert_content(const char *file, const char *expected)
{
    uint8_t *bytes;
    size_t size;
    error err = {0};
    assert_int_equal(io_read_file(file, 1 << 20, &bytes, &size, &err), ERR_OK);
    assert_string_equal((char *)bytes, expected);
    assert_int_equal(size, strlen(expected));
    free(bytes);
}

static void test_write_read_map(void **state)
{
    (void)state;
    error err = {0};
    io_map m;
    const char *file = in_folder("a.bin");
    static uint8_t big[700001];
    for (size_t i = 0; i < sizeof big; i++) big[i] = (uint8_t)(i * 31 >> 3);
    io_writer *w = io_writer_open(file, &err);
    for (size_t i = 0, n = 1; i < sizeof big; i += n, n = n * 3 + 1) {
        if (n > sizeof big - i) n = sizeof big - i;
        assert_int_equal(io_writer_write(w, big + i, n, &err), ERR_OK);
    }
    assert_int_equal(access(file, F_OK), -1); /* nothing to be seen before close */
    assert_int_equal(io_writer_close(&w, &err), ERR_OK);
    assert_null(w);
    assert_int_equal(io_map_open(&m, file, &err), ERR_OK);
    assert_int_equal(m.size, sizeof big);
    assert_memory_equal(m.data, big, sizeof big);
    io_map_close(&m);
    io_map_close(&m);
    assert_int_equal(entries(), 1);
}

static void test_empty(void **state)
{
    (void)state;
    error err = {0};
    io_map m;
    assert_int_equal(io_write_file(in_folder("empty"), "", 0, &err), ERR_OK);
    assert_int_equal(io_map_open(&m, path, &err), ERR_OK);
    assert_int_equal(m.size, 0);
    io_map_close(&m);
    assert_content(path, "");
}

static void test_unreadable(void **state)
{
    (void)state;
    error err = {0};
    io_map m;
    uint8_t *bytes;
    size_t size;
    assert_int_equal(io_map_open(&m, "/no/such/file", &err), ERR_MISSING);
    assert_string_equal(err.text, "cannot read '/no/such/file': No such file or directory");
    assert_int_equal(io_map_open(&m, "/tmp", &err), ERR_IO);
    assert_string_equal(err.text, "cannot read '/tmp': Is a directory");
    assert_int_equal(io_map_open(&m, "/dev/null", &err), ERR_IO);
    assert_string_equal(err.text, "cannot read '/dev/null': not a regular file");
    assert_int_equal(io_read_file("/tmp", 100, &bytes, &size, &err), ERR_IO);
    assert_string_equal(err.text, "cannot read '/tmp': Is a directory");
    assert_null(bytes);
    assert_int_equal(io_read_file("/dev/zero", 100000, &bytes, &size, &err), ERR_LIMIT);
    assert_string_equal(err.text, "cannot read '/dev/zero': larger than the 100000 bytes allowed");
    assert_int_equal(io_map_open(&m, "/no/such/file", NULL), ERR_MISSING);
    assert_int_equal(mkfifo(in_folder("fifo"), 0600), 0);
    assert_int_equal(io_map_open(&m, path, &err), ERR_IO); /* and does not wait for a writer */
}

static void test_limit(void **state)
{
    (void)state;
    error err = {0};
    uint8_t *bytes;
    size_t size;
    io_write_file(in_folder("ten"), "0123456789", 10, &err);
    assert_int_equal(io_read_file(path, 9, &bytes, &size, &err), ERR_LIMIT);
    assert_int_equal(io_read_file(path, 10, &bytes, &size, &err), ERR_OK);
    assert_int_equal(size, 10);
    free(bytes);
    assert_int_equal(io_read_file("/proc/self/status", 1 << 20, &bytes, &size, &err),
                     ERR_OK); /* claims size 0 */
    assert_true(size > 100);
    free(bytes);
}

static void test_unwritable(void **state)
{
    (void)state;
    error err = {0};
    assert_null(io_writer_open("/no/such/folder/x", &err));
    assert_string_equal(err.text, "cannot write '/no/such/folder/x': No such file or directory");
    assert_null(io_writer_open(folder, &err));
    assert_non_null(strstr(err.text, "Is a directory"));
    assert_int_equal(io_write_file("/dev/full", "x", 1, &err), ERR_IO);
    assert_string_equal(err.text, "cannot write '/dev/full': No space left on device");
    assert_int_equal(access("/dev/full", F_OK), 0);
    if (geteuid() != 0) {
        chmod(folder, 0500);
        assert_int_equal(io_write_file(in_folder("x"), "x", 1, &err), ERR_IO);
        chmod(folder, 0700);
    }
    assert_int_equal(entries(), 0);
}

/* A file size limit is the nearest to a full disk that a test can have everywhere. */
static void test_full_disk_keeps_the_old_file(void **state)
{
    (void)state;
    error err = {0};
    struct rlimit before, tiny;
    static uint8_t big[1 << 20];
    const char *file = in_folder("model");
    assert_int_equal(io_write_file(file, "old", 3, &err), ERR_OK);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    tiny = before;
    tiny.rlim_cur = 4096;
    setrlimit(RLIMIT_FSIZE, &tiny);
    io_writer *w = io_writer_open(file, &err);
    err_code first = io_writer_write(w, big, sizeof big, NULL), again = io_writer_write(w, "x", 1, NULL);
    err_code code = io_writer_close(&w, &err);
    err_code small = io_write_file(in_folder("small"), big, 5000, NULL); /* fails only when flushed */
    err_code line = ERR_OK;
    for (int i = 0; i < 100 && !line; i++)
        line = io_append_line(in_folder("log"), "a line of some sixty characters, more or less, as logs have",
                              NULL);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(first, ERR_IO);
    assert_int_equal(again, ERR_IO);
    assert_int_equal(code, ERR_IO);
    assert_int_equal(small, ERR_IO);
    assert_int_equal(line, ERR_IO);
    assert_non_null(strstr(err.text, "model': File too large"));
    assert_content(in_folder("model"), "old");
    struct stat st;
    assert_int_equal(stat(in_folder("log"), &st), 0);
    assert_int_equal(st.st_size % 60, 0); /* whole lines only */
    assert_int_equal(entries(), 2);
}

static void test_abort(void **state)
{
    (void)state;
    error err = {0};
    io_writer *w = io_writer_open(in_folder("gone"), &err);
    assert_int_equal(entries(), 1);
    io_writer_abort(&w);
    assert_null(w);
    io_writer_abort(&w);
    io_writer_abort(NULL);
    assert_int_equal(entries(), 0);
}

/* kill -9 in the middle of saving: the half file stays, and the next one to save there removes it. */
static void test_killed_writer(void **state)
{
    (void)state;
    error err = {0};
    const char *file = in_folder("model");
    assert_int_equal(io_write_file(file, "old", 3, &err), ERR_OK);
    for (int i = 0; i < 3; i++) {
        pid_t child = fork();
        if (child == 0) {
            io_writer *w = io_writer_open(file, NULL);
            io_writer_write(w, file, 4, NULL);
            kill(getpid(), SIGKILL);
        }
        assert_int_equal(waitpid(child, NULL, 0), child);
        assert_int_equal(entries(), 2); /* the same one each time */
        assert_content(file, "old");
    }
    assert_int_equal(io_write_file(file, "new", 3, &err), ERR_OK);
    assert_int_equal(entries(), 1);
    assert_content(file, "new");
}

/* A writer that is still at work is left alone, by others and by itself. */
static void test_two_writers(void **state)
{
    (void)state;
    error err = {0};
    char file[256];
    snprintf(file, sizeof file, "%s", in_folder("model"));
    io_writer *a = io_writer_open(file, &err), *b = io_writer_open(file, &err);
    assert_int_equal(entries(), 2);
    io_writer_write(a, "from a", 6, NULL);
    io_writer_write(b, "from b", 6, NULL);
    assert_int_equal(io_writer_close(&a, &err), ERR_OK);
    assert_content(file, "from a");
    assert_int_equal(io_writer_close(&b, &err), ERR_OK);
    assert_content(file, "from b");
    assert_int_equal(entries(), 1);
    assert_int_equal(io_write_file(in_folder("other.caption-0.tmp"), "mine", 4, &err), ERR_OK);
    assert_int_equal(symlink(file, in_folder("x.caption-0.tmp")), 0);
    assert_int_equal(io_write_file(in_folder("x"), "x", 1, &err), ERR_OK); /* and the link is left alone */
    assert_content(file, "from b");
}

/* A file name may hold anything, a sentence may not. */
static void test_odd_names(void **state)
{
    (void)state;
    error err = {0};
    io_map m;
    assert_int_equal(io_map_open(&m, "no\nsuch \x1b[31m \xc2\x9b \xc3\xa9", &err), ERR_MISSING);
    assert_string_equal(err.text,
                        "cannot read 'no\\nsuch \\x1b[31m \\u009b \xc3\xa9': No such file or directory");
}

static void test_permissions_and_links(void **state)
{
    (void)state;
    error err = {0};
    struct stat st;
    mode_t mask = umask(027);
    io_write_file(in_folder("new"), "x", 1, &err);
    umask(mask);
    stat(path, &st);
    assert_int_equal(st.st_mode & 0777, 0640);
    chmod(path, 0604);
    char target[300];
    snprintf(target, sizeof target, "%s", path);
    assert_int_equal(symlink(target, in_folder("link")), 0);
    assert_int_equal(io_write_file(path, "through", 7, &err), ERR_OK);
    lstat(path, &st);
    assert_true(S_ISLNK(st.st_mode));
    stat(target, &st);
    assert_int_equal(st.st_mode & 0777, 0604);
    assert_content(target, "through");
}

static void test_make_dirs(void **state)
{
    (void)state;
    error err = {0};
    struct stat st;
    assert_int_equal(io_make_dirs(in_folder("a/b//c/"), &err), ERR_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_true(S_ISDIR(st.st_mode));
    assert_int_equal(io_make_dirs(path, &err), ERR_OK);
    io_write_file(in_folder("a/file"), "", 0, &err);
    assert_int_equal(io_make_dirs(in_folder("a/file/d"), &err), ERR_IO);
    assert_non_null(strstr(err.text, "cannot create folder"));
    assert_int_equal(io_make_dirs("", &err), ERR_IO);
}

static void test_append(void **state)
{
    (void)state;
    error err = {0};
    assert_int_equal(io_append_line(in_folder("log"), "one", &err), ERR_OK);
    assert_int_equal(io_append_line(path, "two", &err), ERR_OK);
    assert_content(path, "one\ntwo\n");
    io_write_file(path, "half", 4, &err);
    assert_int_equal(io_append_line(path, "three", &err), ERR_OK);
    assert_content(path, "half\nthree\n");
    assert_int_equal(io_append_line(folder, "x", &err), ERR_IO);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, folder_make, folder_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_write_read_map), TEST(test_empty),
        TEST(test_unreadable),     TEST(test_limit),
        TEST(test_unwritable),     TEST(test_full_disk_keeps_the_old_file),
        TEST(test_abort),          TEST(test_permissions_and_links),
        TEST(test_make_dirs),      TEST(test_append),
        TEST(test_killed_writer),  TEST(test_two_writers),
        TEST(test_odd_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
