#include "datasets/coco.h"

#include "datasets/json_stream.h"
#include "src/base/list.h"
#include "src/io/file.h"
#include "src/io/json.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct raw_image {
    int64_t id;
    size_t file_name; /* offset into texts */
    int32_t index;    /* place in the file's order */
    int32_t blank;    /* captions of blanks only, in Karpathy's form */
    int split;        /* place in the list of splits; -1: the file names none */
} raw_image;

typedef struct raw_caption {
    int64_t image_id; /* COCO's form; in Karpathy's the image's place is known at once */
    int32_t image;    /* index, -1 = to be found by id */
    size_t text;
} raw_caption;

/* What has been read so far. Texts are offsets because the block moves while it grows. */
typedef struct reader {
    ds_json_stream json;
    ds_splits splits;
    raw_image *image;
    raw_caption *caption;
    char *texts;
    int32_t images, captions;
    size_t texts_size;
    int64_t image_capacity, caption_capacity, texts_capacity;
    int32_t blank;
    bool has_images, has_annotations, has_sentences;
} reader;

static err_code no_memory(const reader *r, error *err)
{
    return err_no_memory(err, "while reading '%s'", r->json.name);
}

/* Copies a text, `head` and `tail` joined, and gives its offset. */
static err_code keep_text(reader *r, const char *head, const char *tail, size_t *offset, error *err)
{
    size_t head_size = strlen(head), tail_size = strlen(tail);
    size_t size = head_size + tail_size + 1;
    if (!LIST_ROOM(r->texts, r->texts_size, size, r->texts_capacity)) return no_memory(r, err);
    *offset = r->texts_size;
    memcpy(r->texts + r->texts_size, head, head_size);
    memcpy(r->texts + r->texts_size + head_size, tail, tail_size + 1);
    r->texts_size += size;
    return ERR_OK;
}

/* A name from a file must not lead out of the images folder. */
static bool name_is_safe(const char *name)
{
    if (!*name || *name == '/') return false;
    for (const char *part = name;; part++) {
        size_t size = strcspn(part, "/");
        if (size == 2 && !memcmp(part, "..", 2)) return false;
        part += size;
        if (!*part) return true;
    }
}

static err_code add_image(reader *r, const char *place, int64_t id, const char *folder, const char *name,
                          error *err)
{
    size_t offset;
    err_code code = keep_text(r, folder, name, &offset, err);
    if (code) return code;
    if (!*name || !name_is_safe(r->texts + offset))
        return err_set(err, ERR_FORMAT,
                       "cannot read '%s': %s: the file name '%.200s' is not allowed, it must stay inside the "
                       "images folder",
                       r->json.name, place, r->texts + offset);
    if (!LIST_ROOM(r->image, r->images, 1, r->image_capacity)) return no_memory(r, err);
    r->image[r->images] = (raw_image){.id = id, .file_name = offset, .index = r->images, .split = -1};
    r->images++;
    return ERR_OK;
}

static err_code add_caption(reader *r, int64_t image_id, int32_t image, const char *text, error *err)
{
    if (text[strspn(text, " \t\r\n\f\v")] == 0) {
        ++*(image < 0 ? &r->blank : &r->image[image].blank);
        return ERR_OK;
    }
    size_t offset;
    err_code code = keep_text(r, text, "", &offset, err);
    if (code) return code;
    if (!LIST_ROOM(r->caption, r->captions, 1, r->caption_capacity)) return no_memory(r, err);
    r->caption[r->captions++] = (raw_caption){.image_id = image_id, .image = image, .text = offset};
    return ERR_OK;
}

static err_code read_sentences(reader *r, const json_t *sentences, const char *place, error *err)
{
    char inner[96];
    if (!json_is_array(sentences))
        return ds_json_wrong_key(&r->json, place, "sentences", "is not an array", err);
    for (size_t i = 0; i < json_array_size(sentences); i++) {
        const json_t *sentence = json_array_get(sentences, i);
        const char *text;
        snprintf(inner, sizeof inner, "%s.sentences[%zu]", place, i);
        if (!json_is_object(sentence)) return ds_json_wrong(&r->json, inner, "not an object", err);
        err_code code = ds_json_text(&r->json, sentence, inner, "raw", &text, err);
        if (!code) code = add_caption(r, 0, r->images - 1, text, err);
        if (code) return code;
    }
    return ERR_OK;
}

