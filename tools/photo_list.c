#include "tools/photo_list.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "datasets/folders.h"
#include "src/image/image.h"

static err_code no_memory(error *err)
{
    return err_set(err, ERR_MEMORY, "out of memory for the list of photos");
}

static bool is_folder(const char *path)
{
    struct stat info;
    return !stat(path, &info) && S_ISDIR(info.st_mode);
}

static err_code append(photo_list *l, const char *path, error *err)
{
    if (l->count == l->capacity) {
        int capacity = l->capacity ? 2 * l->capacity : 64;
        const char **larger =
            l->capacity > INT_MAX / 2 ? NULL : realloc(l->path, (size_t)capacity * sizeof *larger);
        if (!larger) return no_memory(err);
        l->path = larger;
        l->capacity = capacity;
    }
    const char *copy = arena_strdup(&l->memory, path);
    if (!copy) return no_memory(err);
    l->path[l->count++] = copy;
    return ERR_OK;
}

static err_code append_inside(photo_list *l, const char *folder, const char *name, error *err)
{
    char path[PATH_MAX];
    size_t size = strlen(folder);
    const char *slash = size && folder[size - 1] == '/' ? "" : "/";
    int n = snprintf(path, sizeof path, "%s%s%s", folder, slash, name);
    if (n < 0 || (size_t)n >= sizeof path)
        return err_set(err, ERR_IO, "cannot read folder '%.200s': a path in it is too long", folder);
    return is_folder(path) ? ERR_OK : append(l, path, err);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static err_code add_folder(photo_list *l, const char *folder, error *err)
{
    DIR *dir = opendir(folder);
    if (!dir) return err_set(err, ERR_IO, "cannot read folder '%.200s': %s", folder, strerror(errno));
    int first = l->count;
    err_code code = ERR_OK;
    errno = 0;
    for (struct dirent *entry; !code && (entry = readdir(dir)); errno = 0)
        if (ds_is_photo_name(entry->d_name)) code = append_inside(l, folder, entry->d_name, err);
    if (!code && errno)
        code = err_set(err, ERR_IO, "cannot read folder '%.200s': %s", folder, strerror(errno));
    closedir(dir);
    if (code) return code;
    if (l->count == first)
        return err_set(err, ERR_MISSING, "folder '%.200s' has no photos (.jpg, .jpeg, .png or .webp)",
                       folder);
    qsort(l->path + first, (size_t)(l->count - first), sizeof *l->path, by_name);
    return ERR_OK;
}

err_code photo_list_add(photo_list *l, const char *operand, error *err)
{
    if (!strcmp(operand, "-") || !is_folder(operand)) return append(l, operand, err);
    return add_folder(l, operand, err);
}

void photo_list_release(photo_list *l)
{
    free(l->path);
    arena_release(&l->memory);
    *l = (photo_list){0};
}

err_code photo_from_input(uint8_t **bytes, size_t *size, error *err)
{
    return img_read_bytes(STDIN_FILENO, "standard input", bytes, size, err);
}
