/* Overlays: light falls exactly where the weights say, for any view of the photo, and sheets are laid out. */
#include "captioner/show/overlay.h"
#include "tests/leaks.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/picture.h"

/* Mean brightness of a rectangle, its edges rounded to pixels. */
static double brightness(const img *im, double x0, double y0, double x1, double y1)
{
    double sum = 0;
    int count = 0;
    for (int y = (int)lrint(y0); y < (int)lrint(y1); y++) {
        for (int x = (int)lrint(x0); x < (int)lrint(x1); x++, count++)
            sum += im->rgb[3 * (y * im->width + x) + 1];
    }
    return sum / count;
}

/* The centre of the light above the darkest level. */
static void light_centre(const img *im, double *cx, double *cy)
{
    double sum = 0, dark = 255;
    *cx = *cy = 0;
    for (int i = 0; i < im->width * im->height; i++) dark = fmin(dark, im->rgb[3 * i + 1]);
    for (int y = 0; y < im->height; y++) {
        for (int x = 0; x < im->width; x++) {
            double light = im->rgb[3 * (y * im->width + x) + 1] - dark;
            sum += light;
            *cx += light * (x + 0.5);
            *cy += light * (y + 0.5);
        }
    }
    *cx /= sum;
    *cy /= sum;
}

/* All the weight on each region in turn: its rectangle is the brightest of all regions', and for regions
 * whose light is not cut off by the view's edge the light is centred on it to half a pixel. */
static void check_one_hot(const img *photo, cap_view view, int gh, int gw)
{
    float *alpha = calloc((gh * gw), sizeof *alpha);
    cap_overlay_options options = {.panel_width = 280};
    for (int hot = 0; hot < gh * gw; hot++) {
        img panel;
        error e = {0};
        alpha[hot] = 1;
        assert_int_equal(cap_overlay_heat(photo, view, gh, gw, alpha, &options, &panel, &e), ERR_OK);
        double sx = (double)panel.width / photo->width, sy = (double)panel.height / photo->height;
        double w = (view.x1 - view.x0) * sx / gw, h = (view.y1 - view.y0) * sy / gh;
        double lit = 0, brightest = 0;
        for (int r = 0; r < gh * gw; r++) {
            double x = view.x0 * sx + r % gw * w, y = view.y0 * sy + r / gw * h;
            double mean = brightness(&panel, x, y, x + w, y + h);
            if (r == hot)
                lit = mean;
            else
                brightest = fmax(brightest, mean);
        }
        if (lit < brightest + 10) fail_msg("region %d: %.1f, another one %.1f", hot, lit, brightest);
        int row = hot / gw, column = hot % gw;
        if (row >= 2 && column >= 2 && row < gh - 2 && column < gw - 2) {
            double cx, cy;
            light_centre(&panel, &cx, &cy);
            assert_true(fabs(cx - view.x0 * sx - (column + 0.5) * w) < 0.5);
            assert_true(fabs(cy - view.y0 * sy - (row + 0.5) * h) < 0.5);
        }
        alpha[hot] = 0;
        img_release(&panel);
    }
    free(alpha);
}

static void test_light_falls_where_it_should(void **state)
{
    (void)state;
    img square = picture_plain(200, 200, 150), wide = picture_plain(700, 300, 150),
        high = picture_plain(300, 420, 150);
    check_one_hot(&square, cap_view_whole(&square), 7, 7);
    check_one_hot(&wide, cap_view_whole(&wide), 7, 7);
    check_one_hot(&wide, cap_view_centre(&wide), 5, 6);
    check_one_hot(&high, cap_view_centre(&high), 7, 7);
    check_one_hot(&high, (cap_view){20.5, 100, 250, 400.25}, 6, 5);
    img_release(&square);
    img_release(&wide);
    img_release(&high);
}

static void test_outside_of_the_view_is_dark(void **state)
{
    (void)state;
    img wide = picture_plain(600, 300, 150), panel;
    error e = {0};
    float alpha[9];
    for (int i = 0; i < 9; i++) alpha[i] = 1.0f / 9;
    cap_overlay_options options = {.panel_width = 600};
    assert_int_equal(cap_overlay_heat(&wide, cap_view_centre(&wide), 3, 3, alpha, &options, &panel, &e),
                     ERR_OK);
    double outside = brightness(&panel, 0, 0, 150, 300), inside = brightness(&panel, 150, 0, 450, 300);
    assert_true(fabs(outside - brightness(&panel, 450, 0, 600, 300)) < 1e-9);
    assert_true(inside > outside + 20);
    assert_true(fabs(brightness(&panel, 150, 0, 160, 300) - inside) < 1e-9); /* even up to the edge */
    assert_true(inside < 150);
    img_release(&wide);
    img_release(&panel);
}

