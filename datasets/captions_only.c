#include "datasets/captions_only.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "datasets/text_lines.h"
#include "datasets/tokenise.h"
#include "datasets/words.h"
#include "src/base/list.h"

static const int64_t most_id = (int64_t)1 << 53;

typedef struct only_caption {
    const char *text;
    int32_t image;
} only_caption;

/* An image when its first line is met. */
typedef struct only_image {
    int64_t id, line;    /* where it was first named */
    const char *objects; /* as they stand there */
    int64_t first;       /* of them among all objects */
    bool listed;
} only_image;

typedef struct only_reader {
    ds_text_lines lines;
    ds_words names, ids; /* ids as text: their places are those of `image` */
    only_image *image;
    only_caption *caption;
    int32_t *object;
    int32_t images, captions;
    int64_t objects, image_capacity, caption_capacity, object_capacity;
    int64_t wordless, first_wordless;
    arena scratch;
} only_reader;

static err_code no_memory(const only_reader *r, error *err)
{
    return err_no_memory(err, "while reading '%.300s'", r->lines.path);
}

/* ---- one line ---- */

typedef struct only_line {
    int64_t id;
    const char *objects, *caption;
} only_line;

/* Ends the text at the next tab and gives what is behind it; NULL: there is none. */
static char *cut_tab(char *part)
{
    char *tab = strchr(part, '\t');
    if (!tab) return NULL;
    *tab = 0;
    return tab + 1;
}

static bool read_id(const char *digits, int64_t *id)
{
    *id = 0;
    if (!*digits) return false;
    for (; *digits; digits++) {
        if (*digits < '0' || *digits > '9') return false;
        *id = *id * 10 + (*digits - '0');
        if (*id > most_id) return false;
    }
    return true;
}

static err_code cut_line(only_reader *r, only_line *out, error *err)
{
    const ds_text_lines *l = &r->lines;
    char *id = l->line, *objects = cut_tab(id), *caption = objects ? cut_tab(objects) : NULL;
    if (!caption)
        return err_set(
            err, ERR_FORMAT,
            "cannot read '%.300s': line %" PRId64
            " has not the three parts that it needs: image, objects and caption, a tab between two",
            l->path, l->number);
    id = ds_text_trim(id);
    if (!read_id(id, &out->id))
        return err_set(err, ERR_FORMAT,
                       "cannot read '%.300s': line %" PRId64
                       ": '%.40s' is no image's id, which is a whole number from 0 to 2^53",
                       l->path, l->number, id);
    out->objects = ds_text_trim(objects);
    out->caption = ds_text_trim(caption);
    return ERR_OK;
}

/* ---- images ---- */

/* Adds the object behind `name` unless the image has it. */
static err_code add_object(only_reader *r, const only_image *image, const char *name, error *err)
{
    int32_t object = ds_words_find(&r->names, name);
    if (object < 0)
        return err_set(err, ERR_FORMAT, "cannot read '%.300s': line %" PRId64 ": there is no object '%.60s'",
                       r->lines.path, r->lines.number, name);
    for (int64_t i = image->first; i < r->objects; i++)
        if (r->object[i] == object) return ERR_OK;
    if (!LIST_ROOM(r->object, r->objects, 1, r->object_capacity)) return no_memory(r, err);
    r->object[r->objects++] = object;
    return ERR_OK;
}

static err_code read_objects(only_reader *r, const only_image *image, error *err)
{
    char *list = arena_strdup(&r->scratch, image->objects), *rest = list;
    if (!list) return no_memory(r, err);
    err_code code = ERR_OK;
    while (!code && rest) {
        char *name = rest;
        rest = strchr(rest, ',');
        if (rest) *rest++ = 0;
        name = ds_text_trim(name);
        if (*name) code = add_object(r, image, name, err);
    }
    return code;
}

static err_code add_image(only_reader *r, const only_line *line, error *err)
{
    if (!LIST_ROOM(r->image, r->images, 1, r->image_capacity)) return no_memory(r, err);
    only_image *image = &r->image[r->images++];
    *image = (only_image){.id = line->id,
                          .line = r->lines.number,
                          .objects = line->objects,
                          .first = r->objects,
                          .listed = r->names.count && strcmp(line->objects, "?") != 0};
    return image->listed ? read_objects(r, image, err) : ERR_OK;
}

/* The image of a line: a new one, or one whose objects are the same. */
static err_code place_line(only_reader *r, const only_line *line, int32_t *place, error *err)
{
    char id[24];
    snprintf(id, sizeof id, "%" PRId64, line->id);
    *place = ds_words_put(&r->ids, id);
    if (*place < 0) return no_memory(r, err);
    if (*place == r->images) return add_image(r, line, err);
    const only_image *image = &r->image[*place];
    if (!strcmp(image->objects, line->objects)) return ERR_OK;
    return err_set(err, ERR_FORMAT,
                   "cannot read '%.300s': line %" PRId64 ": image %" PRId64
                   " has other objects than in line %" PRId64,
                   r->lines.path, r->lines.number, line->id, image->line);
}

