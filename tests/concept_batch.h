/* Three photos with what is named in them, for tests of decoders of concepts: beside the captions of
 * text_batch.h. golden/concept_nets.py has the same ones. */
#ifndef TESTS_CONCEPT_BATCH_H
#define TESTS_CONCEPT_BATCH_H

#include <math.h>

#include "captioner/net/concepts.h"
#include "captioner/net/object_words.h"
#include "tests/text_batch.h"

enum {
    CONCEPT_PHOTOS = TEXT_SOURCES,
    CONCEPT_REGIONS = 2,
    CONCEPT_FEATURES = 3,
    CONCEPT_MOST = 3,
    CONCEPT_STYLES = 2
};

#define CONCEPT_LEFT_OVER                                                                                    \
    {                                                                                                        \
        7, 7, CAP_NAMER_OBJECTS, 0.7f,                                                                       \
        {                                                                                                    \
            0, 0, 1, 1                                                                                       \
        }                                                                                                    \
    } /* behind the end: not to be read */

/* A name of one word and one of two; with a box and without; nothing at all in the second photo. */
static const cap_concept concept_list[CONCEPT_PHOTOS][CONCEPT_MOST] = {
    {{4, 4, CAP_NAMER_OBJECTS, 0.9f, {0.125f, 0.25f, 0.625f, 0.75f}},
     {6, 6, CAP_NAMER_WORDS, 0.3f, {0}},
     CONCEPT_LEFT_OVER},
    {CONCEPT_LEFT_OVER, CONCEPT_LEFT_OVER, CONCEPT_LEFT_OVER},
    {{5, 7, CAP_NAMER_OBJECTS, 0.5f, {0, 0, 1, 0.5f}},
     {6, 6, CAP_NAMER_WORDS, 0.8f, {0}},
     {4, 4, CAP_NAMER_WORDS, 0.2f, {0}}}};
static const int32_t concept_count[CONCEPT_PHOTOS] = {2, 0, 3}, concept_style[CONCEPT_PHOTOS] = {2, 0, 1};
static const cap_concepts concept_batch_named = {CONCEPT_PHOTOS, CONCEPT_MOST, &concept_list[0][0],
                                                 concept_count};

/* Of two classes: the first is called 4, the second 5, or 5 7. */
static const int32_t concept_objects_start[TEXT_VOCABULARY + 1] = {0, 0, 0, 0, 0, 1, 3, 3, 3};
static const cap_object_name concept_objects_name[] = {{4, -1, 0}, {5, 7, 1}, {5, -1, 1}};
static const cap_object_names concept_objects = {TEXT_VOCABULARY, 2, concept_objects_start,
                                                 concept_objects_name};

/* Regions [photos, regions, features] of a formula. */
static inline void concept_batch_regions(real *x)
{
    for (int i = 0; i < CONCEPT_PHOTOS * CONCEPT_REGIONS * CONCEPT_FEATURES; i++)
        x[i] = (real)sin(0.9 * (double)i + 2);
}

/* The photos with their regions, which may be NULL. */
static inline cap_encoded concept_batch(nn_var *regions)
{
    return (cap_encoded){.states = regions,
                         .memories = CONCEPT_PHOTOS,
                         .concepts = &concept_batch_named,
                         .style = concept_style};
}

#endif
