/* Reading pictures: against Pillow's decoding (tests/images/make.py), and of files that are not what they
 * should be. */
#include "src/image/colours.h"
#include "tests/picture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define FOLDER TEST_SOURCE_DIR "/images/"

/* -- Good files -------------------------------------------------------------------------------------- */

/* Lossless formats agree to the bit, unless colours are computed. Lossy ones agree to the bit with the
 * library they were made with; other versions may upsample or transform a little differently, hence 0.6
 * levels on average. */
static const struct {
    const char *name, *extension, *format;
    double mean;
    int orientation;
} samples[] = {
    {"baseline_444", "jpg", "JPEG", 0.6, 1},
    {"baseline_422", "jpg", "JPEG", 0.6, 1},
    {"baseline_420", "jpg", "JPEG", 0.6, 1},
    {"progressive", "jpg", "JPEG", 0.6, 1},
    {"grey", "jpg", "JPEG", 0.6, 1},
    {"restart", "jpg", "JPEG", 0.6, 1},
    {"cmyk_adobe", "jpg", "JPEG", 1, 1},
    {"cmyk_plain", "jpg", "JPEG", 1, 1},
    {"exif_1", "jpg", "JPEG", 0.6, 1},
    {"exif_2", "jpg", "JPEG", 0.6, 2},
    {"exif_3", "jpg", "JPEG", 0.6, 3},
    {"exif_4", "jpg", "JPEG", 0.6, 4},
    {"exif_5", "jpg", "JPEG", 0.6, 5},
    {"exif_6", "jpg", "JPEG", 0.6, 6},
    {"exif_7", "jpg", "JPEG", 0.6, 7},
    {"exif_8", "jpg", "JPEG", 0.6, 8},
    {"rgb", "png", "PNG", 0, 1},
    {"one_bit", "png", "PNG", 0, 1},
    {"grey8", "png", "PNG", 0, 1},
    {"palette", "png", "PNG", 0, 1},
    {"grey_2_bits", "png", "PNG", 0, 1},
    {"grey_4_bits", "png", "PNG", 0, 1},
    {"rgba", "png", "PNG", 0, 1},
    {"grey_alpha", "png", "PNG", 0, 1},
    {"rgb_16_bits", "png", "PNG", 0, 1},
    {"interlaced", "png", "PNG", 0, 1},
    {"interlaced_alpha", "png", "PNG", 0, 1},
    {"palette_trns", "png", "PNG", 0, 1},
    {"rgb_trns", "png", "PNG", 0, 1},
    {"exif_6_png", "png", "PNG", 0, 6},
    {"exif_text_exif", "png", "PNG", 0, 6},
    {"exif_text_app1", "png", "PNG", 0, 8},
    {"icc_srgb", "jpg", "JPEG", 0.6, 1},
    {"icc_wrong", "jpg", "JPEG", 0.6, 1},
    {"gamma_as_srgb", "png", "PNG", 0, 1},
    {"gamma_and_srgb", "png", "PNG", 0, 1},
#if HAVE_LCMS2
    {"icc_p3", "jpg", "JPEG", 0.6, 1},
    {"icc_grey", "jpg", "JPEG", 0.6, 1},
    {"icc_cmyk", "jpg", "JPEG", 1, 1},
    {"icc_adobe_alpha", "png", "PNG", 0.6, 1},
    {"icc_grey_alpha", "png", "PNG", 0.6, 1},
    {"gamma_1_16_bits", "png", "PNG", 0.6, 1},
    {"gamma_18_grey", "png", "PNG", 0.6, 1},
    {"gamma_adobe", "png", "PNG", 0.6, 1},
    {"cicp_p3", "png", "PNG", 0.6, 1},
#endif
#if HAVE_WEBP
    {"lossy", "webp", "WebP", 0.6, 1},
    {"lossless", "webp", "WebP", 0, 1},
    {"alpha", "webp", "WebP", 0, 1},
    {"exif_8_webp", "webp", "WebP", 0, 8},
    {"animated", "webp", "WebP", 0.6, 1},
#if HAVE_LCMS2
    {"icc_prophoto", "webp", "WebP", 0.6, 1},
#endif
#endif
};
enum { SAMPLES = sizeof samples / sizeof samples[0] };

static void sample_path(int i, char path[512])
{
    snprintf(path, 512, FOLDER "%s.%s", samples[i].name, samples[i].extension);
}