/* Even attention is half way between no attention and the photo, and nearly even stays near that. */
static void test_even_attention(void **state)
{
    (void)state;
    img photo = picture_plain(140, 140, 150), even, none, nearly;
    error e = {0};
    float alpha[49], zero[49] = {0}, noisy[49];
    for (int i = 0; i < 49; i++) {
        alpha[i] = 1.0f / 49;
        noisy[i] = (1 + 0.02f * (float)(i % 3 - 1)) / 49;
    }
    cap_view view = cap_view_whole(&photo);
    assert_int_equal(cap_overlay_heat(&photo, view, 7, 7, alpha, NULL, &even, &e), ERR_OK);
    assert_int_equal(cap_overlay_heat(&photo, view, 7, 7, zero, NULL, &none, &e), ERR_OK);
    assert_int_equal(cap_overlay_heat(&photo, view, 7, 7, noisy, NULL, &nearly, &e), ERR_OK);
    for (int i = 0; i < even.width * even.height; i++) {
        assert_int_equal(even.rgb[3 * i], even.rgb[0]);
        assert_true(abs(nearly.rgb[3 * i] - even.rgb[0]) <= 3);
    }
    assert_true(abs(even.rgb[0] - (150 + none.rgb[0]) / 2) <= 2);
    img_release(&photo);
    img_release(&even);
    img_release(&none);
    img_release(&nearly);
}

static void test_odd_weights(void **state)
{
    (void)state;
    img photo = picture_plain(64, 64, 150), panel;
    error e = {0};
    float alpha[4] = {NAN, INFINITY, -1, 1};
    assert_int_equal(cap_overlay_heat(&photo, cap_view_whole(&photo), 2, 2, alpha, NULL, &panel, &e), ERR_OK);
    img_release(&panel);
    alpha[0] = 3e38f;
    assert_int_equal(cap_overlay_heat(&photo, cap_view_whole(&photo), 2, 2, alpha, NULL, &panel, &e), ERR_OK);
    img_release(&panel);
    img_release(&photo);
}

/* -- Sheets ------------------------------------------------------------------------------------------ */

static const char *const words[] = {"a",   "cat", "고양이", "looks", "", "supercalifragilisticexpialidocious",
                                    "<&>", "."};
enum { WORDS = 8, GRID = 7 };

static void fill_alpha(float *alpha)
{
    for (int i = 0; i < WORDS * GRID * GRID; i++) alpha[i] = i % (GRID * GRID) == i / (GRID * GRID) * 5;
}

static bool is_white(const img *im, int x0, int y0, int x1, int y1)
{
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++)
            if (im->rgb[3 * (y * im->width + x)] != 255) return false;
    return true;
}

static void test_sheet(void **state)
{
    (void)state;
    float alpha[WORDS * GRID * GRID], probability[WORDS] = {0.5f, 0.25f, 1, 0, NAN, 2, -1, 0.99f};
    fill_alpha(alpha);
    img photo, sheet, panel;
    error e = {0};
    assert_int_equal(img_read_file(TEST_SOURCE_DIR "/photos/chelsea.jpg", NULL, &photo, NULL, &e), ERR_OK);
    cap_view view = cap_view_centre(&photo);
    cap_overlay_options options = {.panel_width = 160, .columns = 3};
    assert_int_equal(cap_overlay_sheet(&photo, view, GRID, GRID, WORDS, words, probability, alpha,
                                       "a cat looks at the camera", &options, &sheet, &e),
                     ERR_OK);
    assert_int_equal(cap_overlay_heat(&photo, view, GRID, GRID, alpha, &options, &panel, &e), ERR_OK);
    int margin = 16, gap = 10;
    assert_int_equal(sheet.width, 2 * margin + 3 * 160 + 2 * gap);
    assert_true(is_white(&sheet, 0, 0, sheet.width, margin));
    assert_true(is_white(&sheet, 0, 0, margin, sheet.height));
    assert_true(is_white(&sheet, 0, sheet.height - margin, sheet.width, sheet.height));
    for (int y = 0; y < panel.height; y++) /* the panel of word 0 is the second of the first row */
        assert_memory_equal(sheet.rgb + 3 * ((margin + y) * sheet.width + margin + 160 + gap),
                            panel.rgb + 3 * y * panel.width, 3 * 160);
    int caption = margin + panel.height;
    assert_false(is_white(&sheet, margin, caption, margin + 160, caption + 30));       /* the sentence */
    assert_false(is_white(&sheet, margin + 170, caption, margin + 330, caption + 30)); /* a word */
    assert_true(is_white(&sheet, margin + 160, margin, margin + 170, sheet.height));   /* the gap */
    img_release(&photo);
    img_release(&sheet);
    img_release(&panel);
}

