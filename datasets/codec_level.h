/* What a level of datasets/codec.h is made of: one row of a table each. Not meant for use outside this floor.
 */
#ifndef DATASETS_CODEC_LEVEL_H
#define DATASETS_CODEC_LEVEL_H

#include "datasets/bpe.h"
#include "datasets/codec.h"

struct ds_codec {
    ds_level level;
    ds_vocab *vocab;
    ds_bpe *bpe; /* of the level bpe, else NULL */
    int32_t *id; /* bpe: [symbols] a symbol's number, DS_UNK when it is not in the vocabulary */
};

#define CODEC_BLANK_LABEL "\xE2\x90\xA3" /* U+2423, what a blank looks like on an attention map */

/* Numbers while a line is read; they grow in malloc'ed memory. */
typedef struct codec_ids {
    const ds_codec *codec;
    int32_t *id;
    int64_t count, capacity;
} codec_ids;

bool codec_put_id(codec_ids *ids, int32_t id); /* false when memory is out */

typedef struct codec_level {
    const char *name;
    err_code (*learn)(ds_codec *c, const ds_codec_settings *s, const char *const *lines, int32_t count,
                      error *err);                    /* fills vocab and bpe */
    bool (*encode)(codec_ids *ids, const char *line); /* line is well-formed; false when memory is out */
    void (*join)(const char *word, bool *open,
                 text *line);                   /* *open: true at the start, then the level's own */
    void (*label)(const char *word, text *out); /* no special word */
} codec_level;

extern const codec_level codec_word_level, codec_char_level, codec_bpe_level;

/* bpe: the numbers of the symbols, once vocabulary and merges are there. */
err_code codec_bpe_number(ds_codec *c, error *err);

err_code codec_no_memory(error *err);

#endif
