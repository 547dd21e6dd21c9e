/* Do words look where their things are? The pointing game: of the words that name an object of the photo, how
 * many have their strongest encoder state inside one of the object's boxes?
 *
 *     cap_grounding g;
 *     if (cap_grounding_start(&g, &objects, vocab, &memory, &err)) ...
 *     cap_points_of(&d, at);                                 where the words of a description looked
 *     if (cap_grounding_add(&g, d.best.word, at, d.best.words, image, &err)) ...
 *     cap_grounding_inside(&g), cap_grounding_chance(&g), cap_grounding_centre(&g)
 *
 * Zhang et al. 2016, "Top-down Neural Attention by Excitation Backprop", section 4.1, without their margin of
 * 15 pixels. Two numbers beside it say what looking costs nothing: a point anywhere in the photo, and its
 * centre, where photographers put things. */
#ifndef CAPTIONER_GROUNDING_H
#define CAPTIONER_GROUNDING_H

#include <stdint.h>

#include "captioner/caption.h"
#include "captioner/net/object_words.h"
#include "datasets/instances.h"

/* A place in a photo, as shares of its width and height, 0..1. */
typedef struct cap_point {
    float x, y;
} cap_point;

typedef struct cap_grounding {
    int64_t words;               /* that name an object of their photo; a name of two words counts once */
    int64_t inside;              /* of these, whose strongest state is in one of its boxes; */
    int64_t centre;              /* in whose boxes the centre of the photo is */
    double area;                 /* sum over the words: the share of the photo that the boxes cover */
    const ds_instances *objects; /* borrowed */
    const ds_vocab *vocab;       /* borrowed */
    cap_object_names names;
} cap_grounding;

/* The objects of photos, and the words in which captions name them (captioner/net/object_words.h); `memory`
 * holds what is made of them, and must outlive *g. ERR_MEMORY. */
err_code cap_grounding_start(cap_grounding *g, const ds_instances *objects, const ds_vocab *vocab,
                             arena *memory, error *err);

/* at[best.words]: the centre of the region that each word of the description looked at most, or of the box of
 * the concept, where it looked at one more than at any region. States without a place (concepts without a box,
 * and the one that stands for what was not named) are passed over; (-1, -1), outside of the photo, where none
 * has a place. False: the description came without attention, and nothing is written. */
bool cap_points_of(const cap_description *d, cap_point *at);

/* word[words] of a caption of an image, at[words] where each looked. A name of two words ("traffic light")
 * looks where its second word does. An image that `objects` lacks adds nothing. ERR_MEMORY. */
err_code cap_grounding_add(cap_grounding *g, const char *const *word, const cap_point *at, int words,
                           int64_t image, error *err);

/* 0..1; 0 without words. */
double cap_grounding_inside(const cap_grounding *g);
double cap_grounding_chance(const cap_grounding *g); /* a point drawn evenly from the photo */
double cap_grounding_centre(const cap_grounding *g);

#endif
