/* Concepts for training: those of photos, and those of captions that have no photo, for which they are drawn
 * as the namers would give them.
 *
 * A namer sees "dog" the more surely the more of a photo's captions say dog; and what it sees wrongly comes
 * together (a dog in the snow that is none, with "running" and "jumping"). Both are measured on photos with
 * captions, and drawn from:
 *
 *   words     of a word that k of the group's captions have (4 and more count as 4), the score that the word
 *             had in some photo of which k captions have it; where there are few of them, also those where k
 *             is one off, and where there are still few, those of all words. False ones, which no caption
 *             says, come together from the donor.
 *   objects   for each that is listed, what the detector found of it in some photo that is known to have it:
 *             persons apart from others, those that the captions name apart from those they pass over. False
 *             ones come together from one photo. Where nobody listed the objects, the captions' are taken.
 *   donor     a photo with captions that says the most of the group's words, out of a few that share one or
 *             are of the group's style. Its regions may be lent to the group.
 *
 * Photos of the captions' own style are better measures than others: of the namer of words, which knows the
 * others better, words are thinned out by the ratio of the two recalls; and what is in a photo is known where
 * the captions without photos list the objects of a photo of that id. Without such photos the captions'
 * objects are taken for what is in a photo.
 *
 *     cap_draw *d;
 *     if (cap_draw_create(&source, &d, &err)) ...
 *     cap_draw_tell(d, events->say, events->ctx);
 *     for each row of a step, in any thread:
 *         rng r = cap_draw_rng(seed, step, row);
 *         int photo = cap_draw_donor(d, group, &r);
 *         int count = cap_draw_group(d, group, photo, &r, list);            or cap_draw_photo(d, photo, list)
 *         count = cap_draw_drop(&rates, &r, list, count);
 *     cap_draw_free(&d);
 *
 * What is drawn is a function of seed, step and row alone. A cap_draw is never changed after it was made:
 * threads may share it. */
#ifndef CAPTIONER_TRAIN_DRAW_H
#define CAPTIONER_TRAIN_DRAW_H

#include "captioner/net/concepts.h"
#include "captioner/train/named.h"
#include "datasets/captions_only.h"
#include "datasets/encode.h"
#include "src/base/error.h"
#include "src/base/rng.h"

struct cap_namer; /* captioner/net/namer.h */

/* What is measured and what is drawn for; all of it borrowed until cap_draw_free. */
typedef struct cap_draw_source {
    const struct cap_namer *namers; /* [CAP_NAMERS] the model's: thresholds, words */
    const ds_vocab *vocab;

    /* Photos with captions. */
    const cap_named *named;
    const ds_encoded *captions; /* of the photos, by images */
    const int32_t *photo; /* [captions->images] of `named`; more than one image may be of a photo, and the
                                   first is taken; NULL: image i is photo i */
    const int32_t *style; /* [named->photos] of the decoder's styles; NULL: all of one */
    const int64_t *id;    /* [named->photos] by which `groups` may know it; NULL: not known */

    /* Captions without photos, in groups: an image of both is one. NULL: there are none. */
    const ds_captions_only *groups; /* its objects, numbered as the detector's classes; not its texts */
    const ds_encoded *group_captions;
    int32_t group_style;
} cap_draw_source;

typedef struct cap_draw cap_draw;

/* Measures. *d is set on success only. Errors: MEMORY. */
err_code cap_draw_create(const cap_draw_source *source, cap_draw **d, error *err);
void cap_draw_free(cap_draw **d); /* NULL and pointer to NULL are fine */

/* Says in a few lines what was measured; `say` may be NULL. */
void cap_draw_tell(const cap_draw *d, void (*say)(void *ctx, const char *line), void *ctx);

/* Room for the concepts of a photo or a group. */
int cap_draw_most(const cap_draw *d);

/* The random numbers of a row. */
rng cap_draw_rng(uint64_t seed, uint64_t step, uint32_t row);

/* A photo of `named`. */
int cap_draw_donor(const cap_draw *d, int32_t group, rng *r);

/* Fills list[cap_draw_most()] and returns how many there are: those of objects and then those of words, each
 * the surest first, as many and as sure as the namers' settings want them. */
int cap_draw_group(const cap_draw *d, int32_t group, int donor, rng *r, cap_concept *list);

/* Those that the namers gave for a photo of `named`. */
int cap_draw_photo(const cap_draw *d, int photo, cap_concept *list);

/* ---- leaving out ---- */

/* How likely it is, 0..1, that something is left out, so that the decoder learns to do without. */
typedef struct cap_drop_rates {
    double concept; /* each one; default 0.08 */
    double namer;   /* all of a namer; default 0.08 */
    double all;     /* all of them; default 0.05 */
} cap_drop_rates;

cap_drop_rates cap_drop_defaults(void);

/* Takes some out of list[count]; returns how many are left, in their order. */
int cap_draw_drop(const cap_drop_rates *rates, rng *r, cap_concept *list, int count);

#endif
