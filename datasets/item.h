/* A photo to be decoded: a file, or bytes in memory (an entry of a mapped archive). */
#ifndef DATASETS_ITEM_H
#define DATASETS_ITEM_H

#include "datasets/coco.h"
#include "src/base/arena.h"
#include "src/base/error.h"
#include "src/image/image.h"

#include <stddef.h>
#include <stdint.h>

typedef struct ds_item {
    const char *name;     /* the path of the file; with bytes, a name for messages */
    const uint8_t *bytes; /* [size] the encoded photo; NULL = read the file `name` */
    size_t size;
    int32_t label; /* class index; -1 = none */
} ds_item;

err_code ds_item_read(const ds_item *item, const img_read_options *options, img *out, error *err);

/* One item per image of the captions, in their order; items and paths live in `memory`. */
err_code ds_items_of_captions(const ds_captions *captions, const char *dir, arena *memory, ds_item **items,
                              error *err);

#endif
