#include "captioner/train/pretrain_data.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "datasets/coco.h"
#include "datasets/folders.h"
#include "src/base/rng.h"

/* The stream of an epoch's order under the seed, away from those of other users. */
#define ORDER_STREAM ((uint64_t)0x6f726472 << 32)

enum { HELD_OUT_EVERY = 50 };

static err_code no_memory(error *err)
{
    return err_no_memory(err, "for the list of photos");
}

/* ---- sources with classes ---- */

/* PREFIX/part, or part alone. */
static char *part_of(cap_photos *p, const char *prefix, const char *part)
{
    size_t size = strlen(prefix) + strlen(part) + 2;
    char *s = arena_alloc(&p->memory, size);
    if (s) snprintf(s, size, "%s%s%s", prefix, *prefix ? "/" : "", part);
    return s;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Gives the held-out photos the labels of the training photos' classes. */
static err_code match_classes(cap_photos *p, const ds_folders *train, ds_folders *val, const char *path,
                              error *err)
{
    int32_t *label = arena_array(&p->memory, val->classes, sizeof *label);
    if (!label) return no_memory(err);
    for (int32_t i = 0; i < val->classes; i++) {
        const char **at = bsearch(&val->class_name[i], train->class_name, train->classes,
                                  sizeof *train->class_name, compare_names);
        if (!at)
            return err_set(err, ERR_MISMATCH,
                           "'%.200s': class '%.100s' has photos to validate but none to train", path,
                           val->class_name[i]);
        label[i] = (int32_t)(at - train->class_name);
    }
    for (int32_t i = 0; i < val->items; i++) val->item[i].label = label[val->item[i].label];
    return ERR_OK;
}

static err_code open_part(cap_photos *p, const cap_class_source *s, const char *part, ds_folders **out,
                          error *err)
{
    const char *below = part_of(p, s->prefix, part);
    *out = &p->folders[p->opened];
    if (!below) return no_memory(err);
    err_code code = ds_folders_open(s->path, below, *out, err);
    if (!code) p->opened++;
    return code;
}

static err_code open_classes(cap_photos *p, const cap_class_source *s, ds_folders *part[2], error *err)
{
    error absent = {0};
    err_code code = open_part(p, s, "train", &part[0], err);
    if (code) return code;
    code = open_part(p, s, "val", &part[1], &absent);
    if (code == ERR_MISSING) {
        part[1] = NULL;
        return ERR_OK;
    }
    return code ? err_set(err, code, "%s", absent.text) : match_classes(p, part[0], part[1], s->path, err);
}

/* ---- photos without labels ---- */

typedef struct photo_names {
    char **name;
    size_t count, capacity;
} photo_names;

static err_code add_name(photo_names *n, arena *memory, const char *dir, const char *name, error *err)
{
    if (n->count == n->capacity) {
        size_t capacity = n->capacity ? 2 * n->capacity : 256;
        char **grown = capacity > INT32_MAX / 2 ? NULL : realloc(n->name, capacity * sizeof *grown);
        if (!grown) return no_memory(err);
        n->name = grown;
        n->capacity = capacity;
    }
    size_t size = strlen(dir) + strlen(name) + 2;
    char *path = arena_alloc(memory, size);
    if (!path) return no_memory(err);
    snprintf(path, size, "%s/%s", dir, name);
    if (ds_is_file(path)) n->name[n->count++] = path; /* a pipe would keep training waiting */
    return ERR_OK;
}

static err_code read_folder(photo_names *n, arena *memory, const char *dir, error *err)
{
    DIR *d = opendir(dir);
    if (!d)
        return err_set(err, errno == ENOENT ? ERR_MISSING : ERR_IO, "cannot read the folder '%.300s': %s",
                       dir, strerror(errno));
    err_code code = ERR_OK;
    for (struct dirent *e; !code && (e = readdir(d));)
        if (ds_is_photo_name(e->d_name)) code = add_name(n, memory, dir, e->d_name, err);
    closedir(d);
    if (!code && !n->count) code = err_set(err, ERR_MISSING, "no photos in the folder '%.300s'", dir);
    return code;
}

static err_code items_of_folder(const char *dir, arena *memory, ds_item **out, int32_t *items, error *err)
{
    photo_names n = {0};
    err_code code = read_folder(&n, memory, dir, err);
    ds_item *item = code ? NULL : arena_array(memory, n.count, sizeof *item);
    if (!code && !item) code = no_memory(err);
    if (!code) {
        qsort(n.name, n.count, sizeof *n.name, compare_names);
        for (size_t i = 0; i < n.count; i++) item[i] = (ds_item){.name = n.name[i], .label = -1};
        *out = item;
        *items = (int32_t)n.count;
    }
    free(n.name);
    return code;
}

static err_code items_of_list(const char *dir, const char *list, arena *memory, ds_item **out, int32_t *items,
                              error *err)
{
    ds_captions captions;
    const ds_captions_settings training = {.split = DS_TRAIN_SPLITS, .by_default = true};
    err_code code = ds_captions_read(list, &training, &captions, err);
    if (code) return code;
    code = ds_captions_check_files(&captions, dir, 0.01, NULL, err);
    if (!code) code = ds_items_of_captions(&captions, dir, memory, out, err);
    if (!code) *items = captions.images;
    ds_captions_release(&captions);
    return code;
}

/* ---- one list of all ---- */

static void append(cap_photo_list *list, cap_span *span, const ds_item *item, int source)
{
    if (!span->count) span->first = list->items;
    list->item[list->items] = *item;
    list->source_of[list->items++] = (int8_t)source;
    span->count++;
}

static bool make_room(cap_photo_list *list, arena *memory, size_t items)
{
    list->item = arena_array(memory, items + 1, sizeof *list->item);
    list->source_of = arena_array(memory, items + 1, sizeof *list->source_of);
    return items < INT32_MAX && list->item && list->source_of;
}

typedef struct gathered {
    ds_folders *part[CAP_MAX_SOURCES][2]; /* train, val or NULL */
    ds_item *plain;                       /* photos without labels */
    int32_t plains;
} gathered;

static void append_folder(cap_photo_list *list, cap_span *span, const ds_folders *f, int source)
{
    for (int32_t i = 0; f && i < f->items; i++) append(list, span, &f->item[i], source);
}

static err_code make_lists(cap_photos *p, const gathered *g, int classes, error *err)
{
    size_t train = g->plains, held = g->plains;
    for (int i = 0; i < classes; i++) {
        train += g->part[i][0]->items;
        held += g->part[i][1] ? (size_t)g->part[i][1]->items : 0;
    }
    if (!make_room(&p->train, &p->memory, train) || !make_room(&p->held_out, &p->memory, held))
        return no_memory(err);
    for (int i = 0; i < classes; i++) {
        cap_photo_source *s = &p->source[i];
        s->classes = g->part[i][0]->classes;
        append_folder(&p->train, &s->train, g->part[i][0], i);
        append_folder(&p->held_out, &s->held_out, g->part[i][1], i);
    }
    cap_photo_source *last = &p->source[classes];
    for (int32_t i = 0; i < g->plains; i++) {
        bool out = i % HELD_OUT_EVERY == HELD_OUT_EVERY - 1;
        append(out ? &p->held_out : &p->train, out ? &last->held_out : &last->train, &g->plain[i], classes);
    }
    return ERR_OK;
}

err_code cap_photos_open(const cap_class_source *classes, int count, const char *photos, const char *list,
                         cap_photos *out, error *err)
{
    gathered g = {0};
    err_code code = ERR_OK;
    *out = (cap_photos){0};
    if (count < 0 || count > CAP_MAX_SOURCES)
        return err_set(err, ERR_LIMIT, "%d sources of photos are too many, at most %d", count,
                       CAP_MAX_SOURCES);
    if (!count && !photos)
        return err_set(err, ERR_ARGUMENT, "no photos to train on: give class folders or a folder of photos");
    for (int i = 0; !code && i < count; i++) {
        out->source[i].name =
            arena_strdup(&out->memory, *classes[i].prefix ? classes[i].prefix : classes[i].path);
        code = out->source[i].name ? open_classes(out, &classes[i], g.part[i], err) : no_memory(err);
    }
    if (!code && photos && list) code = items_of_list(photos, list, &out->memory, &g.plain, &g.plains, err);
    if (!code && photos && !list) code = items_of_folder(photos, &out->memory, &g.plain, &g.plains, err);
    out->source[count].name = "photos";
    out->sources = count + (photos != NULL);
    if (!code) code = make_lists(out, &g, count, err);
    if (!code && !out->train.items)
        code = err_set(err, ERR_MISSING, "no photos to train on in '%.300s'", list ? list : photos);
    if (code) cap_photos_close(out);
    return code;
}

void cap_photos_close(cap_photos *p)
{
    for (int i = 0; i < p->opened; i++) ds_folders_close(&p->folders[i]);
    arena_release(&p->memory);
    *p = (cap_photos){0};
}

/* ---- schedules ---- */

int32_t cap_photos_batches(const cap_photos *p, int batch)
{
    int32_t n = p->train.items / batch;
    return n ? n : p->train.items > 0;
}

err_code cap_photos_schedule(const cap_photos *p, int batch, uint64_t seed, uint32_t epoch, arena *memory,
                             ds_schedule *out, error *err)
{
    int32_t items = p->train.items, batches = cap_photos_batches(p, batch);
    int32_t size = items < batch ? items : batch;
    int32_t *image = arena_array(memory, (size_t)items + 1, sizeof *image);
    int32_t *start = arena_array(memory, (size_t)batches + 1, sizeof *start);
    if (!image || !start) return no_memory(err);
    rng r = {.seed = seed, .stream = ORDER_STREAM | epoch};
    for (int32_t i = 0; i < items; i++) image[i] = i;
    rng_shuffle(&r, image, items);
    for (int32_t i = 0; i <= batches; i++) start[i] = i * size;
    *out = (ds_schedule){batches, start, image};
    return ERR_OK;
}

err_code cap_photos_schedule_held_out(const cap_photos *p, int batch, arena *memory, ds_schedule *out,
                                      error *err)
{
    int32_t items = p->held_out.items, batches = 0;
    int32_t *image = arena_array(memory, (size_t)items + 1, sizeof *image);
    int32_t *start = arena_array(memory, (size_t)items + 2, sizeof *start);
    if (!image || !start) return no_memory(err);
    for (int32_t i = 0; i < items; i++) {
        image[i] = i;
        bool turn = i && p->held_out.source_of[i] != p->held_out.source_of[i - 1];
        if (i == 0 || turn || i - start[batches - 1] == batch) start[batches++] = i;
    }
    start[batches] = items;
    *out = (ds_schedule){batches, start, image};
    return ERR_OK;
}
