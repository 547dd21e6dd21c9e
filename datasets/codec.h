/* Codec: how a line of text becomes numbers and numbers become a line again. Three levels:
 *
 *   word    words and punctuation marks, case kept. A mark that touches its neighbour carries a joiner
 * (U+FFED) on that side, so the line comes back as it was: "Don't stop!" = "Don" "J't" "stop" "J!" with J for
 *           the joiner. Blanks in a row become one; words not learned become <unk>.
 *   char    one code point, one number. The line comes back exactly.
 *   bpe     pieces of words, learned by byte-pair encoding (Sennrich, Haddow, Birch: "Neural machine
 *           translation of rare words with subword units", 2016): starting from code points, the most
 * frequent pair of neighbours within a word becomes one piece, `size` times. A blank belongs to the word
 * after it, as U+2581. The line comes back exactly as long as its code points were all seen in learning.
 *
 *     ds_codec_settings s;
 *     if (ds_codec_settings_parse("bpe:8000", &s, &err)) ...
 *     ds_codec *codec;
 *     if (ds_codec_learn(&s, lines, count, &codec, &err)) ...
 *     int32_t *ids, n;
 *     ds_codec_encode(codec, "Two dogs run.", &memory, &ids, &n, &err);
 *     text line = {0};
 *     ds_codec_decode(codec, ids, n, &line);
 *     ds_codec_free(&codec);
 *
 * One set of lines gives one codec, whatever the machine. A codec is never changed after it was made: threads
 * may share it. */
#ifndef DATASETS_CODEC_H
#define DATASETS_CODEC_H

#include "datasets/vocab.h"
#include "src/base/arena.h"
#include "src/base/error.h"
#include "src/base/text.h"

#include <jansson.h>
#include <stdint.h>

typedef enum ds_level {
    DS_WORD,   /* words, blanks between them */
    DS_CHAR,   /* code points */
    DS_BPE,    /* pieces of words, found by byte-pair encoding */
    DS_LEVELS, /* how many there are */
} ds_level;

enum { DS_BPE_MOST = 1000000 }; /* merges at most */

typedef struct ds_codec_settings {
    ds_level level;
    int32_t size;      /* bpe: merges, 1..DS_BPE_MOST. word, char: entries of the vocabulary at most, the four
                          special ones included; 0 = no limit */
    int64_t min_count; /* rarer words and pieces are left out (a rare piece is spelled with smaller ones); 0
                          or 1 keeps all */
} ds_codec_settings;

typedef struct ds_codec ds_codec;

/* "word", "char" or "bpe:8000"; min_count becomes 1. ERR_ARGUMENT for anything else. */
err_code ds_codec_settings_parse(const char *name, ds_codec_settings *out, error *err);
const char *ds_level_name(ds_level level); /* "word", "char", "bpe" */

/* From lines of well-formed UTF-8, as ds_pairs has them. *out is set on success only and freed by the caller.
 */
err_code ds_codec_learn(const ds_codec_settings *settings, const char *const *lines, int32_t count,
                        ds_codec **out, error *err);
void ds_codec_free(ds_codec **c); /* NULL and pointer to NULL are fine */

/* The line's numbers, without <start> and <end>, in `memory`; unknown ones are DS_UNK, malformed bytes count
 * as U+FFFD. An empty line has none. */
err_code ds_codec_encode(const ds_codec *c, const char *utf8, arena *memory, int32_t **ids, int32_t *count,
                         error *err);

/* Appends the line. The specials <pad>, <start> and <end> are passed over; <unk> is written as it is called.
 */
void ds_codec_decode(const ds_codec *c, const int32_t *ids, int32_t count, text *out);

/* Appends what a reader should see for one number, as the label of an attention map: a word without joiners,
 * a piece that continues a word with U+00B7 in front, a blank as U+2423, <end> as U+00B6 and <unk> as it is
 * called.
 */
void ds_codec_label(const ds_codec *c, int32_t id, text *out);

ds_level ds_codec_level(const ds_codec *c);
int32_t ds_codec_merges(const ds_codec *c); /* bpe: merges learned, at most the size asked for; else 0 */
const ds_vocab *ds_codec_vocab(const ds_codec *c);

/* {"level": "bpe", "vocabulary": [...], "merges": ["a b", ...]}. to_json gives a new reference, NULL when
 * memory is out; from_json refuses (ERR_FORMAT) what to_json would not have written. */
json_t *ds_codec_to_json(const ds_codec *c);
err_code ds_codec_from_json(const json_t *object, ds_codec **out, error *err);

#endif
