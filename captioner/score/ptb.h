/* Words of a caption as the COCO caption evaluation sees them: the Penn Treebank tokeniser with lower-casing,
 * after which punctuation is removed. Scores are comparable with published ones only with these tokens.
 *
 *     cap_tokens t;
 *     if (cap_ptb_tokens("A man doesn't care.", &memory, &t, &err)) ...
 *     t.token[0..t.count-1]       "a" "man" "does" "n't" "care"
 *
 * The rules, in short (tests/cases/ptb.tsv has an example of each):
 *   - blanks separate; so do no-break and ideographic spaces and every kind of line end;
 *   - clitics split (do n't, dog 's, 't is, y' all), as do cannot, gonna, wanna, gotta, lemme, gimme;
 *   - hyphenated words, and/or, AT&T, o'clock, numbers (1,000 3.14 10:30), web and mail addresses stay whole;
 *   - a dot stays with an abbreviation, an acronym, a single letter, or a word before , ; or :, and is a
 * token of its own otherwise;
 *   - brackets are named (-lrb- -rrb- -lsb- -rsb- -lcb- -rcb-) and stay; other symbols are one token each;
 *   - curly quotes, dashes, fractions and currencies become their ASCII forms; HTML entities are decoded;
 * soft hyphens and zero-width characters vanish; emoji and bytes that are no UTF-8 are dropped. Lower-casing
 * is built in (Latin, Greek, Cyrillic, Armenian) so that every build scores alike. */
#ifndef CAPTIONER_PTB_H
#define CAPTIONER_PTB_H

#include <stddef.h>

#include "src/base/arena.h"
#include "src/base/error.h"

enum { CAP_PTB_MAX_BYTES = 1 << 20 }; /* a longer caption is refused with ERR_LIMIT */

typedef struct cap_tokens {
    const char **token; /* [count] UTF-8, in the caller's arena */
    size_t count;
} cap_tokens;

/* The tokens that are scored. `caption` is UTF-8 ending in NUL. Fails with ERR_MEMORY or ERR_LIMIT only. */
err_code cap_ptb_tokens(const char *caption, arena *a, cap_tokens *out, error *err);

/* Every token, also punctuation that is not scored: . ? ! , : ; - -- ... ` `` ' '' */
err_code cap_ptb_split(const char *caption, arena *a, cap_tokens *out, error *err);

#endif
