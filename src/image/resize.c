/* Separable resampling with a filter that widens when shrinking, so that every source pixel counts
 * (antialiasing), in fixed point.
 *
 * For each row of the result: first the vertical pass over the source rows it needs, into one row kept with
 * FRACTION bits behind the point, then the horizontal pass. The vertical pass does nearly all the work when
 * shrinking; it runs along contiguous memory, 16-bit factors into 32-bit sums, which compilers vectorise. */
#include "src/image/image.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    WEIGHT_BITS = 14, /* 1.0 as a weight: the largest power of two an int16_t can hold and go below zero */
    FRACTION = 6,     /* kept between the passes; 6 leaves an int16_t room for what a cubic overshoots */
    TILE = 1024,      /* columns of a vertical pass at a time: the sums stay in the first-level cache */
};

/* For every output position, which source positions count and how much. */
typedef struct taps {
    int *first;      /* [count] */
    int *number;     /* [count] */
    int16_t *weight; /* [count][stride], sums to 1 << WEIGHT_BITS over `number` */
    size_t stride;
} taps;

static double box_kernel(double x)
{
    return x > -0.5 && x <= 0.5 ? 1 : 0;
}

static double triangle_kernel(double x)
{
    x = fabs(x);
    return x < 1 ? 1 - x : 0;
}

