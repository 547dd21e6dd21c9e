#include "src/base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "src/base/bounds.h"

enum { ALIGN = 64, FIRST_BLOCK = 64 << 10, HUGE_PAGE = 2 << 20 };

struct arena_block {
    arena_block *older;
    size_t size, used; /* bytes of payload */
};

static char *payload(arena_block *b)
{
    return (char *)b + ALIGN;
}

/* Large blocks ask for huge pages: a training step walks hundreds of megabytes, and 4 KiB pages miss the TLB.
 * *size is rounded up. */
static void *take_pages(size_t *size)
{
    size_t align = *size >= HUGE_PAGE ? HUGE_PAGE : ALIGN;
    *size = round_up_size(*size, align);
    void *p = aligned_alloc(align, *size);
    if (p && align == HUGE_PAGE) madvise(p, *size, MADV_HUGEPAGE);
    return p;
}

static arena_block *new_block(size_t size)
{
    size_t total = size + ALIGN;
    arena_block *b = take_pages(&total);
    if (!b) return NULL;
    b->older = NULL;
    b->size = total - ALIGN;
    b->used = 0;
    return b;
}

void *arena_alloc(arena *a, size_t bytes)
{
    if (bytes > SIZE_MAX / 4) return NULL;
    size_t need = round_up_size(bytes ? bytes : 1, ALIGN);
    if (a->fail_in > 0 && --a->fail_in == 0) return NULL;
    if (a->limit && a->used + need > a->limit) return NULL;
    arena_block *b = a->blocks;
    if (!b || b->size - b->used < need) {
        size_t size = b ? 2 * b->size : FIRST_BLOCK;
        if (size > 256 << 20) size = 256 << 20;
        b = new_block(need > size ? need : size);
        if (!b) return NULL;
        b->older = a->blocks;
        a->blocks = b;
    }
    void *p = payload(b) + b->used;
    b->used += need;
    a->used += need;
    if (a->used > a->peak) a->peak = a->used;
    return p;
}

void *arena_zalloc(arena *a, size_t bytes)
{
    void *p = arena_alloc(a, bytes);
    if (p) memset(p, 0, bytes);
    return p;
}

void *arena_array(arena *a, size_t count, size_t size)
{
    if (size && count > SIZE_MAX / 4 / size) return NULL;
    return arena_zalloc(a, count * size);
}

char *arena_strndup(arena *a, const char *s, size_t length)
{
    char *copy = arena_alloc(a, length + 1);
    if (!copy) return NULL;
    memcpy(copy, s, length);
    copy[length] = 0;
    return copy;
}

char *arena_strdup(arena *a, const char *s)
{
    return s ? arena_strndup(a, s, strlen(s)) : NULL;
}

arena_mark arena_save(const arena *a)
{
    return (arena_mark){a->blocks, a->blocks ? a->blocks->used : 0, a->used};
}

void arena_rewind(arena *a, arena_mark mark)
{
    while (a->blocks != mark.block) {
        arena_block *older = a->blocks->older;
        free(a->blocks);
        a->blocks = older;
    }
    if (a->blocks) a->blocks->used = mark.block_used;
    a->used = mark.used;
}

/* A round that needed several blocks gets them back as one, so that the next round of the same size allocates
 * nothing. */
void arena_reset(arena *a)
{
    size_t total = 0;
    bool several = a->blocks && a->blocks->older;
    for (arena_block *b = a->blocks; b; b = b->older) total += b->size;
    if (several) {
        arena_mark empty = {0};
        arena_rewind(a, empty);
        a->blocks = new_block(total); /* on failure the next allocation simply starts small again */
    }
    if (a->blocks) a->blocks->used = 0;
    a->used = 0;
}

void arena_release(arena *a)
{
    arena_mark empty = {0};
    arena_rewind(a, empty);
    a->used = 0;
}

void *arena_lasting(size_t bytes)
{
    if (bytes > SIZE_MAX / 4) return NULL;
    size_t size = bytes ? bytes : 1;
    void *p = take_pages(&size);
    if (p) memset(p, 0, bytes);
    return p;
}
