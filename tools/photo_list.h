/* The photos a command line names: files as they are, folders as the photos in them.
 *
 *     photo_list list = {0};
 *     for each operand: if (photo_list_add(&list, operand, &err)) ...
 *     list.path[0 .. list.count-1]
 *     photo_list_release(&list);
 *
 * "-" stays "-". A folder stands for its files whose names end in .jpg .jpeg .png or .webp (any case), in
 * bytewise order of names, hidden ones and folders in it left out. */
#ifndef TOOLS_PHOTO_LIST_H
#define TOOLS_PHOTO_LIST_H

#include <stddef.h>
#include <stdint.h>

#include "src/base/arena.h"
#include "src/base/error.h"

typedef struct photo_list {
    const char **path; /* [count] */
    int count, capacity;
    arena memory;
} photo_list;

/* Errors: MISSING (a folder without photos), IO, MEMORY. Files are not looked at: reading them will tell. */
err_code photo_list_add(photo_list *l, const char *operand, error *err);
void photo_list_release(photo_list *l);

/* The bytes of standard input, for the operand "-"; the caller frees them. */
err_code photo_from_input(uint8_t **bytes, size_t *size, error *err);

#endif
