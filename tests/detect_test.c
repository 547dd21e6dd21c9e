/* Boxes from a detector's numbers: where they lie, which stay; and objects found in photos. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cnn/detect.h"
#include "tests/golden_maps.h"

enum { CLASSES = 3, NUMBERS = 5 + CLASSES, SIZE = 64, REGIONS = 8 * 8 + 4 * 4 + 2 * 2 };

static const cnn_letter letter = {.size = SIZE, .width = 128, .height = 96, .scale = 0.5};

typedef struct bench {
    real out[REGIONS][NUMBERS];
    cnn_detection found[REGIONS];
    int count;
} bench;

/* The region sees a box around the middle of its cell, sides in strides. */
static void see(bench *b, int region, double w, double h, int class, double objectness, double probability)
{
    real *r = b->out[region];
    r[0] = r[1] = (real)0.5;
    r[2] = (real)log(w);
    r[3] = (real)log(h);
    r[4] = (real)objectness;
    r[5 + class] = (real)probability;
}

static void detect(bench *b, int most)
{
    error err = {0};
    cnn_detect_settings s = cnn_detect_defaults();
    assert_int_equal(cnn_detect(&s, &letter, b->out[0], CLASSES, most, b->found, &b->count, &err), ERR_OK);
}

static void check_box(const cnn_detection *d, double x0, double y0, double x1, double y1)
{
    if (fabs(d->x0 - x0) > 1e-3 || fabs(d->y0 - y0) > 1e-3 || fabs(d->x1 - x1) > 1e-3 ||
        fabs(d->y1 - y1) > 1e-3)
        fail_msg("%g %g %g %g, not %g %g %g %g", d->x0, d->y0, d->x1, d->y1, x0, y0, x1, y1);
}

/* One region of each map: column and row times stride, half as many pixels of the square as of the photo. */
static void test_places(void **state)
{
    (void)state;
    bench b = {0};
    see(&b, 8 * 2 + 3, 2, 1, 1, 0.9, 0.8);              /* column 3, row 2 at stride 8: (28, 20) */
    see(&b, 64 + 4 * 1 + 2, 1, 1, 2, 0.8, 0.8);         /* (40, 24) at 16 */
    see(&b, 64 + 16 + 2 * 0 + 1, 0.25, 1, 0, 0.7, 0.8); /* (48, 16) at 32 */
    detect(&b, REGIONS);
    assert_int_equal(b.count, 3);
    assert_true(b.found[0].class == 1 && b.found[1].class == 2 && b.found[2].class == 0);
    assert_true(fabs(b.found[0].score - 0.72) < 1e-6);
    check_box(&b.found[0], 2 * (28 - 8), 2 * (20 - 4), 2 * (28 + 8), 2 * (20 + 4));
    check_box(&b.found[1], 2 * (40 - 8), 2 * (24 - 8), 2 * (40 + 8), 2 * (24 + 8));
    check_box(&b.found[2], 2 * (48 - 4), 0, 2 * (48 + 4), 2 * (16 + 16));
}

/* Of boxes that overlap the best of each class stays; those apart stay; the best come first. */
static void test_overlaps(void **state)
{
    (void)state;
    bench b = {0};
    see(&b, 8 * 3 + 3, 4, 4, 1, 0.9, 0.7);
    see(&b, 8 * 3 + 4, 4, 4, 1, 0.9, 0.9); /* 3 of 5 columns are common: 0.6 */
    see(&b, 8 * 3 + 5, 4, 4, 2, 0.9, 0.8); /* another class */
    see(&b, 8 * 3 + 1, 4, 4, 1, 0.9, 0.6); /* 1 of 7 with the best */
    detect(&b, REGIONS);
    assert_int_equal(b.count, 3);
    assert_true(b.found[0].class == 1 && fabs(b.found[0].score - 0.81) < 1e-6);
    assert_true(b.found[1].class == 2 && b.found[2].class == 1 && fabs(b.found[2].score - 0.54) < 1e-6);
    detect(&b, 2);
    assert_int_equal(b.count, 2);
    detect(&b, 0);
    assert_int_equal(b.count, 0);
}

