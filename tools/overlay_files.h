/* The files that overlays go to: no two photos share one, and no photo is written over. */
#ifndef TOOLS_OVERLAY_FILES_H
#define TOOLS_OVERLAY_FILES_H

#include "captioner/caption.h"

typedef struct overlay_files {
    const char *folder; /* DIR/<name of the photo>.png, DIR/<name>-2.png, ... */
    char **used;        /* names given out, sorted */
    int count, capacity;
} overlay_files;

/* Paints the sheet of a description that kept its photo and writes it to `path`. */
err_code overlay_write(const cap_description *d, const char *photo_path, const char *path, error *err);

/* The same into the folder, which must exist. */
err_code overlay_files_write(overlay_files *f, const cap_description *d, const char *photo_path, error *err);
void overlay_files_release(overlay_files *f);

#endif
