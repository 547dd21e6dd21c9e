/* Resizing against Pillow's results (tests/golden/resize.py). */
#include "src/image/image.h"
#include "tests/picture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define FOLDER TEST_SOURCE_DIR "/golden/resize/"

static img_filter filter_named(const char *name)
{
    return !strcmp(name, "box") ? IMG_BOX : !strcmp(name, "bicubic") ? IMG_BICUBIC : IMG_BILINEAR;
}

/* Pillow rounds to whole levels between its two passes, this resize keeps six bits: 1 level apart at most.
 * Pillow also clips there, to 0..255; the triangle and the box never leave that range, the cubic does beside
 * hard edges, so for it only the average is held. */
static void check_case(const img *source, const char *line)
{
    char name[32], kind[32], path[512];
    int width, height, largest;
    img_box box;
    img got, expected = {0};
    error e = {0};
    assert_int_equal(sscanf(line, "%31s %31s %d %d %lf %lf %lf %lf", name, kind, &width, &height, &box.x0,
                            &box.y0, &box.x1, &box.y1),
                     8);
    snprintf(path, sizeof path, FOLDER "%s.ppm", name);
    assert_true(picture_read_ppm(path, &expected));
    assert_int_equal(img_resize(source, box, width, height, filter_named(kind), &got, &e), ERR_OK);
    assert_int_equal(got.width, expected.width);
    assert_int_equal(got.height, expected.height);
    double mean = picture_difference(&got, &expected, &largest);
    bool clipped = filter_named(kind) == IMG_BICUBIC;
    if (clipped ? mean > 0.3 : largest > 1)
        fail_msg("%s: %d levels apart, %.3f on average", name, largest, mean);
    img_release(&got);
    img_release(&expected);
}

static void test_against_pillow(void **state)
{
    (void)state;
    img source;
    error e = {0};
    char line[256];
    int cases = 0;
    assert_int_equal(img_read_file(FOLDER "source.png", NULL, &source, NULL, &e), ERR_OK);
    FILE *f = fopen(FOLDER "cases.txt", "r");
    assert_non_null(f);
    for (; fgets(line, sizeof line, f); cases++) check_case(&source, line);
    fclose(f);
    img_release(&source);
    assert_in_range(cases, 11, 100);
}

static void test_same_size_is_exact(void **state)
{
    (void)state;
    img source, got;
    error e = {0};
    assert_int_equal(img_read_file(FOLDER "source.png", NULL, &source, NULL, &e), ERR_OK);
    for (int filter = IMG_BOX; filter <= IMG_BICUBIC; filter++) {
        assert_int_equal(
            img_resize(&source, img_whole(&source), source.width, source.height, filter, &got, &e), ERR_OK);
        assert_memory_equal(got.rgb, source.rgb, (size_t)source.width * source.height * 3);
        img_release(&got);
    }
    img_release(&source);
}

/* A plain picture stays plain to the bit at any size: the fixed-point weights sum to one exactly. */
static void test_plain_stays_plain(void **state)
{
    (void)state;
    img plain, got;
    error e = {0};
    assert_int_equal(img_create(&plain, 997, 61, &e), ERR_OK);
    memset(plain.rgb, 251, 997 * 61 * 3);
    const int sizes[][2] = {{1, 1}, {7, 300}, {996, 62}, {3001, 5}, {333, 30}};
    for (int i = 0; i < 5; i++) {
        for (int filter = IMG_BOX; filter <= IMG_BICUBIC; filter++) {
            assert_int_equal(
                img_resize(&plain, img_whole(&plain), sizes[i][0], sizes[i][1], filter, &got, &e), ERR_OK);
            for (size_t k = 0; k < (size_t)got.width * got.height * 3; k++) assert_int_equal(got.rgb[k], 251);
            img_release(&got);
        }
    }
    img_release(&plain);
}

static void test_bad_arguments(void **state)
{
    (void)state;
    img source, got;
    error e = {0};
    assert_int_equal(img_create(&source, 10, 10, &e), ERR_OK);
    memset(source.rgb, 0, 300);
    const img_box bad[] = {{0, 0, 11, 10}, {-1, 0, 5, 5}, {5, 5, 5, 8}, {0, 0, 0.0 / 0.0, 4}};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(img_resize(&source, bad[i], 5, 5, IMG_BILINEAR, &got, &e), ERR_ARGUMENT);
        assert_null(got.rgb);
    }
    assert_int_equal(img_resize(&source, img_whole(&source), 0, 5, IMG_BILINEAR, &got, &e), ERR_ARGUMENT);
    assert_int_equal(img_resize(&source, img_whole(&source), 5, -3, IMG_BILINEAR, &got, &e), ERR_ARGUMENT);
    img_release(&source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_pillow),
        cmocka_unit_test(test_same_size_is_exact),
        cmocka_unit_test(test_plain_stays_plain),
        cmocka_unit_test(test_bad_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