static void test_sheet_shapes(void **state)
{
    (void)state;
    float alpha[WORDS * GRID * GRID];
    fill_alpha(alpha);
    static const int sizes[][2] = {{1, 1}, {1, 3000}, {3000, 1}, {300, 450}, {64, 64}};
    for (int i = 0; i < 5; i++) {
        img photo = picture_plain(sizes[i][0], sizes[i][1], 90), sheet;
        for (int count = 0; count <= WORDS; count += 4) {
            error e = {0};
            cap_overlay_options options = {.panel_width = 64 + 32 * i};
            err_code rc = cap_overlay_sheet(&photo, cap_view_whole(&photo), GRID, GRID, count, words, NULL,
                                            alpha, NULL, &options, &sheet, &e);
            if (rc) fail_msg("%s", e.text);
            double shape = (double)sheet.width / sheet.height;
            if (count && sizes[i][0] == sizes[i][1]) assert_true(shape > 0.8 && shape < 3);
            img_release(&sheet);
        }
        img_release(&photo);
    }
}

static void test_bad_arguments(void **state)
{
    (void)state;
    float alpha[WORDS * GRID * GRID];
    fill_alpha(alpha);
    img photo = picture_plain(100, 80, 90), out;
    error e = {0};
    const cap_view whole = cap_view_whole(&photo);
    const cap_view bad[] = {{-1, 0, 50, 50}, {0, 0, 101, 80}, {10, 10, 10, 20}, {NAN, 0, 50, 50}};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(cap_overlay_heat(&photo, bad[i], GRID, GRID, alpha, NULL, &out, &e), ERR_ARGUMENT);
        assert_null(out.rgb);
    }
    const cap_overlay_options wrong[] = {{.panel_width = 10}, {.panel_width = 5000},
                                         {.columns = -1},     {.opacity = 1.5f},
                                         {.opacity = NAN},    {.style = CAP_OVERLAY_STYLES}};
    for (int i = 0; i < 6; i++)
        assert_int_equal(cap_overlay_heat(&photo, whole, GRID, GRID, alpha, &wrong[i], &out, &e),
                         ERR_ARGUMENT);
    assert_int_equal(cap_overlay_heat(&photo, whole, 0, GRID, alpha, NULL, &out, &e), ERR_ARGUMENT);
    assert_int_equal(
        cap_overlay_sheet(&photo, whole, GRID, GRID, -1, words, NULL, alpha, NULL, NULL, &out, &e),
        ERR_ARGUMENT);
    img empty = {0};
    assert_int_equal(cap_overlay_heat(&empty, whole, GRID, GRID, alpha, NULL, &out, &e), ERR_ARGUMENT);
    img_release(&photo);
}

/* Refused by its size before any of it is painted. */
static void test_sheet_too_large(void **state)
{
    (void)state;
    enum { MANY = 200 };
    static const char *many[MANY];
    static float alpha[MANY];
    for (int i = 0; i < MANY; i++) {
        many[i] = "word";
        alpha[i] = 1;
    }
    img photo = picture_plain(10, 10, 90), out;
    error e = {0};
    cap_overlay_options options = {.panel_width = 4096};
    assert_int_equal(cap_overlay_sheet(&photo, cap_view_whole(&photo), 1, 1, MANY, many, NULL, alpha, NULL,
                                       &options, &out, &e),
                     ERR_LIMIT);
    assert_null(out.rgb);
    img_release(&photo);
}

/* -- Styles ------------------------------------------------------------------------------------------ */

static bool is_same(const img *a, const img *b)
{
    return a->width == b->width && a->height == b->height &&
           !memcmp(a->rgb, b->rgb, 3 * (size_t)a->width * (size_t)a->height);
}

static img heat_of(const img *photo, const float *alpha, cap_overlay_style style)
{
    img panel;
    error e = {0};
    cap_overlay_options o = {.panel_width = 280, .style = style};
    err_code rc = cap_overlay_heat(photo, cap_view_whole(photo), GRID, GRID, alpha, &o, &panel, &e);
    if (rc) fail_msg("%s", e.text);
    return panel;
}

