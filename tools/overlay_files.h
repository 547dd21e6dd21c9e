/* The files that overlays go to. Those of a folder are named after their photos, DIR/a.jpg.png for x/a.jpg,
 * or DIR/a.jpg-1f2e3d4c.png where that name is the overlay of another a.jpg: the mark in the file tells, so a
 * photo finds its own overlay again. A file without our mark is left alone, and so is what the run reads. */
#ifndef TOOLS_OVERLAY_FILES_H
#define TOOLS_OVERLAY_FILES_H

#include "captioner/caption.h"
#include "src/image/image.h"
#include "tools/outputs.h"

/* Paints the picture of a description that kept its photo. */
typedef err_code overlay_painter(const cap_description *d, img *out, error *err);

overlay_painter overlay_words;    /* the sheet of where each word looked */
overlay_painter overlay_concepts; /* the photo with the boxes of what was named */

typedef struct overlay_files {
    overlay_painter *paint;
    const char *folder;
    bool force;        /* replace what is not ours, too */
    const char **path; /* of each photo's overlay; NULL: none, the reason has been told */
    arena memory;
} overlay_files;

typedef void overlay_refused(void *ctx, const error *reason);

/* Chooses the names, and adds them to what the run writes; tells `refused` why some photos get none. Nothing
 * is written. The paths of the photos must lie in `files` already. MEMORY. */
err_code overlay_files_plan(overlay_files *f, outputs *files, const char *const *photo, int count,
                            overlay_refused *refused, void *ctx, error *err);

/* Paints the overlay of photo i into its file; the folder must exist. ARGUMENT: a file that is not ours has
 * come to lie there since. */
err_code overlay_files_write(const overlay_files *f, int i, const cap_description *d, const char *photo_path,
                             error *err);
void overlay_files_release(overlay_files *f);

/* Paints the overlay of a description and writes it to `path`, "-" for standard output. */
err_code overlay_write(overlay_painter *paint, const cap_description *d, const char *photo_path,
                       const char *path, error *err);

/* What is wrong with `path` (may be NULL) for an overlay: one that goes to standard output wants it alone.
 * NULL: all is well. */
const char *overlay_output_problem(const char *path, bool json);

/* Is the file an overlay that this program made? */
bool overlay_is_ours(const char *path);

#endif
