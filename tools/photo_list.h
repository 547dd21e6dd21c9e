/* The photos a command line names: files as they are, folders as the photos in them.
 *
 *     photo_list list = {.recursive = true, .complain = complain, .ctx = job};
 *     for each operand: if (photo_list_add(&list, operand, &err)) ...
 *     list.path[0 .. list.count-1]; passed_over_tell(&list.passed, &line);
 *     photo_list_release(&list);
 *
 * "-" stays "-". A folder stands for its files whose names say that they are photos (ds_is_photo_name), in
 * bytewise order of their paths; with `recursive` also for those in the folders below it. Hidden files and
 * folders are left out, links to folders are not followed, and what is no file (a pipe would keep a batch
 * waiting for ever) is passed over and counted, as other pictures are. What the command line itself names is
 * taken as it is. Of a raw file and the picture that the camera made of it, a.CR2 and a.JPG, the picture alone
 * is listed.
 *
 * A glob without a slash is held against names, one with a slash against paths from the folder named on the
 * command line; one that ends in a slash leaves out folders alone. */
#ifndef TOOLS_PHOTO_LIST_H
#define TOOLS_PHOTO_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/arena.h"
#include "src/base/error.h"
#include "tools/passed_over.h"

typedef struct photo_list {
    /* set by the caller */
    bool recursive;
    const char *const *exclude; /* globs, up to NULL; or NULL: what they match is left out of folders */
    void (*complain)(void *ctx, const error *reason); /* a folder below cannot be read; may be NULL */
    void *ctx;

    /* Told each folder before it is read; `root` are the bytes of its path before what globs see. NULL: nobody */
    err_code (*enter)(void *ctx, const char *folder, size_t root, error *err);

    const char **path; /* [count] */
    int count;
    int64_t capacity;
    passed_over passed; /* in all folders so far */
    int looked_at;      /* entries of folders below that were counted only */
    arena memory;
} photo_list;

/* Errors: MISSING (a folder without photos), IO, MEMORY. Files are not looked at: reading them will tell. */
err_code photo_list_add(photo_list *l, const char *operand, error *err);

/* Adds what a list of paths names, one a line, or each with a NUL behind it; "-" is standard input. Folders without
 * photos are complained of. IO, MEMORY. */
err_code photo_list_add_from(photo_list *l, const char *path, bool nul, error *err);
void photo_list_release(photo_list *l);

/* A folder below one that is listed: globs see of paths what is behind their first `root` bytes. */
err_code photo_list_add_folder(photo_list *l, const char *folder, size_t root, error *err);

/* Would a folder with this entry, at path = FOLDER/name, list it, or be walked on into it? */
bool photo_list_takes(const photo_list *l, const char *path, size_t root, bool is_dir);

/* The bytes of standard input, for the operand "-"; the caller frees them. */
err_code photo_from_input(uint8_t **bytes, size_t *size, error *err);

#endif
