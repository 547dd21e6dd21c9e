#include "src/base/workspace.h"

#include <stdlib.h>
#include <string.h>

static bool grow_slots(workspace_slots *s, int count)
{
    if (count <= s->count) return true;
    arena *slot = realloc(s->slot, (size_t)count * sizeof *slot);
    if (slot) s->slot = slot;
    size_t *reserved = realloc(s->reserved, (size_t)count * sizeof *reserved);
    if (reserved) s->reserved = reserved;
    if (!slot || !reserved) return false;
    size_t more = (size_t)(count - s->count);
    memset(slot + s->count, 0, more * sizeof *slot);
    memset(reserved + s->count, 0, more * sizeof *reserved);
    s->count = count;
    return true;
}

bool workspace_reserve(workspace *w, int workers, int slots)
{
    if (workers > w->workers) {
        workspace_slots *of = realloc(w->of, (size_t)workers * sizeof *of);
        if (!of) return false;
        memset(of + w->workers, 0, (size_t)(workers - w->workers) * sizeof *of);
        w->of = of;
        w->workers = workers;
    }
    for (int i = 0; i < workers; i++)
        if (!grow_slots(&w->of[i], slots)) return false;
    return true;
}

/* An empty arena that holds in one piece what it ever needed: an arena that grows inside a round gives the
 * new piece back at the next rewind, and fresh pages cost more than the convolution they serve. */
arena *workspace_slot(workspace *w, int worker, int slot)
{
    workspace_slots *s = &w->of[worker];
    arena *a = &s->slot[slot];
    if (a->peak > s->reserved[slot]) {
        s->reserved[slot] = a->peak;
        arena_release(a);
        arena_alloc(a, a->peak); /* on failure the user's first allocation fails again, and tells */
    }
    arena_reset(a);
    return a;
}

workspace workspace_of_worker(const workspace *w, int worker)
{
    return (workspace){.of = &w->of[worker], .workers = 1};
}

void workspace_release(workspace *w)
{
    for (int i = 0; i < w->workers; i++) {
        for (int k = 0; k < w->of[i].count; k++) arena_release(&w->of[i].slot[k]);
        free(w->of[i].slot);
        free(w->of[i].reserved);
    }
    free(w->of);
    *w = (workspace){0};
}
