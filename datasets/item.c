#include "datasets/item.h"

#include <string.h>

err_code ds_item_read(const ds_item *item, const img_read_options *options, img *out, error *err)
{
    if (item->bytes) return img_read_memory(item->bytes, item->size, item->name, options, out, NULL, err);
    return img_read_file(item->name, options, out, NULL, err);
}

err_code ds_items_of_captions(const ds_captions *captions, const char *dir, arena *memory, ds_item **items,
                              error *err)
{
    ds_item *item = arena_array(memory, captions->images, sizeof *item);
    if (!item) return err_no_memory(err, "for the list of photos");
    for (int32_t i = 0; i < captions->images; i++) {
        size_t size = strlen(dir) + strlen(captions->image[i].file_name) + 2;
        char *path = arena_alloc(memory, size);
        if (!path) return err_no_memory(err, "for the list of photos");
        err_code code = ds_image_path(dir, captions->image[i].file_name, path, size, err);
        if (code) return code;
        item[i] = (ds_item){.name = path, .label = -1};
    }
    *items = item;
    return ERR_OK;
}