static err_code read_split(reader *r, const json_t *image, const char *place, int *split, error *err)
{
    const char *name;
    *split = -1;
    if (!json_object_get(image, "split")) return ERR_OK;
    err_code code = ds_json_text(&r->json, image, place, "split", &name, err);
    if (code) return code;
    *split = ds_splits_place(&r->splits, name);
    if (*split >= 0) return ERR_OK;
    return ds_json_wrong_key(&r->json, place, "split",
                             "is empty, longer than 63 bytes, or the 33rd of the file", err);
}

static err_code read_karpathy_image(reader *r, const json_t *image, const char *place, error *err)
{
    int64_t id = 0;
    int split;
    const char *name, *folder = "";
    err_code code = ds_json_text(&r->json, image, place, "filename", &name, err);
    if (!code) code = read_split(r, image, place, &split, err);
    if (!code && json_object_get(image, "filepath"))
        code = ds_json_text(&r->json, image, place, "filepath", &folder, err);
    if (!code)
        code = ds_json_id(&r->json, image, place, json_object_get(image, "cocoid") ? "cocoid" : "imgid", &id,
                          err);
    if (code) return code;
    char joined[PATH_MAX] = "";
    if (*folder && snprintf(joined, sizeof joined, "%s/", folder) >= (int)sizeof joined)
        return ds_json_wrong_key(&r->json, place, "filepath", "is too long", err);
    code = add_image(r, place, id, joined, name, err);
    if (code) return code;
    r->image[r->images - 1].split = split;
    if (split >= 0) r->splits.list[split].images++;
    return read_sentences(r, json_object_get(image, "sentences"), place, err);
}

static err_code read_image(void *ctx, const json_t *image, const char *place, error *err)
{
    reader *r = ctx;
    if (json_object_get(image, "sentences")) {
        r->has_sentences = true;
        return read_karpathy_image(r, image, place, err);
    }
    int64_t id = 0;
    const char *name;
    err_code code = ds_json_id(&r->json, image, place, "id", &id, err);
    if (!code) code = ds_json_text(&r->json, image, place, "file_name", &name, err);
    return code ? code : add_image(r, place, id, "", name, err);
}

static err_code read_annotation(void *ctx, const json_t *annotation, const char *place, error *err)
{
    reader *r = ctx;
    int64_t id = 0;
    const char *text;
    err_code code = ds_json_id(&r->json, annotation, place, "image_id", &id, err);
    if (!code) code = ds_json_text(&r->json, annotation, place, "caption", &text, err);
    return code ? code : add_caption(r, id, -1, text, err);
}

static err_code read_once(reader *r, bool *seen, const char *key, ds_json_element read, error *err)
{
    if (*seen) return err_set(err, ERR_FORMAT, "cannot read '%s': two keys '%s'", r->json.name, key);
    *seen = true;
    return ds_json_objects(&r->json, key, read, r, err);
}

static err_code read_member(void *ctx, const char *key, error *err)
{
    reader *r = ctx;
    if (!strcmp(key, "images")) return read_once(r, &r->has_images, "images", read_image, err);
    if (!strcmp(key, "annotations"))
        return read_once(r, &r->has_annotations, "annotations", read_annotation, err);
    return ds_json_skip(&r->json, "", err);
}

static err_code read_document(reader *r, error *err)
{
    err_code code = ds_json_document(&r->json, read_member, r, err);
    if (code) return code;
    if (!r->has_images)
        return err_set(err, ERR_FORMAT, "cannot read '%s': 'images' is missing", r->json.name);
    if (!r->has_annotations && !r->has_sentences && r->images)
        return err_set(err, ERR_FORMAT, "cannot read '%s': 'annotations' is missing", r->json.name);
    return ERR_OK;
}

