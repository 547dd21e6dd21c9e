/* WordPiece: lines as pieces of words, the way BERT reads them (Devlin et al. 2019; the pieces go back to Wu
 * et al. 2016, section 4.1). First the basic tokeniser: control characters vanish, blanks and marks part
 * words, every mark and every Chinese character is a word; with `lower` letters become lower case and lose
 * their accents (which takes Hangul apart into its letters). Then each word is spelled greedily with the
 * longest piece that fits; pieces that do not begin a word carry "##": unaffable -> un ##aff ##able. A word
 * that cannot be spelled, or of more than 100 code points, is [UNK].
 *
 *     ds_wordpiece *w;
 *     if (ds_wordpiece_read("vocab.txt", true, &w, &err)) ...          the file beside BERT's weights
 *     if (ds_wordpiece_learn(lines, count, 8000, true, &w, &err)) ...  or pieces of our own
 *     int32_t *ids, n;
 *     ds_wordpiece_encode(w, "A dog runs.", &memory, &ids, &n, &err);  [CLS] a dog runs . [SEP]
 *     ds_wordpiece_free(&w);
 *
 * The tokens are those of BertTokenizer in `transformers`; names of special pieces in a line, as in "the
 * [MASK] runs", are these pieces. Never changed after it was made: threads may share it. */
#ifndef DATASETS_WORDPIECE_H
#define DATASETS_WORDPIECE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "src/base/arena.h"
#include "src/base/error.h"

typedef enum ds_special {
    DS_WP_PAD,  /* [PAD] */
    DS_WP_UNK,  /* [UNK] */
    DS_WP_CLS,  /* [CLS], before every line */
    DS_WP_SEP,  /* [SEP], behind it */
    DS_WP_MASK, /* [MASK] */
    DS_WP_SPECIALS
} ds_special;

enum { DS_WP_MOST = 1 << 20 }; /* pieces of a vocabulary */

typedef struct ds_wordpiece ds_wordpiece;

/* A vocabulary with a piece a line, whose number is its place. Errors: those of text files; FORMAT: an empty
 * line, a piece that is there twice, a special piece that is missing. *out is set on success only. */
err_code ds_wordpiece_read(const char *path, bool lower, ds_wordpiece **out, error *err);

/* The same from the file tokenizer.json, which says itself whether letters become lower case. */
err_code ds_wordpiece_read_tokenizer(const char *path, ds_wordpiece **out, error *err);

/* `pieces` of our own at most, specials included: all code points that occur twice or more, beginning and
 * continuing a word, and the merges of byte-pair encoding (datasets/bpe.h) by their rank. One set of lines
 * gives one vocabulary. ERR_ARGUMENT: nothing occurs twice, or `pieces` is below the code points there are.
 * */
err_code ds_wordpiece_learn(const char *const *lines, int32_t count, int32_t pieces, bool lower,
                            ds_wordpiece **out, error *err);
void ds_wordpiece_free(ds_wordpiece **w); /* NULL and pointer to NULL are fine */

/* The line's numbers with [CLS] and [SEP], in `memory`. Malformed bytes vanish like control characters. */
err_code ds_wordpiece_encode(const ds_wordpiece *w, const char *utf8, arena *memory, int32_t **ids,
                             int32_t *count, error *err);

int32_t ds_wordpiece_size(const ds_wordpiece *w);
bool ds_wordpiece_lowers(const ds_wordpiece *w);
int32_t ds_wordpiece_special(const ds_wordpiece *w, ds_special which); /* its number */
const char *ds_wordpiece_piece(const ds_wordpiece *w, int32_t id);     /* "[UNK]" for one out of range */

/* {"lower": true, "vocabulary": [...]}; to_json gives a new reference, NULL when memory is out; from_json
 * refuses (ERR_FORMAT) what ds_wordpiece_read would not take. */
json_t *ds_wordpiece_to_json(const ds_wordpiece *w);
err_code ds_wordpiece_from_json(const json_t *object, ds_wordpiece **out, error *err);

#endif
