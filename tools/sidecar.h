/* Captions beside their photos: holiday/a.jpg gets holiday/a.txt, a.caption or a.json.
 *
 *     sidecar s = {.kind = "txt"};
 *     if (sidecar_plan(&s, &files, EXISTING_KEEP, "holiday/a.jpg", &wanted, &err)) ...
 *     if (wanted) sidecar_write(&s, EXISTING_KEEP, "holiday/a.jpg", "a dog runs\n", &err)
 *
 * A text has no room for a mark, as those who read it want the caption alone: what this program wrote is known
 * by an attribute of the file that names its content, "user.caption", so that a caption which somebody
 * corrected is theirs. On file systems without attributes nothing is ours, and nothing is replaced but by
 * --existing replace. JSON carries the mark within, as member "made". */
#ifndef TOOLS_SIDECAR_H
#define TOOLS_SIDECAR_H

#include "src/io/json_build.h"
#include "tools/existing.h"
#include "tools/outputs.h"

#define SIDECAR_KINDS "txt|caption|json|xmp" /* xmp: see metadata.h */

typedef struct sidecar {
    const char *kind; /* one of SIDECAR_KINDS, which is also the ending; NULL: none is wanted */
} sidecar;

bool sidecar_is_json(const sidecar *s);

/* Adds the photo's sidecar to what the run writes. *wanted is false where one is there that stays. Errors:
 * ARGUMENT (no place beside standard input; it is an input of the run, or another photo's sidecar), MEMORY. */
err_code sidecar_plan(const sidecar *s, outputs *files, existing_policy policy, const char *photo,
                      bool *wanted, error *err);

/* Writes it, whole or not at all, unless one that stays has come to be there since. */
err_code sidecar_write(const sidecar *s, existing_policy policy, const char *photo, const char *content,
                       error *err);

/* Puts the mark into the JSON of a description: the program, the model, and which caption they wrote. */
void sidecar_put_mark(io_json_build *b, const char *model);

#endif
