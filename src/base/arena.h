/* Arena: memory that is taken piece by piece and given back all at once.
 *
 *     arena a = {0};                       a zeroed arena is empty and ready
 *     float *x = arena_alloc(&a, bytes);   64-byte aligned, contents undefined; NULL when memory is out
 *     arena_reset(&a);                     everything is free again, the memory is kept for the next round
 *     arena_release(&a);                   the memory goes back to the system
 *
 * Not thread-safe: one arena, one thread at a time. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

typedef struct arena_block arena_block;

typedef struct arena {
    arena_block *blocks; /* newest first */
    size_t used;         /* bytes handed out since the last reset, alignment included */
    size_t peak;         /* largest `used` ever */
    size_t limit;        /* bytes at most; 0 = no limit */
    long fail_in;        /* tests: the fail_in-th allocation from now fails; 0 = never */
} arena;

typedef struct arena_mark {
    arena_block *block;
    size_t block_used, used;
} arena_mark;

void *arena_alloc(arena *a, size_t bytes);
void *arena_zalloc(arena *a, size_t bytes);             /* zero-filled */
void *arena_array(arena *a, size_t count, size_t size); /* zero-filled, overflow-checked */
char *arena_strdup(arena *a, const char *s);            /* NULL in, NULL out */
char *arena_strndup(arena *a, const char *s, size_t length);

/* Everything allocated after the mark is free again after the rewind. */
arena_mark arena_save(const arena *a);
void arena_rewind(arena *a, arena_mark mark);

void arena_reset(arena *a);
void arena_release(arena *a);

/* Memory outside any arena, for free(), that every step walks through: zeroed, at a multiple of 64 bytes, and
 * in large pages where Linux gives them and it fills one. NULL when memory is out. */
void *arena_lasting(size_t bytes);

#endif
