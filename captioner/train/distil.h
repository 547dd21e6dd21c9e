/* A teacher: a frozen network whose features of a photo another network learns to predict (feature
 * distillation: Romero et al., "FitNets: hints for thin deep nets", 2015; the cosine as in Wei et al. 2022).
 *
 *     cap_teacher *teacher;
 *     if (cap_teacher_open("mobilenet_v2.safetensors", &teacher, &err)) ...
 *     const real *goal = cap_teacher_features(teacher, pool, precision, pixels, n, size, &shape, &err);
 *     nn_var *loss = cap_distil_loss(&tape, predicted, goal, 1 / rms, 0.1, &cosine);
 *     cap_teacher_close(&teacher); */
#ifndef CAPTIONER_DISTIL_H
#define CAPTIONER_DISTIL_H

#include "src/base/error.h"
#include "src/nn/tape.h"

#include <stdint.h>

typedef struct cap_teacher cap_teacher;

/* The file has weights that cnn/import.h knows. */
err_code cap_teacher_open(const char *path, cap_teacher **out, error *err);
void cap_teacher_close(cap_teacher **t); /* NULL and pointer to NULL are fine */

/* Its map of a photo of size x size pixels. */
void cap_teacher_map_size(const cap_teacher *t, int size, int *height, int *width, int *channels);

/* Features [n][height][width][channels] of n photos u8 [n][size][size][3]; good until the next call. NULL
 * when memory is out. */
const real *cap_teacher_features(cap_teacher *t, pool *threads, gemm_precision precision,
                                 const uint8_t *pixels, int n, int size);

/* With p a row of predicted [.., C] and g the row of `goal` times `scale`:
 *     loss = mean over rows of (1 - cos(p, g)) + squared_weight * mean over all numbers of (p - g)^2
 * The first term asks for the direction, the second keeps the length in bounds. `cosine`, when not NULL,
 * becomes the mean of cos(p, g); a row of zeros has cosine 0. `goal` is borrowed until backward. */
nn_var *cap_distil_loss(nn_tape *t, nn_var *predicted, const real *goal, real scale, real squared_weight,
                        double *cosine);

#endif
