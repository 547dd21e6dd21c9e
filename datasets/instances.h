/* Objects of photos with their boxes, from a JSON file in COCO's form, whose further keys are ignored:
 *
 *   {"images": [{"id", "width", "height"}], "categories": [{"id", "name"}],
 *    "annotations": [{"image_id", "category_id", "bbox": [left, top, width, height]}]}
 *
 *     ds_instances objects;
 *     if (ds_instances_read("instances_val.json", &objects, &err)) ...
 *     const ds_boxed_image *image = ds_instances_find(&objects, id);
 *     for (int32_t i = 0; image && i < image->count; i++)
 *         use(objects.object[image->first + i].box);
 *     ds_instances_release(&objects);
 *
 * One annotation is held at a time, so that outlines, which are most of such a file, take no memory.
 *
 * Refused (ERR_FORMAT, with the place: "annotations[12]: 'bbox' is missing"): malformed JSON, missing keys,
 * wrong types, ids beyond 2^53, two images or two categories with one id, boxes that are no four numbers or
 * have a negative side. Counted and left out: annotations of an image or a category that the file does not
 * name. */
#ifndef DATASETS_INSTANCES_H
#define DATASETS_INSTANCES_H

#include "src/base/error.h"

#include <stddef.h>
#include <stdint.h>

typedef struct ds_category {
    int64_t id;
    const char *name; /* "traffic light" */
} ds_category;

typedef struct ds_object {
    int32_t category; /* place in category[] */
    float box[4];     /* left, top, right, bottom as shares of the photo's width and height, within 0..1 */
} ds_object;

typedef struct ds_boxed_image {
    int64_t id;
    int32_t width, height; /* pixels */
    int32_t first, count;  /* its objects are object[first .. first+count-1] */
} ds_boxed_image;

typedef struct ds_instances {
    ds_category *category; /* [categories] by rising id */
    ds_boxed_image *image; /* [images] by rising id */
    ds_object *object;     /* [objects] by image, in file order within each */
    char *texts;           /* what the names point into */
    int32_t categories, images, objects;
    int32_t unknown; /* annotations left out because the file lacks their image or category */
} ds_instances;

/* Reads a file, or a text in memory (`name` for messages). On failure *out is empty. */
err_code ds_instances_read(const char *path, ds_instances *out, error *err);
err_code ds_instances_parse(const char *text, size_t size, const char *name, ds_instances *out, error *err);
void ds_instances_release(ds_instances *o);

/* The image with this id; NULL: there is none. */
const ds_boxed_image *ds_instances_find(const ds_instances *o, int64_t id);

#endif
