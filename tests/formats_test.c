/* Rarer formats of photos: their pixels, and what is said where the build lacks a library or the file its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "src/io/file.h"
#include "tests/picture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER TEST_SOURCE_DIR "/images/"

typedef struct sample {
    const char *file, *format;
    double mean;     /* levels that a pixel may be off on average */
    int orientation; /* that the file tells */
    bool read;       /* by this build */
    size_t needless; /* bytes at the end that a picture can do without */
} sample;

/* HEIC and AVIF are lossy here, GIF's end mark is not looked for, and of a TIFF some values lie behind the
 * pixels. */
static const sample samples[] = {
    {"bmp_1.bmp", "BMP", 0, 1, true, 3},
    {"bmp_4.bmp", "BMP", 0, 1, true, 3},
    {"bmp_8.bmp", "BMP", 0, 1, true, 3},
    {"bmp_rle4.bmp", "BMP", 0, 1, true, 0},
    {"bmp_rle8.bmp", "BMP", 0, 1, true, 0},
    {"bmp_24.bmp", "BMP", 0, 1, true, 3},
    {"bmp_top_down.bmp", "BMP", 0, 1, true, 3},
    {"bmp_555.bmp", "BMP", 0, 1, true, 3},
    {"bmp_565.bmp", "BMP", 0, 1, true, 3},
    {"bmp_alpha.bmp", "BMP", 0, 1, true, 0},
    {"bmp_os2.bmp", "BMP", 0, 1, true, 3},
    {"gif.gif", "GIF", 0, 1, HAVE_GIF, 4},
    {"gif_interlaced.gif", "GIF", 0, 1, HAVE_GIF, 4},
    {"gif_animated.gif", "GIF", 0, 1, HAVE_GIF, SIZE_MAX},
    {"gif_clear.gif", "GIF", 0, 1, HAVE_GIF, 4},
    {"tiff.tif", "TIFF", 0, 1, HAVE_TIFF, 0},
    {"tiff_deflate.tif", "TIFF", 0, 1, HAVE_TIFF, 0},
    {"tiff_turned.tif", "TIFF", 0, 6, HAVE_TIFF, 0},
    {"tiff_grey.tif", "TIFF", 0, 1, HAVE_TIFF, 0},
    {"tiff_16.tif", "TIFF", 0, 1, HAVE_TIFF, 0},
    {"tiff_alpha.tif", "TIFF", 0.6, 1, HAVE_TIFF, 0},
    {"avif.avif", "AVIF", 2, 1, HAVE_HEIF, 0},
    {"heic.heic", "HEIC", 2, 1, HAVE_HEIF, 0},
    {"raw.dng", "raw", 0.6, 6, HAVE_RAW, 0},
};
enum { SAMPLES = sizeof samples / sizeof *samples };

static void expect_pixels(const sample *s, const char *path)
{
    char expected_path[512];
    img got, expected = {0};
    img_info info;
    error err = {0};
    int largest;
    int stem = (int)strcspn(s->file, ".");
    snprintf(expected_path, sizeof expected_path, FOLDER "%.*s.ppm", stem, s->file);
    assert_true(picture_read_ppm(expected_path, &expected));
    if (img_read_file(path, NULL, &got, &info, &err)) fail_msg("%s", err.text);
    assert_string_equal(info.format, s->format);
    assert_int_equal(info.orientation, s->orientation);
    if (got.width != expected.width || got.height != expected.height || info.width != got.width)
        fail_msg("%s: %d x %d", s->file, got.width, got.height);
    double mean = picture_difference(&got, &expected, &largest);
    if (mean > s->mean) fail_msg("%s: %.3f levels apart on average, %d at most", s->file, mean, largest);
    img_release(&got);
    img_release(&expected);
}

