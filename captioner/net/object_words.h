/* Objects as captions name them: a detector's class "tv" is said as "tv", and a caption that tells of a
 * television names it; "hair drier" is said as "hair dryer".
 *
 *     int32_t first, last;
 *     if (cap_object_said(vocab, "traffic light", &first, &last)) ...      the words of its concept
 *
 *     cap_object_names names;
 *     if (cap_object_names_create(&names, vocab, row->class_names, row->classes, &memory, &err)) ...
 *     bool named[80] = {false};
 *     cap_object_names_find(&names, words, count, named);                  of one caption; others add to it
 *
 * The table behind (object_words.c) knows COCO's 80 classes; of others their own names are all that is known.
 */
#ifndef CAPTIONER_OBJECT_WORDS_H
#define CAPTIONER_OBJECT_WORDS_H

#include <stdbool.h>

#include "datasets/vocab.h"
#include "src/base/arena.h"

/* The vocabulary's numbers of the first and the last word by which a class is said; false: it lacks one of
 * them, in all ways of saying it. */
bool cap_object_said(const ds_vocab *vocab, const char *class_name, int32_t *first, int32_t *last);

/* What a class is called in captions: one word, or two in a row. */
typedef struct cap_object_name {
    int32_t first, second; /* word numbers; second: -1 where it is one word */
    int32_t class;
} cap_object_name;

typedef struct cap_object_names {
    int32_t words, classes; /* of the vocabulary; of the detector */
    const int32_t *start; /* [words+1] names that begin with word w: name[start[w] .. start[w+1]-1], those of
                                    two words in front */
    const cap_object_name *name; /* [start[words]] */
} cap_object_names;

/* With plurals; names that need a word which the vocabulary lacks are left out. The lists live in `memory`. */
err_code cap_object_names_create(cap_object_names *n, const ds_vocab *vocab, const char *const *class_names,
                                 int classes, arena *memory, error *err);

/* Sets named[class] of what the first word names, or the first two of `count`; returns how many words that
 * took: 0 (nothing is named), 1 or 2. */
int cap_object_names_at(const cap_object_names *n, const int32_t *words, int count, bool *named);

/* Sets named[class] of every class that a caption of `count` word numbers names. A name of two words hides
 * what its words alone would name: a hot dog is no dog, a teddy bear no bear. */
void cap_object_names_find(const cap_object_names *n, const int32_t *words, int count, bool *named);

#endif
