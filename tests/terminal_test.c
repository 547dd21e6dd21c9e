/* Pictures for terminals: what is written gives, read as terminals read it, the picture again; and what terminals answer
 * is understood. How the program asks them is tested by look.py. */
#include "captioner/show/terminal.h"
#include "tests/leaks.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/picture.h"
#include "tools/terminal.h"

/* A picture whose colours run from corner to corner. */
static img slope(int width, int height)
{
    img im = picture_plain(width, height, 0);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            uint8_t *p = im.rgb + 3 * (y * width + x);
            p[0] = (uint8_t)(255 * x / width);
            p[1] = (uint8_t)(255 * y / height);
            p[2] = (uint8_t)(255 - p[0]);
        }
    return im;
}

/* ---- half blocks ---- */

#define BLOCK "\xE2\x96\x80"

static void blocks_are_two_pixels_each(void **state)
{
    (void)state;
    uint8_t rgb[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 7, 8, 9, 10, 11, 12, 10, 11, 12};
    img both[] = {{2, 3, rgb}, {1, 1, rgb}};
    text t = {0};
    cap_blocks_put(&t, both, 2, 4, 1, CAP_COLOURS_ALL);
    assert_string_equal(text_string(&t), " \x1b[38;2;1;2;3m\x1b[48;2;7;8;9m" BLOCK "\x1b[38;2;4;5;6m" BLOCK
                                         "\x1b[0m"
                                         "   \x1b[38;2;1;2;3m" BLOCK
                                         "\x1b[0m\n"
                                         " \x1b[38;2;10;11;12m" BLOCK BLOCK "\x1b[0m\n");
    text_release(&t);
}

/* The colours of xterm's palette, taken from its numbers. */
static void add_of_256(int n, double sum[3])
{
    static const int level[] = {0, 95, 135, 175, 215, 255};
    if (n >= 232)
        for (int c = 0; c < 3; c++) sum[c] += 8 + 10 * (n - 232);
    else
        for (int c = 0; c < 3; c++) sum[c] += level[(n - 16) / (c == 0 ? 36 : c == 1 ? 6 : 1) % 6];
}

/* Few colours, but on the whole the right ones: what a pixel lacks its neighbours have. */
static void few_colours_are_right_on_the_whole(void **state)
{
    (void)state;
    static const uint8_t colour[][3] = {{20, 40, 90}, {120, 115, 110}, {250, 200, 60}, {3, 3, 3}};
    for (size_t i = 0; i < sizeof colour / sizeof *colour; i++) {
        img im = picture_plain(60, 40, 0);
        for (int p = 0; p < 60 * 40; p++) memcpy(im.rgb + 3 * p, colour[i], 3);
        text t = {0};
        cap_blocks_put(&t, &im, 1, 60, 0, CAP_COLOURS_256);
        double sum[3] = {0};
        int above = 0, below = 0, pixels = 0;
        for (const char *s = text_string(&t); *s; s++) {
            if (!strncmp(s, "\x1b[38;5;", 7)) above = (int)strtol(s + 7, NULL, 10);
            if (!strncmp(s, "\x1b[48;5;", 7)) below = (int)strtol(s + 7, NULL, 10);
            if (strncmp(s, BLOCK, 3) != 0) continue;
            add_of_256(above, sum);
            add_of_256(below, sum);
            pixels += 2;
        }
        assert_int_equal(pixels, 60 * 40);
        for (int c = 0; c < 3; c++)
            if (fabs(sum[c] / pixels - colour[i][c]) > 4)
                fail_msg("colour %zu.%d: %.1f", i, c, sum[c] / pixels);
        text_release(&t);
        img_release(&im);
    }
}

/* ---- sixels ---- */

/* Reads what cap_sixel_put wrote as a terminal would. */
static img read_sixels(const char *s)
{
    int width, height, read, colour = 0, x = 0, y = 0;
    uint8_t palette[256][3] = {{0}};
    assert_int_equal(strncmp(s, "\x1bP0;1;0q", 8), 0);
    assert_int_equal(sscanf(s + 8, "\"1;1;%d;%d%n", &width, &height, &read), 2);
    img im = picture_plain(width, height, 123);
    for (s += 8 + read; *s != '\x1b';) {
        int number, r, g, b, times = 1;
        if (sscanf(s, "#%d;2;%d;%d;%d%n", &number, &r, &g, &b, &read) == 4) {
            palette[number][0] = (uint8_t)(r * 255 / 100);
            palette[number][1] = (uint8_t)(g * 255 / 100);
            palette[number][2] = (uint8_t)(b * 255 / 100);
            s += read;
        } else if (sscanf(s, "#%d%n", &colour, &read) == 1) {
            s += read;
        } else if (*s == '$' || *s == '-') {
            x = 0;
            y += *s++ == '-' ? 6 : 0;
        } else {
            if (sscanf(s, "!%d%n", &times, &read) == 1) s += read;
            assert_true(*s >= 63 && *s <= 126);
            for (; times; times--, x++)
                for (int bit = 0; bit < 6; bit++)
                    if ((*s - 63) >> bit & 1) {
                        assert_true(x < width && y + bit < height);
                        memcpy(im.rgb + 3 * ((y + bit) * width + x), palette[colour], 3);
                    }
            s++;
        }
    }
    assert_string_equal(s, "\x1b\\\n");
    return im;
}

