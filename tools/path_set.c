#include "tools/path_set.h"

#include <stdlib.h>

static hash128 hash_of(const char *key, size_t length)
{
    hash128 h = hash_bytes(key, length, 0);
    h.lo |= 1; /* never that of a free slot */
    return h;
}

/* The slot of that hash, or the free one where it belongs. */
static hash128 *find(const path_set *s, hash128 h)
{
    size_t at = h.hi & (s->slots - 1);
    while (s->slot[at].lo && (s->slot[at].lo != h.lo || s->slot[at].hi != h.hi))
        at = (at + 1) & (s->slots - 1);
    return &s->slot[at];
}

static bool make_room(path_set *s)
{
    if (s->count < s->slots / 2) return true;
    path_set larger = {.slots = s->slots ? 2 * s->slots : 256};
    larger.slot = calloc(larger.slots, sizeof *larger.slot);
    if (!larger.slot) return false;
    for (size_t i = 0; i < s->slots; i++)
        if (s->slot[i].lo) *find(&larger, s->slot[i]) = s->slot[i];
    free(s->slot);
    s->slot = larger.slot;
    s->slots = larger.slots;
    return true;
}

bool path_set_add(path_set *s, const char *key, size_t length)
{
    if (!make_room(s)) return false;
    hash128 h = hash_of(key, length), *at = find(s, h);
    s->count += !at->lo;
    *at = h;
    return true;
}

bool path_set_has(const path_set *s, const char *key, size_t length)
{
    return s->slots && find(s, hash_of(key, length))->lo;
}

void path_set_release(path_set *s)
{
    free(s->slot);
    *s = (path_set){0};
}
