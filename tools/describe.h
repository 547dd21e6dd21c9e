/* caption PHOTO... and caption concepts PHOTO...: what their files share. describe.c reads the command line of
 * the one, concepts.c that of the other; describe_run.c goes through the photos, describe_print.c and
 * concepts_print.c say what came out, and sinks.c writes it into files. */
#ifndef TOOLS_DESCRIBE_H
#define TOOLS_DESCRIBE_H

#include <stdio.h>

#include "src/io/json_build.h"
#include "tools/chained.h"
#include "tools/decoding.h"
#include "tools/done_list.h"
#include "tools/look.h"
#include "tools/metadata.h"
#include "tools/model_use.h"
#include "tools/overlay_files.h"
#include "tools/page_file.h"
#include "tools/record_file.h"
#include "tools/sidecar.h"

enum { DESCRIBE_GLOBS = 64 };

typedef struct describe_request {
    const char *doing; /* for the progress: "describing" */
    const char *overlay;
    model_use use;
    decoding decoding;
    chained chained;
    bool json, attention, with_path, recursive;
    const char *exclude[DESCRIBE_GLOBS + 1]; /* globs of files and folders that are left out, up to NULL */
    const char *list;                        /* a file of paths; NULL: there is none */
    bool nul;                                /* with a NUL behind each */
    const char *stream;                      /* a file of pictures, one after another; NULL: there is none */
    double every;                            /* seconds between those that are described, at least */
    bool watch;                              /* go on with photos that come to lie in the folders */
    bool hush;                               /* say nothing where the model is unsure */
    const char *prefix, *suffix;             /* what goes before and behind every sentence; NULL: nothing */
    overlay_files files;
    page_file page;
    look look;
    const char *existing;   /* the word, and */
    existing_policy policy; /* what it means */
    sidecar sidecar;
    metadata metadata;
    record_file records;
    done_list done;
    bool silent; /* sentences go to files, not to standard output */
    bool tabs;   /* the path first, not the sentence (or what is named) alone */
    FILE *out;   /* of sentences: standard error where standard output takes the overlay */
} describe_request;

/* What both verbs do with their command lines:
 *
 *     describe_request q = describe_defaults("describing", overlay_words);
 *     const opt options[] = {MODEL_OPTIONS(q.use, q.decoding.request), PHOTO_OPTIONS(q), FORCE_OPTION(q), {0}};
 *     opt_command command = describe_command("", about, options, examples);
 *     if (!describe_begin(&q, &command, &argc, argv, &verdict)) return verdict;     see verb_begin
 *     return describe_run(&q, argv + 1, argc - 1); */
describe_request describe_defaults(const char *doing, overlay_painter *painter);
opt_command describe_command(const char *name, const char *about, const opt *options, const char *examples);
bool describe_begin(describe_request *q, opt_command *command, int *argc, char **argv, int *verdict);

/* clang-format off */
#define PHOTO_OPTIONS(q)                                                                                     \
    {"Photos", .kind = OPT_GROUP},                                                                           \
    {"recursive", 'r', OPT_FLAG, .value = &(q).recursive,                                                    \
     .help = "of a folder, also the photos in the folders below it"},                                        \
    {"exclude", .kind = OPT_LIST, .metavar = "GLOB", .value = (q).exclude, .max = DESCRIBE_GLOBS,            \
     .help = "of folders, leave out files and folders of such names, or, with a slash in it, of such paths " \
             "from the folder on: '*.png', 'raw/', '2019/*/small/'; may be given several times"},           \
    {"files-from", .kind = OPT_INPUT, .metavar = "FILE", .value = &(q).list,                                 \
     .help = "take photos and folders from this list, too, one a line; -: from standard input"},             \
    {"null", '0', OPT_FLAG, .value = &(q).nul,                                                               \
     .help = "paths in that list end in a NUL, as 'find -print0' writes them"}
#define FORCE_OPTION(q)                                                                                      \
    {"force", 'f', OPT_FLAG, .value = &(q).files.force,                                                      \
     .help = "with --overlay-dir and --page: replace files that caption did not make, too"}
/* clang-format on */

/* Goes through the photos and folders, and ends the request. The verb's verdict. */
int describe_run(describe_request *q, char **operands, int count);

/* Appends the sentence as it is said everywhere. False: out of memory. */
bool describe_say(const describe_request *q, const cap_alternative *a, text *out);

/* Is nothing to be said, as the model is unsure? */
bool describe_is_hushed(const describe_request *q, const cap_description *d);

/* The object of --json. */
io_json_build describe_build(const describe_request *q, const cap_description *d, const char *path,
                             const char *overlay);

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
