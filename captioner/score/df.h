/* Document frequencies: in how many images' references a sequence of 1 to 4 words occurs. CIDEr weighs by
 * them; a table from a large set of references lets a small one, even one image, be scored.
 *
 * As JSON: {"images": 113287, "words": ["a", "cat", ...], "counts": [[0, 0, 812], [1, 1, 74], ...]}. A row of
 * `counts` is [node of the shorter sequence, word, images]; the first row is node 1, node 0 is the empty
 * sequence, and a row refers only to rows before it. Sequences in a single image weigh as much as unknown
 * ones (the count is taken as at least 1) and are left out. */
#ifndef CAPTIONER_DF_H
#define CAPTIONER_DF_H

#include <jansson.h>
#include <stdint.h>

#include "captioner/score/ngrams.h"
#include "src/base/error.h"

typedef struct cap_df {
    cap_ngrams sequences;
    uint32_t *images; /* [sequences.node_count] how many images hold the sequence; 0 for node 0 */
    uint32_t total;   /* images counted */
} cap_df;

/* Copies what at least two images hold. `images` is [sequences->node_count]. */
err_code cap_df_create(cap_df **df, const cap_ngrams *sequences, const uint32_t *images, uint32_t total,
                       error *err);
void cap_df_free(cap_df **df);

/* A new reference for the caller to json_decref; NULL when memory is out. */
json_t *cap_df_to_json(const cap_df *df);

/* ERR_FORMAT names the row that is wrong; ERR_MEMORY. */
err_code cap_df_from_json(cap_df **df, const json_t *json, error *err);

#endif