static void test_samples(void **state)
{
    (void)state;
    for (int i = 0; i < SAMPLES; i++) {
        char path[512], expected_path[512];
        img got, expected = {0};
        img_info info;
        error e = {0};
        int largest;
        sample_path(i, path);
        snprintf(expected_path, sizeof expected_path, FOLDER "%s.ppm", samples[i].name);
        assert_true(picture_read_ppm(expected_path, &expected));
        if (img_read_file(path, NULL, &got, &info, &e)) fail_msg("%s", e.text);
        assert_string_equal(info.format, samples[i].format);
        assert_int_equal(info.orientation, samples[i].orientation);
        if (got.width != expected.width || got.height != expected.height || info.width != got.width ||
            info.height != got.height)
            fail_msg("%s: %d x %d instead of %d x %d", samples[i].name, got.width, got.height, expected.width,
                     expected.height);
        double mean = picture_difference(&got, &expected, &largest);
        if (mean > samples[i].mean)
            fail_msg("%s: %.3f levels apart on average, %d at most", samples[i].name, mean, largest);
        img_release(&got);
        img_release(&expected);
    }
}

/* Making a transform takes two milliseconds: such files are not damaged at every byte. */
static bool is_transformed(const char *name)
{
    return !strncmp(name, "icc_", 4) || !strncmp(name, "gamma_", 6) || !strncmp(name, "cicp_", 5);
}

static const char *warning_of(const char *path)
{
    img got;
    img_info info;
    error e = {0};
    if (img_read_file(path, NULL, &got, &info, &e)) fail_msg("%s", e.text);
    img_release(&got);
    return info.warning;
}

static void test_warnings(void **state)
{
    (void)state;
    assert_null(warning_of(FOLDER "rgb.png"));
    assert_null(warning_of(FOLDER "icc_srgb.jpg"));
    assert_null(warning_of(FOLDER "gamma_as_srgb.png"));
    assert_non_null(strstr(warning_of(FOLDER "icc_wrong.jpg"), "profile"));
#if HAVE_LCMS2
    assert_null(warning_of(FOLDER "icc_p3.jpg"));
#else
    assert_non_null(strstr(warning_of(FOLDER "icc_p3.jpg"), "lcms2"));
    assert_non_null(strstr(warning_of(FOLDER "cicp_p3.png"), "lcms2"));
#endif
}

static void test_code_points(void **state)
{
    (void)state;
    img_rgb_space s;
    assert_false(img_space_of_cicp((const uint8_t[4]){1, 13, 0, 1}, &s)); /* sRGB */
    assert_false(img_space_of_cicp((const uint8_t[4]){2, 13, 0, 1}, &s)); /* unknown primaries, ... */
    assert_false(img_space_of_cicp((const uint8_t[4]){12, 2, 0, 1}, &s)); /* ... curve */
    assert_false(img_space_of_cicp((const uint8_t[4]){9, 16, 9, 1}, &s)); /* no RGB */
    static const uint8_t transfer[] = {1, 4, 5, 6, 8, 13, 14, 15, 16, 18};
    for (size_t i = 0; i < sizeof transfer; i++)
        for (uint8_t full = 0; full < 2; full++) {
            assert_true(img_space_of_cicp((const uint8_t[4]){9, transfer[i], 0, full}, &s));
            assert_true(s.curve[0] < 70 && s.curve[IMG_CURVE - 1] == 65535);
            for (int k = 1; k < IMG_CURVE; k++) assert_true(s.curve[k] >= s.curve[k - 1]);
        }
    /* The white of a page is 58 % of PQ and 75 % of HLG (BT.2408), and bent to about half of the light. */
    assert_true(img_space_of_cicp((const uint8_t[4]){9, 16, 0, 1}, &s));
    assert_in_range(s.curve[(int)(0.58 * IMG_CURVE)], 0.50 * 65535, 0.54 * 65535);
    assert_true(img_space_of_cicp((const uint8_t[4]){9, 18, 0, 1}, &s));
    assert_in_range(s.curve[(int)(0.75 * IMG_CURVE)], 0.50 * 65535, 0.54 * 65535);
}

