#include "datasets/instances.h"

#include "datasets/json_stream.h"
#include "src/base/list.h"
#include "src/io/file.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct raw_category {
    int64_t id;
    size_t name; /* offset into texts, which move while they grow */
} raw_category;

typedef struct raw_object {
    int64_t image_id, category_id;
    int32_t image, category; /* places; -1: the file has no such one */
    float box[4];            /* left, top, width, height in pixels */
} raw_object;

/* What has been read so far. */
typedef struct reader {
    ds_json_stream json;
    raw_category *category;
    ds_boxed_image *image;
    raw_object *object;
    char *texts;
    int32_t categories, images, objects;
    size_t texts_size;
    int64_t category_capacity, image_capacity, object_capacity, texts_capacity;
    bool has_categories, has_images, has_annotations;
} reader;

static err_code no_memory(const reader *r, error *err)
{
    return err_no_memory(err, "while reading '%s'", r->json.name);
}

/* ---- elements ---- */

static err_code read_category(void *ctx, const json_t *category, const char *place, error *err)
{
    reader *r = ctx;
    const char *name;
    int64_t id = 0;
    err_code code = ds_json_id(&r->json, category, place, "id", &id, err);
    if (!code) code = ds_json_text(&r->json, category, place, "name", &name, err);
    if (code) return code;
    size_t size = strlen(name) + 1;
    if (!LIST_ROOM(r->texts, r->texts_size, size, r->texts_capacity) ||
        !LIST_ROOM(r->category, r->categories, 1, r->category_capacity))
        return no_memory(r, err);
    memcpy(r->texts + r->texts_size, name, size);
    r->category[r->categories++] = (raw_category){id, r->texts_size};
    r->texts_size += size;
    return ERR_OK;
}

static err_code read_side(const reader *r, const json_t *image, const char *place, const char *key,
                          int32_t *side, error *err)
{
    int64_t value = 0;
    err_code code = ds_json_id(&r->json, image, place, key, &value, err);
    if (!code && (value < 1 || value > INT32_MAX))
        return ds_json_wrong_key(&r->json, place, key, "is no number of pixels", err);
    *side = (int32_t)value;
    return code;
}

static err_code read_image(void *ctx, const json_t *image, const char *place, error *err)
{
    reader *r = ctx;
    ds_boxed_image new = {0};
    err_code code = ds_json_id(&r->json, image, place, "id", &new.id, err);
    if (!code) code = read_side(r, image, place, "width", &new.width, err);
    if (!code) code = read_side(r, image, place, "height", &new.height, err);
    if (code) return code;
    if (!LIST_ROOM(r->image, r->images, 1, r->image_capacity)) return no_memory(r, err);
    r->image[r->images++] = new;
    return ERR_OK;
}

static err_code read_box(const reader *r, const json_t *annotation, const char *place, float box[4],
                         error *err)
{
    const json_t *list = json_object_get(annotation, "bbox");
    if (!list) return ds_json_wrong_key(&r->json, place, "bbox", "is missing", err);
    for (size_t i = 0; i < 4; i++) {
        const json_t *number = json_array_get(list, i);
        box[i] = (float)json_number_value(number);
        if (!json_is_number(number) || json_array_size(list) != 4 || !isfinite(box[i]))
            return ds_json_wrong_key(&r->json, place, "bbox", "is no list of four numbers", err);
    }
    if (box[2] < 0 || box[3] < 0)
        return ds_json_wrong_key(&r->json, place, "bbox", "has a negative side", err);
    return ERR_OK;
}

static err_code read_object(void *ctx, const json_t *annotation, const char *place, error *err)
{
    reader *r = ctx;
    raw_object new = {.image = -1, .category = -1};
    err_code code = ds_json_id(&r->json, annotation, place, "image_id", &new.image_id, err);
    if (!code) code = ds_json_id(&r->json, annotation, place, "category_id", &new.category_id, err);
    if (!code) code = read_box(r, annotation, place, new.box, err);
    if (code) return code;
    if (!LIST_ROOM(r->object, r->objects, 1, r->object_capacity)) return no_memory(r, err);
    r->object[r->objects++] = new;
    return ERR_OK;
}

/* ---- members ---- */

static err_code read_member(void *ctx, const char *key, error *err)
{
    reader *r = ctx;
    const struct {
        const char *key;
        bool *seen;
        ds_json_element take;
    } list[] = {{"categories", &r->has_categories, read_category},
                {"images", &r->has_images, read_image},
                {"annotations", &r->has_annotations, read_object}};
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        if (strcmp(key, list[i].key) != 0) continue;
        if (*list[i].seen)
            return err_set(err, ERR_FORMAT, "cannot read '%s': two keys '%s'", r->json.name, key);
        *list[i].seen = true;
        return ds_json_objects(&r->json, key, list[i].take, r, err);
    }
    return ds_json_skip(&r->json, "", err);
}

