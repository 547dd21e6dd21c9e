/* The photos of one call on their way to the nets: read side by side, each decoded once (twice when it is kept
 * at full size), and cut to what the encoder and the namers look at.
 *
 *     cap_photos g = {.s = s, .wishes = &wishes, .from = from, .count = count, .out = out, .errors = errors};
 *     if (cap_photos_read(&g, &memory, &err)) ...
 *     for (int i = 0; i < g.read; i++) ... pixels of photo g.index[i] are the i-th of g.pixels ... */
#ifndef CAPTIONER_PHOTOS_H
#define CAPTIONER_PHOTOS_H

#include "captioner/session.h"
#include "cnn/detect.h"

/* Where a photo comes from: one of the four. */
typedef struct cap_source {
    const char *path;
    const void *bytes; /* a file of `size` bytes called `name` */
    size_t size;
    const char *name;
    img pixels;              /* borrowed */
    struct cap_ahead *ahead; /* read before, see captioner/ahead.h */
} cap_source;

typedef struct cap_photos {
    cap_session *s;
    const cap_wishes *wishes;
    const cap_source *from; /* [count] */
    int count;
    cap_description *out; /* [count]: sizes, warning, view, photo; empty where it could not be read */
    error *errors;        /* [count] and why */

    /* what was read */
    int read;            /* photos that could be */
    int *index;          /* [read] which they are */
    uint8_t *pixels;     /* [read][size][size][3] of the encoder */
    bool names;          /* the namers are wanted */
    int square;          /* S; 0: no namer looks at photos */
    uint8_t *squares;    /* [read][S][S][3] */
    cnn_letter *letters; /* [read] */
} cap_photos;

/* The arrays are taken from `mem`. Errors: MEMORY; what is wrong with a photo is in errors[i]. */
err_code cap_photos_read(cap_photos *g, arena *mem, error *err);

#endif
