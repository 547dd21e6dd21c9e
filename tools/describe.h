/* caption PHOTO...: what its files share. describe.c reads the command line and goes through the photos,
 * describe_print.c says what came out. */
#ifndef TOOLS_DESCRIBE_H
#define TOOLS_DESCRIBE_H

#include <stdio.h>

#include "tools/decoding.h"
#include "tools/model_use.h"
#include "tools/overlay_files.h"

typedef struct describe_request {
    const char *overlay;
    model_use use;
    decoding decoding;
    bool json, attention, with_path, recursive;
    bool hush; /* say nothing where the model is unsure */
    overlay_files files;
    bool tabs; /* path and sentence, not the sentence alone */
    FILE *out; /* of sentences: standard error where standard output takes the overlay */
} describe_request;

/* The lines of a photo; `overlay` is the file that its overlay went to, or NULL. False: out of memory. */
bool describe_print(const describe_request *q, const cap_description *d, const char *path,
                    const char *overlay);

/* With --json, the object of a photo that was not described. */
bool describe_print_failed(const describe_request *q, const char *path, const error *reason);

#endif
