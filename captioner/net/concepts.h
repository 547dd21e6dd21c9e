/* Concepts: what small nets can name in a photo, "dog" 0.93 in this box, "grass" 0.4, "running" 0.2. To the
 * decoder a concept is one more encoder state beside the regions: made of its word's embedding, of who named
 * it, how sure it was, and where.
 *
 * Namers (namer.h) make them of photos; training draws them for captions that have no photo. */
#ifndef CAPTIONER_CONCEPTS_H
#define CAPTIONER_CONCEPTS_H

#include <stdint.h>

/* Who names, in the order of the namers' table; the numbers are in files of models. */
typedef enum cap_namer_kind {
    CAP_NAMER_OBJECTS, /* a detector: things with boxes */
    CAP_NAMER_WORDS,   /* a head on the encoder's features: words of captions */
    CAP_NAMERS
} cap_namer_kind;

typedef struct cap_concept {
    int32_t first,
        last;      /* numbers in the vocabulary of the first and the last word of its name: "traffic light";
                            one and the same for a single word */
    int32_t namer; /* a cap_namer_kind */
    float confidence; /* 0..1 */
    float box[4];     /* left, top, right, bottom as shares of the photo's width and height; all 0: none */
} cap_concept;

/* Those of M photos. */
typedef struct cap_concepts {
    int memories, most;      /* M; K: room for each photo's */
    const cap_concept *list; /* [M][K], of which the first count[m] are there */
    const int32_t *count;    /* [M] 0..K */
} cap_concepts;

#endif
