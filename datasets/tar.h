/* Entries of a tar archive in memory (POSIX ustar; the older v7 form too). Nothing is unpacked or copied.
 *
 *     ds_tar t = {.bytes = map.data, .size = map.size, .name = path};
 *     ds_tar_entry e;
 *     bool more;
 *     while (!(code = ds_tar_next(&t, &e, &more, &err)) && more) use(e.name, e.bytes, e.size);
 *
 * Every header's checksum is checked and every entry must lie inside the archive (ERR_FORMAT). Long-name and
 * pax headers are refused (ERR_UNSUPPORTED): pack with `tar --format=ustar`. */
#ifndef DATASETS_TAR_H
#define DATASETS_TAR_H

#include "src/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ds_tar {
    const uint8_t *bytes;
    size_t size, at; /* at = the next header */
    const char *name;
} ds_tar;

typedef struct ds_tar_entry {
    char name[257]; /* folder/file */
    const uint8_t *bytes;
    size_t size;
} ds_tar_entry;

/* The next regular file; *more is false at the end. */
err_code ds_tar_next(ds_tar *t, ds_tar_entry *entry, bool *more, error *err);

#endif