/* ---- all lines ---- */

static err_code has_words(only_reader *r, const char *caption, bool *has, error *err)
{
    ds_tokens t;
    arena_reset(&r->scratch);
    err_code code = ds_tokenise(caption, &r->scratch, &t, err);
    *has = !code && t.count;
    return code;
}

static err_code read_line(only_reader *r, error *err)
{
    only_line line = {0};
    bool has = false;
    int32_t image;
    if (!r->lines.line[strspn(r->lines.line, " \t\r")]) return ERR_OK;
    err_code code = cut_line(r, &line, err);
    if (!code) code = has_words(r, line.caption, &has, err);
    if (code) return code;
    if (!has) {
        if (!r->wordless++) r->first_wordless = r->lines.number;
        return ERR_OK;
    }
    if ((code = place_line(r, &line, &image, err))) return code;
    if (!LIST_ROOM(r->caption, r->captions, 1, r->caption_capacity)) return no_memory(r, err);
    r->caption[r->captions++] = (only_caption){line.caption, image};
    return ERR_OK;
}

static err_code read_all(only_reader *r, const char *const *names, int count, error *err)
{
    err_code code = ERR_OK;
    for (int i = 0; i < count; i++)
        if (ds_words_put(&r->names, names[i]) != i) return no_memory(r, err);
    while (!code) {
        code = ds_text_lines_next(&r->lines, err);
        if (!code && !r->lines.line) break;
        if (!code) code = read_line(r, err);
    }
    if (!code && !r->captions)
        code = err_set(err, ERR_FORMAT, "cannot use '%.300s': there is not one caption with a word in it",
                       r->lines.path);
    return code;
}

/* ---- what the caller gets ---- */

static err_code give_objects(const only_reader *r, ds_captions_only *out, error *err)
{
    int64_t *first = arena_array(&out->memory, (size_t)r->images + 1, sizeof *first);
    int32_t *object = arena_array(&out->memory, (size_t)r->objects, sizeof *object);
    bool *listed = arena_array(&out->memory, (size_t)r->images, sizeof *listed);
    if (!first || !object || !listed) return no_memory(r, err);
    for (int32_t i = 0; i < r->images; i++) {
        first[i] = r->image[i].first;
        listed[i] = r->image[i].listed;
    }
    first[r->images] = r->objects;
    if (r->objects) memcpy(object, r->object, (size_t)r->objects * sizeof *object);
    out->first = first;
    out->object = object;
    out->listed = listed;
    return ERR_OK;
}

/* Counting sort by image; the order within one image is the file's. */
static err_code give_captions(const only_reader *r, ds_captions_only *out, error *err)
{
    ds_captions *c = &out->captions;
    c->image = calloc((size_t)r->images, sizeof *c->image);
    c->caption = calloc((size_t)r->captions, sizeof *c->caption);
    if (!c->image || !c->caption) return no_memory(r, err);
    c->images = r->images;
    c->captions = r->captions;
    for (int32_t i = 0; i < r->images; i++) c->image[i] = (ds_image){.id = r->image[i].id, .file_name = ""};
    for (int32_t i = 0; i < r->captions; i++) c->image[r->caption[i].image].count++;
    for (int32_t i = 1; i < r->images; i++) c->image[i].first = c->image[i - 1].first + c->image[i - 1].count;
    for (int32_t i = 0; i < r->images; i++) c->image[i].count = 0;
    for (int32_t i = 0; i < r->captions; i++) {
        ds_image *image = &c->image[r->caption[i].image];
        c->caption[image->first + image->count++] = (ds_caption){r->caption[i].text, r->caption[i].image};
    }
    return ERR_OK;
}

static void release_reader(only_reader *r)
{
    ds_words_release(&r->names);
    ds_words_release(&r->ids);
    free(r->image);
    free(r->caption);
    free(r->object);
    arena_release(&r->scratch);
}

err_code ds_captions_only_read(const char *path, const char *const *names, int count, ds_captions_only *out,
                               error *err)
{
    only_reader r = {0};
    *out = (ds_captions_only){0};
    err_code code = ds_text_lines_open(&r.lines, path, &out->texts, err);
    if (!code) code = read_all(&r, names, count, err);
    if (!code) code = give_objects(&r, out, err);
    if (!code) code = give_captions(&r, out, err);
    out->wordless = (int32_t)r.wordless;
    out->first_wordless = r.first_wordless;
    release_reader(&r);
    if (code) ds_captions_only_release(out);
    return code;
}

void ds_captions_only_forget_texts(ds_captions_only *o)
{
    free(o->captions.caption);
    o->captions.caption = NULL;
    o->captions.captions = 0;
    arena_release(&o->texts);
}

void ds_captions_only_release(ds_captions_only *o)
{
    arena_release(&o->texts);
    ds_captions_release(&o->captions);
    arena_release(&o->memory);
    *o = (ds_captions_only){0};
}
