/* The files that overlays go to. Those of a folder are named after their photos, DIR/a.jpg.png for x/a.jpg,
 * or DIR/a.jpg-1f2e3d4c.png where that name is the overlay of another a.jpg: the mark in the file tells, so a
 * photo finds its own overlay again. A file without our mark is left alone, and so is what the run reads. */
#ifndef TOOLS_OVERLAY_FILES_H
#define TOOLS_OVERLAY_FILES_H

#include "captioner/caption.h"
#include "captioner/show/overlay.h"
#include "src/image/image.h"
#include "tools/outputs.h"

/* How overlays look, as the command line says it. */
typedef struct overlay_look {
    const char *style; /* one of cap_overlay_style_names */
    const char *words; /* "all", "content" or "auto": all in pictures, content in a terminal */
    int width;         /* of a panel; 0: as fits */
    int columns;       /* 0: as fits */
} overlay_look;

overlay_look overlay_look_defaults(void);

/* What is wrong with looks where no overlay is wanted: they would change nothing. NULL: all is well. */
const char *overlay_look_problem(const overlay_look *look, bool wanted);

/* As options of captioner/show/overlay.h, for a description; what is shown is `in_terminal`, or a picture. The
 * caller frees *boxes. MEMORY. */
err_code overlay_look_options(const overlay_look *look, const cap_description *d, bool in_terminal,
                              cap_overlay_options *options, cap_overlay_box **boxes, error *err);

/* The sheet of a description that kept its photo. */
err_code overlay_sheet(const cap_overlay_options *options, const cap_description *d, img *out, error *err);

/* clang-format off */
#define OVERLAY_LOOK_OPTIONS(look)                                                                           \
    {"overlay-style", .kind = OPT_CHOICE, .metavar = "heat|veil|boxes", .value = &(look).style,              \
     .help = "of overlays: colours that show on dark photos, too; a veil that is open where a word looked; " \
             "or the object that it looked at in a box, and heat where it looked at none"},                  \
    {"overlay-words", .kind = OPT_CHOICE, .metavar = "auto|all|content", .value = &(look).words,                  \
     .help = "content: leave out words that mean little by themselves, like 'a' and 'of'; auto: in a "        \
             "terminal alone"},                                                                              \
    {"overlay-width", .kind = OPT_INT, .metavar = "N", .value = &(look).width, .min = 0, .max = 4096,        \
     .help = "pixels of each picture of an overlay, 64 at least; 0: 320, and more where photos are wide"},   \
    {"overlay-columns", .kind = OPT_INT, .metavar = "N", .value = &(look).columns, .min = 0, .max = 1000,    \
     .help = "pictures side by side; 0: as fits a screen"}
/* clang-format on */

/* Paints the picture of a description that kept its photo. */
typedef err_code overlay_painter(const overlay_look *look, const cap_description *d, img *out, error *err);

overlay_painter overlay_words;    /* the sheet of where each word looked */
overlay_painter overlay_concepts; /* the photo with the boxes of what was named */

typedef struct overlay_files {
    overlay_painter *paint;
    overlay_look look;
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
err_code overlay_write(overlay_painter *paint, const overlay_look *look, const cap_description *d,
                       const char *photo_path, const char *path, error *err);

/* What is wrong with `path` (may be NULL) for an overlay: one that goes to standard output wants it alone.
 * NULL: all is well. */
const char *overlay_output_problem(const char *path, bool json);

/* Is the file an overlay that this program made? */
bool overlay_is_ours(const char *path);

#endif
