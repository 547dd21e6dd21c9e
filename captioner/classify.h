/* Telling classes of lines with a reader (captioner/net/bert.h).
 *
 *     cap_classifier *c;
 *     if (cap_classifier_open("sentiment.safetensors", CAP_AUTO, 0, &c, &err)) ...
 *     cap_verdict v[2];  error reason[2];
 *     if (cap_classify(c, lines, 2, false, v, reason, &err)) ...     reason[i].code: why line i has no class
 *     puts(cap_classifier_labels(c)->list[v[0].label]);
 *     for (int i = 0; i < 2; i++) cap_verdict_release(&v[i]);
 *     cap_classifier_close(&c);
 *
 * One thread at a time. */
#ifndef CAPTIONER_CLASSIFY_H
#define CAPTIONER_CLASSIFY_H

#include "captioner/net/bert.h"

typedef struct cap_classifier cap_classifier;

/* What is said of a line. */
typedef struct cap_verdict {
    int label;          /* the likeliest */
    float *probability; /* [labels] */
    int pieces, heads;
    const char **piece; /* [pieces] what was read, [CLS] and [SEP] among it */
    float *attention;   /* [heads][pieces] where [CLS] looked in the last layer; NULL: not asked for */
    arena memory;       /* what all this lives in */
} cap_verdict;

void cap_verdict_release(cap_verdict *v); /* zeroed ones are fine */

/* `threads` 0: one per CPU. MISMATCH: the file holds nothing that tells classes. */
err_code cap_classifier_open(const char *path, cap_precision precision, int threads, cap_classifier **out,
                             error *err);
void cap_classifier_close(cap_classifier **c); /* NULL and pointer to NULL are fine */
const cap_names *cap_classifier_labels(const cap_classifier *c);

/* out[count] and reason[count] belong to the lines; a line that is not UTF-8, or of more pieces than the
 * model has positions, has a reason and an empty verdict. What goes wrong beyond lines is the result. All
 * verdicts are to be released either way. */
err_code cap_classify(cap_classifier *c, const char *const *line, int count, bool attention, cap_verdict *out,
                      error *reason, error *err);

#endif
