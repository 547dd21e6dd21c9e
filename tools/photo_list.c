#include "tools/photo_list.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "datasets/folders.h"
#include "src/base/list.h"
#include "src/image/image.h"
#include "src/io/file.h"

static const char for_photos[] = "for the list of photos";

static bool is_folder(const char *path)
{
    struct stat info;
    return !stat(path, &info) && S_ISDIR(info.st_mode);
}

static err_code append(photo_list *l, const char *path, error *err)
{
    if (!LIST_ROOM(l->path, l->count, 1, l->capacity)) return err_no_memory(err, for_photos);
    const char *copy = arena_strdup(&l->memory, path);
    if (!copy) return err_no_memory(err, for_photos);
    l->path[l->count++] = copy;
    return ERR_OK;
}

/* ---- folders ---- */

/* Entries of folders below that are looked at only to count photos: a home folder holds millions. */
enum { MOST_LOOKED_AT = 50000 };

/* A walk through a folder and those below it, whose paths wait here: no folder stays open meanwhile. */
typedef struct walk {
    photo_list *l;
    const char **folder; /* [count] */
    int count;
    int64_t capacity;
    bool counting; /* count photos, do not list them */
    size_t root;   /* bytes of a path before what globs see of it */
} walk;

static err_code add_folder(walk *w, const char *path, error *err)
{
    if (!LIST_ROOM(w->folder, w->count, 1, w->capacity)) return err_no_memory(err, for_photos);
    const char *copy = arena_strdup(&w->l->memory, path);
    if (!copy) return err_no_memory(err, for_photos);
    w->folder[w->count++] = copy;
    return ERR_OK;
}

/* What an entry is, links followed, without asking where the folder itself says it. 0: nobody knows. */
static mode_t mode_of(const struct dirent *entry, const char *path)
{
    struct stat info;
    switch (entry->d_type) {
    case DT_REG:
        return S_IFREG;
    case DT_DIR:
        return S_IFDIR;
    case DT_FIFO:
        return S_IFIFO;
    case DT_SOCK:
        return S_IFSOCK;
    default:
        return stat(path, &info) ? 0 : info.st_mode & S_IFMT;
    }
}

/* On file systems that do not say what an entry is, a link is recognised by asking. */
static bool is_link(const struct dirent *entry, const char *path)
{
    struct stat info;
    if (entry->d_type != DT_UNKNOWN) return entry->d_type == DT_LNK;
    return !lstat(path, &info) && S_ISLNK(info.st_mode);
}

/* A glob with a slash at its end is for folders; the slash is not compared. */
static bool fits(const char *glob, const char *name, const char *below, bool is_dir)
{
    char pattern[PATH_MAX];
    size_t n = strlen(glob);
    bool dirs = n && glob[n - 1] == '/';
    if ((dirs && !is_dir) || n >= sizeof pattern) return false;
    memcpy(pattern, glob, n);
    pattern[n - dirs] = 0;
    const char *from = *pattern == '/' ? pattern + 1 : pattern;
    return strchr(pattern, '/') ? !fnmatch(from, below, FNM_PATHNAME) : !fnmatch(pattern, name, 0);
}

static bool is_excluded(const photo_list *l, const char *name, const char *below, bool is_dir)
{
    for (const char *const *glob = l->exclude; glob && *glob; glob++)
        if (fits(*glob, name, below, is_dir)) return true;
    return false;
}

bool photo_list_takes(const photo_list *l, const char *path, size_t root, bool is_dir)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    if (*name == '.' || is_excluded(l, name, path + root, is_dir)) return false;
    return is_dir ? l->recursive : ds_is_photo_name(name);
}

static err_code take_folder(walk *w, const struct dirent *entry, const char *path, error *err)
{
    if (!is_link(entry, path)) return add_folder(w, path, err);
    if (w->l->recursive) w->l->passed.count[passed_over_link()]++;
    return ERR_OK;
}

static err_code take_entry(walk *w, const struct dirent *entry, const char *path, error *err)
{
    mode_t mode = mode_of(entry, path);
    bool photo = ds_is_photo_name(entry->d_name);
    if (is_excluded(w->l, entry->d_name, path + w->root, S_ISDIR(mode))) return ERR_OK;
    if (S_ISDIR(mode)) return take_folder(w, entry, path, err);
    int kind = photo ? passed_over_mode(mode) : passed_over_kind(entry->d_name);
    if (w->counting) {
        w->l->passed.deeper += photo && kind < 0;
        return ERR_OK;
    }
    if (kind >= 0) w->l->passed.count[kind]++;
    return photo && kind < 0 ? append(w->l, path, err) : ERR_OK;
}

static bool has_looked_enough(walk *w)
{
    if (!w->counting || w->l->looked_at++ < MOST_LOOKED_AT) return false;
    w->l->passed.at_least = true;
    return true;
}