static void sixels_give_the_picture_again(void **state)
{
    (void)state;
    static const int size[][2] = {{1, 1}, {7, 13}, {64, 48}, {300, 5}};
    for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
        img im = slope(size[i][0], size[i][1]);
        text t = {0};
        error err = {0};
        assert_int_equal(cap_sixel_put(&t, &im, &err), ERR_OK);
        img again = read_sixels(text_string(&t));
        assert_true(again.width == im.width && again.height == im.height);
        double off[3] = {0};
        for (int p = 0; p < 3 * im.width * im.height; p++) {
            int by = again.rgb[p] - im.rgb[p];
            off[p % 3] += by;
            assert_true(abs(by) < 70); /* a step and a half of the palette */
        }
        for (int c = 0; c < 3; c++) assert_true(fabs(off[c]) / (im.width * im.height) < (i < 2 ? 26 : 5));
        img_release(&again);
        img_release(&im);
        text_release(&t);
    }
}

/* ---- kitty ---- */

static void kitty_gets_pieces_of_a_png(void **state)
{
    (void)state;
    img im = slope(200, 150);
    for (int i = 0; i < 3 * 200 * 150; i++) im.rgb[i] ^= (uint8_t)(i * 7919 >> 3); /* does not become small */
    text t = {0};
    error err = {0};
    assert_int_equal(cap_kitty_put(&t, &im, &err), ERR_OK);
    int pieces = 0, more = 1;
    const char *s = text_string(&t);
    for (; !strncmp(s, "\x1b_G", 3); pieces++) {
        const char *data = strchr(s, ';') + 1, *end = strstr(data, "\x1b\\");
        assert_true(more);
        if (!pieces) assert_int_equal(strncmp(s, "\x1b_Ga=T,f=100,q=2,m=1;iVBORw0KGgo", 32), 0); /* a PNG */
        assert_true(end - data <= 4096 && (end - data) % 4 == 0);
        more = data[-2] == '1';
        assert_true(!more || end - data == 4096);
        s = end + 2;
    }
    assert_true(pieces > 1 && !more);
    assert_string_equal(s, "\n");
    text_release(&t);
    img_release(&im);
}

/* ---- answers ---- */

static void answers_are_understood(void **state)
{
    (void)state;
    static const struct {
        const char *answer;
        terminal_graphics is;
        bool complete;
    } cases[] = {
        {"", TERMINAL_BLOCKS, false},
        {"\x1b[?1;2c", TERMINAL_BLOCKS, true},
        {"\x1b[?62;4;22c", TERMINAL_SIXEL, true},
        {"\x1b[?4c", TERMINAL_SIXEL, true},
        {"\x1b[?64;14;42c", TERMINAL_BLOCKS, true}, /* 14 and 42 are no 4 */
        {"\x1b[?62;4", TERMINAL_BLOCKS, false},
        {"\x1b_Gi=31;OK\x1b\\\x1b[?62;c", TERMINAL_KITTY, true},
        {"\x1b_Gi=31;OK\x1b\\", TERMINAL_KITTY, false},
        {"\x1b_Gi=31;ENOTSUPPORTED:no\x1b\\\x1b[?62;4c", TERMINAL_SIXEL, true},
        {"typed\x1b[?1;2c", TERMINAL_BLOCKS, true},
        {"\x1b[?1;2R\x1b[?", TERMINAL_BLOCKS, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool complete;
        terminal_graphics is = terminal_read_answer(cases[i].answer, strlen(cases[i].answer), &complete);
        if (is != cases[i].is || complete != cases[i].complete) fail_msg("case %zu: %d, %d", i, is, complete);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_two_pixels_each),    cmocka_unit_test(few_colours_are_right_on_the_whole),
        cmocka_unit_test(sixels_give_the_picture_again), cmocka_unit_test(kitty_gets_pieces_of_a_png),
        cmocka_unit_test(answers_are_understood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