static void pixels_are_right_or_the_library_is_named(void **state)
{
    (void)state;
    for (int i = 0; i < SAMPLES; i++) {
        char path[512], lacking[64];
        img got;
        error err = {0};
        snprintf(path, sizeof path, FOLDER "%s", samples[i].file);
        if (samples[i].read) {
            expect_pixels(&samples[i], path);
            continue;
        }
        snprintf(lacking, sizeof lacking, "was built without %s support (", samples[i].format);
        assert_int_equal(img_read_file(path, NULL, &got, NULL, &err), ERR_UNSUPPORTED);
        assert_non_null(strstr(err.text, lacking));
    }
}

/* LibRaw looks into what it has not read of a preview that was cut short, which is no business of ours; that we
 * refuse such a preview is seen in tests/cli/photo_formats. */
static bool is_left_to_the_library(const sample *s, size_t n)
{
    enum { DIRECTORY = 64 }; /* begins here, and says where the preview is */
    return !strcmp(s->format, "raw") && n > DIRECTORY;
}

/* Never half a picture. The bytes are copied to where nothing lies behind them. */
static void what_is_cut_short_is_refused(void **state)
{
    (void)state;
    for (int i = 0; i < SAMPLES; i++) {
        const sample *s = &samples[i];
        char path[512];
        uint8_t *bytes;
        size_t size;
        error err = {0};
        snprintf(path, sizeof path, FOLDER "%s", s->file);
        assert_int_equal(io_read_file(path, 1 << 20, &bytes, &size, &err), ERR_OK);
        for (size_t n = 1; n < size && s->read; n += size > 1000 ? 1 + size / 97 : 1) {
            if (is_left_to_the_library(s, n)) break;
            uint8_t *exact = malloc(n);
            img got = {0};
            assert_non_null(exact);
            memcpy(exact, bytes, n);
            bool good = !img_read_memory(exact, n, s->file, NULL, &got, NULL, &err);
            if (good && (s->needless == SIZE_MAX ? n < size / 3 : n + s->needless < size))
                fail_msg("%s: read whole from %zu of %zu bytes", s->file, n, size);
            img_release(&got);
            free(exact);
        }
        free(bytes);
    }
}

static void larger_than_allowed_is_refused(void **state)
{
    (void)state;
    const img_read_options few = {.max_pixels = 100};
    for (int i = 0; i < SAMPLES; i++) {
        char path[512];
        img got;
        error err = {0};
        snprintf(path, sizeof path, FOLDER "%s", samples[i].file);
        err_code wanted = samples[i].read ? ERR_LIMIT : ERR_UNSUPPORTED;
        if (img_read_file(path, &few, &got, NULL, &err) != wanted)
            fail_msg("%s: %s", samples[i].file, err.text);
    }
}

/* One byte after the other becomes another one: an error or a picture, and nothing else. */
static void what_is_damaged_harms_nobody(void **state)
{
    (void)state;
    for (int i = 0; i < SAMPLES; i++) {
        char path[512];
        uint8_t *bytes;
        size_t size;
        error err = {0};
        snprintf(path, sizeof path, FOLDER "%s", samples[i].file);
        assert_int_equal(io_read_file(path, 1 << 20, &bytes, &size, &err), ERR_OK);
        for (size_t at = 0; at < size && at < 300 && !strcmp(samples[i].format, "BMP"); at++) {
            const img_read_options few = {.max_pixels = 1000000};
            uint8_t before = bytes[at];
            for (int k = 0; k < 3; k++) {
                img got = {0};
                bytes[at] = (uint8_t[]){0, 255, (uint8_t)(before ^ 16)}[k];
                img_read_memory(bytes, size, samples[i].file, &few, &got, NULL, &err);
                img_release(&got);
            }
            bytes[at] = before;
        }
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(pixels_are_right_or_the_library_is_named),
                                       cmocka_unit_test(what_is_cut_short_is_refused),
                                       cmocka_unit_test(larger_than_allowed_is_refused),
                                       cmocka_unit_test(what_is_damaged_harms_nobody)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
