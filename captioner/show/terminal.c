#include "captioner/show/terminal.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/base64.h"

/* ---- few colours ---- */

typedef img_colour nearest_colour(img_colour wish);

static uint8_t held(int v)
{
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

/* Row y in the nearest colours to what its pixels should be and what their neighbours left over (Floyd and
 * Steinberg, "An Adaptive Algorithm for Spatial Greyscale", 1976). line[y & 1]: the sixteenths that are left
 * over to this row, with room for a pixel on either side; line[~y & 1] gets those for the next. */
static void dither_row(const img *im, int y, nearest_colour *nearest, int *line[2], img *out)
{
    int *here = line[y & 1], *next = line[~y & 1], width = im->width;
    memset(next, 0, 3 * ((size_t)width + 2) * sizeof *next);
    for (int x = 0; x < width; x++) {
        size_t place = 3 * ((size_t)y * (size_t)width + (size_t)x);
        int *left = here + 3 * (x + 1), *below = next + 3 * (x + 1);
        uint8_t wish[3];
        for (int c = 0; c < 3; c++) wish[c] = held(im->rgb[place + (size_t)c] + left[c] / 16);
        img_colour got = nearest((img_colour){wish[0], wish[1], wish[2]});
        const uint8_t shown[3] = {got.r, got.g, got.b};
        for (int c = 0; c < 3; c++) {
            int rest = wish[c] - shown[c];
            out->rgb[place + (size_t)c] = shown[c];
            left[3 + c] += 7 * rest;
            below[c - 3] += 3 * rest;
            below[c] += 5 * rest;
            below[c + 3] += rest;
        }
    }
}

/* False: out of memory, and *out is empty. */
static bool dither(const img *im, nearest_colour *nearest, img *out)
{
    error ignored;
    size_t room = 3 * ((size_t)im->width + 2);
    int *errors = calloc(2 * room, sizeof *errors);
    *out = (img){0};
    bool good = errors && !img_create(out, im->width, im->height, &ignored);
    for (int y = 0; good && y < im->height; y++)
        dither_row(im, y, nearest, (int *[2]){errors, errors + room}, out);
    free(errors);
    return good;
}

/* ---- half blocks ---- */

static int square(int x)
{
    return x * x;
}

static int distance(img_colour a, img_colour b)
{
    return square(a.r - b.r) + square(a.g - b.g) + square(a.b - b.b);
}

static int nearest_level(uint8_t v)
{
    return v < 48 ? 0 : v < 115 ? 1 : (v - 35) / 40;
}

/* The colour of xterm's 256 that is the nearest: one of the cube, or one of 24 greys. */
static int nearest_of_256(img_colour c, img_colour *it)
{
    static const uint8_t level[] = {0, 95, 135, 175, 215, 255};
    int r = nearest_level(c.r), g = nearest_level(c.g), b = nearest_level(c.b);
    int mean = (c.r + c.g + c.b) / 3, step = mean < 8 ? 0 : mean > 238 ? 23 : (mean - 3) / 10;
    uint8_t shade = (uint8_t)(8 + 10 * step);
    const img_colour cube = {level[r], level[g], level[b]}, grey = {shade, shade, shade};
    bool is_grey = distance(c, grey) < distance(c, cube);
    *it = is_grey ? grey : cube;
    return is_grey ? 232 + step : 16 + 36 * r + 6 * g + b;
}

static img_colour nearest_for_xterm(img_colour wish)
{
    img_colour it;
    nearest_of_256(wish, &it);
    return it;
}

/* 38: the letter's colour, 48: that behind it. */
static void put_colour(text *t, int which, img_colour c, cap_colours colours)
{
    if (colours == CAP_COLOURS_ALL)
        text_printf(t, "\x1b[%d;2;%d;%d;%dm", which, c.r, c.g, c.b);
    else
        text_printf(t, "\x1b[%d;5;%dm", which, nearest_of_256(c, &c));
}

void cap_swatch_put(text *t, img_colour c, int columns, cap_colours colours)
{
    if (columns < 1) return;
    put_colour(t, 48, c, colours);
    text_printf(t, "%*s\x1b[0m", columns, "");
}

static img_colour pixel(const img *im, int x, int y)
{
    const uint8_t *p = im->rgb + 3 * ((size_t)y * (size_t)im->width + (size_t)x);
    return (img_colour){p[0], p[1], p[2]};
}

static bool same(img_colour a, img_colour b)
{
    return a.r == b.r && a.g == b.g && a.b == b.b;
}

/* Rows 2 * line and 2 * line + 1; where the picture has no lower one, the terminal's own colour is left. */
static void put_line(text *t, const img *im, int line, cap_colours colours)
{
    bool lower = 2 * line + 1 < im->height;
    img_colour above = {0}, below = {0};
    for (int x = 0; x < im->width; x++) {
        img_colour a = pixel(im, x, 2 * line), b = lower ? pixel(im, x, 2 * line + 1) : a;
        if (!x || !same(a, above)) put_colour(t, 38, a, colours);
        if (lower && (!x || !same(b, below))) put_colour(t, 48, b, colours);
        text_append(t, "\xE2\x96\x80"); /* upper half block */
        above = a;
        below = b;
    }
    text_append(t, "\x1b[0m");
}

static void put_blanks(text *t, int columns)
{
    if (columns > 0) text_printf(t, "%*s", columns, "");
}

static void put_row(text *t, const img *pictures, int count, int cell, int gap, cap_colours colours)
{
    int lines = 0;
    for (int i = 0; i < count; i++)
        if ((pictures[i].height + 1) / 2 > lines) lines = (pictures[i].height + 1) / 2;
    for (int line = 0; line < lines; line++) {
        int owed = 0; /* blanks that only count if something follows */
        for (int i = 0; i < count; i++, owed += gap) {
            const img *im = &pictures[i];
            int left = (cell - im->width) / 2;
            if (2 * line >= im->height) {
                owed += cell;
                continue;
            }
            put_blanks(t, owed + left);
            put_line(t, im, line, colours);
            owed = cell - left - im->width;
        }
        text_append(t, "\n");
    }
}

void cap_blocks_put(text *t, const img *pictures, int count, int cell, int gap, cap_colours colours)
{
    if (colours == CAP_COLOURS_ALL) {
        put_row(t, pictures, count, cell, gap, colours);
        return;
    }
    img *few = calloc((size_t)count + 1, sizeof *few);
    bool good = few;
    for (int i = 0; good && i < count; i++) good = dither(&pictures[i], nearest_for_xterm, &few[i]);
    if (good)
        put_row(t, few, count, cell, gap, colours);
    else
        t->failed = true;
    for (int i = 0; few && i < count; i++) img_release(&few[i]);
    free(few);
}

/* ---- kitty ---- */

err_code cap_kitty_put(text *t, const img *im, error *err)
{
    enum { CHUNK = 4096 };
    uint8_t *png = NULL;
    size_t size = 0;
    text letters = {0};
    err_code code = img_encode_png(im, &png, &size, err);
    if (code) return code;
    text_append_base64(&letters, png, size);
    free(png);
    for (size_t at = 0; at < letters.length; at += CHUNK) {
        size_t left = letters.length - at, n = left < CHUNK ? left : CHUNK;
        text_printf(t, "\x1b_G%sm=%d;", at ? "" : "a=T,f=100,q=2,", left > CHUNK);
        text_append_bytes(t, letters.data + at, n);
        text_append(t, "\x1b\\");
    }
    text_append(t, "\n");
    bool good = !t->failed && !letters.failed;
    text_release(&letters);
    return good ? ERR_OK : err_no_memory(err, "for a picture in the terminal");
}

/* ---- sixels ---- */

enum { RED = 6, GREEN = 7, BLUE = 6, COLOURS = RED * GREEN * BLUE };

static int level_of(uint8_t v, int levels)
{
    return (v * (levels - 1) + 127) / 255;
}

static uint8_t value_of(int level, int levels)
{
    return (uint8_t)(level * 255 / (levels - 1));
}

static img_colour nearest_in_palette(img_colour c)
{
    return (img_colour){value_of(level_of(c.r, RED), RED), value_of(level_of(c.g, GREEN), GREEN),
                        value_of(level_of(c.b, BLUE), BLUE)};
}

static uint8_t index_of(img_colour c)
{
    return (uint8_t)((level_of(c.r, RED) * GREEN + level_of(c.g, GREEN)) * BLUE + level_of(c.b, BLUE));
}

static void put_run(text *t, char letter, int times)
{
    if (times > 3)
        text_printf(t, "!%d%c", times, letter);
    else
        for (int i = 0; i < times; i++) text_append_bytes(t, &letter, 1);
}

/* One colour of a band of up to six rows: a letter a column, whose bits are the rows. */
static void put_band_colour(text *t, const uint8_t *band, int width, int rows, int colour)
{
    int times = 0;
    char before = 0;
    text_printf(t, "#%d", colour);
    for (int x = 0; x < width; x++) {
        int bits = 0;
        for (int y = 0; y < rows; y++) bits |= (band[(size_t)y * (size_t)width + (size_t)x] == colour) << y;
        char letter = (char)(63 + bits);
        if (letter != before) {
            put_run(t, before, times);
            times = 0;
        }
        before = letter;
        times++;
    }
    if (before != 63) put_run(t, before, times);
    text_append(t, "$");
}

static void put_palette(text *t)
{
    for (int i = 0; i < COLOURS; i++)
        text_printf(t, "#%d;2;%d;%d;%d", i, i / (GREEN * BLUE) * 100 / (RED - 1),
                    i / BLUE % GREEN * 100 / (GREEN - 1), i % BLUE * 100 / (BLUE - 1));
}

static void put_bands(text *t, const img *im, uint8_t *band)
{
    for (int y = 0; y < im->height; y += 6) {
        int rows = im->height - y < 6 ? im->height - y : 6, pixels = rows * im->width;
        bool used[COLOURS] = {false};
        for (int i = 0; i < pixels; i++) {
            band[i] = index_of(pixel(im, i % im->width, y + i / im->width));
            used[band[i]] = true;
        }
        for (int c = 0; c < COLOURS; c++)
            if (used[c]) put_band_colour(t, band, im->width, rows, c);
        text_append(t, "-");
    }
}

err_code cap_sixel_put(text *t, const img *im, error *err)
{
    img few = {0};
    uint8_t *band = malloc(6 * (size_t)im->width);
    bool good = band && dither(im, nearest_in_palette, &few);
    if (good) {
        text_printf(t, "\x1bP0;1;0q\"1;1;%d;%d", im->width, im->height);
        put_palette(t);
        put_bands(t, &few, band);
        text_append(t, "\x1b\\\n");
    }
    img_release(&few);
    free(band);
    return good && !t->failed ? ERR_OK : err_no_memory(err, "for a picture in the terminal");
}
