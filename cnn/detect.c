#include "cnn/detect.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cnn/preprocess.h"

enum { BOX = 4, HEAD = BOX + 1, MAPS = 3 };

static const int strides[MAPS] = {8, 16, 32};

cnn_detect_settings cnn_detect_defaults(void)
{
    return (cnn_detect_settings){.least_score = 0.3, .most_overlap = 0.45};
}

static double inside(double x, double most)
{
    return x > 0 ? x < most ? x : most : 0;
}

/* The best class of a region. */
static cnn_detection score_of(const real *out, int classes)
{
    cnn_detection d = {.class = 0};
    for (int c = 1; c < classes; c++)
        if (out[HEAD + c] > out[HEAD + d.class]) d.class = c;
    d.score = (double)out[BOX] * (double)out[HEAD + d.class];
    return d;
}

/* The box of the region in column x and row y of a map. False: nothing of it is in the photo. */
static bool place(cnn_detection *d, const cnn_letter *l, const real *out, int x, int y, int stride)
{
    double across = ((double)out[0] + x) * stride, down = ((double)out[1] + y) * stride;
    double w = exp((double)out[2]) * stride / 2, h = exp((double)out[3]) * stride / 2;
    d->x0 = inside((across - w) / l->scale, l->width);
    d->y0 = inside((down - h) / l->scale, l->height);
    d->x1 = inside((across + w) / l->scale, l->width);
    d->y1 = inside((down + h) / l->scale, l->height);
    return d->x1 > d->x0 && d->y1 > d->y0;
}

static int regions_of(int size)
{
    int count = 0;
    for (int m = 0; m < MAPS; m++) count += (size / strides[m]) * (size / strides[m]);
    return count;
}

/* Boxes that are good enough, in the order of the regions. What is not a number is not good enough. */
static int list_boxes(const cnn_detect_settings *s, const cnn_letter *l, const real *out, int classes,
                      cnn_detection *list)
{
    int count = 0;
    for (int m = 0; m < MAPS; m++)
        for (int i = 0, side = l->size / strides[m]; i < side * side; i++, out += HEAD + classes) {
            cnn_detection d = score_of(out, classes);
            if (!(d.score >= s->least_score)) continue;
            if (place(&d, l, out, i % side, i / side, strides[m])) list[count++] = d;
        }
    return count;
}

static double area(const cnn_detection *d)
{
    return (d->x1 - d->x0) * (d->y1 - d->y0);
}

static double overlap(const cnn_detection *a, const cnn_detection *b)
{
    double w = fmin(a->x1, b->x1) - fmax(a->x0, b->x0), h = fmin(a->y1, b->y1) - fmax(a->y0, b->y0);
    double both = w > 0 && h > 0 ? w * h : 0;
    return both / (area(a) + area(b) - both);
}

/* The best of the list that is not used up, of equal ones the first; -1: none. */
static int best_of(const cnn_detection *list, int count)
{
    int best = -1;
    for (int i = 0; i < count; i++)
        if (list[i].score >= 0 && (best < 0 || list[i].score > list[best].score)) best = i;
    return best;
}

enum { TAKEN = -1 }; /* a score of what is used up */

err_code cnn_detect(const cnn_detect_settings *s, const cnn_letter *letter, const real *out, int classes,
                    int most, cnn_detection *found, int *count, error *err)
{
    *count = 0;
    cnn_detection *list = malloc(((size_t)regions_of(letter->size) + 1) * sizeof *list);
    if (!list) return err_no_memory(err, "for the objects of a photo");
    int listed = list_boxes(s, letter, out, classes, list);
    for (int best; *count < most && (best = best_of(list, listed)) >= 0;) {
        const cnn_detection d = found[(*count)++] = list[best];
        list[best].score = TAKEN;
        for (int i = 0; i < listed; i++)
            if (list[i].class == d.class && overlap(&list[i], &d) > s->most_overlap) list[i].score = TAKEN;
    }
    free(list);
    return ERR_OK;
}