/* What is poor, beside the photo, or no number at all is not there; what is huge ends where the photo does.
 */
static void test_limits(void **state)
{
    (void)state;
    bench b = {0};
    see(&b, 0, 4, 4, 1, 0.5, 0.5);
    see(&b, 8 * 7, 1, 1, 1, 0.9, 0.9); /* below the photo */
    see(&b, 20, 4, 4, 1, NAN, 0.9);
    see(&b, 30, 4, 4, 1, 0.9, 0.9);
    b.out[30][0] = NAN;
    detect(&b, REGIONS);
    assert_int_equal(b.count, 0);
    see(&b, 27, INFINITY, INFINITY, 0, 0.9, 0.9);
    detect(&b, REGIONS);
    assert_int_equal(b.count, 1);
    check_box(&b.found[0], 0, 0, letter.width, letter.height);
}

static void test_letterbox(void **state)
{
    (void)state;
    error err = {0};
    img photo = {0};
    cnn_letter l;
    uint8_t rgb[8 * 8 * 3];
    assert_int_equal(img_create(&photo, 16, 8, &err), ERR_OK);
    memset(photo.rgb, 200, 16 * 8 * 3);
    assert_int_equal(cnn_letterbox(&photo, 8, rgb, &l, &err), ERR_OK);
    assert_true(l.size == 8 && l.width == 16 && l.height == 8 && l.scale == 0.5);
    for (int i = 0; i < 8 * 8 * 3; i++) assert_int_equal(rgb[i], i < 8 * 4 * 3 ? 200 : 114);
    assert_int_equal(cnn_letterbox(&photo, 0, rgb, &l, &err), ERR_ARGUMENT);
    img_release(&photo);
}

/* ---- real photos ---- */

static void find_in(golden_net *g, const char *file, const char *thing)
{
    error err = {0};
    img photo = {0};
    cnn_letter l;
    int size = g->pre.size, count;
    const cnn_backbone_row *row = cnn_net_row(g->net);
    size_t pixels = (size_t)size * size;
    uint8_t *rgb = malloc(pixels * 3);
    real *values = malloc(pixels * 3 * sizeof *values);
    assert_true(rgb && values);
    char path[256];
    snprintf(path, sizeof path, "%s/photos/%s", TEST_SOURCE_DIR, file);
    if (img_read_file(path, NULL, &photo, NULL, &err) || cnn_letterbox(&photo, size, rgb, &l, &err))
        fail_msg("%s", err.text);
    cnn_normalise(&g->pre, rgb, pixels, values);
    arena mem = {0};
    nn_tape t = {.mem = &mem};
    const nn_var *y = cnn_net_forward(g->net, &t, nn_input(&t, values, 4, (int[]){1, size, size, 3}));
    assert_non_null(y);
    cnn_detect_settings s = cnn_detect_defaults();
    cnn_detection found[8];
    assert_int_equal(cnn_detect(&s, &l, y->data, row->classes, 8, found, &count, &err), ERR_OK);
    assert_true(count >= 1);
    if (strcmp(row->class_names[found[0].class], thing))
        fail_msg("%s has a %s (%.2f), not a %s", file, row->class_names[found[0].class], found[0].score,
                 thing);
    double share = (found[0].x1 - found[0].x0) * (found[0].y1 - found[0].y0) / photo.width / photo.height;
    assert_true(share > 0.1 && share <= 1);
    arena_release(&mem);
    free(rgb);
    free(values);
    img_release(&photo);
}

static void test_photos(void **state)
{
    (void)state;
    golden_net g;
    golden_open(&g, TEST_SHARED_DIR "/data/weights/yolox_nano.safetensors",
                TEST_SHARED_DIR "/data/weights/yolox_nano_golden.safetensors");
    find_in(&g, "chelsea.jpg", "cat");
    find_in(&g, "coffee.jpg", "cup");
    find_in(&g, "astronaut.jpg", "person");
    golden_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),    cmocka_unit_test(test_overlaps), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_letterbox), cmocka_unit_test(test_photos),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