/* ---- splits ---- */

/* Once any photo names its split, one that does not belongs to none: nobody could say whether it may be
 * learnt from. */
static err_code check_splits(const reader *r, error *err)
{
    char place[64];
    for (int32_t i = 0; r->splits.count && i < r->images; i++) {
        if (r->image[i].split >= 0) continue;
        snprintf(place, sizeof place, "images[%d]", i);
        return ds_json_wrong_key(&r->json, place, "split", "is missing", err);
    }
    return ERR_OK;
}

/* Takes out the photos of splits that are not wanted, and their captions. */
static err_code drop_other_splits(reader *r, error *err)
{
    int32_t images = 0, captions = 0;
    int32_t *place = malloc(((size_t)r->images + 1) * sizeof *place);
    if (!place) return no_memory(r, err);
    for (int32_t i = 0; i < r->images; i++) {
        bool taken = r->splits.list[r->image[i].split].taken;
        place[i] = taken ? images : -1;
        if (taken) r->image[images++] = r->image[i];
    }
    for (int32_t i = 0; i < r->captions; i++) {
        int32_t image = r->caption[i].image;
        if (image >= 0 && place[image] < 0) continue;
        r->caption[captions] = r->caption[i];
        if (image >= 0) r->caption[captions].image = place[image];
        captions++;
    }
    for (int32_t i = 0; i < images; i++) r->image[i].index = i;
    r->images = images;
    r->captions = captions;
    free(place);
    return ERR_OK;
}

static err_code take_splits(reader *r, const ds_captions_settings *settings, error *err)
{
    err_code code = settings && settings->split ? check_splits(r, err) : ERR_OK;
    if (!code && settings)
        code = ds_splits_choose(&r->splits, settings->split, settings->by_default, r->json.name, err);
    if (code || !settings || !settings->split || !r->splits.count) return code;
    return drop_other_splits(r, err);
}

/* ---- images and captions in order ---- */

