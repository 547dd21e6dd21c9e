/* Alignment maps: light falls where the weights say, shades and labels line up, pairs name the heaviest. */
#include "captioner/show/alignment.h"
#include "tests/leaks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HANGUL_GA "\xEA\xB0\x80"
#define HANGUL_NA "\xEB\x82\x98"
#define LIGHT "\xE2\x96\x91\xE2\x96\x91"
#define MEDIUM "\xE2\x96\x92\xE2\x96\x92"
#define DARK "\xE2\x96\x93\xE2\x96\x93"
#define FULL "\xE2\x96\x88\xE2\x96\x88"

static const char *const source[] = {"one", "two", HANGUL_GA HANGUL_NA, "\xC2\xB6"};
static const char *const target[] = {"a", HANGUL_GA HANGUL_NA, "ccc"};
static const float weight[] = {0.8f, 0.1f, 0.06f, 0.04f, 0.3f, 0.3f, 0.4f, 0, 0, 0.2f, 0.2f, 0.6f};
static const unsigned char is_end[] = {0, 0, 0, 1};

static cap_map small_map(void)
{
    return (cap_map){3, 4, target, source, weight, NULL, is_end};
}

static void pairs_name_the_heaviest(void **state)
{
    (void)state;
    cap_map m = small_map();
    text out = {0};
    cap_map_pairs(&m, &out);
    assert_string_equal(text_string(&out), "0-0 2-1"); /* the third looked at the end of the source */
    text_clear(&out);
    m.source_is_end = NULL;
    cap_map_pairs(&m, &out);
    assert_string_equal(text_string(&out), "0-0 2-1 3-2");
    text_release(&out);
}

static void shades_line_up(void **state)
{
    (void)state;
    cap_map m = small_map();
    text out = {0};
    cap_map_print(&m, 0, &out);
    assert_string_equal(text_string(&out),
                        "      o t    \n"
                        "      n w" HANGUL_GA
                        "  \n"
                        "      e o" HANGUL_NA
                        " \xC2\xB6\n"
                        "   a " FULL LIGHT LIGHT " .\n" HANGUL_GA HANGUL_NA " " MEDIUM MEDIUM MEDIUM
                        " .\n"
                        " ccc  ." LIGHT LIGHT DARK "\n");
    text_release(&out);
}

static void wide_maps_are_printed_in_blocks(void **state)
{
    (void)state;
    cap_map m = small_map();
    text out = {0};
    cap_map_print(&m, 10, &out); /* two cells of two columns beside a label of four */
    assert_string_equal(text_string(&out),
                        "      o t\n"
                        "      n w\n"
                        "      e o\n"
                        "   a " FULL LIGHT "\n" HANGUL_GA HANGUL_NA " " MEDIUM MEDIUM
                        "\n"
                        " ccc  ." LIGHT
                        "\n"
                        "\n"
                        "     " HANGUL_GA
                        "  \n"
                        "     " HANGUL_NA
                        " \xC2\xB6\n"
                        "   a " LIGHT " .\n" HANGUL_GA HANGUL_NA " " MEDIUM
                        " .\n"
                        " ccc " LIGHT DARK "\n");
    text_clear(&out);
    cap_map_print(&m, 1, &out); /* too narrow for anything: one cell at a time */
    assert_true(strlen(text_string(&out)) > 0);
    text_release(&out);
}

static void long_labels_are_cut(void **state)
{
    (void)state;
    static const char *const longer[] = {"abcdefghijklmnopqrstuvwxyz0123456789"};
    static const float one[] = {1};
    cap_map m = {1, 1, longer, longer, one, NULL, NULL};
    text out = {0};
    cap_map_print(&m, 0, &out);
    assert_non_null(strstr(text_string(&out), "\nabcdefghijklmnopqrstuvw\xE2\x80\xA6 " FULL "\n"));
    text_release(&out);
}

static int light_at(const img *im, int x, int y)
{
    const uint8_t *p = im->rgb + 3 * ((size_t)y * im->width + x);
    return p[0] + p[1] + p[2];
}

