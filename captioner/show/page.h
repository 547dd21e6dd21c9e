/* Pages: photos with what was said of them, or lines with their translations, as one HTML file, which needs
 * nothing else and loads nothing from anywhere.
 *
 *     cap_page *page;
 *     cap_page_options o = {.program = "caption 0.1.0", .model = "my.safetensors"};
 *     if (cap_page_open("index.html", &o, &page, &err)) ...
 *     cap_page_add(page, "a.jpg", &description, &err);          it kept its photo, and has attention
 *     cap_page_add_failed(page, "b.jpg", "not a photo", &err);
 *     if (cap_page_close(&page, &err)) ...                      now the file is there, whole
 *
 * The photos are written as they come, so memory does not grow with their number. What the page shows and how
 * is in captioner/show/page: photos.html and lines.html are the frames, whose names in double braces are filled
 * in here. */
#ifndef CAPTIONER_PAGE_H
#define CAPTIONER_PAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "captioner/caption.h"
#include "captioner/show/alignment.h"
#include "src/base/error.h"

typedef struct cap_page_options {
    const char *program; /* who made it: "caption 0.1.0"; it and the next must outlive the page */
    const char *model;   /* what it is called, for people */
    bool lines;          /* the page is one of lines, not of photos */
    int side;            /* pixels of the longer side of photos, 64..4096; 0 = CAP_PAGE_SIDE */
} cap_page_options;

enum { CAP_PAGE_SIDE = 480 }; /* 1,000 photos stay below 60 MB */

typedef struct cap_page cap_page;

/* The file is written whole or not at all; what was there stays until the page is closed. Errors: ARGUMENT
 * (a side out of range), IO, MISSING, MEMORY; then *out is NULL. */
err_code cap_page_open(const char *path, const cap_page_options *o, cap_page **out, error *err);

/* After an error the page is good for nothing but cap_page_abort(). ARGUMENT: the description has no photo. */
err_code cap_page_add(cap_page *p, const char *path, const cap_description *d, error *err);
err_code cap_page_add_failed(cap_page *p, const char *path, const char *reason, error *err);

/* Of a page of lines: the map of line `number`, and what it was translated to. */
err_code cap_page_add_line(cap_page *p, int64_t number, const char *sentence, const cap_map *map, error *err);

err_code cap_page_close(cap_page **p, error *err); /* *p is NULL then, also after an error */
void cap_page_abort(cap_page **p);                 /* NULL and pointer to NULL are fine */

/* Do the first `size` bytes of a file say that a page of `program` (up to a blank: "caption") begins? */
bool cap_page_is_ours(const char *bytes, size_t size, const char *program);

#endif
