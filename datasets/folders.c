#include "datasets/folders.h"

#include "datasets/tar.h"
#include "src/base/list.h"
#include "src/image/image.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A photo before the classes are numbered. `name` holds "...class/photo" or is the whole path. */
typedef struct found {
    const char *name;
    const char *class_at; /* where in name the class begins */
    size_t class_size;
    const uint8_t *bytes;
    size_t size;
} found;

typedef struct finder {
    ds_folders *out;
    found *photo;
    int32_t photos;
    int64_t capacity;
} finder;

static const char for_photos[] = "for the list of photos";

bool ds_is_photo_name(const char *name)
{
    bool read;
    img_format_of_name(name, &read);
    return read;
}

/* Adds the photo `name`, whose class begins at byte `class_at` of the name. */
static err_code add_photo(finder *f, const char *name, size_t class_at, const uint8_t *bytes, size_t size,
                          error *err)
{
    if (!LIST_ROOM(f->photo, f->photos, 1, f->capacity)) return err_no_memory(err, for_photos);
    char *copy = arena_strdup(&f->out->memory, name);
    if (!copy) return err_no_memory(err, for_photos);
    size_t class_size = strcspn(copy + class_at, "/");
    f->photo[f->photos++] = (found){copy, copy + class_at, class_size, bytes, size};
    return ERR_OK;
}

static err_code scan_archive(finder *f, const char *path, const char *prefix, error *err)
{
    err_code code = io_map_open(&f->out->map, path, err);
    if (code) return code;
    ds_tar tar = {.bytes = f->out->map.data, .size = f->out->map.size, .name = path};
    ds_tar_entry entry;
    size_t skip = strlen(prefix);
    bool more;
    while (!(code = ds_tar_next(&tar, &entry, &more, err)) && more) {
        if (strncmp(entry.name, prefix, skip) || (skip && entry.name[skip] != '/')) continue;
        size_t class_at = skip + (skip > 0);
        const char *slash = strchr(entry.name + class_at, '/');
        if (!slash || slash == entry.name + class_at || strchr(slash + 1, '/') ||
            !ds_is_photo_name(slash + 1))
            continue;
        code = add_photo(f, entry.name, class_at, entry.bytes, entry.size, err);
        if (code) return code;
    }
    return code;
}

/* PATH/name of a folder's entry; false for hidden ones and those that do not fit. */
static bool join_path(const char *dir, const char *name, char out[PATH_MAX])
{
    int n = snprintf(out, PATH_MAX, "%s/%s", dir, name);
    return name[0] != '.' && n > 0 && n < PATH_MAX;
}

/* A pipe would keep whoever reads it waiting. Most folders say themselves what an entry is. */
static bool is_file(const struct dirent *entry, const char *path)
{
    struct stat st;
    return entry->d_type == DT_REG || (!stat(path, &st) && S_ISREG(st.st_mode));
}

static err_code scan_class(finder *f, const char *dir, size_t class_at, error *err)
{
    char path[PATH_MAX];
    DIR *d = opendir(dir);
    err_code code = ERR_OK;
    if (!d) return err_set(err, ERR_IO, "cannot read the folder '%.300s': %s", dir, strerror(errno));
    for (struct dirent *e; !code && (e = readdir(d));)
        if (ds_is_photo_name(e->d_name) && join_path(dir, e->d_name, path) && is_file(e, path))
            code = add_photo(f, path, class_at, NULL, 0, err);
    closedir(d);
    return code;
}

static err_code scan_folder(finder *f, const char *path, const char *prefix, error *err)
{
    char root[PATH_MAX], dir[PATH_MAX];
    if (snprintf(root, sizeof root, "%s%s%s", path, *prefix ? "/" : "", prefix) >= PATH_MAX)
        return err_set(err, ERR_LIMIT, "the path '%.300s' is too long", path);
    DIR *d = opendir(root);
    err_code code = ERR_OK;
    if (!d)
        return err_set(err, errno == ENOENT ? ERR_MISSING : ERR_IO, "cannot read the folder '%.300s': %s",
                       root, strerror(errno));
    for (struct dirent *e; !code && (e = readdir(d));) {
        struct stat st;
        if (join_path(root, e->d_name, dir) && !stat(dir, &st) && S_ISDIR(st.st_mode))
            code = scan_class(f, dir, strlen(root) + 1, err);
    }
    closedir(d);
    return code;
}

static int same_class(const found *a, const found *b)
{
    return a->class_size == b->class_size && !memcmp(a->class_at, b->class_at, a->class_size);
}

/* By class, then name. A class that begins another one's name comes first, as strcmp has it. */
static int by_name(const void *left, const void *right)
{
    const found *a = left, *b = right;
    size_t size = a->class_size < b->class_size ? a->class_size : b->class_size;
    int order = memcmp(a->class_at, b->class_at, size);
    if (order) return order;
    if (a->class_size != b->class_size) return a->class_size < b->class_size ? -1 : 1;
    return strcmp(a->name, b->name);
}

static err_code number_classes(finder *f, error *err)
{
    ds_folders *out = f->out;
    qsort(f->photo, f->photos, sizeof *f->photo, by_name);
    out->item = arena_array(&out->memory, f->photos, sizeof *out->item);
    out->class_name = arena_array(&out->memory, f->photos, sizeof *out->class_name);
    if (!out->item || !out->class_name) return err_no_memory(err, for_photos);
    for (int32_t i = 0; i < f->photos; i++) {
        const found *p = &f->photo[i];
        if (!i || !same_class(p, p - 1)) {
            const char *name = arena_strndup(&out->memory, p->class_at, p->class_size);
            if (!name) return err_no_memory(err, for_photos);
            out->class_name[out->classes++] = name;
        }
        out->item[i] =
            (ds_item){.name = p->name, .bytes = p->bytes, .size = p->size, .label = out->classes - 1};
    }
    out->items = f->photos;
    return ERR_OK;
}

err_code ds_folders_open(const char *path, const char *prefix, ds_folders *out, error *err)
{
    struct stat st;
    finder f = {.out = out};
    *out = (ds_folders){0};
    if (!prefix) prefix = "";
    bool folder = !stat(path, &st) && S_ISDIR(st.st_mode);
    err_code code = folder ? scan_folder(&f, path, prefix, err) : scan_archive(&f, path, prefix, err);
    if (!code && !f.photos)
        code = err_set(err, ERR_MISSING, "no photos in '%.200s': expected %s%s<class>/<photo>.jpg", path,
                       prefix, *prefix ? "/" : "");
    if (!code) code = number_classes(&f, err);
    free(f.photo);
    if (code) ds_folders_close(out);
    return code;
}

void ds_folders_close(ds_folders *f)
{
    io_map_close(&f->map);
    arena_release(&f->memory);
    *f = (ds_folders){0};
}
