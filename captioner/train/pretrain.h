/* Pre-training: an encoder learns to see before it learns to speak, from random weights or those of another
 * one, on photos with class labels, from a teacher's features, or both.
 *
 *     cap_pretrain_settings s = cap_pretrain_defaults();
 *     s.classes[s.class_sources++] = (cap_class_source){"tiny_imagenet_200.tar", "tiny_imagenet"};
 *     s.run.out = "encoder.safetensors";
 *     if (cap_pretrain(&s, &events, &err)) ...
 *
 * Each source of labelled photos has a softmax over its own classes on the mean of the encoder's map. The
 * teacher sees the same augmented pixels; the map, averaged down to the teacher's grid and sent through one
 * linear layer, is pulled to its features (captioner/train/distil.h). A photo's loss is
 *     cross-entropy (labelled photos)  +  teacher_weight * distance to the teacher (all photos)
 *
 * OUT is the encoder of the last epoch: safetensors with tensors "encoder.*" (F32) and the metadata
 * "caption", one JSON object:
 *     {"kind": "encoder", "architecture": "small", "preprocess": {"size": 160, "fit": "stretch",
 *      "mean": [r, g, b], "std": [r, g, b]}, "record": {"command": ..., "training": {...}, ...}}
 * The files beside it, resuming and all else that every training has are told of in trainer.h. */
#ifndef CAPTIONER_PRETRAIN_H
#define CAPTIONER_PRETRAIN_H

#include "captioner/train/pretrain_data.h"
#include "captioner/train/trainer.h"

typedef struct cap_pretrain_settings {
    cap_run_settings run; /* defaults: 12 epochs, 64 photos a step, AdamW, rate 0 = 0.002 (AdamW) or 0.05
                             (SGD), a fifth of the steps until the peak, decay 0.05, clip 5, bf16, seed 1 */
    const char *init;     /* start from the encoder of this file, of pre-training or a captioner's, or of the
                             "builtin" model; NULL: from drawn weights */
    const char *encoder;  /* row of the backbone table; NULL, the default: that of `init`, or "small" */
    int size;             /* side of the photos it sees, pixels, CNN_MIN_SIDE..CNN_MAX_SIDE; default 160 */
    cap_class_source classes[CAP_MAX_SOURCES];
    int class_sources;
    const char *photos;    /* folder of photos without labels; NULL = none; needs a teacher */
    const char *list;      /* captions that name the photos to take; NULL = all of the folder */
    const char *teacher;   /* a safetensors file that cnn/import.h knows; NULL = none */
    double teacher_weight; /* default 1 */
    double squared_weight; /* of the squared distance beside the cosine; default 0.1 */
    double smoothing;      /* of the labels, 0..1; default 0.1 */
    ds_augment augment;
    int loader_threads; /* default 1 */
    size_t cache_bytes; /* for decoded photos; default 0 */
} cap_pretrain_settings;

cap_pretrain_settings cap_pretrain_defaults(void);

/* Errors beside those of every training: ARGUMENT (settings), FORMAT (too many unreadable photos), and those
 * of files. */
err_code cap_pretrain(const cap_pretrain_settings *s, const cap_train_events *events, error *err);

#endif
