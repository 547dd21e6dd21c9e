/* Threads that read and decode the next photos while the net is busy with those before them. Memory stays flat:
 * no more than READ_AHEAD photos wait.
 *
 *     read_ahead *r = read_ahead_start(model, &request, path, count, threads);      NULL: read them as they come
 *     for (...) if (read_ahead_take(r, n, list)) ... the next n photos, in their order
 *     read_ahead_stop(&r); */
#ifndef TOOLS_READ_AHEAD_H
#define TOOLS_READ_AHEAD_H

#include "captioner/ahead.h"

enum { READ_AHEAD = 16 };

typedef struct read_ahead read_ahead;

/* The model, the request and the paths must outlive it. threads: 0 = one per CPU. NULL: memory or threads are
 * out. */
read_ahead *read_ahead_start(const cap_model *model, const cap_request *request, const char *const *path,
                             int count, int threads);

/* Waits for the next n photos, at most READ_AHEAD, and moves them to list[n]. */
void read_ahead_take(read_ahead *r, int n, cap_ahead *list);

void read_ahead_stop(read_ahead **r); /* also in the midst; NULL and pointer to NULL are fine */

#endif
