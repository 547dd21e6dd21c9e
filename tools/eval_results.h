/* caption eval --results-out: captions of a model in a file, so that a run can be continued.
 *
 *     [{"image_id": 7, "caption": "a dog runs",
 *       "made_by": "8c736521f1ad0c2e",                            model and options, in short
 *       "words": [{"word": "a", "probability": 0.81,
 *                  "at": [0.5, 0.75]}, ...],                  where in the photo it looked
 *       "confidence": 0.61, "unsure": false,
 *       "attention": {"entropy": 0.78, "strongest": 0.06, "change": 0.21}},
 *      ...]
 *
 * That is COCO's form of results; programs that read it pass over the other members. A run that goes on with
 * it reports what one that never stopped would. Rows of other programs, without those members, are taken too.
 */
#ifndef TOOLS_EVAL_RESULTS_H
#define TOOLS_EVAL_RESULTS_H

#include <jansson.h>

#include "captioner/caption.h"
#include "captioner/score/attention_stats.h"
#include "captioner/score/grounding.h"
#include "datasets/coco.h"
#include "src/base/arena.h"

/* What a model said of a photo. */
typedef struct eval_said {
    const char *caption; /* NULL: nothing yet */
    int words;           /* 0: the row came without words */
    const char **word;
    float *probability;
    cap_point *at;     /* [words] where each looked at most; NULL: the row came without */
    double confidence; /* of the caption, 0..1; below 0: the row came without */
    bool unsure;
    cap_attention_stats attention; /* of this caption alone; zeroed: none */
} eval_said;

enum { EVAL_MADE_BY = 17 };

/* The file and what goes into it. */
typedef struct eval_results {
    const char *path;     /* of the file; NULL: none, and reading and writing do nothing */
    const char *captions; /* path of the photos' references, for messages */
    const ds_captions *data;
    eval_said *said; /* [data->images] */
    char made_by[EVAL_MADE_BY];
    int rows; /* how many the file held */
} eval_results;

/* The image_id of a row, also written as 1.0 or "1" (io_json_id); beyond 2^53 it is refused. */
err_code eval_read_id(const json_t *row, const char *where, int64_t *image, error *err);

/* Sets made_by: a digest, in hexadecimal digits, of what decides what the captioner says. */
err_code eval_results_made_by(eval_results *r, const cap_model *m, const cap_request *request, error *err);

/* Copies a description. False: out of memory. */
bool eval_said_take(eval_said *said, const cap_description *d, arena *mem);

/* Fills `said` and `rows` from the file, if there is one. MISMATCH: a row of an image that is not in `data`,
 * or made by another model or with other options; FORMAT, IO, MEMORY. */
err_code eval_results_read(eval_results *r, arena *mem, error *err);

/* Replaces the file: whoever stops the program finds the old one or the new one, complete. */
err_code eval_results_write(const eval_results *r, error *err);

#endif
