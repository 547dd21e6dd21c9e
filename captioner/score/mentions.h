/* Does a caption name the objects that most people name? Of the objects (COCO's 80 kinds, by whatever word of
 * captioner/net/object_words.h) that most references of a photo name, the share that its caption names, too.
 * Scores of n-grams pay for every word alike; this asks for the things alone.
 *
 *     cap_mentions m;
 *     if (cap_mentions_start(&m, g.words, g.word_count, &err)) ...
 *     cap_mentions_add(&m, &caption, refs, count);                 for each photo
 *     m.named of m.objects
 *     cap_mentions_release(&m);
 *
 * What one person in five names is a matter of taste, and no caption of ten words names it all; so only what
 * most name is asked for. Used by captioner/score/score.c only. */
#ifndef CAPTIONER_MENTIONS_H
#define CAPTIONER_MENTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "captioner/net/object_words.h"
#include "captioner/score/score_caption.h"

enum { CAP_MENTIONS_LEAST = 3 }; /* so many references must name an object, and more than half of them */

typedef struct cap_mentions {
    int64_t objects; /* that most references of their photo name; */
    int64_t named;   /* of these, that the caption names, too */
    /* private */
    ds_vocab *vocab; /* the words that were given */
    cap_object_names names;
    int32_t *number;       /* [words] a word's number in `vocab` */
    int32_t *line, *votes; /* [CAP_SCORE_MAX_WORDS], [classes] */
    bool *said;            /* [classes] */
    arena memory;
} cap_mentions;

/* word[words]: those that captions are given in, by their numbers. Release *m also after a failure. ERR_MEMORY.
 */
err_code cap_mentions_start(cap_mentions *m, char *const *word, uint32_t words, error *err);
void cap_mentions_release(cap_mentions *m);

/* A photo's caption and its references. Fewer than CAP_MENTIONS_LEAST of these say nothing of most people. */
void cap_mentions_add(cap_mentions *m, const cap_scored *caption, const cap_scored *const *refs,
                      size_t count);

#endif