static int by_id(const void *left, const void *right)
{
    const raw_image *a = left, *b = right;
    if (a->id != b->id) return a->id < b->id ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

/* Copies the images out in file order, then sorts the raw ones by id for the look-ups. */
static err_code place_images(reader *r, ds_captions *out, error *err)
{
    out->image = calloc((size_t)r->images + 1, sizeof *out->image);
    if (!out->image) return no_memory(r, err);
    out->images = r->images;
    for (int32_t i = 0; i < r->images; i++)
        out->image[i] = (ds_image){.id = r->image[i].id, .file_name = out->texts + r->image[i].file_name};
    if (r->images) qsort(r->image, r->images, sizeof *r->image, by_id);
    for (int32_t i = 1; i < r->images; i++)
        if (r->image[i].id == r->image[i - 1].id)
            return err_set(err, ERR_FORMAT,
                           "cannot read '%s': images[%d] and images[%d] have the same id %" PRId64,
                           r->json.name, r->image[i - 1].index, r->image[i].index, r->image[i].id);
    return ERR_OK;
}

static void find_images(reader *r, ds_captions *out)
{
    for (int32_t i = 0; i < r->captions; i++) {
        raw_caption *c = &r->caption[i];
        if (c->image < 0) {
            int32_t low = 0, high = r->images;
            while (low < high) {
                int32_t middle = low + (high - low) / 2;
                if (r->image[middle].id < c->image_id)
                    low = middle + 1;
                else
                    high = middle;
            }
            if (low < r->images && r->image[low].id == c->image_id) c->image = r->image[low].index;
        }
        if (c->image < 0)
            out->unknown++;
        else
            out->image[c->image].count++;
    }
}

/* Counting sort by image; the order within one image is the file's. */
static err_code place_captions(reader *r, ds_captions *out, error *err)
{
    find_images(r, out);
    out->caption = calloc((size_t)r->captions + 1, sizeof *out->caption);
    if (!out->caption) return no_memory(r, err);
    for (int32_t i = 0; i < out->images; i++) {
        ds_image *image = &out->image[i];
        image->first = out->captions;
        out->captions += image->count;
        if (!image->count) out->without++;
        image->count = 0;
    }
    for (int32_t i = 0; i < r->captions; i++) {
        if (r->caption[i].image < 0) continue;
        ds_image *image = &out->image[r->caption[i].image];
        out->caption[image->first + image->count++] =
            (ds_caption){.text = out->texts + r->caption[i].text, .image = r->caption[i].image};
    }
    return ERR_OK;
}

err_code ds_captions_parse(const char *text, size_t size, const char *name,
                           const ds_captions_settings *settings, ds_captions *out, error *err)
{
    reader r = {.json = {.text = text, .size = size, .name = name}};
    *out = (ds_captions){0};
    err_code code = ERR_OK;
    if (size > INT32_MAX) code = err_set(err, ERR_LIMIT, "cannot read '%s': larger than 2 GB", name);
    if (!code) code = read_document(&r, err);
    out->texts = r.texts;
    out->texts_size = r.texts_size;
    if (!code) code = take_splits(&r, settings, err);
    out->splits = r.splits;
    out->blank = r.blank;
    for (int32_t i = 0; i < r.images; i++) out->blank += r.image[i].blank;
    if (!code) code = place_images(&r, out, err);
    if (!code) code = place_captions(&r, out, err);
    free(r.image);
    free(r.caption);
    if (code) ds_captions_release(out);
    return code;
}

err_code ds_captions_read(const char *path, const ds_captions_settings *settings, ds_captions *out,
                          error *err)
{
    io_map map;
    *out = (ds_captions){0};
    err_code code = io_map_open(&map, path, err);
    if (code) return code;
    code = ds_captions_parse((const char *)map.data, map.size, path, settings, out, err);
    io_map_close(&map);
    return code;
}

/* ---- one behind the other ---- */

/* Copies images and captions of `from`, whose texts were copied to `texts`, behind those of `to`. */
static void append_lists(ds_captions *to, const ds_captions *from, char *texts)
{
    for (int32_t i = 0; i < from->images; i++) {
        ds_image *image = &to->image[to->images + i];
        *image = from->image[i];
        image->file_name = texts + (from->image[i].file_name - from->texts);
        image->first += to->captions;
    }
    for (int32_t i = 0; i < from->captions; i++)
        to->caption[to->captions + i] = (ds_caption){.text = texts + (from->caption[i].text - from->texts),
                                                     .image = from->caption[i].image + to->images};
    to->images += from->images;
    to->captions += from->captions;
}

err_code ds_captions_append(ds_captions *to, const ds_captions *more, error *err)
{
    ds_captions all = {.splits = to->images ? to->splits : more->splits,
                       .texts_size = to->texts_size + more->texts_size,
                       .unknown = to->unknown + more->unknown,
                       .blank = to->blank + more->blank,
                       .without = to->without + more->without};
    if ((int64_t)to->captions + more->captions >= INT32_MAX ||
        (int64_t)to->images + more->images >= INT32_MAX)
        return err_set(err, ERR_LIMIT, "the captions are too many");
    all.image = calloc((size_t)to->images + (size_t)more->images + 1, sizeof *all.image);
    all.caption = calloc((size_t)to->captions + (size_t)more->captions + 1, sizeof *all.caption);
    all.texts = malloc(all.texts_size + 1);
    if (!all.image || !all.caption || !all.texts) {
        ds_captions_release(&all);
        return err_no_memory(err, "for captions");
    }
    if (to->texts_size) memcpy(all.texts, to->texts, to->texts_size);
    if (more->texts_size) memcpy(all.texts + to->texts_size, more->texts, more->texts_size);
    append_lists(&all, to, all.texts);
    append_lists(&all, more, all.texts + to->texts_size);
    ds_captions_release(to);
    *to = all;
    return ERR_OK;
}

void ds_captions_release(ds_captions *c)
{
    free(c->image);
    free(c->caption);
    free(c->texts);
    *c = (ds_captions){0};
}
