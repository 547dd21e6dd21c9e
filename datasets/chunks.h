/* A line cut where words, marks and blanks meet; the codecs of words and of pieces both start from it.
 *
 *     ds_chunker it = {.at = line};
 *     ds_chunk c;
 *     while (ds_chunk_next(&it, &c)) ...
 *
 * Letters and digits that touch are one chunk, with '.' ',' ':' between digits ("10:30"). An apostrophe
 * between letters starts a chunk of its own: "Don" "'t". A run of one and the same mark is a chunk ("..."),
 * every blank is one. Chunks of more than DS_CHUNK_POINTS code points are cut, so that no line takes
 * quadratic time. Side by side the chunks are the line. Not meant for use outside this floor. */
#ifndef DATASETS_CHUNKS_H
#define DATASETS_CHUNKS_H

#include <stdbool.h>
#include <stdint.h>

enum { DS_CHUNK_POINTS = 64 };

typedef enum ds_chunk_kind {
    DS_CHUNK_NONE,    /* before the first one */
    DS_CHUNK_BLANK,   /* one code point */
    DS_CHUNK_LETTERS, /* a word, a number */
    DS_CHUNK_CLITIC,  /* an apostrophe and letters, right behind letters */
    DS_CHUNK_MARK,    /* punctuation, a symbol */
} ds_chunk_kind;

typedef struct ds_chunk {
    ds_chunk_kind kind;
    const char *text; /* in the line, not terminated */
    int32_t size;     /* bytes */
} ds_chunk;

typedef struct ds_chunker {
    const char *at;     /* what is left of the line: well-formed UTF-8 ending in NUL */
    ds_chunk_kind last; /* kind of the chunk before */
} ds_chunker;

bool ds_chunk_next(ds_chunker *it, ds_chunk *out); /* false at the end */

#endif
