/* Folders that are watched for photos which come to lie in them (inotify). A photo is handed out when it is
 * complete: its writer has closed it, or it was moved there, or nothing of it has changed for a while; and again
 * when it has changed.
 *
 *     watcher *w;
 *     if (watch_open(&rules, &w, &err)) ...                  before what is there is listed: nothing slips through
 *     photo_list l = {.enter = ... watch_folder ...};
 *     while (!watch_next(w, stop, NULL, &list, &err) && list.count) ... list.path[0 .. list.count-1] ...
 *     watch_close(&w); */
#ifndef TOOLS_WATCH_H
#define TOOLS_WATCH_H

#include "tools/photo_list.h"

typedef struct watcher watcher;

/* `rules` says whether folders below are watched, too, and what is left out; it must outlive the watcher. */
err_code watch_open(const photo_list *rules, watcher **out, error *err);

/* A folder, not those below it: as `enter` of a photo_list that walks through them it gets all of them, each before
 * it is read. IO, MEMORY; LIMIT: the system watches no more folders. */
err_code watch_folder(watcher *w, const char *folder, size_t root, error *err);

/* A photo that may be in the making still: it is handed out once it rests. */
err_code watch_wait_for(watcher *w, const char *photo, error *err);

/* As it is now the photo is known: what this run wrote into it makes it no new one. MEMORY. */
err_code watch_note(watcher *w, const char *photo, error *err);

/* Was the file changed within the last two seconds? */
bool watch_is_fresh(const char *photo);

/* Waits for photos and adds them to the list, in the order of their names. None: stop() has said so. MISSING: no
 * folder is watched, or none any more. */
err_code watch_next(watcher *w, bool (*stop)(void *), void *ctx, photo_list *list, error *err);

void watch_close(watcher **w); /* NULL and pointer to NULL are fine */

#endif