static void test_gamma(void **state)
{
    (void)state;
    static const double p3[4][2] = {{0.3127, 0.3290}, {0.680, 0.320}, {0.265, 0.690}, {0.150, 0.060}};
    img_rgb_space s;
    assert_false(img_space_of_gamma(NULL, 2.2, &s));
    assert_false(img_space_of_gamma(NULL, 1 / 0.45455, &s));
    assert_true(img_space_of_gamma(NULL, 1.8, &s));
    assert_true(img_space_of_gamma(p3, 2.2, &s));
    assert_false(img_space_of_gamma(NULL, 0, &s));
    assert_false(img_space_of_gamma(NULL, 1e30, &s));
}

/* Profiles with wrong bytes: applied, or ignored with a warning. */
static void test_damaged_profiles(void **state)
{
    (void)state;
    static const char *const names[] = {"icc_p3.jpg", "icc_cmyk.jpg", "icc_grey.jpg", "icc_srgb.jpg"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[512];
        size_t length = 0;
        snprintf(path, sizeof path, FOLDER "%s", names[i]);
        uint8_t *bytes = picture_read_bytes(path, &length), *at = memmem(bytes, length, "ICC_PROFILE", 11);
        assert_non_null(at);
        size_t start = (size_t)(at - bytes) + 14, step = i == 1 ? 31 : 5;
        for (size_t n = start; n < length && memcmp(bytes + n, "\xFF\xDB", 2); n += step) {
            img got;
            error e = {0};
            uint8_t old = bytes[n];
            bytes[n] = (uint8_t)(n % 3 == 0 ? 0 : n % 3 == 1 ? 0xFF : old ^ 0x80);
            err_code rc = img_read_memory(bytes, length, path, NULL, &got, NULL, &e);
            assert_true(rc ? rc == ERR_FORMAT && !got.rgb : got.rgb != NULL);
            img_release(&got);
            bytes[n] = old;
        }
        free(bytes);
    }
}

static void test_profile_parser(void **state)
{
    (void)state;
    size_t length = 0;
    uint8_t *file = picture_read_bytes(FOLDER "icc_srgb.jpg", &length);
    uint8_t *at = memmem(file, length, "ICC_PROFILE", 11);
    assert_non_null(at);
    size_t n = (size_t)at[-2] << 8 | at[-1];
    n -= 16;
    for (size_t cut = 0; cut <= n; cut++) {
        uint8_t *icc = malloc(cut ? cut : 1); /* of exactly this size */
        memcpy(icc, at + 14, cut);
        if (img_icc_is_srgb(icc, cut))
            assert_true(cut == n);
        else
            assert_true(cut < n);
        assert_int_equal(img_icc_fits(icc, cut, IMG_RGB), cut >= 132);
        assert_int_equal(img_icc_fits(icc, cut, IMG_GREY), cut >= 132);
        assert_false(img_icc_fits(icc, cut, IMG_CMYK));
        free(icc);
    }
    free(file);
}

static void test_ignore_orientation(void **state)
{
    (void)state;
    img got;
    img_info info;
    error e = {0};
    img_read_options options = {.ignore_orientation = true};
    assert_int_equal(img_read_file(FOLDER "exif_6.jpg", &options, &got, &info, &e), ERR_OK);
    assert_int_equal(got.width, 37);
    assert_int_equal(info.width, 37);
    assert_int_equal(info.orientation, 6);
    img_release(&got);
}

static void test_reduced(void **state)
{
    (void)state;
    static const int cases[][4] = {/* reduce_to, width, height, longer_to */
                                   {0, 203, 151, 0},    {76, 102, 76, 0}, {77, 203, 151, 0}, {38, 51, 38, 0},
                                   {1, 26, 19, 0},      {19, 26, 19, 0},  {19, 26, 19, 26},  {19, 51, 38, 27},
                                   {76, 203, 151, 103}, {77, 203, 151, 1}};
    for (int i = 0; i < 10; i++) {
        img got, expected = {0};
        img_info info;
        error e = {0};
        int largest;
        img_read_options options = {.reduce_to = cases[i][0], .longer_to = cases[i][3]};
        assert_int_equal(img_read_file(FOLDER "reduce.jpg", &options, &got, &info, &e), ERR_OK);
        assert_int_equal(got.width, cases[i][1]);
        assert_int_equal(got.height, cases[i][2]);
        assert_int_equal(info.width, 203);
        assert_int_equal(info.height, 151);
        if (got.width == 102) {
            assert_true(picture_read_ppm(FOLDER "reduce.ppm", &expected));
            assert_true(picture_difference(&got, &expected, &largest) < 0.6);
            img_release(&expected);
        }
        img_release(&got);
    }
}

