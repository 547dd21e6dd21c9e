/* Keywords of a photo: what a library of photos is searched by.
 *
 *     const char **word;
 *     int count;
 *     if (cap_keywords(&description, 5, false, &memory, &word, &count, &err)) ...
 *     for (int i = 0; i < count; i++) puts(word[i]);                 dog, frisbee, grass, ...
 *
 * They come from what was named in the photo (objects, and words of captions) and from what the sentence says,
 * likeliest first. Said and named counts for more than either: 1 - (1 - said) (1 - named), as if the two were
 * independent. Below CAP_KEYWORD_LEAST nothing is one. Articles, prepositions and words that are in every other
 * caption ("standing", "large") are none, and of one word's singular and plural the likelier one is. */
#ifndef CAPTIONER_KEYWORDS_H
#define CAPTIONER_KEYWORDS_H

#include "captioner/caption.h"
#include "src/base/arena.h"
#include "src/base/error.h"

#define CAP_KEYWORD_LEAST 0.3

/* At most `most` (1..CAP_MAX_KEYWORDS) of them. The sentence of a description that is unsure does not count.
 * `neutral`: in neutral words (neutral.h). The list and its strings live in `memory`. MEMORY. */
err_code cap_keywords(const cap_description *d, int most, bool neutral, arena *memory, const char ***word,
                      int *count, error *err);

#endif
