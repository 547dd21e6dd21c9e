/* The word level of datasets/codec.h: a line as words and marks with joiners. Not meant for use outside this
 * floor. */
#ifndef DATASETS_CODEC_WORD_H
#define DATASETS_CODEC_WORD_H

#include "src/base/text.h"

#include <stdbool.h>

#define DS_JOINER "\xEF\xBF\xAD" /* U+FFED: no blank on this side */

enum { DS_JOINER_BYTES = 3 };

/* Takes each token of the line, NUL-terminated, until it returns false. `line` is well-formed UTF-8. */
typedef bool (*ds_token_taker)(void *ctx, const char *token);
bool ds_words_of_line(const char *line, ds_token_taker take,
                      void *ctx); /* false when memory is out, or taken */

/* Appends one token to a line; *open is whether the token before asked for no blank (true at the start). */
void ds_word_join(const char *token, bool *open, text *line);

/* Appends the token without its joiners. */
void ds_word_label(const char *token, text *out);

#endif