/* On a night photo a veil can hardly show where it is open; heat shows it there as on snow. */
static void test_heat_shows_on_any_photo(void **state)
{
    (void)state;
    float alpha[GRID * GRID] = {0};
    alpha[GRID * GRID / 2] = 1; /* in the middle, 120 to 160 of 280 pixels */
    for (int level = 0; level <= 255; level += 51) {
        img photo = picture_plain(280, 280, (uint8_t)level);
        img heat = heat_of(&photo, alpha, CAP_OVERLAY_HEAT),
            boxes = heat_of(&photo, alpha, CAP_OVERLAY_BOXES);
        double hot = brightness(&heat, 125, 125, 155, 155), cold = brightness(&heat, 0, 0, 80, 80);
        if (hot < cold + 80) fail_msg("grey %d: %.0f beside %.0f", level, hot, cold);
        assert_true(is_same(&heat, &boxes));
        img_release(&photo);
        img_release(&heat);
        img_release(&boxes);
    }
}

/* What words leave to regions when they look at named things, too, is shown as if it were all. */
static void test_weights_are_shown_as_shares(void **state)
{
    (void)state;
    float alpha[GRID * GRID], less[GRID * GRID];
    for (int i = 0; i < GRID * GRID; i++) {
        alpha[i] = (float)(1 + i * i % 13) / 343;
        less[i] = alpha[i] / 4; /* exact */
    }
    img photo = picture_plain(280, 280, 150);
    for (int style = 0; style < CAP_OVERLAY_STYLES; style++) {
        img all = heat_of(&photo, alpha, (cap_overlay_style)style);
        img some = heat_of(&photo, less, (cap_overlay_style)style);
        assert_true(is_same(&all, &some));
        img_release(&all);
        img_release(&some);
    }
    img_release(&photo);
}

static img sheet_of(const img *photo, int count, const char *const *word, const cap_overlay_options *o)
{
    static float alpha[WORDS * GRID * GRID];
    img sheet;
    error e = {0};
    fill_alpha(alpha);
    err_code rc = cap_overlay_sheet(photo, cap_view_whole(photo), GRID, GRID, count, word, NULL, alpha, NULL,
                                    o, &sheet, &e);
    if (rc) fail_msg("%s", e.text);
    return sheet;
}

/* The sheet without words that mean little is that of the others. */
static void test_sheet_of_content(void **state)
{
    (void)state;
    static const char *const all[] = {"dog", "of", "a", "the"}, *const one[] = {"dog"};
    img photo = picture_plain(200, 150, 150);
    cap_overlay_options o = {.panel_width = 160, .style = CAP_OVERLAY_HEAT};
    img plain = sheet_of(&photo, 1, one, &o), every = sheet_of(&photo, 4, all, &o);
    o.content = true;
    img content = sheet_of(&photo, 4, all, &o);
    assert_true(is_same(&plain, &content));
    assert_false(is_same(&plain, &every));
    img nothing = sheet_of(&photo, 3, all + 1, &o);
    assert_true(nothing.width < content.width || nothing.height < content.height);
    img_release(&plain);
    img_release(&every);
    img_release(&content);
    img_release(&nothing);
    img_release(&photo);
}

/* Wide photos get wider panels, columns of high ones are narrow; a width that is asked for is kept. */
static void test_panels_fit_photos(void **state)
{
    (void)state;
    static const int size[][3] = {{400, 300, 320}, {300, 400, 320}, {1600, 300, 640}, {900, 300, 480}};
    static const char *const one[] = {"dog"};
    cap_overlay_options o = {.columns = 2};
    for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
        img photo = picture_plain(size[i][0], size[i][1], 150), sheet = sheet_of(&photo, 1, one, &o);
        int width = size[i][2];
        assert_int_equal(sheet.width, 2 * (width / 10) + 2 * width + width / 16);
        img_release(&sheet);
        img_release(&photo);
    }
    img tall = picture_plain(200, 800, 150), sheet = sheet_of(&tall, 1, one, &o);
    assert_true(sheet.width < 2 * 320 && sheet.width > 2 * 120);
    img_release(&sheet);
    img_release(&tall);
}

/* -- Boxes ------------------------------------------------------------------------------------------- */

static bool is_plain(const img *im, int x, int y)
{
    const uint8_t *p = im->rgb + 3 * ((size_t)y * im->width + x);
    return p[0] == 150 && p[1] == 150 && p[2] == 150;
}

