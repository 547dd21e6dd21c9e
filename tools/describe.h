/* caption PHOTO... and caption concepts PHOTO...: what their files share. describe.c reads the command line of
 * the one and goes through the photos, concepts.c reads that of the other, describe_print.c and concepts_print.c
 * say what came out. */
#ifndef TOOLS_DESCRIBE_H
#define TOOLS_DESCRIBE_H

#include <stdio.h>

#include "src/io/json_build.h"
#include "tools/decoding.h"
#include "tools/model_use.h"
#include "tools/overlay_files.h"

typedef struct describe_request {
    const char *doing; /* for the progress: "describing" */
    const char *overlay;
    model_use use;
    decoding decoding;
    bool json, attention, with_path, recursive;
    bool hush; /* say nothing where the model is unsure */
    overlay_files files;
    bool tabs; /* the path first, not the sentence (or what is named) alone */
    FILE *out; /* of sentences: standard error where standard output takes the overlay */
} describe_request;

/* Goes through the photos and folders, and ends the request. The verb's verdict. */
int describe_run(describe_request *q, char **operands, int count);

/* What is wrong with the options that both have in common; NULL: all is well. Sets q->out, and what the request
 * needs for overlays. */
const char *describe_problem(describe_request *q);

/* The lines of a photo; `overlay` is the file that its overlay went to, or NULL. False: out of memory. */
bool describe_print(const describe_request *q, const cap_description *d, const char *path,
                    const char *overlay);

/* The same where only concepts were asked for. */
bool concepts_print(const describe_request *q, const cap_description *d, const char *path,
                    const char *overlay);

/* Puts "concepts", a list, into the root of b. */
void concepts_put(io_json_build *b, const cap_description *d);

/* With --json, the object of a photo that was not described. */
bool describe_print_failed(const describe_request *q, const char *path, const error *reason);

#endif
