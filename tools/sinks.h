/* Where descriptions go besides standard output and overlays: files beside the photos, in them, or one file
 * for all. Each kind is a row. A photo that has all of it already is not described again.
 *
 *     if (sinks_open(q, &files, &err)) ...
 *     if (sinks_plan(q, &files, "a.jpg", &wants, refused, ctx, &err)) ...    wants: a bit for each row
 *     if (sinks_put(q, &description, "a.jpg", wants, refused, ctx, &err)) ...
 *     if (sinks_close(q, &err)) ...
 */
#ifndef TOOLS_SINKS_H
#define TOOLS_SINKS_H

#include "tools/describe.h"
#include "tools/outputs.h"

typedef struct sink {
    const char *name, *names; /* what it writes, one and several: "sidecar", "sidecars" */
    bool (*is_on)(const describe_request *q);

    /* Before any photo; NULL: there is nothing to open. */
    err_code (*open)(describe_request *q, error *err);

    /* Is there something to write for this photo? *wants is false where it has it already. What is written is
     * added to `files`. Errors: MEMORY ends the run, any other means that this photo gets none. */
    err_code (*plan)(describe_request *q, outputs *files, const char *photo, bool *wants, error *err);

    /* Errors as above. */
    err_code (*put)(describe_request *q, const cap_description *d, const char *photo, error *err);

    /* After all photos; NULL: nothing to close. Also after a failed open. */
    err_code (*close)(describe_request *q, error *err);
} sink;

enum { SINKS = 3 };
extern const sink *const sinks[SINKS];

typedef uint32_t sink_set; /* bit i: sinks[i] */

/* Told why a photo gets nothing of a kind. */
typedef void sinks_refused(void *ctx, int kind, const error *reason);

sink_set sinks_on(const describe_request *q);
err_code sinks_open(describe_request *q, error *err);
err_code sinks_plan(describe_request *q, outputs *files, const char *photo, sink_set *wants,
                    sinks_refused *refused, void *ctx, error *err);

/* *all: nothing was refused. MEMORY alone is an error. */
err_code sinks_put(describe_request *q, const cap_description *d, const char *photo, sink_set wants,
                   sinks_refused *refused, void *ctx, bool *all, error *err);
err_code sinks_close(describe_request *q, error *err);

#endif
