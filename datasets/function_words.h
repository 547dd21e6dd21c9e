/* English words that a sentence may say again without a reader noticing: articles, prepositions,
 * conjunctions, pronouns, numbers, forms of "to be", "to have" and "to do". All others carry content: said
 * twice in one caption they are a slip ("a dog with a dog"). Lower case, as the tokeniser has them. */
#ifndef DATASETS_FUNCTION_WORDS_H
#define DATASETS_FUNCTION_WORDS_H

#include <stdbool.h>

#include "datasets/vocab.h"

extern const char *const ds_function_words[]; /* up to a NULL */

bool ds_is_function_word(const char *word);

/* Whether a vocabulary is one of English captions: it holds most of the commonest function words. */
bool ds_vocab_is_english(const ds_vocab *v);

#endif
