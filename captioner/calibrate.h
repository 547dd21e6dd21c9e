/* Calibrating: how far a finished model may be trusted, fitted on photos that it was not trained on.
 *
 *     cap_calibration_set sets[] = {{"a/val.json", "a/images"}, {"b/val.json", "b/images"}};
 *     cap_calibrate_request q = {.set = sets, .sets = 2};
 *     cap_confidence fit;
 *     json_t *report;
 *     if (cap_calibrate(session, &q, &fit, &report, &err)) ...
 *     if (cap_confidence_save(&fit, tensors, report, "model2.safetensors", &err)) ...
 *
 * The model says a sentence of every photo, by the default request. Then
 *   1. word_scale and word_shift make the probability of a word that of finding it in one of the references;
 *   2. a caption is called acceptable where its CIDEr is above the median of its set, and pictures that show
 *      nothing (made_pictures.h) have no acceptable one: the weights of the signs tell them apart;
 *   3. the threshold is where 95 in 100 of these pictures are below, but no more than one photo in ten.
 *
 * Photos count by one over the root of their set's size, so that a large set weighs more than a small one, but
 * does not drown it; the pictures together weigh a fifth of the photos. */
#ifndef CAPTIONER_CALIBRATE_H
#define CAPTIONER_CALIBRATE_H

#include "captioner/net/confidence.h"
#include "captioner/session.h"

typedef struct cap_calibration_set {
    const char *captions, *images; /* a file in a form of datasets/coco.h, the folder of its photos */
} cap_calibration_set;

typedef struct cap_calibrate_request {
    const cap_calibration_set *set; /* [sets] */
    int sets;
    bool (*tell)(void *ctx, int done, int total); /* now and then; false: stop. NULL: nobody listens */
    void *ctx;
} cap_calibrate_request;

/* *fit is the caller's to release, *report to decref: an object with what was measured, "sets": [{"captions",
 * "photos", "word_error": before and after, "auc": before and after, "auc_cross": of photos that were left out
 * of the fit}], "pictures", "pictures_unsure", "photos_unsure". Errors: MISSING (photos), INTERRUPTED,
 * ARGUMENT (no photo with a caption), those of describing; then both are empty. */
err_code cap_calibrate(cap_session *s, const cap_calibrate_request *q, cap_confidence *fit, json_t **report,
                       error *err);

#endif
