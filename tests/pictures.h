/* Thirty pictures that show nothing a caption could be about, made by code: blank ones, gradients, noise of
 * several kinds, text alone, stripes, checkerboards, plots. A calibrated model is to be unsure of them. They
 * are not those that a model is calibrated with (captioner/made_pictures.h).
 *
 *     for (int i = 0; i < PICTURES; i++) {
 *         img p = draw_picture(i);
 *         ...
 *         img_release(&p);
 *     } */
#ifndef TESTS_PICTURES_H
#define TESTS_PICTURES_H

#include <math.h>
#include <string.h>

#include "src/base/rng.h"
#include "src/image/draw.h"

enum { PICTURES = 30, PICTURE_SIDE = 320 };

typedef struct picture_colour {
    double of[3]; /* 0..255 */
} picture_colour;

static inline picture_colour grey(double level)
{
    return (picture_colour){{level, level, level}};
}

/* Number 0..29 at a place 0..1: what can be said by a formula. */
static inline picture_colour picture_at(int number, double x, double y, rng *r)
{
    picture_colour c = grey(127);
    double a = rng_uniform(r);
    switch (number) {
    case 0:
        return grey(0);
    case 1:
        return grey(255);
    case 2:
        return grey(128);
    case 3:
        return (picture_colour){{200, 30, 40}};
    case 4:
        return (picture_colour){{20, 60, 160}};
    case 5:
        return grey(255 * x);
    case 6:
        return grey(255 * y);
    case 7:
        return (picture_colour){{255 * x, 255 * (1 - y), 128}};
    case 8:
        return grey(255 * fmin(1, hypot(x - 0.5, y - 0.5) * 1.5));
    case 9:
        return (picture_colour){{255 * a, 255 * rng_uniform(r), 255 * rng_uniform(r)}};
    case 10:
        return grey(255 * a);
    case 11:
        return grey(a < 0.05 ? 0 : a > 0.95 ? 255 : 128); /* salt and pepper */
    case 12:
        return grey(128 + 20 * rng_normal(r)); /* faint */
    case 13:
        return grey(a < 0.5 ? 0 : 255);
    case 14:
        return (picture_colour){{128 + 60 * rng_normal(r), 90, 40}};
    case 15:
        return grey((int)(x * 10) % 2 ? 255 : 0);
    case 16:
        return grey((int)(y * 24) % 2 ? 230 : 20);
    case 17:
        return (int)((x + y) * 16) % 2 ? (picture_colour){{250, 200, 0}} : grey(0);
    case 18:
        return grey(127 + 127 * sin(x * 120));
    case 19:
        return grey(((int)(x * 8) + (int)(y * 8)) % 2 ? 255 : 0);
    case 20:
        return ((int)(x * 32) + (int)(y * 32)) % 2 ? (picture_colour){{220, 40, 40}} : grey(240);
    case 21:
        return grey(((int)(x * 3) + (int)(y * 3)) % 2 ? 60 : 190);
    case 22:
        return grey(fabs(y - 0.5 - 0.4 * sin(12 * x)) < 0.01 ? 0 : 255); /* plots */
    case 23:
        return grey(y > 1 - x * x || fabs(x - 0.05) < 0.004 || fabs(y - 0.95) < 0.004 ? 40 : 255);
    case 24:
        return grey((int)(x * 20) % 2 && y > 0.3 + 0.3 * sin(30 * floor(x * 10)) ? 90 : 255);
    default:
        c = grey(number % 2 ? 255 : 250); /* paper for text */
    }
    return c;
}

static inline void write_lines(img *p, int number)
{
    static const char *const lines[] = {"the quick brown", "ERROR 404", "x = 3 * y + 7", "lorem ipsum dolor",
                                        "TOTAL  19.90"};
    const img_text_style style = {.size = 14 + 6 * (number - 25)};
    for (int y = 10, i = number; y + style.size < PICTURE_SIDE; y += 2 * style.size, i++)
        img_text(p, 10, y, PICTURE_SIDE, lines[i % 5], &style, NULL);
}

/* Zeroed when memory is out. */
static inline img draw_picture(int number)
{
    img p = {0};
    rng r = {99, (uint64_t)number, 0};
    if (img_create(&p, PICTURE_SIDE, PICTURE_SIDE, NULL)) return p;
    for (int i = 0; i < PICTURE_SIDE * PICTURE_SIDE; i++) {
        double x = (i % PICTURE_SIDE + 0.5) / PICTURE_SIDE, y = (i / PICTURE_SIDE + 0.5) / PICTURE_SIDE;
        picture_colour c = picture_at(number, x, y, &r);
        for (int k = 0; k < 3; k++) p.rgb[3 * i + k] = (uint8_t)fmin(fmax(c.of[k], 0), 255);
    }
    if (number >= 25) write_lines(&p, number);
    return p;
}

#endif
