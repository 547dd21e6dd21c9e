/* The two halves of draw.h, words and objects: what each measures, and how it draws from it. Shared by
 * draw*.c alone. */
#ifndef CAPTIONER_TRAIN_DRAW_PARTS_H
#define CAPTIONER_TRAIN_DRAW_PARTS_H

#include "captioner/net/namer.h"
#include "captioner/net/object_words.h"
#include "captioner/train/draw.h"

enum {
    DRAW_LEVELS = 4,     /* a word is said by 1, 2, 3, or 4 and more captions */
    DRAW_SAID = 256,     /* words of one photo or group */
    DRAW_SEEN = 512,     /* sightings of a namer in one photo or group */
    DRAW_CLASSES = 1024, /* of a detector */
    DRAW_FEW = 6,        /* a pool with fewer is joined with its neighbours */
    DRAW_OWN = 30        /* photos of the groups' style that make a measure of their own */
};

/* A word of the namer, and how many captions have it. */
typedef struct draw_word {
    int32_t word, count;
    int32_t last; /* while counting: the caption that had it last */
} draw_word;

/* Captions of images, contiguous. */
typedef struct draw_captions {
    const ds_encoded *encoded;
    const int32_t *first, *count; /* of each image or photo */
} draw_captions;

/* What the parts measure from. */
typedef struct draw_photos {
    const cap_named *named;
    draw_captions captions; /* by places in `named`; photos without captions have none */
    const bool *own;        /* [photos] of the groups' style */
    int32_t photos, owns;
} draw_photos;

/* ---- words ---- */

/* Scores by level: of level b score[start[b] .. start[b+1]-1]. */
typedef struct draw_pool {
    int64_t start[DRAW_LEVELS + 1];
    float *score;
} draw_pool;

typedef struct draw_words {
    const cap_namer *namer;
    int32_t words;       /* W */
    int32_t *of_vocab;   /* [vocabulary] the namer's word of a number; -1: none */
    int64_t *said_start; /* [photos+1] */
    draw_word *said;     /* by word: what the captions of a photo say */
    int64_t *start;      /* [W * DRAW_LEVELS + 1] */
    float *score;        /* of word w at level b: score[start[w * DRAW_LEVELS + b] ..] */
    draw_pool all, own;  /* of all words: in all photos, in those of the groups' style */
    double recall[DRAW_LEVELS], own_recall[DRAW_LEVELS], thin[DRAW_LEVELS];
    int64_t *twice_start;     /* [W+1] */
    int32_t *twice;           /* photos of which two captions or more have the word */
    int64_t *false_start;     /* [photos+1] */
    cap_sighting *false_word; /* named and not said, the surest first */
    int64_t said_room, false_room;
} draw_words;

err_code draw_words_measure(draw_words *w, const draw_photos *p, const ds_vocab *vocab, arena *memory,
                            error *err);
void draw_words_release(draw_words *w);

/* The words of an image's captions, sorted; out[DRAW_SAID]. Returns how many. */
int draw_words_count(const draw_words *w, const draw_captions *c, int32_t image, draw_word *out);

/* Sightings into out[DRAW_SEEN], in no order. Returns how many. */
int draw_words_group(const draw_words *w, const draw_word *said, int count, int donor, rng *r,
                     cap_sighting *out);

/* How much a photo says of what a group says. */
int draw_words_overlap(const draw_words *w, const draw_word *said, int count, int photo);

/* ---- objects ---- */

/* What the detector found of one object: found[of .. of+count-1], indices into those of cap_named. */
typedef struct draw_run {
    int64_t of;
    int32_t count;
} draw_run;

typedef struct draw_runs {
    draw_run *run;
    int64_t count, room;
    int64_t met; /* those with something found */
} draw_runs;

typedef struct draw_objects {
    const cap_namer *namer;
    const cap_named *named;
    int32_t classes, person; /* -1: it knows none */
    cap_object_names names;
    draw_runs cell[2][2]; /* a person or not, named in the captions or not */
    draw_runs wrong;      /* one a photo: what is not there */
    int64_t *found;
    int64_t founds, found_room;
    bool known; /* from lists of objects, not from captions */
    const ds_captions_only *groups;
} draw_objects;

err_code draw_objects_measure(draw_objects *o, const draw_photos *p, const cap_draw_source *s, arena *memory,
                              error *err);
void draw_objects_release(draw_objects *o);
int draw_objects_group(const draw_objects *o, const draw_captions *c, int32_t group, rng *r,
                       cap_sighting *out);

#endif