/* A frame lies where the box is, at another size; its middle stays as it was; what is no box is not painted. */
static void test_boxes(void **state)
{
    (void)state;
    img photo = picture_plain(400, 200, 150), out;
    error e = {0};
    const cap_overlay_box boxes[] = {{{100, 50, 200, 150}, "dog"}, {{300, 50, 350, 150}, NULL}};
    assert_int_equal(cap_overlay_boxes(&photo, boxes, 2, 800, &out, &e), ERR_OK);
    assert_int_equal(out.width, 800);
    assert_false(is_plain(&out, 201, 200) || is_plain(&out, 398, 200) || is_plain(&out, 300, 298));
    assert_true(is_plain(&out, 300, 200) && is_plain(&out, 190, 200) && is_plain(&out, 410, 200));
    assert_true(is_plain(&out, 601, 200));
    img_release(&out);
    img_release(&photo);
}

/* Boxes that leave the photo, of no size, or of no numbers are painted as far as they can be. */
static void test_odd_boxes(void **state)
{
    (void)state;
    img photo = picture_plain(90, 160, 150), out;
    error e = {0};
    const cap_overlay_box boxes[] = {{{-50, -50, 1000, 1000}, "a very long name of a thing in a small photo"},
                                     {{30, 30, 30, 30}, "x"},
                                     {{NAN, 0, INFINITY, NAN}, "y"},
                                     {{89.9, 159.9, 90, 160}, ""}};
    assert_int_equal(cap_overlay_boxes(&photo, boxes, 4, 64, &out, &e), ERR_OK);
    img_release(&out);
    assert_int_equal(cap_overlay_boxes(&photo, boxes, 4, 10, &out, &e), ERR_ARGUMENT);
    assert_null(out.rgb);
    img_release(&photo);
}

/* The panel of a word that looked at a box is open inside of it, and closed elsewhere. */
static void test_sheet_opens_boxes(void **state)
{
    (void)state;
    img photo = picture_plain(200, 200, 150), plain, framed;
    error e = {0};
    const float alpha[4] = {0};
    const char *const word[] = {"dog"};
    const cap_overlay_box box = {{50, 50, 150, 150}, "dog"};
    cap_overlay_options o = {.panel_width = 200, .columns = 2};
    cap_view view = cap_view_whole(&photo);
    assert_int_equal(cap_overlay_sheet(&photo, view, 2, 2, 1, word, NULL, alpha, NULL, &o, &plain, &e),
                     ERR_OK);
    o.boxes = &box;
    assert_int_equal(cap_overlay_sheet(&photo, view, 2, 2, 1, word, NULL, alpha, NULL, &o, &framed, &e),
                     ERR_OK);
    assert_true(plain.width == framed.width && plain.height == framed.height);
    int left = 20 + 200 + 12, top = 20; /* of the word's panel: margin, panel, gap */
    assert_false(is_plain(&plain, left + 100, top + 100));
    assert_true(is_plain(&framed, left + 100, top + 100));
    assert_false(is_plain(&framed, left + 20, top + 180));
    img_release(&plain);
    img_release(&framed);
    o.style = CAP_OVERLAY_BOXES;
    assert_int_equal(cap_overlay_sheet(&photo, view, 2, 2, 1, word, NULL, alpha, NULL, &o, &framed, &e),
                     ERR_OK);
    assert_true(is_plain(&framed, left + 100, top + 100) && is_plain(&framed, left + 20, top + 180));
    assert_false(is_plain(&framed, left + 50, top + 100));
    img_release(&framed);
    img_release(&photo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_light_falls_where_it_should),
        cmocka_unit_test(test_outside_of_the_view_is_dark),
        cmocka_unit_test(test_even_attention),
        cmocka_unit_test(test_odd_weights),
        cmocka_unit_test(test_sheet),
        cmocka_unit_test(test_sheet_shapes),
        cmocka_unit_test(test_bad_arguments),
        cmocka_unit_test(test_sheet_too_large),
        cmocka_unit_test(test_heat_shows_on_any_photo),
        cmocka_unit_test(test_weights_are_shown_as_shares),
        cmocka_unit_test(test_sheet_of_content),
        cmocka_unit_test(test_panels_fit_photos),
        cmocka_unit_test(test_boxes),
        cmocka_unit_test(test_odd_boxes),
        cmocka_unit_test(test_sheet_opens_boxes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