static void test_from_descriptors(void **state)
{
    (void)state;
    img file, piped;
    error e = {0};
    size_t length = 0;
    int ends[2], largest;
    assert_int_equal(img_read_file(FOLDER "rgb.png", NULL, &file, NULL, &e), ERR_OK);
    uint8_t *bytes = picture_read_bytes(FOLDER "rgb.png", &length);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], bytes, length), length);
    close(ends[1]);
    assert_int_equal(img_read_fd(ends[0], "standard input", NULL, &piped, NULL, &e), ERR_OK);
    close(ends[0]);
    assert_true(picture_difference(&file, &piped, &largest) == 0);
    img_release(&file);
    img_release(&piped);
    free(bytes);
}

/* -- Files that are no pictures ----------------------------------------------------------------------- */

static void expect_error(const char *path, err_code code, const char *text)
{
    img got;
    error e = {0};
    err_code rc = img_read_file(path, NULL, &got, NULL, &e);
    assert_int_equal(rc, code);
    assert_int_equal(e.code, code);
    assert_null(got.rgb);
    if (!strstr(e.text, text) || !strstr(e.text, path) || strncmp(e.text, "cannot read '", 13))
        fail_msg("'%s' does not say '%s'", e.text, text);
}

static void write_file(const char *path, const void *bytes, size_t length)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, length, f), length);
    fclose(f);
}

static void test_not_pictures(void **state)
{
    (void)state;
    char folder[] = "/tmp/image_test_XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a.jpg", folder);
    expect_error(path, ERR_MISSING, "No such file");
    expect_error(folder, ERR_IO, "folder");
    write_file(path, "", 0);
    expect_error(path, ERR_FORMAT, "empty");
    write_file(path, "x", 1);
    expect_error(path, ERR_FORMAT, "not a picture that caption reads");
    write_file(path, "this is text and no photo", 25);
    expect_error(path, ERR_FORMAT, "not a picture that caption reads");
    write_file(path, "8BPS\0\1\0\0\0\0\0\0;", 14);
    expect_error(path, ERR_UNSUPPORTED, ": a Photoshop file; save it as JPEG, PNG or WebP");
    expect_error("/dev/zero", ERR_FORMAT, "not a picture");
    if (geteuid() != 0) { /* root reads everything */
        chmod(path, 0);
        expect_error(path, ERR_IO, "Permission denied");
    }
    assert_int_equal(truncate(path, ((off_t)1 << 30) + 1), 0);
    chmod(path, 0600);
    expect_error(path, ERR_LIMIT, "1 GiB");
    unlink(path);
    rmdir(folder);
#if !HAVE_WEBP
    expect_error(FOLDER "lossless.webp", ERR_UNSUPPORTED, "built without WebP support (libwebp)");
#endif
}

#if HAVE_WEBP

static void put_u24(uint8_t *to, unsigned value)
{
    for (int i = 0; i < 3; i++) to[i] = (uint8_t)(value >> 8 * i);
}

/* An animation of one picture: lossless.webp (37 x 23) at (x, y) of a canvas of 50 x 30. Returns its length.
 */
static size_t animate(uint8_t file[4096], unsigned x, unsigned y)
{
    static const uint8_t start[] = "RIFF....WEBPVP8X\x0A\0\0\0\x02\0\0\0......ANIM\x06\0\0\0\0\0\0\0\0\0ANMF";
    uint8_t alone[2048];
    FILE *f = fopen(FOLDER "lossless.webp", "rb");
    assert_non_null(f);
    size_t length = fread(alone, 1, sizeof alone, f), at = sizeof start - 1;
    assert_int_equal(fclose(f), 0);
    assert_true(length > 12 && length < sizeof alone);
    length -= 12; /* the chunks of the file, without its header */
    memset(file, 0, 4096);
    memcpy(file, start, at);
    put_u24(file + 24, 50 - 1);
    put_u24(file + 27, 30 - 1);
    put_u24(file + at, (unsigned)(16 + length));
    put_u24(file + at + 4, x / 2);
    put_u24(file + at + 7, y / 2);
    put_u24(file + at + 10, 37 - 1);
    put_u24(file + at + 13, 23 - 1);
    memcpy(file + at + 20, alone + 12, length);
    length += at + 20;
    put_u24(file + 4, (unsigned)(length - 8));
    file[7] = 0;
    return length;
}

