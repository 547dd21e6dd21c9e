/* A walk along sentences: a decoder's state for many rows, kept between words outside the tape's arena, whose
 * marks can be rewound after every word. Rows may be dropped, doubled and moved on the way, as a beam does.
 *
 *     cap_walk w = {.tape = t, .decoder = d, .memory = m, .mem = &mem, .most = 12};
 *     cap_walk_begin(&w, memory_of, rows);
 *     cap_step s = cap_walk_step(&w, memory_of, words);           as often as there are words
 *     cap_walk_keep(&w, &s, from, rows);                          row i goes on from row from[i] of the step
 *
 * A failure shows on the tape. */
#ifndef CAPTIONER_WALK_H
#define CAPTIONER_WALK_H

#include "captioner/net/decoder.h"
#include "src/base/arena.h"

typedef struct cap_walk_part {
    int rank, dim[NN_MAX_RANK]; /* dim[0]: rows */
    real *data;
    size_t room; /* numbers that `data` can hold */
} cap_walk_part;

typedef struct cap_walk {
    nn_tape *tape;
    const cap_decoder *decoder;
    const cap_memory *memory;
    arena *mem; /* of the copies */
    int most;   /* rows there can ever be */
    int rows, parts;
    cap_walk_part part[CAP_MAX_PARTS];
} cap_walk;

/* memory_of[rows], or NULL: row n looks at memory n. */
void cap_walk_begin(cap_walk *w, const int32_t *memory_of, int rows);
cap_step cap_walk_step(const cap_walk *w, const int32_t *memory_of, const int32_t *word);
void cap_walk_keep(cap_walk *w, const cap_step *s, const int32_t *from, int rows);

#endif
