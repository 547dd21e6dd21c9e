/* Streams of pictures, cut where they begin and end, however the bytes come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/io/file.h"
#include "tools/frames.h"

#define FOLDER TEST_SOURCE_DIR "/images/"

/* Restart markers, EXIF, profiles within several segments, progressive scans; and chunks of many kinds. */
static const char *const names[] = {"restart.jpg", "exif_6.jpg",  "rgb.png",          "progressive.jpg",
                                    "icc_p3.jpg",  "palette.png", "interlaced.png",   "cmyk_adobe.jpg",
                                    "grey.jpg",    "rgba.png",    "baseline_420.jpg", "exif_text_app1.png"};
enum { NAMES = sizeof names / sizeof *names };

typedef struct feed {
    uint8_t *bytes;
    size_t size, step;
    int fd;
} feed;

static void *feed_all(void *ctx)
{
    feed *f = ctx;
    for (size_t at = 0; at < f->size;) {
        size_t n = f->size - at < f->step ? f->size - at : f->step;
        ssize_t written = write(f->fd, f->bytes + at, n);
        if (written < 0) break;
        at += (size_t)written;
    }
    close(f->fd);
    return NULL;
}

static void append(feed *f, const void *bytes, size_t n)
{
    f->bytes = realloc(f->bytes, f->size + n + 1);
    assert_non_null(f->bytes);
    memcpy(f->bytes + f->size, bytes, n);
    f->size += n;
}

static void open_feed(feed *f, size_t step, frames *out, pthread_t *thread)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    f->step = step;
    f->fd = ends[1];
    *out = (frames){.fd = ends[0], .name = "a pipe"};
    assert_int_equal(pthread_create(thread, NULL, feed_all, f), 0);
}

static void close_feed(feed *f, frames *g, pthread_t thread)
{
    close(g->fd);
    pthread_join(thread, NULL);
    frames_release(g);
    free(f->bytes);
    *f = (feed){0};
}

static void expect_pictures(size_t step, const char *between)
{
    feed f = {0};
    frames g;
    pthread_t thread;
    uint8_t *whole[NAMES], *bytes;
    size_t length[NAMES], size;
    error err = {0};
    for (int i = 0; i < NAMES; i++) {
        char path[512];
        snprintf(path, sizeof path, FOLDER "%s", names[i]);
        assert_int_equal(io_read_file(path, 1 << 20, &whole[i], &length[i], &err), ERR_OK);
        append(&f, between, strlen(between));
        append(&f, whole[i], length[i]);
    }
    open_feed(&f, step, &g, &thread);
    for (int i = 0; i < NAMES; i++) {
        assert_int_equal(frames_next(&g, &bytes, &size, &err), ERR_OK);
        if (!bytes || size != length[i]) fail_msg("%s: %zu bytes instead of %zu", names[i], size, length[i]);
        assert_memory_equal(bytes, whole[i], size);
        free(bytes);
        free(whole[i]);
    }
    assert_int_equal(frames_next(&g, &bytes, &size, &err), ERR_OK);
    assert_null(bytes);
    close_feed(&f, &g, thread);
}

static void pictures_are_cut_apart(void **state)
{
    (void)state;
    expect_pictures(1 << 16, "");
    expect_pictures(1, "");
    expect_pictures(7, "--boundary\r\nContent-Type: image/jpeg\r\n\r\n");
    expect_pictures(4096, "\xFF\xD8 \x89PNG\r");
}

/* One with a broken segment is skipped, and the next one found. */
static void a_broken_one_is_skipped(void **state)
{
    (void)state;
    static const uint8_t broken[] = {0xFF, 0xD8, 0xFF, 0xE0, 0, 4, 1, 2, 0, 0, 0, 0};
    static const uint8_t small[] = {0xFF, 0xD8, 0xFF, 0xDB, 0, 3, 1, 0xFF, 0xD9};
    static const uint8_t cut[] = {0xFF, 0xD8, 0xFF, 0xDB, 0, 9, 1};
    feed f = {0};
    frames g;
    pthread_t thread;
    uint8_t *bytes;
    size_t size;
    error err = {0};
    append(&f, broken, sizeof broken);
    append(&f, small, sizeof small);
    append(&f, cut, sizeof cut);
    open_feed(&f, 5, &g, &thread);
    assert_int_equal(frames_next(&g, &bytes, &size, &err), ERR_OK);
    assert_int_equal(size, sizeof small);
    assert_memory_equal(bytes, small, size);
    free(bytes);
    assert_int_equal(frames_next(&g, &bytes, &size, &err), ERR_OK);
    assert_int_equal(size, sizeof cut); /* the end came too early: whoever reads it will say so */
    free(bytes);
    close_feed(&f, &g, thread);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(pictures_are_cut_apart),
                                       cmocka_unit_test(a_broken_one_is_skipped)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
