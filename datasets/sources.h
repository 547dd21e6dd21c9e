/* Lines as numbers for training and translating: sources for the encoder, targets for the decoder.
 *
 *     ds_sources sources;
 *     ds_encoded targets;
 *     if (ds_sources_encode(source_codec, pairs.source, pairs.count, 200, &memory, &sources, &err) ||
 *         ds_targets_encode(target_codec, pairs.target, pairs.count, &memory, &targets, &err)) ...
 *     ds_plan_create(&targets, ...)                     and for each of its batches b:
 *     ds_source_batch in;
 *     ds_sources_batch(&sources, b.image, b.images, &step_memory, &in, &err);
 *
 * The targets are "captions" of which line i belongs to "image" i, so that plans and batches
 * (datasets/batch.h) serve photos and texts alike. */
#ifndef DATASETS_SOURCES_H
#define DATASETS_SOURCES_H

#include "datasets/codec.h"
#include "datasets/encode.h"
#include "src/base/arena.h"
#include "src/base/error.h"

#include <stdint.h>

typedef struct ds_sources {
    int32_t count;
    const int64_t *first; /* [count+1] source i is words[first[i] .. first[i+1]-1], the last one DS_END */
    const int32_t *words;
    int64_t unknown; /* how many of the words are <unk> */
    int32_t longest; /* words of the longest source, <end> included */
    int32_t cut;     /* sources that were cut to the limit */
} ds_sources;

/* Rows in the order asked for. A source is never empty: it has its <end>. */
typedef struct ds_source_batch {
    int32_t rows, max_len;
    int32_t *tokens; /* [rows][max_len] w1 .. wn <end> <pad> .. */
    int32_t *length; /* [rows] words and <end>: at least 1 */
} ds_source_batch;

/* Numbers all lines; the arrays live in `memory`. Of a line longer than `most` words the first `most` are
 * kept (0 = no limit). */
err_code ds_sources_encode(const ds_codec *codec, const char *const *lines, int32_t count, int32_t most,
                           arena *memory, ds_sources *out, error *err);

/* The sources which[0 .. n-1] as one batch, its arrays in `memory`. Several threads may read at once, each
 * with a memory of its own. */
err_code ds_sources_batch(const ds_sources *s, const int32_t *which, int32_t n, arena *memory,
                          ds_source_batch *out, error *err);

/* Targets without <start> and <end>, as datasets/encode.h has captions; sided[] is all false. */
err_code ds_targets_encode(const ds_codec *codec, const char *const *lines, int32_t count, arena *memory,
                           ds_encoded *out, error *err);

#endif
