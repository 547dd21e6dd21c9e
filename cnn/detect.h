/* From a photo to a detector's input, and from its output to boxes in the photo.
 *
 *     cnn_letter letter;
 *     uint8_t rgb[416 * 416 * 3];
 *     if (cnn_letterbox(&photo, 416, rgb, &letter, &err)) ...
 *     cnn_normalise(&pre, rgb, 416 * 416, pixels);
 *     nn_var *y = cnn_net_forward(net, &tape, pixels [1,416,416,3]);         y [1,R,1,5 + classes]
 *     cnn_detection found[20];
 *     int count;
 *     cnn_detect_settings s = cnn_detect_defaults();
 *     if (cnn_detect(&s, &letter, y->data, classes, 20, found, &count, &err)) ...
 *     for (int i = 0; i < count; i++) printf("%s %.2f\n", row->class_names[found[i].class], found[i].score);
 */
#ifndef CNN_DETECT_H
#define CNN_DETECT_H

#include "cnn/preprocess.h"

typedef struct cnn_detection {
    double x0, y0, x1, y1; /* in pixels of the photo, inside it */
    int class;             /* 0..classes-1 */
    double score;          /* objectness times the probability of the class, 0..1 */
} cnn_detection;

typedef struct cnn_detect_settings {
    double least_score;  /* 0..1; default 0.3 */
    double most_overlap; /* of two boxes of a class, intersection over union, 0..1; default 0.45 */
} cnn_detect_settings;

cnn_detect_settings cnn_detect_defaults(void);

/* out [regions, 5 + classes] of one photo, the regions of maps at strides 8, 16 and 32 one after the other:
 * x, y, log width, log height, objectness, probabilities of classes. Of boxes of one class that overlap the
 * best one stays. found[most], *count of them, the best first. Errors: MEMORY. */
err_code cnn_detect(const cnn_detect_settings *s, const cnn_letter *letter, const real *out, int classes,
                    int most, cnn_detection *found, int *count, error *err);

#endif
