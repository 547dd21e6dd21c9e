/* Small helpers for tests about pictures. */
#ifndef TESTS_PICTURE_H
#define TESTS_PICTURE_H

#include "src/image/image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A binary PPM as tests/images/make.py writes it: "P6\nW H\n255\n" and the pixels. False when unreadable. */
static inline bool picture_read_ppm(const char *path, img *out)
{
    int width, height;
    error e;
    FILE *f = fopen(path, "rb");
    if (!f) return false;
    bool ok = fscanf(f, "P6 %d %d 255", &width, &height) == 2 && fgetc(f) == '\n' &&
              !img_create(out, width, height, &e) &&
              fread(out->rgb, 3, (size_t)width * (size_t)height, f) == (size_t)width * (size_t)height;
    fclose(f);
    return ok;
}

/* All pixels of one grey level. */
static inline img picture_plain(int width, int height, uint8_t level)
{
    img im;
    error e;
    if (img_create(&im, width, height, &e)) abort();
    memset(im.rgb, level, (size_t)width * (size_t)height * 3);
    return im;
}

/* Mean and largest absolute difference of two pictures of one size. */
static inline double picture_difference(const img *a, const img *b, int *largest)
{
    size_t n = (size_t)a->width * (size_t)a->height * 3;
    double sum = 0;
    *largest = 0;
    for (size_t i = 0; i < n; i++) {
        int d = abs(a->rgb[i] - b->rgb[i]);
        sum += d;
        if (d > *largest) *largest = d;
    }
    return sum / (double)n;
}

/* The bytes of a file, malloc-owned; NULL when unreadable. */
static inline uint8_t *picture_read_bytes(const char *path, size_t *length)
{
    FILE *f = fopen(path, "rb");
    if (!f) return NULL;
    fseek(f, 0, SEEK_END);
    *length = (size_t)ftell(f);
    rewind(f);
    uint8_t *bytes = malloc(*length + 1);
    if (bytes && fread(bytes, 1, *length, f) != *length) {
        free(bytes);
        bytes = NULL;
    }
    fclose(f);
    return bytes;
}

#endif
