/* The manifest of --skip-done: a file that lists the photos which are done, so that the next run passes them
 * over. A photo that has changed since (size or time) is done no longer. Runs that are killed leave it sound.
 *
 *     done_list d = {.path = "done.tsv"};
 *     if (done_list_open(&d, &err)) ...
 *     if (done_list_has(&d, "holiday/a.jpg", &done, &err)) ...
 *     if (done_list_note(&d, "holiday/a.jpg", &err)) ...      its results are written
 *     if (done_list_write(&d, &err)) ...                      and so are those of its group
 *     if (done_list_close(&d, &err)) ...
 *
 * A line is size in bytes, tab, time of the last change in nanoseconds, tab, path. Paths in the folder that
 * the manifest lies in, and below it, begin there, so that a tree can be moved with its manifest; others are
 * absolute. */
#ifndef TOOLS_DONE_LIST_H
#define TOOLS_DONE_LIST_H

#include <stdbool.h>

#include "src/base/text.h"
#include "tools/line_log.h"
#include "tools/path_set.h"

typedef struct done_list {
    const char *path; /* NULL: none is wanted */
    line_log log;
    path_set lines;              /* without their ends */
    char *folder;                /* of the manifest, with a slash at its end */
    text noted;                  /* lines that wait for done_list_write */
    char *last_from, *last_real; /* the folder that was resolved last, and what it is */
} done_list;

err_code done_list_open(done_list *d, error *err); /* errors: see line_log.h; ARGUMENT: no manifest */
err_code done_list_has(done_list *d, const char *photo, bool *done, error *err); /* MEMORY */
err_code done_list_note(done_list *d, const char *photo, error *err);            /* MEMORY */
err_code done_list_write(done_list *d, error *err);
err_code done_list_close(done_list *d, error *err); /* one that is not open is fine */

#endif