/* Keys, "Cubic convolution interpolation for digital image processing", 1981, with a = -1/2. */
static double cubic_kernel(double x)
{
    x = fabs(x);
    if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
    return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

typedef struct kernel {
    double (*weight)(double x);
    double reach; /* zero beyond +-reach */
} kernel;

static const kernel kernels[] = {
    [IMG_BOX] = {box_kernel, 0.5},
    [IMG_BILINEAR] = {triangle_kernel, 1},
    [IMG_BICUBIC] = {cubic_kernel, 2},
};

/* Rounds real weights to integers with the exact sum: the rounding error of each is carried to the next, so
 * a plain area keeps its level to the bit. */
static void quantise(const double *real, int number, double sum, int16_t *weight)
{
    double due = 0;
    int given = 0;
    for (int k = 0; k < number; k++) {
        due += real[k] / sum * (1 << WEIGHT_BITS);
        int upto = (int)lrint(due);
        weight[k] = (int16_t)(upto - given);
        given = upto;
    }
}

static void release_taps(taps *t)
{
    free(t->first);
    free(t->number);
    free(t->weight);
    *t = (taps){0};
}

/* Fills taps for `count` outputs over the source interval from..to of a line of `length` pixels. */
static void fill_taps(taps *t, const kernel *k, int length, double from, double to, int count, double *real)
{
    double scale = (to - from) / count, widen = scale > 1 ? scale : 1, reach = k->reach * widen;
    for (int i = 0; i < count; i++) {
        double centre = from + (i + 0.5) * scale;
        int first = (int)fmax(0, floor(centre - reach + 0.5));
        int end = (int)fmin(length, floor(centre + reach + 0.5));
        if (first > length - 1) first = length - 1;
        if (end <= first) end = first + 1;
        double sum = 0;
        for (int s = first; s < end; s++) sum += real[s - first] = k->weight((s + 0.5 - centre) / widen);
        if (sum == 0) sum = real[0] = 1;
        t->first[i] = first;
        t->number[i] = end - first;
        quantise(real, end - first, sum, t->weight + i * t->stride);
    }
}

static bool make_taps(taps *t, const kernel *k, int length, double from, double to, int count)
{
    double scale = (to - from) / count, widen = scale > 1 ? scale : 1;
    t->stride = (size_t)ceil(2 * k->reach * widen) + 2;
    t->first = malloc(count * sizeof *t->first);
    t->number = malloc(count * sizeof *t->number);
    t->weight = malloc(count * t->stride * sizeof *t->weight);
    double *real = malloc(t->stride * sizeof *real);
    bool ok = t->first && t->number && t->weight && real;
    if (ok) fill_taps(t, k, length, from, to, count, real);
    free(real);
    return ok;
}

/* sums[i] over `number` rows of [n] levels, `pitch` bytes apart. */
static void vertical_tile(const uint8_t *restrict rows, size_t pitch, const int16_t *restrict weight,
                          int number, size_t n, int16_t *restrict out)
{
    int32_t sums[TILE];
    for (size_t i = 0; i < n; i++) sums[i] = 1 << (WEIGHT_BITS - FRACTION - 1); /* to round, not cut */
    for (int k = 0; k < number; k++) {
        const uint8_t *restrict row = rows + k * pitch;
        int16_t w = weight[k];
        for (size_t i = 0; i < n; i++) sums[i] += (int16_t)row[i] * w;
    }
    for (size_t i = 0; i < n; i++) out[i] = (int16_t)(sums[i] >> (WEIGHT_BITS - FRACTION));
}

static uint8_t to_level(int32_t sum)
{
    int32_t level = sum >> (WEIGHT_BITS + FRACTION);
    return (uint8_t)(level < 0 ? 0 : level > 255 ? 255 : level);
}

/* row [source width][3] with FRACTION bits to out [width][3] levels. */
static void horizontal_row(const int16_t *restrict row, const taps *t, int width, uint8_t *restrict out)
{
    const int32_t half = 1 << (WEIGHT_BITS + FRACTION - 1);
    for (int x = 0; x < width; x++, out += 3) {
        const int16_t *restrict p = row + 3 * (size_t)t->first[x];
        const int16_t *restrict w = t->weight + x * t->stride;
        int32_t r = half, g = half, b = half;
        for (int k = 0; k < t->number[x]; k++, p += 3) {
            r += p[0] * w[k];
            g += p[1] * w[k];
            b += p[2] * w[k];
        }
        out[0] = to_level(r);
        out[1] = to_level(g);
        out[2] = to_level(b);
    }
}

/* Only the columns the horizontal pass will read are computed: left..right in source pixels. */
static void resample(const img *src, const taps *across, const taps *down, int16_t *row, img *out)
{
    size_t pitch = (size_t)src->width * 3;
    int last = out->width - 1;
    size_t left = (size_t)across->first[0] * 3;
    size_t right = (size_t)(across->first[last] + across->number[last]) * 3;
    for (int y = 0; y < out->height; y++) {
        const uint8_t *rows = src->rgb + down->first[y] * pitch;
        const int16_t *weight = down->weight + y * down->stride;
        for (size_t at = left; at < right; at += TILE)
            vertical_tile(rows + at, pitch, weight, down->number[y], right - at < TILE ? right - at : TILE,
                          row + at);
        horizontal_row(row, across, out->width, out->rgb + (size_t)y * out->width * 3);
    }
}

err_code img_resize(const img *src, img_box box, int width, int height, img_filter filter, img *out, error *e)
{
    *out = (img){0};
    bool inside = box.x0 >= 0 && box.y0 >= 0 && box.x1 <= src->width && box.y1 <= src->height;
    if (!inside || !(box.x0 < box.x1) || !(box.y0 < box.y1) || (unsigned)filter > IMG_BICUBIC)
        return err_set(e, ERR_ARGUMENT, "cannot resize the part %g,%g to %g,%g of a picture of %d x %d",
                       box.x0, box.y0, box.x1, box.y1, src->width, src->height);
    img result;
    err_code rc = img_create(&result, width, height, e);
    if (rc) return rc;
    taps across = {0}, down = {0};
    int16_t *row = malloc((size_t)src->width * 3 * sizeof *row);
    const kernel *k = &kernels[filter];
    if (row && make_taps(&across, k, src->width, box.x0, box.x1, width) &&
        make_taps(&down, k, src->height, box.y0, box.y1, height)) {
        resample(src, &across, &down, row, &result);
        *out = result;
    } else {
        img_release(&result);
        rc = err_no_memory(e, "while resizing a picture to %d x %d pixels", width, height);
    }
    free(row);
    release_taps(&across);
    release_taps(&down);
    return rc;
}
