/* Workspace: memory of whoever runs a model that outlasts a pass, so that the next pass finds it in place.
 *
 *     workspace w = {0};                               a zeroed one is empty and ready
 *     if (workspace_reserve(&w, threads, slots)) ...   before tasks run
 *     arena *a = workspace_slot(&w, worker, slot);     in a task: empty, as large as it ever had to be
 *     workspace_release(&w);
 *
 * A worker's slots are its own; one workspace serves one pass at a time. */
#ifndef BASE_WORKSPACE_H
#define BASE_WORKSPACE_H

#include <stdint.h>

#include "src/base/arena.h"

typedef struct workspace_slots {
    arena *slot;      /* [count] */
    size_t *reserved; /* [count] bytes held by each */
    int count;
} workspace_slots;

typedef struct workspace {
    workspace_slots *of; /* [workers] */
    int workers;
    uint64_t keeps; /* passes that left something in slots for later: who counts it up knows whether another
                       one has done so since */
} workspace;

/* At least so many workers, each with at least so many slots. False: out of memory. */
bool workspace_reserve(workspace *w, int workers, int slots);

arena *workspace_slot(workspace *w, int worker, int slot);

/* Those slots as a workspace that serves a task by itself, whose worker 0 is `worker`. Reserve that worker
 * before: the view may add slots, not workers. It is borrowed, never released. */
workspace workspace_of_worker(const workspace *w, int worker);

void workspace_release(workspace *w);

#endif