/* The first picture of an animation lies where its file says, on white. */
static void test_animation(void **state)
{
    (void)state;
    uint8_t file[4096];
    img got, expected = {0};
    error e = {0};
    size_t length = animate(file, 6, 4);
    assert_true(picture_read_ppm(FOLDER "lossless.ppm", &expected));
    if (img_read_memory(file, length, "animation", NULL, &got, NULL, &e)) fail_msg("%s", e.text);
    assert_int_equal(got.width, 50);
    assert_int_equal(got.height, 30);
    for (int y = 0; y < 30; y++)
        for (int x = 0; x < 50; x++) {
            bool inside = x >= 6 && x < 6 + 37 && y >= 4 && y < 4 + 23;
            const uint8_t white[] = {255, 255, 255};
            assert_memory_equal(got.rgb + 3 * (50 * y + x),
                                inside ? expected.rgb + 3 * (37 * (y - 4) + x - 6) : white, 3);
        }
    img_release(&got);
    img_release(&expected);
    static const unsigned outside[][2] = {{14, 0}, {0, 8}, {0xFFFFFF * 2, 0xFFFFFF * 2}};
    for (int i = 0; i < 3; i++) {
        length = animate(file, outside[i][0], outside[i][1]);
        assert_int_equal(img_read_memory(file, length, "animation", NULL, &got, NULL, &e), ERR_FORMAT);
        assert_null(got.rgb);
    }
    length = animate(file, 0, 0);
    for (size_t cut = 0; cut < length; cut++) {
        assert_true(img_read_memory(file, cut, "animation", NULL, &got, NULL, &e));
        assert_null(got.rgb);
    }
}

#endif

static void test_no_photo_is_too_large_unnoticed(void **state)
{
    (void)state;
    /* The header of a PNG of 60000 x 60000 pixels; refused by the sizes alone, before any pixel data. */
    static const uint8_t png[] =
        "\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\xea\x60\0\0\xea\x60\x08\2\0\0\0"
        "\x0f\xb0\xe2\x15\0\0\0\0IDAT\x35\xaf\x06\x1e\0\0\0\0IEND\xae\x42\x60\x82";
    img got;
    error e = {0};
    assert_int_equal(img_read_memory(png, sizeof png - 1, "huge.png", NULL, &got, NULL, &e), ERR_LIMIT);
    assert_non_null(strstr(e.text, "60000 x 60000"));
    img_read_options options = {.max_pixels = 37 * 23 - 1};
    for (int i = 0; i < SAMPLES; i++) {
        char path[512];
        sample_path(i, path);
        assert_int_equal(img_read_file(path, &options, &got, NULL, &e), ERR_LIMIT);
        assert_null(got.rgb);
    }
}

/* -- Damaged files ------------------------------------------------------------------------------------ */

/* A JPEG that lacks only its end marker (two bytes) is whole, and a warning says so; every other cut is an
 * error. */
