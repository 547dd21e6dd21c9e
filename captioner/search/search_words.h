/* Words of people as numbers of a vocabulary, for the rules of a search.
 *
 *     cap_word_lists lists;                            must live as long as the options
 *     cap_search_options o = cap_search_defaults();
 *     if (cap_search_words(vocab, record, must, avoid, &lists, &o, &err)) ...
 */
#ifndef CAPTIONER_SEARCH_WORDS_H
#define CAPTIONER_SEARCH_WORDS_H

#include <jansson.h>

#include "captioner/search/search.h"
#include "datasets/codec.h"
#include "datasets/vocab.h"
#include "src/io/json_build.h"

typedef struct cap_word_lists {
    int32_t must[CAP_MAX_MUST], avoid[CAP_MAX_AVOID], dangling[CAP_MAX_DANGLING], again[CAP_MAX_AGAIN];
} cap_word_lists;

/* Sets must, avoid, dangling and again of *o. `must` and `avoid` end with NULL, or are NULL; their case does not
 * matter. A word that must appear has to be one of the vocabulary; of words to avoid and of dangling ones
 * those that it lacks are passed over. Dangling words are the array "dangling" of the model's record (may be
 * NULL); when it has none, English articles, prepositions, conjunctions and forms of "to be". Words that may
 * be said again are the array "again" of the record; when it has none, those of datasets/function_words.h
 * where the vocabulary is an English one, and else there is no such rule. Errors:
 * ARGUMENT (a text that is not one word, an unknown word, too many, wanted and avoided at once), FORMAT (the
 * record), MEMORY. */
err_code cap_search_words(const ds_vocab *vocab, const json_t *record, const char *const *must,
                          const char *const *avoid, cap_word_lists *lists, cap_search_options *o, error *err);

/* Sets must and avoid of *o for texts: words as the codec of the target has them, case and all. Each has to
 * be one word of its vocabulary to be forced; to be avoided, one that has several is passed over like one it
 * lacks. There are no dangling words, and none that is said but once: a text may end with any, and say any
 * as often as it likes. */
err_code cap_search_symbols(const ds_codec *codec, const char *const *must, const char *const *avoid,
                            cap_word_lists *lists, cap_search_options *o, error *err);

/* Writes the default lists, as far as the vocabulary has their words, into a record without "dangling" or
 * "again". */
void cap_search_record_words(const ds_vocab *vocab, io_json_build *b, json_t *record);

#endif
