/* Photos sorted into class folders, for training an encoder: PATH/PREFIX/<class>/<photo>, where PATH is a
 * folder or a .tar archive. An archive is mapped and the photos are read from it in place.
 *
 *     ds_folders f;
 *     if (ds_folders_open("tiny_imagenet_200.tar", "tiny_imagenet/train", &f, &err)) ...
 *     f.item[i].label names class f.class_name[...]
 *     ds_folders_close(&f);
 *
 * Photos are files whose names end as those of a format that this build reads (img_format_of_name), with no dot in front;
 * other files, and those deeper or less deep, are passed over. Classes and photos are sorted bytewise by name. */
#ifndef DATASETS_FOLDERS_H
#define DATASETS_FOLDERS_H

#include <stdbool.h>

#include "datasets/item.h"
#include "src/io/file.h"

typedef struct ds_folders {
    ds_item *item; /* [items] sorted by class, then name */
    int32_t items;
    const char **class_name; /* [classes] */
    int32_t classes;
    io_map map; /* the archive; the items point into it */
    arena memory;
} ds_folders;

/* prefix may be NULL or "". No photo at all is ERR_MISSING. On failure *out is empty. */
err_code ds_folders_open(const char *path, const char *prefix, ds_folders *out, error *err);
void ds_folders_close(ds_folders *f);

/* Is a file of this name (no folders in it) a photo, by the rule above? */
bool ds_is_photo_name(const char *name);

#endif
