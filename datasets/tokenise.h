/* The model's word tokeniser: a caption as the words a model learns and says.
 *
 *     ds_tokens t;
 *     if (ds_tokenise("The dog's ball, isn't it?", &memory, &t, &err)) ...    the dog 's ball is n't it
 *     text sentence = {0};
 *     ds_detokenise(t.word, t.count, &sentence);                              the dog's ball isn't it
 *
 * Lower case; blanks and punctuation separate and are dropped. Kept: hyphens and apostrophes inside a word
 * ("t-shirt", "o'clock"); '.' ',' ':' between digits ("10:30"). The clitics 's 're 've 'll 'd 'm n't become
 * words of their own, as in the references of the scores. HTML entities are decoded; curly apostrophes and
 * Unicode hyphens become ASCII, zero-width characters vanish, malformed UTF-8 becomes U+FFFD, which counts as
 * a letter. No locale, no settings: one text, one list of words. */
#ifndef DATASETS_TOKENISE_H
#define DATASETS_TOKENISE_H

#include "src/base/arena.h"
#include "src/base/error.h"
#include "src/base/text.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct ds_tokens {
    const char **word; /* [count], NUL-terminated UTF-8 */
    int32_t count;
} ds_tokens;

/* Words and list live in `memory`; texts over 16 MiB are refused (ERR_LIMIT). */
err_code ds_tokenise(const char *utf8, arena *memory, ds_tokens *out, error *err);

/* Appends the words joined by blanks, clitics without one; no capital, no full stop. */
void ds_detokenise(const char *const *word, int32_t count, text *out);

/* Does the caption tell left from right, so that a mirrored photo would make it false? */
bool ds_says_side(const char *const *word, int32_t count);

#endif
