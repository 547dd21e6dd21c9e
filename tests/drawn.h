/* Drawn photos to train on: red, green and blue squares, discs, bars and crosses. To be included after
 * cmocka.h. */
#ifndef TESTS_DRAWN_H
#define TESTS_DRAWN_H

#include "src/image/image.h"
#include "src/io/file.h"

#include <stdlib.h>
#include <string.h>

enum { DRAWN_SIDE = 40, DRAWN = 12 }; /* pixels; how many are different */

static const struct drawn_colour {
    const char *name;
    uint8_t rgb[3];
} drawn_colours[] = {{"red", {210, 30, 20}}, {"green", {30, 180, 40}}, {"blue", {30, 50, 200}}};
static const char *const drawn_shapes[] = {"square", "disc", "bar", "cross"};

static inline bool is_inside(int shape, int x, int y)
{
    int dx = abs(x - DRAWN_SIDE / 2), dy = abs(y - DRAWN_SIDE / 2);
    switch (shape) {
    case 0:
        return dx < 12 && dy < 12;
    case 1:
        return dx * dx + dy * dy < 196;
    case 2:
        return dy < 5;
    default:
        return dx < 4 || dy < 4;
    }
}

/* Photo `number` 0..DRAWN-1: colour number / 4, shape number % 4. */
static inline void draw_photo(const char *path, int number)
{
    static const uint8_t ground[3] = {225, 225, 215};
    img im = {0};
    uint8_t *bytes;
    size_t size;
    assert_int_equal(img_create(&im, DRAWN_SIDE, DRAWN_SIDE, NULL), ERR_OK);
    for (int y = 0; y < DRAWN_SIDE; y++)
        for (int x = 0; x < DRAWN_SIDE; x++)
            memcpy(im.rgb + 3 * (y * DRAWN_SIDE + x),
                   is_inside(number % 4, x, y) ? drawn_colours[number / 4].rgb : ground, 3);
    assert_int_equal(img_encode_jpeg(&im, 90, &bytes, &size, NULL), ERR_OK);
    assert_int_equal(io_write_file(path, bytes, size, NULL), ERR_OK);
    free(bytes);
    img_release(&im);
}

#endif
