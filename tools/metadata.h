/* Captions in photo files, or in XMP files beside them: holiday/a.jpg.xmp.
 *
 *     metadata m = {.in_file = true};
 *     if (metadata_plan(&m, &files, EXISTING_KEEP, "a.jpg", &wanted, &err)) ...
 *     const metadata_words words = {"a dog runs", keyword, 2, NULL, "built-in", 0.8};
 *     if (wanted && metadata_write(&m, EXISTING_KEEP, "a.jpg", &words, &err)) ...
 *
 * What is written, and what stays, src/meta/meta.h says. A file is written to a temporary beside it, which is
 * renamed; one that somebody else has changed meanwhile is left alone. */
#ifndef TOOLS_METADATA_H
#define TOOLS_METADATA_H

#include "tools/existing.h"
#include "tools/outputs.h"

typedef struct metadata {
    bool in_file, beside; /* where; both are fine */
    bool keep_times;      /* the time of a photo's last change stays */
    int keywords;         /* wanted of each photo; 0: none */
} metadata;

typedef struct metadata_words {
    const char *sentence; /* NULL: none is to be written */
    const char *const *keyword;
    int keywords;
    const char *lang; /* of the sentence; NULL: nobody has said it */
    const char *model;
    double confidence;
} metadata_words;

/* Is there something to write? Adds the XMP file to what the run writes. Errors: ARGUMENT (standard input, or the XMP
 * file is an input of the run), those of reading the photo, MEMORY. */
err_code metadata_plan(const metadata *m, outputs *files, existing_policy policy, const char *photo,
                       bool *wanted, error *err);

/* Errors: those of reading and writing, FORMAT (metadata that cannot be understood: they are left alone), LIMIT (no
 * room), MEMORY. */
err_code metadata_write(const metadata *m, existing_policy policy, const char *photo,
                        const metadata_words *words, error *err);

#endif