static err_code read_entries(walk *w, DIR *dir, const char *folder, error *err)
{
    char path[PATH_MAX];
    size_t size = strlen(folder);
    const char *slash = size && folder[size - 1] == '/' ? "" : "/";
    err_code code = ERR_OK;
    errno = 0;
    for (struct dirent *entry; !code && (entry = readdir(dir)) && !has_looked_enough(w); errno = 0) {
        if (entry->d_name[0] == '.') continue;
        int n = snprintf(path, sizeof path, "%s%s%s", folder, slash, entry->d_name);
        if (n < 0 || (size_t)n >= sizeof path)
            return err_set(err, ERR_IO, "cannot read folder '%.200s': a path in it is too long", folder);
        code = take_entry(w, entry, path, err);
    }
    if (!code && errno)
        code = err_set(err, ERR_IO, "cannot read folder '%.200s': %s", folder, strerror(errno));
    return code;
}

static err_code read_folder(walk *w, const char *folder, error *err)
{
    photo_list *l = w->l;
    err_code told = l->enter && !w->counting ? l->enter(l->ctx, folder, w->root, err) : ERR_OK;
    DIR *dir = told ? NULL : opendir(folder);
    if (told) return told;
    if (!dir) return err_set(err, ERR_IO, "cannot read folder '%.200s': %s", folder, strerror(errno));
    err_code code = read_entries(w, dir, folder, err);
    closedir(dir);
    return code;
}

/* The folders that wait. One that cannot be read is complained of, and the others go on. */
static err_code read_below(walk *w, error *err)
{
    photo_list *l = w->l;
    error reason = {0};
    w->counting = !l->recursive;
    while (w->count && !(w->counting && l->passed.at_least)) {
        err_code code = read_folder(w, w->folder[--w->count], &reason);
        if (code == ERR_MEMORY) return err_set(err, code, "%s", reason.text);
        if (code && !w->counting && l->complain) l->complain(l->ctx, &reason);
    }
    return ERR_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_raw(const char *path)
{
    bool read;
    const char *format = img_format_of_name(path, &read);
    return format && !strcmp(format, "raw");
}

/* Bytes of a path without its ending, whose dot is among them. */
static size_t stem_of(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot ? (size_t)(dot - path) + 1 : strlen(path);
}

/* Sorted paths of one stem follow each other: is one of those from `first` on, past i or before it, a picture? */
static bool has_picture(const photo_list *l, int first, int i)
{
    size_t n = stem_of(l->path[i]);
    for (int step = -1; step <= 1; step += 2)
        for (int k = i + step; k >= first && k < l->count && !strncmp(l->path[k], l->path[i], n); k += step)
            if (stem_of(l->path[k]) == n && !is_raw(l->path[k])) return true;
    return false;
}

/* No picture is dropped, so each raw file finds its own, wherever its neighbours have moved to. */
static void drop_raw_beside(photo_list *l, int first)
{
    int kept = first;
    for (int i = first; i < l->count; i++)
        if (!is_raw(l->path[i]) || !has_picture(l, first, i)) l->path[kept++] = l->path[i];
    l->passed.count[passed_over_raw()] += l->count - kept;
    l->count = kept;
}

err_code photo_list_add_folder(photo_list *l, const char *folder, size_t root, error *err)
{
    walk w = {.l = l, .root = root};
    int first = l->count;
    err_code code = read_folder(&w, folder, err);
    if (!code) code = read_below(&w, err);
    free(w.folder);
    if (l->count > first) {
        qsort(l->path + first, (l->count - first), sizeof *l->path, by_name);
        drop_raw_beside(l, first);
    } else if (!code)
        code = err_set(err, ERR_MISSING,
                       "folder '%.200s' has no photos that this build reads (see caption --version)", folder);
    return code;
}

err_code photo_list_add(photo_list *l, const char *operand, error *err)
{
    size_t n = strlen(operand);
    if (!strcmp(operand, "-") || !is_folder(operand)) return append(l, operand, err);
    return photo_list_add_folder(l, operand, n + (n && operand[n - 1] != '/'), err);
}

/* A line that names nothing is complained of, and the others go on. "-" is a file of that name, as standard
 * input may be the list itself. */
static err_code add_line(photo_list *l, const char *line, error *err)
{
    error reason = {0};
    if (!*line) return ERR_OK;
    err_code code = photo_list_add(l, strcmp(line, "-") != 0 ? line : "./-", &reason);
    if (code == ERR_MEMORY) return err_set(err, code, "%s", reason.text);
    if (code && l->complain) l->complain(l->ctx, &reason);
    return ERR_OK;
}

err_code photo_list_add_from(photo_list *l, const char *path, bool nul, error *err)
{
    static const size_t most = (size_t)1 << 30;
    uint8_t *bytes;
    size_t size;
    err_code code = io_read_file(strcmp(path, "-") != 0 ? path : "/dev/stdin", most, &bytes, &size, err);
    if (code) return code;
    for (size_t at = 0, n; at < size && !code; at += n + 1) { /* a NUL lies behind the last byte */
        char *line = (char *)bytes + at;
        const char *end = memchr(line, nul ? 0 : '\n', size - at);
        n = end ? (size_t)(end - line) : size - at;
        line[n] = 0;
        code = add_line(l, line, err);
    }
    free(bytes);
    return code;
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