static void test_truncated_at_every_length(void **state)
{
    (void)state;
    for (int i = 0; i < SAMPLES; i++) {
        char path[512];
        size_t length = 0;
        img whole;
        error e = {0};
        sample_path(i, path);
        uint8_t *bytes = picture_read_bytes(path, &length);
        assert_int_equal(img_read_memory(bytes, length, path, NULL, &whole, NULL, &e), ERR_OK);
        size_t step = is_transformed(samples[i].name) ? 23 : 1;
        for (size_t n = 0; n < length; n += n + step + 4 < length ? step : 1) {
            img got;
            img_info info;
            int largest;
            bool complete = !strcmp(samples[i].format, "JPEG") && n >= length - 2;
            uint8_t *part = malloc(n ? n : 1); /* of exactly this size, so that a sanitiser sees overruns */
            memcpy(part, bytes, n);
            bool read = !img_read_memory(part, n, path, NULL, &got, &info, &e);
            if (read != complete)
                fail_msg("%s cut to %zu of %zu bytes is read %s an error", path, n, length,
                         read ? "without" : "with");
            assert_true(!read || strstr(info.warning, "end marker"));
            assert_true(read ? picture_difference(&got, &whole, &largest) == 0 : !got.rgb);
            img_release(&got);
            free(part);
        }
        img_release(&whole);
        free(bytes);
    }
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Whatever the bytes: a whole picture or an error with a sentence, never a crash. */
static void test_damaged_bytes(void **state)
{
    (void)state;
    uint32_t seed = 7;
    for (int i = 0; i < SAMPLES; i++) {
        char path[512];
        size_t length = 0;
        sample_path(i, path);
        uint8_t *bytes = picture_read_bytes(path, &length);
        uint8_t *damaged = malloc(length);
        for (int round = 0; round < (is_transformed(samples[i].name) ? 30 : 500); round++) {
            img got;
            error e = {0};
            img_read_options options = {.max_pixels = 1 << 20, .reduce_to = round % 3 ? 0 : 1};
            memcpy(damaged, bytes, length);
            for (unsigned flips = 1 + next_random(&seed) % 8; flips--;)
                damaged[next_random(&seed) % length] ^= (uint8_t)(1 + next_random(&seed) % 255);
            err_code rc = img_read_memory(damaged, length, path, &options, &got, NULL, &e);
            assert_true(rc ? e.code == rc && e.text[0] && !got.rgb : got.rgb != NULL);
            img_release(&got);
        }
        free(damaged);
        free(bytes);
    }
}

static void test_exif_parser(void **state)
{
    (void)state;
    const uint8_t good[] = "Exif\0\0MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0";
    size_t length = sizeof good - 1;
    assert_int_equal(img_exif_orientation(good, length), 6);
    assert_int_equal(img_exif_orientation(good + 6, length - 6), 6);
    for (size_t n = 0; n < 26; n++) assert_int_equal(img_exif_orientation(good, n), 1);
    uint8_t bad[64];
    memcpy(bad, good, length);
    bad[25] = 9; /* no such orientation */
    assert_int_equal(img_exif_orientation(bad, length), 1);
    memset(bad + 10, 0xFF, 4); /* the directory far outside */
    assert_int_equal(img_exif_orientation(bad, length), 1);
}

/* What is none of ours is called what it is. */
static void test_foreign(void **state)
{
#define ROW(bytes, name, words)                                                                              \
    {                                                                                                        \
        bytes, sizeof(bytes) - 1, name, words                                                                \
    }
    static const struct {
        const char *bytes;
        size_t length;
        const char *name, *words;
    } rows[] = {
        ROW("\0\0\0\x18"
            "ftypisom\0\0",
            "a.jpg", ": a video, not a photo"),
        ROW("BM is how this text begins", "a", "not a picture that caption reads"),
        ROW("%PDF-1.7\n1 0 obj", "a", ": a PDF file;"),
        ROW("\xFF\x0A\0\0\0\0\0\0\0\0\0\0", "a", ": a JPEG XL file;"),
        ROW("\xEF\xBB\xBF<?xml version=\"1.0\"?>\n<svg ", "a", ": an SVG file; save it as JPEG"),
        ROW("<?xml version=\"1.0\"?>\n<Error/>", "a", ": an XML file, not a photo"),
        ROW("\n<!DOCTYPE html><title>404", "a", ": a web page, not a photo"),
        ROW("version https://git-lfs.github.com/spec/v1\noid", "a",
            ": a Git LFS pointer, not the photo itself; 'git lfs pull'"),
        ROW("P6\n1 1\n255\n...", "a", ": a PNM file;"),
        ROW("P", "a", "not a picture that caption reads"),
    };
#undef ROW
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        error err = {0};
        img out;
        uint8_t *exact = malloc(rows[i].length); /* for what looks past the end */
        assert_non_null(exact);
        memcpy(exact, rows[i].bytes, rows[i].length);
        assert_int_not_equal(img_read_memory(exact, rows[i].length, rows[i].name, NULL, &out, NULL, &err),
                             ERR_OK);
        if (!strstr(err.text, rows[i].words)) fail_msg("'%s' instead of '%s'", err.text, rows[i].words);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_warnings),
        cmocka_unit_test(test_code_points),
        cmocka_unit_test(test_gamma),
        cmocka_unit_test(test_damaged_profiles),
        cmocka_unit_test(test_profile_parser),
        cmocka_unit_test(test_ignore_orientation),
        cmocka_unit_test(test_reduced),
        cmocka_unit_test(test_from_descriptors),
        cmocka_unit_test(test_not_pictures),
#if HAVE_WEBP
        cmocka_unit_test(test_animation),
#endif
        cmocka_unit_test(test_no_photo_is_too_large_unnoticed),
        cmocka_unit_test(test_truncated_at_every_length),
        cmocka_unit_test(test_damaged_bytes),
        cmocka_unit_test(test_exif_parser),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
