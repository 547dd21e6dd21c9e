#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "datasets/feature_cache.h"
#include "src/io/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { L = 5, D = 7, N = 4, HEADER = 64 };

static const ds_features_shape shape = {.key = {11, 22}, .images = N, .regions = L, .channels = D};
static char path[] = "/tmp/ds_features_XXXXXX";

/* Value j of image i: a multiple of 1/8 below 256, which a half float holds exactly. */
static float value(int i, int j)
{
    return (float)(i * L * D + j) / 8 - 3;
}

static void write_file(int images, err_code expected)
{
    ds_features_writer *w = NULL;
    float map[L * D];
    assert_int_equal(ds_features_create(path, &shape, &w, NULL), ERR_OK);
    for (int i = 0; i < images; i++) {
        for (int j = 0; j < L * D; j++) map[j] = value(i, j);
        assert_int_equal(ds_features_put(w, map, NULL), ERR_OK);
    }
    if (images == N) assert_int_equal(ds_features_put(w, map, NULL), ERR_ARGUMENT);
    assert_int_equal(ds_features_finish(&w, NULL), expected);
    assert_null(w);
}

static int open_as(const ds_features_shape *s)
{
    ds_features *f = NULL;
    err_code code = ds_features_open(path, s, &f, NULL);
    ds_features_close(&f);
    return (int)code;
}

static void what_was_put_is_got(void **state)
{
    (void)state;
    ds_features *f = NULL;
    float map[L * D];
    write_file(N, ERR_OK);
    assert_int_equal(ds_features_open(path, &shape, &f, NULL), ERR_OK);
    for (int i = N - 1; i >= 0; i--) {
        assert_int_equal(ds_features_get(f, (uint64_t)i, map, NULL), ERR_OK);
        for (int j = 0; j < L * D; j++) assert_true(map[j] == value(i, j));
    }
    assert_int_equal(ds_features_get(f, N, map, NULL), ERR_ARGUMENT);
    ds_features_close(&f);
}

static void others_are_refused(void **state)
{
    (void)state;
    ds_features_shape other = shape;
    write_file(N, ERR_OK);
    other.key.hi++;
    assert_int_equal(open_as(&other), ERR_MISMATCH);
    other = shape;
    other.images--;
    assert_int_equal(open_as(&other), ERR_MISMATCH);
    other = shape;
    other.regions = other.channels = UINT32_MAX;
    assert_int_equal(open_as(&other), ERR_ARGUMENT);
    unlink(path);
    assert_int_equal(open_as(&shape), ERR_MISSING);
    write_file(N - 1, ERR_ARGUMENT);
    assert_int_equal(open_as(&shape), ERR_MISSING);
}

static void damage_is_noticed(void **state)
{
    (void)state;
    uint8_t *bytes;
    size_t size;
    float map[L * D];
    ds_features *f = NULL;
    write_file(N, ERR_OK);
    assert_int_equal(io_read_file(path, 1 << 20, &bytes, &size, NULL), ERR_OK);
    assert_int_equal(size, HEADER + N * L * D * 2 + N * 8);
    for (size_t cut = 0; cut < size; cut += 13) {
        assert_int_equal(io_write_file(path, bytes, cut, NULL), ERR_OK);
        assert_int_equal(open_as(&shape), ERR_FORMAT);
    }
    bytes[HEADER + 2 * L * D * 2 + 9] ^= 1;
    assert_int_equal(io_write_file(path, bytes, size, NULL), ERR_OK);
    assert_int_equal(ds_features_open(path, &shape, &f, NULL), ERR_OK);
    assert_int_equal(ds_features_get(f, 1, map, NULL), ERR_OK);
    assert_int_equal(ds_features_get(f, 2, map, NULL), ERR_FORMAT);
    ds_features_close(&f);
    bytes[20] ^= 1;
    assert_int_equal(io_write_file(path, bytes, size, NULL), ERR_OK);
    assert_int_equal(open_as(&shape), ERR_FORMAT);
    free(bytes);
}

/* Another program cuts the file while it is read: an error, no signal. */
static void cutting_an_open_file_is_told(void **state)
{
    (void)state;
    ds_features *f = NULL;
    float map[L * D];
    error err = {0};
    write_file(N, ERR_OK);
    assert_int_equal(ds_features_open(path, &shape, &f, NULL), ERR_OK);
    assert_int_equal(ds_features_get(f, 3, map, NULL), ERR_OK);
    assert_int_equal(truncate(path, HEADER + 10), 0);
    for (uint64_t i = 0; i < N; i++) { /* checked before or not */
        assert_int_equal(ds_features_get(f, i, map, &err), ERR_FORMAT);
        assert_non_null(strstr(err.text, "cut"));
    }
    ds_features_close(&f);
}

int main(void)
{
    int fd = mkstemp(path);
    if (fd < 0) return 1;
    close(fd);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_is_got),
        cmocka_unit_test(others_are_refused),
        cmocka_unit_test(damage_is_noticed),
        cmocka_unit_test(cutting_an_open_file_is_told),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
