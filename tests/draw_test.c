/* Painting: rectangles and pictures land where they should, clipped; text covers its column only. */
#include "src/image/draw.h"
#include "src/image/text.h"
#include "tests/leaks.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/picture.h"

static int count_level(const img *im, uint8_t level)
{
    int count = 0;
    for (int i = 0; i < im->width * im->height; i++) count += im->rgb[3 * i] == level;
    return count;
}

static void test_rectangles(void **state)
{
    (void)state;
    img im = picture_plain(20, 10, 255);
    img_fill_rect(&im, 18, 8, 10, 10, (img_colour){1, 2, 3});
    assert_int_equal(count_level(&im, 1), 4);
    assert_memory_equal(im.rgb + 3 * (9 * 20 + 19), "\1\2\3", 3);
    img_fill_rect(&im, -5, -5, 7, 6, (img_colour){9, 9, 9});
    assert_int_equal(count_level(&im, 9), 2);
    img_fill_rect(&im, INT_MAX, INT_MIN, INT_MAX, INT_MAX, (img_colour){7, 7, 7});
    img_fill_rect(&im, 3, 3, -4, 4, (img_colour){7, 7, 7});
    assert_int_equal(count_level(&im, 7), 0);
    img_release(&im);
}

static void test_blit(void **state)
{
    (void)state;
    img im = picture_plain(8, 8, 255), stamp = picture_plain(4, 4, 5);
    stamp.rgb[0] = 6; /* the top left corner */
    img_blit(&im, 2, 3, &stamp);
    assert_int_equal(im.rgb[3 * (3 * 8 + 2)], 6);
    assert_int_equal(count_level(&im, 5), 15);
    img_blit(&im, -2, -2, &stamp);
    assert_int_equal(count_level(&im, 5), 19);
    img_blit(&im, 6, 7, &stamp);
    assert_int_equal(count_level(&im, 5), 20);
    img_blit(&im, 100, -100, &stamp);
    assert_int_equal(count_level(&im, 5), 20);
    img_release(&im);
    img_release(&stamp);
}

static void test_text_stays_in_its_column(void **state)
{
    (void)state;
    const img_text_style style = {.size = 18, .colour = {200, 0, 0}, .align = IMG_CENTRE};
    img im = picture_plain(200, 120, 255);
    error e = {0};
    int width, height;
    const char *text = "a dog runs over the green meadow";
    assert_int_equal(img_text_size(text, 100, &style, &width, &height, &e), ERR_OK);
    assert_in_range(width, 50, 100);
    assert_in_range(height, 2 * 18, 120);
    assert_int_equal(img_text(&im, 50, 0, 100, text, &style, &e), ERR_OK);
    int inside = 0;
    for (int y = 0; y < 120; y++) {
        for (int x = 0; x < 200; x++) {
            bool painted = im.rgb[3 * (y * 200 + x) + 1] < 128;
            if (painted && (x < 50 || x >= 150 || y >= height)) fail_msg("paint at %d, %d", x, y);
            inside += painted;
        }
    }
    assert_in_range(inside, 200, 6000);
    img_release(&im);
}

static void test_texts_that_need_care(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "\n\n",
                                        "\xFF\xFE\x80 broken",
                                        "개와 고양이",
                                        "שלום עולם",
                                        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                                        " ",
                                        "  a  ",
                                        "\xE2\x80\xAE right to left",
                                        "e\xCC\x81"};
    img im = picture_plain(60, 40, 255);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const img_text_style style = {.size = 14, .bold = i % 2};
        error e = {0};
        assert_int_equal(img_text(&im, -10, -5, 50, texts[i], &style, &e), ERR_OK);
        assert_int_equal(img_text(&im, INT_MAX, INT_MIN, 50, texts[i], &style, &e), ERR_OK);
        assert_int_equal(img_text(&im, 0, 0, 1, texts[i], &style, &e), ERR_OK);
    }
    const img_text_style small = {.size = 3}, fair = {.size = 10};
    error e = {0};
    assert_int_equal(img_text(&im, 0, 0, 50, "a", &small, &e), ERR_ARGUMENT);
    assert_int_equal(img_text(&im, 0, 0, 0, "a", &fair, &e), ERR_ARGUMENT);
    img_release(&im);
}

/* -- The built-in font, also where pango is there ----------------------------------------------------- */

static void check_size(const char *text, int wrap, int size, int width, int height)
{
    const img_text_style style = {.size = size};
    img_mask mask;
    error e = {0};
    assert_int_equal(img_font_layout(text, wrap, &style, false, &mask, &e), ERR_OK);
    assert_null(mask.cover);
    assert_int_equal(mask.width, width);
    assert_int_equal(mask.height, height);
}

static void test_font_sizes(void **state)
{
    (void)state;
    check_size("dog", 0, 9, 18, 9);
    check_size("dog", 0, 18, 36, 18);
    check_size("dog cat", 0, 9, 42, 9);
    check_size("dog cat", 24, 9, 18, 18); /* wraps at the space */
    check_size("dogcat", 24, 9, 24, 18);  /* no space: wraps anywhere */
    check_size("dog\ncat", 0, 9, 18, 18);
    check_size("개 dog", 0, 9, 30, 9); /* one cell for the letter that is not there */
    check_size("", 50, 9, 0, 0);
}

static void test_font_letters(void **state)
{
    (void)state;
    const img_text_style style = {.size = 9};
    static const char expected[] =
        "......" /* the letter L: one dot of space above, one below */
        "#....."
        "#....."
        "#....."
        "#....."
        "#....."
        "#....."
        "#####."
        "......";
    img_mask mask;
    error e = {0};
    assert_int_equal(img_font_layout("L", 0, &style, true, &mask, &e), ERR_OK);
    for (int i = 0; i < 54; i++) assert_int_equal(mask.cover[i], expected[i] == '#' ? 255 : 0);
    free(mask.cover);
    for (char a = '!'; a < '~'; a++) { /* every letter has dots, and no two neighbours are the same */
        char pair[3] = {a, (char)(a + 1), 0};
        assert_int_equal(img_font_layout(pair, 0, &style, true, &mask, &e), ERR_OK);
        int dots = 0, different = 0;
        for (int y = 0; y < 9; y++) {
            for (int x = 0; x < 6; x++) {
                dots += mask.cover[y * 12 + x] != 0;
                different += mask.cover[y * 12 + x] != mask.cover[y * 12 + 6 + x];
            }
        }
        assert_true(dots > 0 && different > 0);
        free(mask.cover);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rectangles),
        cmocka_unit_test(test_blit),
        cmocka_unit_test(test_text_stays_in_its_column),
        cmocka_unit_test(test_texts_that_need_care),
        cmocka_unit_test(test_font_sizes),
        cmocka_unit_test(test_font_letters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
