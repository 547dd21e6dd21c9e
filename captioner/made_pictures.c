#include "captioner/made_pictures.h"

#include <math.h>
#include <stdbool.h>

#include "src/base/rng.h"

enum { SEED = 20, DISCS = 6 };

/* What one picture is made of. */
typedef struct scene {
    double colour[3][3];   /* of the ground and of what lies on it, 0..255 */
    double across, down;   /* a direction, of length 1 */
    double step;           /* width of a stripe, or of a spot of noise, as a share of the side */
    double disc[DISCS][3]; /* middle and radius, likewise */
    uint64_t seed;
} scene;

typedef void (*painter)(const scene *s, double x, double y, double out[3]);

static void mix(const scene *s, double share, double out[3])
{
    for (int c = 0; c < 3; c++) out[c] = s->colour[0][c] + share * (s->colour[1][c] - s->colour[0][c]);
}

static void paint_plain(const scene *s, double x, double y, double out[3])
{
    (void)x;
    (void)y;
    mix(s, 0, out);
}

static void paint_gradient(const scene *s, double x, double y, double out[3])
{
    mix(s, 0.5 + ((x - 0.5) * s->across + (y - 0.5) * s->down) / 1.5, out);
}

/* A number 0..1 that belongs to a place of a grid. */
static double noise_at(const scene *s, int column, int row, int channel)
{
    uint32_t drawn[4];
    rng_block(s->seed, (uint64_t)channel, (uint64_t)row * 100000 + (uint64_t)column, drawn);
    return drawn[0] / 4294967296.0;
}

static void paint_noise(const scene *s, double x, double y, double out[3])
{
    for (int c = 0; c < 3; c++) out[c] = 255 * noise_at(s, (int)(x * 4096), (int)(y * 4096), c);
}

/* Noise of a coarse grid, smooth in between. */
static void paint_clouds(const scene *s, double x, double y, double out[3])
{
    double u = x / s->step, v = y / s->step;
    int column = (int)u, row = (int)v;
    u -= column;
    v -= row;
    for (int c = 0; c < 3; c++) {
        double top = (1 - u) * noise_at(s, column, row, c) + u * noise_at(s, column + 1, row, c);
        double bottom = (1 - u) * noise_at(s, column, row + 1, c) + u * noise_at(s, column + 1, row + 1, c);
        out[c] = 255 * ((1 - v) * top + v * bottom);
    }
}

static void paint_stripes(const scene *s, double x, double y, double out[3])
{
    mix(s, fmod(2 + x * s->across + y * s->down, 2 * s->step) < s->step ? 0 : 1, out);
}

static void paint_discs(const scene *s, double x, double y, double out[3])
{
    mix(s, 0, out);
    for (int i = 0; i < DISCS; i++)
        if (hypot(x - s->disc[i][0], y - s->disc[i][1]) < s->disc[i][2])
            for (int c = 0; c < 3; c++) out[c] = s->colour[1 + i % 2][c];
}

/* Dark lines on paper, as of a drawing: from each middle of a disc to the next. */
static void paint_lines(const scene *s, double x, double y, double out[3])
{
    double paper = 225 + s->colour[0][0] / 9;
    for (int c = 0; c < 3; c++) out[c] = paper;
    for (int i = 0; i + 1 < DISCS; i++) {
        const double *a = s->disc[i], *b = s->disc[i + 1];
        double across = b[0] - a[0], down = b[1] - a[1], length = hypot(across, down) + 1e-9;
        double along = ((x - a[0]) * across + (y - a[1]) * down) / length;
        double aside = fabs((x - a[0]) * down - (y - a[1]) * across) / length;
        if (along < 0 || along > length || aside > s->step / 20) continue;
        for (int c = 0; c < 3; c++) out[c] = s->colour[1][c] / 2;
    }
}

/* Dark marks on paper in rows, as of writing. */
static void paint_marks(const scene *s, double x, double y, double out[3])
{
    double size = 0.01 + s->step / 8;
    int column = (int)(x / size * 2), row = (int)(y / size), dot = (int)(y / size * 4);
    bool mark = row % 2 && dot % 4 && noise_at(s, column, row * 4 + dot, 0) < 0.6 &&
                noise_at(s, column / 5, row, 1) < 0.8;
    for (int c = 0; c < 3; c++) out[c] = mark ? s->colour[1][c] / 3 : 225 + s->colour[0][0] / 9;
}

static const painter painters[CAP_MADE_KINDS] = {paint_plain,   paint_gradient, paint_noise, paint_clouds,
                                                 paint_stripes, paint_discs,    paint_lines, paint_marks};

static scene draw_scene(int number)
{
    rng r = {SEED, (uint64_t)number, 0};
    scene s = {.seed = (uint64_t)number + SEED};
    for (int i = 0; i < 9; i++) s.colour[i / 3][i % 3] = 255 * rng_uniform(&r);
    double angle = 6.283185307 * rng_uniform(&r);
    s.across = cos(angle);
    s.down = sin(angle);
    s.step = 0.02 + 0.2 * rng_uniform(&r);
    for (int i = 0; i < DISCS; i++) {
        s.disc[i][0] = rng_uniform(&r);
        s.disc[i][1] = rng_uniform(&r);
        s.disc[i][2] = 0.05 + 0.2 * rng_uniform(&r);
    }
    return s;
}

void cap_made_picture(int number, int side, uint8_t *rgb)
{
    const scene s = draw_scene(number);
    painter paint = painters[number % CAP_MADE_KINDS];
    for (int y = 0; y < side; y++) {
        for (int x = 0; x < side; x++) {
            double colour[3];
            paint(&s, (x + 0.5) / side, (y + 0.5) / side, colour);
            for (int c = 0; c < 3; c++) *rgb++ = (uint8_t)fmin(fmax(colour[c], 0), 255);
        }
    }
}