static err_code read_document(reader *r, error *err)
{
    err_code code = ds_json_document(&r->json, read_member, r, err);
    if (code) return code;
    const char *lacks = !r->has_images        ? "images"
                        : !r->has_categories  ? "categories"
                        : !r->has_annotations ? "annotations"
                                              : NULL;
    if (lacks) return err_set(err, ERR_FORMAT, "cannot read '%s': '%s' is missing", r->json.name, lacks);
    return ERR_OK;
}

/* ---- order ---- */

/* Images and categories both begin with their id. */
static int by_id(const void *left, const void *right)
{
    const int64_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

static err_code sort_by_id(const reader *r, void *list, int32_t count, size_t size, const char *key,
                           error *err)
{
    char *at = list;
    if (count) qsort(list, count, size, by_id);
    for (int32_t i = 1; i < count; i++, at += size) {
        if (by_id(at, at + size)) continue;
        int64_t id;
        memcpy(&id, at, sizeof id);
        return err_set(err, ERR_FORMAT, "cannot read '%s': two %s have the id %" PRId64, r->json.name, key,
                       id);
    }
    return ERR_OK;
}

/* The place of the one with this id; -1: there is none. */
static int32_t find_place(const void *list, int32_t count, size_t size, int64_t id)
{
    const char *found = count ? bsearch(&id, list, count, size, by_id) : NULL;
    return found ? (int32_t)((size_t)(found - (const char *)list) / size) : -1;
}

static err_code place_categories(const reader *r, ds_instances *out, error *err)
{
    err_code code = sort_by_id(r, r->category, r->categories, sizeof *r->category, "categories", err);
    if (code) return code;
    out->category = calloc((size_t)r->categories + 1, sizeof *out->category);
    if (!out->category) return no_memory(r, err);
    out->categories = r->categories;
    for (int32_t i = 0; i < r->categories; i++)
        out->category[i] = (ds_category){r->category[i].id, out->texts + r->category[i].name};
    return ERR_OK;
}

static float share(float pixels, int32_t side)
{
    return fminf(fmaxf(pixels / (float)side, 0), 1);
}

static ds_object finish_object(const raw_object *raw, const ds_boxed_image *image)
{
    const float *b = raw->box;
    return (ds_object){.category = raw->category,
                       .box = {share(b[0], image->width), share(b[1], image->height),
                               share(b[0] + b[2], image->width), share(b[1] + b[3], image->height)}};
}

/* Counting sort by image. */
static err_code place_objects(const reader *r, ds_instances *out, error *err)
{
    out->object = calloc((size_t)r->objects + 1, sizeof *out->object);
    if (!out->object) return no_memory(r, err);
    for (int32_t i = 0; i < r->objects; i++) {
        raw_object *raw = &r->object[i];
        raw->image = find_place(out->image, out->images, sizeof *out->image, raw->image_id);
        raw->category = find_place(out->category, out->categories, sizeof *out->category, raw->category_id);
        if (raw->image >= 0 && raw->category >= 0)
            out->image[raw->image].count++;
        else
            out->unknown++;
    }
    for (int32_t i = 0; i < out->images; i++) {
        out->image[i].first = out->objects;
        out->objects += out->image[i].count;
        out->image[i].count = 0;
    }
    for (int32_t i = 0; i < r->objects; i++) {
        const raw_object *raw = &r->object[i];
        if (raw->image < 0 || raw->category < 0) continue;
        ds_boxed_image *image = &out->image[raw->image];
        out->object[image->first + image->count++] = finish_object(raw, image);
    }
    return ERR_OK;
}

err_code ds_instances_parse(const char *text, size_t size, const char *name, ds_instances *out, error *err)
{
    reader r = {.json = {.text = text, .size = size, .name = name}};
    *out = (ds_instances){0};
    err_code code = read_document(&r, err);
    out->texts = r.texts;
    out->image = r.image;
    out->images = r.images;
    if (!code) code = sort_by_id(&r, r.image, r.images, sizeof *r.image, "images", err);
    if (!code) code = place_categories(&r, out, err);
    if (!code) code = place_objects(&r, out, err);
    free(r.category);
    free(r.object);
    if (code) ds_instances_release(out);
    return code;
}

err_code ds_instances_read(const char *path, ds_instances *out, error *err)
{
    io_map map;
    *out = (ds_instances){0};
    err_code code = io_map_open(&map, path, err);
    if (code) return code;
    code = ds_instances_parse((const char *)map.data, map.size, path, out, err);
    io_map_close(&map);
    return code;
}

void ds_instances_release(ds_instances *o)
{
    free(o->category);
    free(o->image);
    free(o->object);
    free(o->texts);
    *o = (ds_instances){0};
}

const ds_boxed_image *ds_instances_find(const ds_instances *o, int64_t id)
{
    int32_t place = find_place(o->image, o->images, sizeof *o->image, id);
    return place < 0 ? NULL : &o->image[place];
}