/* The dark block of cells of a map whose weights are all zero but one: its corner and size. */
static void find_cells(const img *im, int *left, int *top, int *right, int *bottom)
{
    const int dark = 3 * 100;
    *left = *top = 1 << 20;
    *right = *bottom = 0;
    for (int y = 0; y < im->height; y++) {
        int run = 0, longest = 0, at = 0;
        for (int x = 0; x < im->width; x++) {
            run = light_at(im, x, y) < dark ? run + 1 : 0;
            if (run > longest) {
                longest = run;
                at = x - run + 1;
            }
        }
        if (longest < 60) continue; /* letters, and the scale */
        if (y < *top) *top = y;
        if (at < *left) *left = at;
        if (at + longest > *right) *right = at + longest;
        *bottom = y + 1;
    }
}

/* One weight of 1 in turn in each place: that cell is bright, every other one dark. */
static void light_falls_on_the_right_cell(void **state)
{
    (void)state;
    enum { N = 5, M = 6 };
    static const char *const words[] = {"a", "b", "c", "d", "e", "f"};
    float one[N * M] = {0};
    cap_map m = {N, M, words, words, one, NULL, NULL};
    img empty;
    int left, top, right, bottom;
    assert_int_equal(cap_map_paint(&m, &empty, NULL), ERR_OK);
    find_cells(&empty, &left, &top, &right, &bottom);
    assert_int_equal(right - left, M * 30 + 1);
    assert_int_equal(bottom - top >= N * 30, 1);
    for (int hot = 0; hot < N * M; hot++) {
        img sheet;
        memset(one, 0, sizeof one);
        one[hot] = 1;
        assert_int_equal(cap_map_paint(&m, &sheet, NULL), ERR_OK);
        for (int cell = 0; cell < N * M; cell++) {
            int light = light_at(&sheet, left + 1 + cell % M * 30 + 14, top + 1 + cell / M * 30 + 14);
            assert_true(cell == hot ? light > 600 : light < 150);
        }
        img_release(&sheet);
    }
    img_release(&empty);
}

/* Twice the weight is never darker, whatever the weight. */
static void more_weight_is_brighter(void **state)
{
    (void)state;
    enum { M = 101 };
    const char *label[M];
    float rising[M];
    for (int i = 0; i < M; i++) {
        label[i] = "";
        rising[i] = (float)i / (M - 1);
    }
    cap_map m = {1, M, label, label, rising, NULL, NULL};
    img sheet;
    assert_int_equal(cap_map_paint(&m, &sheet, NULL), ERR_OK);
    int y = 0, last = -1, steps = 0;
    while (light_at(&sheet, sheet.width / 2, y) == 765) y++; /* down to the cells */
    y += 8;
    int x = 0, cell = 2400 / M;
    while (light_at(&sheet, x, y) == 765) x++;
    for (int i = 0; i < M; i++) {
        const uint8_t *p = sheet.rgb + 3 * ((size_t)y * sheet.width + (x + 1 + i * cell + cell / 2));
        int luma = 2126 * p[0] + 7152 * p[1] + 722 * p[2];
        assert_true(luma >= last);
        steps += luma > last;
        last = luma;
    }
    assert_true(steps > 90);
    img_release(&sheet);
}

static void sheets_have_limits(void **state)
{
    (void)state;
    error err = {0};
    img sheet;
    cap_map m = small_map();
    m.targets = 0;
    assert_int_equal(cap_map_paint(&m, &sheet, &err), ERR_ARGUMENT);
    assert_string_equal(err.text, "a map of 0 by 4 words is not in 1..10000");
    assert_null(sheet.rgb);
    enum { MANY = 2000 };
    const char **label = malloc(MANY * sizeof *label);
    float *none = calloc(MANY * MANY, sizeof *none);
    assert_true(label && none);
    for (int i = 0; i < MANY; i++) label[i] = "x";
    m = (cap_map){MANY, MANY, label, label, none, NULL, NULL};
    assert_int_equal(cap_map_paint(&m, &sheet, &err), ERR_LIMIT);
    assert_string_equal(err.text, "a map of 2000 by 2000 words is over the limit of 250 million pixels");
    free(label);
    free(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_name_the_heaviest),
        cmocka_unit_test(shades_line_up),
        cmocka_unit_test(wide_maps_are_printed_in_blocks),
        cmocka_unit_test(long_labels_are_cut),
        cmocka_unit_test(light_falls_on_the_right_cell),
        cmocka_unit_test(more_weight_is_brighter),
        cmocka_unit_test(sheets_have_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
