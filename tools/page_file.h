/* The page that photos and their captions go to, for verbs that describe:
 *
 *     page_file page = {.path = "holiday"};                   of --page
 *     if (page_file_plan(&page, &files, force, &err)) ...     the name is chosen, nothing is written
 *     if (page_file_begin(&page, model, &err)) ...
 *     page_file_add(&page, photo, &description);              or page_file_add_failed
 *     if (page_file_end(&page, &err)) ...                     the first failure of all these
 *
 * What fails on the way is told at the end, and ends the page alone: photos are described all the same. */
#ifndef TOOLS_PAGE_FILE_H
#define TOOLS_PAGE_FILE_H

#include "captioner/show/page.h"
#include "tools/outputs.h"

typedef struct page_file {
    const char
        *path;  /* a file .html or .htm, or a folder, in which it is index.html; NULL: no page is wanted */
    bool lines; /* see cap_page_options, */
    int side;   /* and there */
    char *file;
    cap_page *page;
    error failed;
} page_file;

/* clang-format off */
#define PAGE_OPTIONS(p)                                                                                      \
    {"page", 'p', OPT_STRING, "DIR", &(p).path,                                                              \
     .help = "a page to look at, DIR/index.html or a file .html: photos, captions, and where each word "     \
             "looked; one file that needs nothing else"},                                                    \
    {"page-side", .kind = OPT_INT, .metavar = "N", .value = &(p).side, .min = 64, .max = 4096,               \
     .help = "with --page: pixels of the longer side of photos"}
/* clang-format on */

/* Is it the name of a page, .html or .htm? */
bool page_file_is_named(const char *path);

/* Where the command line names the page itself (OPT_OUTPUT), there is nothing to plan.
 * Errors: ARGUMENT (a file that is no page of ours lies where the program chose the name, unless `force`; what
 * outputs_writes() refuses), MEMORY, IO. */
err_code page_file_plan(page_file *p, outputs *files, bool force, error *err);
err_code page_file_begin(page_file *p, const char *model_path, error *err);
void page_file_add(page_file *p, const char *photo, const cap_description *d);
void page_file_add_line(page_file *p, int64_t number, const char *sentence, const cap_map *map);
void page_file_add_failed(page_file *p, const char *photo, const error *reason);
err_code page_file_end(page_file *p, error *err);
void page_file_release(page_file *p); /* a page that was not ended is not written */

#endif
